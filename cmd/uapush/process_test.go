package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built holds the binary of this process's benchmarks.
var built = struct {
	sync.Mutex
	path string
}{}

// build compiles the binary once per process.
func build(tb testing.TB) string {
	tb.Helper()
	built.Lock()
	defer built.Unlock()
	if built.path == "" {
		path := filepath.Join(tb.TempDir(), "uapush")
		if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
			tb.Fatalf("build: %v\n%s", err, out)
		}
		built.path = path
		tb.Cleanup(func() { built.path = "" })
	}
	return built.path
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
