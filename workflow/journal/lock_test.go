package journal

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestLockKeepsTwoRunsApart(t *testing.T) {
	dir, key := t.TempDir(), ServerKey("opc.tcp://PLC1", "")
	if key != ServerKey("opc.tcp://plc1:4840/", "") || key == ServerKey("opc.tcp://plc1:4841", "") || key == ServerKey("opc.tcp://plc1", "urn:x") {
		t.Errorf("the key %q does not name the server alone", key)
	}
	first, err := Acquire(dir, key, "plc1", "run-1")
	if err != nil || first.Stale != nil {
		t.Fatalf("lock %+v, error %v", first, err)
	}
	var busy *BusyError
	if _, err := Acquire(dir, key, "plc1", "run-2"); !errors.As(err, &busy) || busy.Holder.Run != "run-1" || busy.Holder.PID != os.Getpid() || busy.Hint() == "" {
		t.Errorf("error %v, want a *BusyError that names run-1", err)
	}
	if h, held := Held(dir, key); !held || h.Run != "run-1" {
		t.Errorf("Held = %+v, %v", h, held)
	}
	other, err := Acquire(dir, IdentityKey("urn:plc2", "ab"), "plc2", "run-3")
	if err != nil {
		t.Fatalf("another server: %v", err)
	}
	other.Release()
	first.Release()
	first.Release() // twice does no harm
	again, err := Acquire(dir, key, "plc1", "run-2")
	if err != nil || again.Stale != nil {
		t.Fatalf("after the release: %+v, error %v", again, err)
	}
	again.Release()
	if _, held := Held(dir, key); held {
		t.Error("held after every release")
	}
}

// TestStaleLockIsRecognised kills a process that holds a lock.
func TestStaleLockIsRecognised(t *testing.T) {
	const variable = "JOURNAL_TEST_LOCK"
	if dir := os.Getenv(variable); dir != "" {
		if _, err := Acquire(dir, "key", "plc1", "run-1"); err != nil {
			t.Fatal(err)
		}
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Kill()
		select {}
	}
	dir := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestStaleLockIsRecognised$")
	c.Env = append(os.Environ(), variable+"="+dir)
	var killed *exec.ExitError
	if err := c.Run(); !errors.As(err, &killed) {
		t.Fatalf("the process ended with %v, want it killed", err)
	}
	if _, held := Held(dir, "key"); held {
		t.Error("the lock of a dead process is held")
	}
	l, err := Acquire(dir, "key", "plc1", "run-2")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if l.Stale == nil || l.Stale.Run != "run-1" || l.Stale.PID != c.Process.Pid {
		t.Errorf("stale holder %+v, want run-1 of process %d", l.Stale, c.Process.Pid)
	}
}
