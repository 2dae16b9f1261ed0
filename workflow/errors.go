package workflow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// ErrNoConfigurationFile says that the server cannot be given endpoints: it is
// older than NodeSet 1.05.05 or leaves the optional ConfigurationFile out.
var ErrNoConfigurationFile error = noConfigurationFile{}

type noConfigurationFile struct{}

func (noConfigurationFile) Error() string {
	return "the server has no ConfigurationFile, so its endpoints cannot be configured over OPC UA"
}
func (noConfigurationFile) Hint() string {
	return "ConfigurationFile came with NodeSet 1.05.05; ask the vendor for a newer firmware, or configure the endpoint with the vendor's tool"
}

// ErrNoCancelChanges says that the server lacks the optional CancelChanges, so that
// a transaction ends with the Session that began it and not before.
var ErrNoCancelChanges = errors.New("the server has no CancelChanges")

// ErrDeclined says that the operator did not approve the plan.
var ErrDeclined = errors.New("not approved; nothing was changed")

// StaleError refuses a plan that was made for another state of the server.
type StaleError struct {
	What           string // what moved
	Planned, Found string
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the plan is stale: %s was %s when it was made and is %s now", e.What, e.Planned, e.Found)
}

// Hint tells how to go on.
func (e *StaleError) Hint() string {
	return "make a new plan with uapush plan, and look at what it shows"
}

// TargetResult is the server's verdict on one UpdateTarget.
type TargetResult struct {
	config.UpdateTarget
	Name   string
	Status error // a ua.StatusCode; nil is Good
}

// verdict is the status in the specification's words.
func (r TargetResult) verdict() string {
	var status ua.StatusCode
	if errors.As(r.Status, &status) {
		return StatusText(status)
	}
	return fmt.Sprint(r.Status)
}

// RejectedError says that the server refused the update as a whole (OPC 10000-12,
// 7.8.5.2: all targets or none). It keeps every verdict.
type RejectedError struct {
	Results []TargetResult
	Err     error
}

func (e *RejectedError) Error() string {
	var bad []string
	for _, r := range e.Results {
		if r.Status != nil {
			bad = append(bad, fmt.Sprintf("%s %s %q: %s", r.Type, r.Path, r.Name, r.verdict()))
		}
	}
	if len(bad) == 0 {
		return fmt.Sprintf("the server rejected the update: %v", e.Err)
	}
	return "the server rejected the update, nothing was applied: " + strings.Join(bad, "; ")
}

func (e *RejectedError) Unwrap() error { return e.Err }

// RevertedError says that the server took an update back before it was confirmed.
type RevertedError struct {
	Why string // what the server said to that, as the end of "the server …"
	Err error  // of the server; nil where it said nothing
}

// Hint tells how to go on.
func (e *RevertedError) Hint() string {
	var h interface{ Hint() string }
	if errors.As(e.Err, &h) {
		return h.Hint()
	}
	return "look at the server's own log for the reason: a port that is taken, a network that it does not have"
}

func (e *RevertedError) Error() string {
	if e.Err == nil {
		return "the server took the update back: it " + e.Why
	}
	return fmt.Sprintf("the server took the update back: it %s: %v", e.Why, e.Err)
}
func (e *RevertedError) Unwrap() error { return e.Err }

// PartialError says that a run stopped after it had begun to change the server,
// and what was observed of the server afterwards.
type PartialError struct {
	Observed string // a sentence: what the server looks like
	// Unchanged says that the server was seen to be as it was before the run.
	Unchanged bool
	Next      string // what to do
	Err       error
}

func (e *PartialError) Error() string { return e.Err.Error() + "\n" + e.Observed }
func (e *PartialError) Unwrap() error { return e.Err }

// Hint tells how to go on, the cause's own hint first.
func (e *PartialError) Hint() string {
	var h interface{ Hint() string }
	if errors.As(e.Err, &h) && h.Hint() != "" {
		return h.Hint() + "\n" + e.Next
	}
	return e.Next
}

// SeveredError says that an update deletes the endpoint of the session that brings
// it about, while others remain.
type SeveredError struct {
	Name   string   // of the endpoint
	Others []string // URLs of those that remain
}

func (e *SeveredError) Error() string {
	return fmt.Sprintf("the endpoint %s is the one that this session uses, and it would be gone before the update is confirmed", e.Name)
}

// Class is that of a command line that names the wrong endpoint.
func (e *SeveredError) Class() Class { return ClassUsage }

// Hint names another endpoint.
func (e *SeveredError) Hint() string {
	return "name the server by an endpoint that remains: " + strings.Join(e.Others, ", ")
}

// VerifyError says that the server took everything and yet does not do what the
// plan promised.
type VerifyError struct {
	What string
	Err  error // may be nil
}

func (e *VerifyError) Error() string {
	if e.Err == nil {
		return e.What
	}
	return fmt.Sprintf("%s: %v", e.What, e.Err)
}
func (e *VerifyError) Unwrap() error { return e.Err }
