package hostile

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// idleConnections is how many clients connect and say nothing; fewer where the
// system does not allow as many.
const idleConnections = 10_000

// TestIdleConnections floods the embedded server, as its own process: its memory
// stays bounded, and somebody else is served afterwards.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	sim := exec.CommandContext(ctx, uapush, "sim", "--port", "0", "--state", dir, "--accept-clients", "--admin-password-file", filepath.Join(dir, "pw"))
	sim.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	sim.Cancel = func() error { return sim.Process.Signal(os.Interrupt) }
	sim.WaitDelay = 10 * time.Second
	out, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = sim.Wait() }() // it was told to end
	ready, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(ready), "READY ")
	if err != nil || !ok {
		t.Fatalf("got %q, %v; want READY", ready, err)
	}
	flood(t, strings.TrimPrefix(url, "opc.tcp://"))
	if peak := highWater(t, sim.Process.Pid); peak > 150<<20 {
		t.Errorf("peak memory of the server: got %d MiB, want at most 150", peak>>20)
	}
	made, err := state()
	if err != nil {
		t.Fatal(err)
	}
	for {
		r := run(t, order{Dir: dir, Env: sim.Env, Args: []string{"config", "get", url, "--tofu", "--user", "admin", "--password-file", filepath.Join(dir, "pw"),
			"--state", filepath.Join(dir, "client"), "--identity", filepath.Join(made, "identity"), "--timeout", "10s", "--deadline", "20s"}})
		if r.Exit == 0 {
			return
		}
		if r.Exit != 4 || ctx.Err() != nil { // 4 while it has not noticed that the others have gone
			t.Fatalf("afterwards: exit %d\n%s", r.Exit, r.Err)
		}
	}
}

// flood opens connections until there are enough, or no more can be had, and closes
// them all.
func flood(t *testing.T, address string) {
	t.Helper()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	for range idleConnections {
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		all = append(all, c)
	}
	t.Logf("%d idle connections", len(all))
	if len(all) < 2000 {
		t.Logf("that is too few to say much")
	}
}

var highWaterLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// highWater is the peak memory of a running process in bytes; 0 where the system
// does not tell.
func highWater(t *testing.T, pid int) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := highWaterLine.FindSubmatch(text)
	if m == nil {
		t.Fatal("no VmHWM")
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak memory of the server: %d MiB", n>>10)
	return n << 10
}
