// Command uapush manages the endpoints, certificates and trust lists of OPC UA
// servers by PushManagement (OPC 10000-12, 7.7).
package main

import (
	"os"
	"runtime/debug"

	"github.com/uapush/uapush/cmd"
)

// memoryTarget is where garbage is collected more often than before, in bytes. A
// server decides how much there is to read; it shall not decide how large we grow.
const memoryTarget = 48 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryTarget)
	}
	os.Exit(cmd.Main(os.Args[1:], cmd.Process()))
}
