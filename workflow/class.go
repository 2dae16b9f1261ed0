package workflow

import (
	"context"
	"errors"
)

// Class says what kind of failure an error is, so that a retry and an exit code
// are decided on a type and never on a text.
type Class int

// The classes. An error without one is ClassOther.
const (
	ClassOther    Class = iota
	ClassNetwork        // unreachable, refused, cut or timed out; trying again may help
	ClassTrust          // not trusted, not authenticated, or not allowed
	ClassConflict       // stale plan, version moved, transaction of another session
	ClassRejected       // the server judged the request and said no
	ClassUnknown        // sent, and no answer came: it may have been done
	ClassUsage          // the manifest or the command asks for what cannot be
)

// ClassOf returns the class of the outermost error in the chain that has one.
func ClassOf(err error) Class {
	var c interface{ Class() Class }
	switch {
	case errors.As(err, &c):
		return c.Class()
	case errors.Is(err, context.DeadlineExceeded):
		return ClassNetwork
	}
	return ClassOther
}

// Class of a stale plan.
func (e *StaleError) Class() Class { return ClassConflict }

// Class of a refused update.
func (e *RejectedError) Class() Class { return ClassRejected }

// Class of an update that the server took back.
func (e *RevertedError) Class() Class { return ClassRejected }

// Class of a run that stopped half way: unless the server was seen to be as it
// was, somebody has to look.
func (e *PartialError) Class() Class {
	if e.Unchanged {
		return ClassOf(e.Err)
	}
	return ClassUnknown
}
