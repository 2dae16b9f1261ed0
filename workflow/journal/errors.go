package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uapush/uapush/workflow"
)

var (
	errShape    = errors.New("it is no line of a journal")
	errSum      = errors.New("its sum does not fit: a line was changed, left out or added")
	errTooLarge = fmt.Errorf("a journal is at most %d MiB", maxSize>>20)
)

// DamagedError says that a journal is not as it was written. Line counts from 1;
// 0 is the file as a whole.
type DamagedError struct {
	Path string
	Line int
	Err  error
}

func (e *DamagedError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("the journal %s is damaged: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("the journal %s is damaged in line %d: %v", e.Path, e.Line, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Hint tells how to go on without it.
func (e *DamagedError) Hint() string {
	return "what the run did cannot be told from it any more; uapush plan shows what the server has, and the file can then be removed"
}

// SchemaError says that a journal was written by another version of uapush.
type SchemaError struct {
	Path  string
	Found string
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the journal %s has schema %q; this program reads %q", e.Path, e.Found, Schema)
}

// Hint tells how to go on.
func (e *SchemaError) Hint() string { return "use the version of uapush that began the run" }

// NotFoundError says that there is no such run, or none that fits.
type NotFoundError struct {
	What  string   // as it was asked for
	Known []string // ids of those there are, the latest first
}

func (e *NotFoundError) Error() string { return "there is no run " + e.What }

// Class of a word that names nothing.
func (e *NotFoundError) Class() workflow.Class { return workflow.ClassUsage }

// Hint lists what there is.
func (e *NotFoundError) Hint() string {
	if len(e.Known) == 0 {
		return "uapush runs lists them; there are none"
	}
	return "there are " + strings.Join(e.Known, ", ")
}

// BusyError says that another run has the server.
type BusyError struct {
	Server string
	Holder Holder
}

func (e *BusyError) Error() string {
	if e.Holder.Run == "" {
		return fmt.Sprintf("another uapush works on %s", e.Server)
	}
	return fmt.Sprintf("another uapush works on %s: run %s, process %d, since %s",
		e.Server, e.Holder.Run, e.Holder.PID, e.Holder.Since.Local().Format(time.DateTime))
}

// Class of two runs that want the same.
func (e *BusyError) Class() workflow.Class { return workflow.ClassConflict }

// Hint tells how to go on.
func (e *BusyError) Hint() string {
	return "wait until it has finished; uapush runs shows what it does"
}

// WriteError says that a run could not be recorded. What cannot be recorded is
// not done.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("the journal %s cannot be written: %v", e.Path, e.Err)
}
func (e *WriteError) Unwrap() error { return e.Err }

// Hint tells how to go on.
func (e *WriteError) Hint() string {
	return "make room, or name another folder with --state; nothing is sent to a server that cannot be recorded"
}
