package pki

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	lockPatience = 10 * time.Second
	lockInterval = 20 * time.Millisecond
)

// lock takes the lock file at path against every other process and every other
// caller in this one, and waits up to lockPatience for it; then it is a
// *FileError with ErrLocked. The lock file stays: removing it would let two in.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	deadline := time.NewTimer(lockPatience)
	defer deadline.Stop()
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		ok, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if ok {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-deadline.C:
			f.Close()
			return nil, &FileError{Path: path, Err: ErrLocked, hint: "wait until the other uapush has finished"}
		case <-tick.C:
		}
	}
}

// TryLock takes the lock file at path without waiting, against every other
// process and every other caller in this one; ok is false where somebody has it.
// The system drops the lock with the process, so none is ever left behind. The
// file stays.
func TryLock(path string) (unlock func(), ok bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	ok, err = tryLock(f)
	if err != nil || !ok {
		f.Close()
		if err != nil {
			err = fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, false, err
	}
	return func() { f.Close() }, true, nil
}
