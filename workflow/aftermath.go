package workflow

import (
	"context"
	"fmt"
	"time"

	"github.com/uapush/uapush/config"
)

// aftermath looks at the server after a failure and says what it saw. What was
// not seen is not claimed.
func (s *State) aftermath(ctx context.Context, cause error) error {
	s.cancelStaged(ctx)
	// The operator's interrupt must not keep us from looking.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if rejectedAsWhole(cause) && s.Update == nil {
		return &PartialError{Observed: "The server is as it was.", Unchanged: true, Err: cause}
	}
	p := &PartialError{Err: cause, Next: "run uapush apply again: it does only what is missing"}
	version, err := s.currentVersion(ctx)
	switch {
	case err != nil:
		p.Observed = fmt.Sprintf("What the server looks like now was not observed: %v.", err)
		if !s.Deadline.IsZero() && !s.Confirmed {
			p.Observed += fmt.Sprintf(" Unless confirmed, it takes the update back at %s.", s.Deadline.Format(time.TimeOnly))
		}
		p.Next = "run uapush plan when the server answers: it shows what is in force"
	case version == s.Plan.BaseVersion:
		p.Unchanged = len(s.trustWritten) == 0 && len(s.slotsFilled) == 0
		p.Observed = fmt.Sprintf("The server's configuration is as it was, version %v.", version)
		p.Next = ""
	case s.Confirmed || s.Update != nil && s.Update.UpdateID == (UpdateID{}):
		p.Observed = fmt.Sprintf("The configuration is in force, version %v; %s.", version, s.lacking())
	default:
		p.Observed = fmt.Sprintf("The server shows version %v, which nobody has confirmed.", version)
		if !s.Deadline.IsZero() {
			p.Observed += fmt.Sprintf(" It takes the update back at %s.", s.Deadline.Format(time.TimeOnly))
		} else {
			p.Observed += fmt.Sprintf(" It takes the update back within %v of the upload.", s.Plan.Update.RestartDelay+s.Plan.Update.RevertAfter)
		}
		p.Next = "wait until then, and run uapush apply again"
	}
	return p
}

// lacking says which part of the plan is still open.
func (s *State) lacking() string {
	switch {
	case len(s.Plan.Certificates) == 0 && len(s.Plan.TrustLists) == 0:
		return "no certificates or trust lists were planned"
	case s.TrustStaged || s.SlotsStaged:
		return "trust lists and certificates were staged and may not be in force"
	case len(s.trustWritten) == 0 && len(s.slotsFilled) == 0:
		return "its trust lists and certificates were not changed"
	}
	return fmt.Sprintf("%d trust lists and %d certificates of it were written", len(s.trustWritten), len(s.slotsFilled))
}

// rejectedAsWhole says that the server answered the upload with a refusal: then
// nothing was applied, by the rule of OPC 10000-12, 7.8.5.2.
func rejectedAsWhole(err error) bool {
	switch ClassOf(err) {
	case ClassRejected, ClassConflict, ClassTrust, ClassUsage:
		return true
	}
	return false
}

// currentVersion asks over a Session of its own: the one of the run may be the
// reason for the failure.
func (s *State) currentVersion(ctx context.Context) (config.VersionTime, error) {
	if err := s.open(ctx); err != nil {
		return 0, err
	}
	o, err := s.Session.Observe(ctx, nil)
	if err != nil {
		return 0, err
	}
	return o.CurrentVersion, nil
}

// cancelStaged discards a transaction that the failure left open.
func (s *State) cancelStaged(ctx context.Context) {
	if s.Session == nil || s.Activated || !s.TrustStaged && !s.SlotsStaged {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Session.CancelChanges(ctx); err != nil {
		s.note("the open transaction could not be cancelled (%v); the server drops it with the session", err)
		return
	}
	s.note("the open transaction was cancelled")
}
