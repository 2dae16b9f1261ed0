package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/hsm"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/upkeep"
)

// The exit codes. They are part of the contract with scripts.
const (
	exitDone        = 0   // done, or nothing to do
	exitFailure     = 1   // a failure without a code of its own
	exitChanges     = 2   // changes are present (only with --detailed-exitcode)
	exitUsage       = 3   // wrong usage, or a wrong manifest
	exitUnreachable = 4   // unreachable or timed out
	exitDenied      = 5   // not trusted, not authenticated, or not allowed
	exitConflict    = 6   // stale plan, version moved, transaction pending
	exitRejected    = 7   // the server rejected a target
	exitUnknown     = 8   // the outcome is unknown, or the plan is applied in part
	exitFleet       = 9   // more servers of a fleet failed than are tolerated
	exitInterrupted = 130 // by the operator
)

var exitOfClass = map[workflow.Class]int{
	workflow.ClassOther:    exitFailure,
	workflow.ClassNetwork:  exitUnreachable,
	workflow.ClassTrust:    exitDenied,
	workflow.ClassConflict: exitConflict,
	workflow.ClassRejected: exitRejected,
	workflow.ClassUnknown:  exitUnknown,
	workflow.ClassUsage:    exitUsage,
}

// errChanges is how --detailed-exitcode says that there are changes.
var errChanges = errors.New("there are changes")

// usageError is a command line that cannot be meant.
type usageError struct {
	err  error
	hint string
}

func usage(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

func (e *usageError) Error() string         { return e.err.Error() }
func (e *usageError) Unwrap() error         { return e.err }
func (e *usageError) Hint() string          { return e.hint }
func (e *usageError) Class() workflow.Class { return workflow.ClassUsage }

type interruptedError struct{ err error }

func (e *interruptedError) Error() string { return "interrupted: " + e.err.Error() }
func (e *interruptedError) Unwrap() error { return e.err }

// exitCode is the one place that turns an error into an exit code.
func exitCode(err error) int {
	var interrupted *interruptedError
	var partial *workflow.PartialError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &interrupted):
		return exitInterrupted
	case errors.As(err, &partial) && partial.Class() == workflow.ClassUnknown:
		return exitUnknown // whatever the reason was, somebody has to look
	case errors.Is(err, errChanges):
		return exitChanges
	case is[*fleetError](err):
		return exitFleet
	case anyOf(err, conflicts):
		return exitConflict
	case anyOf(err, denials):
		return exitDenied
	case errors.Is(err, workflow.ErrNoConfigurationFile):
		return exitRejected
	case anyOfIs(err, unwritten):
		return exitFailure // no path that is wrong, which other errors of files are
	case errors.Is(err, manifest.ErrManifest), errors.Is(err, plan.ErrTooLarge), anyOf(err, usages):
		return exitUsage
	case errors.Is(err, context.DeadlineExceeded) && workflow.ClassOf(err) == workflow.ClassOther:
		return exitUnreachable
	}
	return exitOfClass[workflow.ClassOf(err)]
}

// The packages below workflow know no exit codes; their errors are named here.
var (
	conflicts = []func(error) bool{is[*plan.MovedError]}
	denials   = []func(error) bool{is[*pki.CertificateError], is[*pki.PinMismatchError]}
	usages    = []func(error) bool{
		is[*plan.DanglingError], is[*plan.ApplicationTypeError], is[*plan.LimitError], is[*plan.ConflictError],
		is[*plan.SchemaError], is[*plan.InvalidError], is[*plan.ChangeError], is[*plan.NotFoundError], is[*plan.AmbiguousError], is[*plan.LockOutError],
		is[*pki.FileError], is[*pki.SecretError], is[*pki.InstallError], is[*hsm.Error], is[*fs.PathError],
		is[*upkeep.UnknownError], is[*upkeep.AmbiguousError], is[*upkeep.UnfitError], is[*upkeep.FilledError], is[*upkeep.KeyFormatError],
		is[*upkeep.LockoutError], is[*upkeep.NoCRLError], is[*upkeep.ChainError], is[*upkeep.SizeError], is[*upkeep.NotRejectedError],
		is[*upkeep.CurveError], is[*upkeep.ExpiredError],
	}
)

// unwritten is why a file that is right does not take what is written.
var unwritten = []error{syscall.ENOSPC, syscall.EIO, syscall.EPIPE}

func anyOfIs(err error, targets []error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func anyOf(err error, tests []func(error) bool) bool {
	return slices.ContainsFunc(tests, func(test func(error) bool) bool { return test(err) })
}

// finish prints an error with its hint, and returns the exit code.
func (a *app) finish(err error) int {
	if a.eventFile != nil {
		defer a.eventFile.Close()
	}
	code := exitCode(err)
	if err == nil || code == exitChanges {
		return code
	}
	if a.events != nil {
		_ = a.events.Failure(err, hintOf(err), code) // the error itself is printed below
	}
	if file, ok := err.(*fs.PathError); ok && errors.Is(file, syscall.EPIPE) {
		return code // whoever read the result has seen enough, such as head
	}
	t := view.NewText(a.env.Err, 0, a.colourErr())
	t.Failure(message(err), hintOf(err))
	return code
}

// message is what an error says to a person: manifest errors with their lines.
func message(err error) string {
	var all manifest.Errors
	if !errors.As(err, &all) {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%v\n", e)
		if excerpt := e.Excerpt(); excerpt != "" {
			fmt.Fprintf(&b, "%s\n", excerpt)
		}
		if e.Advice != "" {
			fmt.Fprintf(&b, "        %s\n", e.Advice)
		}
	}
	return b.String()
}

func hintOf(err error) string {
	if is[manifest.Errors](err) {
		return "" // each has its own, beside its line
	}
	if all := hints(err); len(all) > 0 {
		return strings.Join(all, "\n")
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "make room there"
	case anyOfIs(err, unwritten):
		return ""
	case is[*fs.PathError](err):
		return "check the path, and that you may use it"
	}
	return ""
}

// hints collects the advice of an error: the outermost of a chain, and each once
// where errors are joined.
func hints(err error) []string {
	if h, ok := err.(interface{ Hint() string }); ok {
		if text := strings.TrimSpace(h.Hint()); text != "" {
			return []string{text}
		}
	}
	var all []string
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		return hints(u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			for _, text := range hints(e) {
				if !slices.Contains(all, text) {
					all = append(all, text)
				}
			}
		}
	}
	return all
}
