//go:build unix

package hostile

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the largest resident size that a finished process had, in bytes.
func peak(p *os.ProcessState) int64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin":
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) * 1024 // Linux and the BSDs count KiB
}
