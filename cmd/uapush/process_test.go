package main

import (
	"bytes"
	"errors"
	"net"
	"os"
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

// TestReaderGone: a result that goes into head ends in order, and without a word.
func TestReaderGone(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	var stderr bytes.Buffer
	c := exec.Command(build(t), "schema")
	c.Stdout, c.Stderr = write, &stderr
	var exit *exec.ExitError
	if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: got %q, want nothing", &stderr)
	}
}
