package workflow

import (
	"fmt"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// Earlier is what is on record of a run that another process goes on with.
type Earlier struct {
	Plan     plan.Plan
	Base     config.Application // the configuration that the plan was made for
	Expected config.Application // the one that its changes lead to
	LetGo    []string           // Guarded.Confirmed of that run
	Update   *UpdateFact        // what CloseAndUpdate answered; nil where that is not on record
	// Sending is the time from which on CloseAndUpdate may have been sent, and
	// Confirming likewise for ConfirmUpdate; zero where it was not, or the answer is
	// on record.
	Sending, Confirming time.Time
	Confirmed           bool
	Issued              []IssuedFact
	Connected           *Connected // the last time
}

// ErrNothingApproved says that a run was cut off before its plan was approved.
var ErrNothingApproved error = nothingApproved{}

type nothingApproved struct{}

func (nothingApproved) Error() string {
	return "the run ended before its plan was approved, so there is nothing to go on with"
}
func (nothingApproved) Hint() string { return "run uapush apply again; nothing was changed" }
func (nothingApproved) Class() Class { return ClassUsage }

// EarlierOf folds the facts of a run; sent is the begin of the step whose end is
// not on record. The error is ErrNothingApproved, or about a plan that does not
// hold together.
func EarlierOf(connected *Connected, facts []Fact, sent Event) (*Earlier, error) {
	e := &Earlier{Connected: connected}
	approved := false
	for _, f := range facts {
		switch {
		case f.Approved != nil:
			if err := f.Approved.Plan.Validate(); err != nil {
				return nil, fmt.Errorf("the plan on record: %w", err)
			}
			expected, err := plan.Result(f.Approved.Base, f.Approved.Plan.Changes)
			if err != nil {
				return nil, fmt.Errorf("the plan on record: %w", err)
			}
			approved = true
			e.Plan, e.Base, e.Expected, e.LetGo = f.Approved.Plan, f.Approved.Base, expected, f.Approved.LetGo
			e.Update, e.Confirmed = nil, false
		case f.Update != nil:
			e.Update, e.Confirmed = f.Update, false
		case f.Confirmed != nil:
			e.Confirmed = e.Update != nil && e.Update.UpdateID == *f.Confirmed
		case f.Issued != nil:
			e.issued(*f.Issued)
		case f.Outcome != nil && (f.Outcome.Outcome == OutcomeReverted || f.Outcome.Outcome == OutcomeNotApplied):
			e.Update, e.Confirmed = nil, false
		}
	}
	if !approved {
		return nil, ErrNothingApproved
	}
	switch sent.Step {
	case upload{}.Name():
		if e.Update == nil {
			e.Sending = sent.Time
		}
	case confirm{}.Name():
		e.Confirming = sent.Time
	}
	return e, nil
}

// issued keeps the latest certificate of a slot.
func (e *Earlier) issued(f IssuedFact) {
	for i := range e.Issued {
		if e.Issued[i].Group == f.Group && e.Issued[i].Type == f.Type {
			e.Issued[i] = f
			return
		}
	}
	e.Issued = append(e.Issued, f)
}

// certificate is the chain that was issued for a slot; nil where there is none.
func (e *Earlier) certificate(k slot) [][]byte {
	if e == nil {
		return nil
	}
	for _, f := range e.Issued {
		if f.Group == k.group && f.Type == k.typ && len(f.Chain) > 0 {
			return f.Chain
		}
	}
	return nil
}

// UnclearError says that it could not be seen what became of an update.
type UnclearError struct {
	What string
	Next string
}

func (e *UnclearError) Error() string { return e.What }

// Class of an outcome that was not seen.
func (e *UnclearError) Class() Class { return ClassUnknown }

// Hint tells how to go on.
func (e *UnclearError) Hint() string { return e.Next }

// Mutates says whether the step of that name can change a server. A confirmation
// does, although what the server looks like is the same after it.
func Mutates(name string) bool {
	if name == (confirm{}).Name() {
		return true
	}
	for _, step := range list(configuring, certifying) {
		if _, ok := step.(Mutator); ok && step.Name() == name {
			return true
		}
	}
	return false
}

// KeyLostError says that the server no longer has the key that an earlier run had
// certified: servers may drop it at a restart, or for another request.
type KeyLostError struct{ Err error }

func (e *KeyLostError) Error() string {
	return fmt.Sprintf("the server no longer has the key that the earlier run had certified: %v", e.Err)
}
func (e *KeyLostError) Unwrap() error { return e.Err }

// Class of a refusal.
func (e *KeyLostError) Class() Class { return ClassRejected }

// Hint tells how to go on; another certificate is not issued unasked.
func (e *KeyLostError) Hint() string {
	return "give the run up with uapush runs abandon, and revoke its certificate; uapush apply then has a new one issued"
}

// Unconfirmed says that the server waits for a confirmation that this run did not send.
func (s *State) Unconfirmed() bool {
	return s.Update != nil && s.Update.UpdateID != (UpdateID{}) && !s.Confirmed
}
