package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/uapush/uapush/config"
)

// aftermath looks at the server after a failure and says what it saw. What was
// not seen is not claimed.
func (s *State) aftermath(ctx context.Context, cause error) error {
	switch {
	case s.keeping():
		return s.afterUpkeep(ctx, cause)
	case s.Ending != "":
		return s.afterEnding(ctx, cause)
	}
	var refused *NoRehearsalError
	if errors.As(cause, &refused) && s.Before != nil && !refused.Changed {
		return &PartialError{Err: cause, Unchanged: true, Observed: fmt.Sprintf(
			"The configuration from before the rehearsal was uploaded again, and is in force, version %v.", s.Base.Version)}
	}
	discarded := s.cancelStaged(ctx)
	lists, certificates := s.written(discarded)
	kept := lists+certificates > 0
	p := &PartialError{Err: cause, Next: "run uapush apply again: it does only what is missing"}
	if rejectedAsWhole(cause) && s.Update == nil && !kept {
		p.Observed, p.Unchanged, p.Next = "The server is as it was.", true, ""
		return p
	}
	// The operator's interrupt must not keep us from looking.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*lookWithin)
	defer cancel()
	awaited := s.awaitRevert(ctx)
	version, err := s.currentVersion(ctx)
	fate := s.fate(cause)
	switch {
	case err == nil && awaited && version == s.Plan.BaseVersion:
		// Whether it was taken back or is yet to be applied cannot be told apart.
		p.Observed = fmt.Sprintf("The time to confirm has passed, and the server's configuration is as it was, version %v.", version)
		if p.Next = "see uapush plan before applying again"; ClassOf(cause) != ClassTrust { // else it is not a matter of time
			p.Next = "a longer update.revertAfter in the manifest gives the server more time; " + p.Next
		}
	case err != nil:
		p.Observed = fmt.Sprintf("What the server looks like now was not observed: %v.%s", err, fate)
		p.Next = "run uapush plan when the server answers: it shows what is in force"
	case version == s.Plan.BaseVersion:
		p.Observed = fmt.Sprintf("The server's configuration is as it was, version %v%s.%s", version, s.besides(cause, discarded), fate)
		if p.Unchanged = fate == "" && !kept && ClassOf(cause) != ClassUnknown; p.Unchanged {
			p.Next = ""
		} else if fate != "" {
			p.Next = "uapush resume sees what becomes of it, and goes on"
		}
	case s.Confirmed || s.Update != nil && s.Update.UpdateID == (UpdateID{}):
		p.Observed = fmt.Sprintf("The configuration is in force, version %v; %s.", version, s.lacking(cause, discarded))
	case fate == "":
		p.Observed = fmt.Sprintf("The server shows version %v, and the plan was made for %v%s.",
			version, s.Plan.BaseVersion, s.besides(cause, discarded))
	default:
		p.Observed = fmt.Sprintf("The server shows version %v, and this run did not see it confirmed.%s", version, fate)
		p.Next = "uapush resume goes on with it; or wait until then, and run uapush apply again"
	}
	return p
}

// awaitRevert waits for the end of a revert window that is about to close: then
// the outcome can be seen, and need not be foretold. It says whether it did.
func (s *State) awaitRevert(ctx context.Context) bool {
	left := s.Deadline.Sub(s.now())
	if s.Update == nil || s.Confirmed || s.Deadline.IsZero() || left > lookWithin {
		return false
	}
	// The server counts from before its answer, this client from after it.
	return s.wait(ctx, max(left, 0)+revertGrace, "the server to take the update back") == nil
}

// revertGrace is what a server needs beyond the window, once its time has come.
const revertGrace = 250 * time.Millisecond

// fate says what may still become of an update that was sent, or "" where
// nothing will: it was confirmed, refused, taken back, or never sent.
func (s *State) fate(cause error) string {
	var reverted *RevertedError
	unseen := ClassOf(cause) == ClassUnknown
	back := s.Deadline.Format(time.TimeOnly)
	switch {
	case s.Confirmed, errors.As(cause, &reverted):
	case s.Update == nil && s.Expected != nil && unseen:
		return fmt.Sprintf(" If the update takes effect, the server takes it back within %v of the upload, unless it asks for no confirmation.",
			s.Plan.Update.RestartDelay+s.Plan.Update.RevertAfter)
	case s.Update == nil:
	case s.Deadline.IsZero():
		return " The update needs no confirmation, and may take effect yet."
	case !s.now().Before(s.Deadline):
	case unseen:
		return fmt.Sprintf(" Unless the confirmation arrived, it takes the update back at %s.", back)
	default:
		return fmt.Sprintf(" Unless confirmed, it takes the update back at %s.", back)
	}
	return ""
}

// besides is lacking where the plan has no changes of the configuration, whose
// version then says nothing of what was done.
func (s *State) besides(cause error, discarded bool) string {
	if len(s.Plan.Changes) > 0 {
		return ""
	}
	return "; " + s.lacking(cause, discarded)
}

// lacking says which part of the plan is still open.
func (s *State) lacking(cause error, discarded bool) string {
	lists, certificates := s.written(discarded)
	switch {
	case len(s.Plan.Certificates) == 0 && len(s.Plan.TrustLists) == 0:
		return "no certificates or trust lists were planned"
	case ClassOf(cause) == ClassUnknown:
		return "how much of its trust lists and certificates has changed was not observed"
	case lists+certificates == 0:
		return "its trust lists and certificates were not changed"
	case s.staged() && !discarded:
		return "trust lists and certificates were staged and may not be in force"
	}
	return fmt.Sprintf("%d of %d trust lists and %d of %d certificates were written",
		lists, len(s.Plan.TrustLists), certificates, len(s.Plan.Certificates))
}

// written counts the trust lists and the certificates that the server took, less
// those that were staged and discarded.
func (s *State) written(discarded bool) (lists, certificates int) {
	for _, at := range s.trustWritten {
		if at == inForce || !discarded {
			lists++
		}
	}
	for _, at := range s.slotsFilled {
		if at == inForce || !discarded {
			certificates++
		}
	}
	return lists, certificates
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

// lookWithin bounds the wait for a server that was lost: one that restarts to
// apply an update is back in seconds, and then its outcome is known.
const lookWithin = 8 * time.Second

// currentVersion asks over a Session of its own: the one of the run may be the
// reason for the failure. A conflict can be the file that a lost Session left
// open; it is free when its ActivityTimeout has passed (OPC 10000-12, 7.8.5.1).
func (s *State) currentVersion(ctx context.Context) (version config.VersionTime, err error) {
	s.disconnect(ctx)
	err = s.retry(ctx, s.now().Add(lookWithin), "the server to answer", func() error {
		if version, err = s.readVersion(ctx); err == nil {
			return nil
		}
		if c := ClassOf(err); c != ClassNetwork && c != ClassConflict {
			return backoff.Permanent(err)
		}
		return err
	})
	return version, err
}

func (s *State) readVersion(ctx context.Context) (config.VersionTime, error) {
	if s.Session == nil {
		if err := s.open(ctx); err != nil {
			return 0, err
		}
	}
	o, err := s.Session.Observe(ctx, nil)
	if ClassOf(err) == ClassNetwork {
		s.disconnect(ctx)
	}
	return o.CurrentVersion, err
}

// cancelStaged discards a transaction that the failure left open, and says
// whether the server agreed.
func (s *State) cancelStaged(ctx context.Context) bool {
	if s.Session == nil || !s.staged() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	switch err := s.Session.CancelChanges(ctx); {
	case errors.Is(err, ErrNoCancelChanges) && s.Observation.SupportsTransactions:
		s.note("%v; it drops the open transaction with the session", err)
	case errors.Is(err, ErrNoCancelChanges): // what it does with a change that it delays, nobody says (7.10.2)
		s.note("%v, and no transactions: what it was to apply may be applied yet", err)
		return false
	case err != nil:
		s.note("the open transaction could not be cancelled (%v); the server drops it with the session", err)
		return false
	default:
		s.note("the open transaction was cancelled")
	}
	return true
}
