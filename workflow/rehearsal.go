package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// trial opens a Session through the endpoints that the update changed, before it
// is confirmed (7.7.6, step 5), where this client can: an endpoint that has no
// certificate yet, or another one than was judged, is left to verify, and one that
// takes no users of this kind to those whom it is for.
type trial struct{}

func (trial) Name() string { return "try the changed endpoint" }

func (trial) Skip(s *State) string {
	if reason := skipUnlessUploaded(s); reason != "" {
		return reason
	}
	if len(s.changedURLs()) == 0 {
		return "no endpoint has changed that could be tried by now"
	}
	return ""
}

func (trial) Run(ctx context.Context, s *State) error {
	deadline := s.now().Add(s.reconnectWithin())
	if !s.Deadline.IsZero() && s.Deadline.Before(deadline) {
		deadline = s.Deadline
	}
	certificate := s.Session.ServerIdentity().Certificate
	for _, u := range s.changedURLs() {
		err := s.retry(ctx, deadline, "the changed endpoint to open", func() error {
			_, err := s.Target.Probe(ctx, u, certificate)
			if err != nil && ClassOf(err) != ClassNetwork {
				return backoff.Permanent(err)
			}
			return err
		})
		if err != nil {
			return &VerifyError{What: "the changed endpoint " + u + " does not work, so nothing is confirmed", Err: err}
		}
		s.note("a session through %s works", u)
	}
	return nil
}

// changedURLs are the URLs of changed endpoints that this client could use, and
// that show, right now, the certificate of the session at hand.
func (s *State) changedURLs() []string {
	shown, ok := s.Session.(interface{ Endpoints() []EndpointCertificate })
	if !ok {
		return nil
	}
	changes := s.Plan.Changes
	if s.Earlier != nil { // confirm alone takes up no plan
		changes = s.Earlier.Plan.Changes
	}
	var out []string
	for _, c := range changes {
		e, isEndpoint := c.After.(config.ServerEndpoint)
		if !isEndpoint || len(e.EndpointURLs) == 0 {
			continue
		}
		usable := slices.ContainsFunc(shown.Endpoints(), func(at EndpointCertificate) bool {
			u, err := url.Parse(at.URL)
			return err == nil && u.Port() == strconv.Itoa(int(e.Port)) && at.Usable &&
				bytes.Equal(at.Certificate, s.Session.ServerIdentity().Certificate)
		})
		if usable {
			out = append(out, e.EndpointURLs[0])
		}
	}
	return out
}

// insist ends a rehearsal on a server that gives no UpdateId: it has taken the
// update for good. What it had before is uploaded again.
type insist struct{}

func (insist) Name() string { return "see that the server will take it back" }

func (insist) Run(ctx context.Context, s *State) error {
	if s.Update == nil {
		return &NoRehearsalError{Why: "there is nothing to change, so there is nothing to rehearse"}
	}
	before := s.Base
	s.Before = &before
	if s.Update.UpdateID != (UpdateID{}) {
		return nil
	}
	refused := &NoRehearsalError{Why: "the server gave no UpdateId: it does not wait for a confirmation, and would keep what was meant as a rehearsal", Changed: true}
	if err := s.undo(ctx, before); err != nil {
		return errors.Join(refused, fmt.Errorf("it could not be taken back: %w", err))
	}
	refused.Changed = false
	return refused
}

// undo uploads what leads back to a configuration, and sees that it is there.
func (s *State) undo(ctx context.Context, before config.Application) error {
	s.disconnect(ctx)
	if d := s.Plan.Update.RestartDelay; d > 0 {
		if err := s.wait(ctx, d, "the server to apply the update"); err != nil {
			return err
		}
	}
	if err := s.reopen(ctx, s.now().Add(s.reconnectWithin())); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	changes := plan.Compute(s.Base, before)
	body, targets, err := plan.Apply(s.Base, changes)
	if err != nil || len(changes) == 0 {
		return err
	}
	body.Version = s.Base.Version
	file, err := s.File.Encode(body)
	if err != nil {
		return err
	}
	result, err := s.Session.UpdateConfiguration(ctx, ConfigurationUpdate{
		File: file, VersionToUpdate: s.Base.Version, Targets: targets, Timing: config.UpdateTiming{RevertAfter: s.Plan.Update.RevertAfter},
	})
	switch {
	case err != nil:
		return err
	case result.NewVersion == 0:
		return errNothingApplied
	case result.UpdateID != (UpdateID{}): // asked for this time
		if err := s.confirmUndo(ctx, result.UpdateID); err != nil {
			return err
		}
	}
	return s.comesBack(ctx, before, &VerifyError{What: "the server accepted it, and yet it does not show the configuration from before"})
}

// confirmUndo confirms, over a new Session, while the server waits for it.
func (s *State) confirmUndo(ctx context.Context, id UpdateID) error {
	s.disconnect(ctx)
	deadline := s.now().Add(s.Plan.Update.RevertAfter)
	if err := s.reopen(ctx, deadline); err != nil {
		return err
	}
	return s.retry(ctx, deadline, "the server to have applied the update", func() error {
		err := s.Session.ConfirmUpdate(ctx, id)
		if err != nil && !errors.Is(err, ua.StatusBadInvalidState) {
			return backoff.Permanent(err)
		}
		return err
	})
}

// comesBack looks until the server shows a configuration that it had before;
// otherwise is what to say where it does not.
func (s *State) comesBack(ctx context.Context, before config.Application, otherwise error) error {
	return s.retry(ctx, s.now().Add(max(s.reconnectWithin(), 10*time.Second)), "the server to show its old configuration", func() error {
		if err := s.lookAgain(ctx); err != nil {
			if ClassOf(err) != ClassNetwork {
				return backoff.Permanent(err)
			}
			return err
		}
		if len(plan.Compute(s.Base, before)) > 0 {
			return otherwise
		}
		return nil
	})
}

// NoRehearsalError says that a server, or a plan, cannot be rehearsed.
type NoRehearsalError struct {
	Why string
	// Changed says that the update is in force and could not be taken back.
	Changed bool
}

func (e *NoRehearsalError) Error() string {
	if e.Changed {
		return e.Why + "; it is in force"
	}
	return e.Why
}

// Class of what cannot be done on this server.
func (e *NoRehearsalError) Class() Class {
	if e.Changed {
		return ClassUnknown
	}
	return ClassRejected
}

// Hint tells how to go on.
func (e *NoRehearsalError) Hint() string {
	if e.Changed {
		return "look at the server with uapush config get"
	}
	return "uapush plan shows what would be changed"
}

// witness sees the configuration in force that the rehearsal brought.
type witness struct{}

func (witness) Name() string { return "see the new configuration" }

func (witness) Run(ctx context.Context, s *State) error {
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	if left := plan.Compute(s.Base, *s.Expected); len(left) > 0 {
		return &VerifyError{What: fmt.Sprintf("the server took the update, and yet %d records are not as they should be", len(left))}
	}
	s.note("version %v is in force; nobody confirms it", s.Base.Version)
	return nil
}

// revert waits for the server to take the rehearsal back, and sees that it did.
type revert struct{}

func (revert) Name() string { return "see the server go back" }

func (revert) Run(ctx context.Context, s *State) error {
	s.disconnect(ctx)
	if d := s.Deadline.Sub(s.now()); d > 0 {
		if err := s.wait(ctx, d, "the server to take the update back"); err != nil {
			return err
		}
	}
	errNotYet := &VerifyError{What: "the server has not taken the update back, although nobody confirmed it"}
	if err := s.comesBack(ctx, *s.Before, errNotYet); err != nil {
		return err
	}
	s.Outcome = &OutcomeFact{Outcome: OutcomeReverted, Version: s.Base.Version, Why: fmt.Sprintf("The server went back by itself, to version %v.", s.Base.Version)}
	return s.record(Fact{Outcome: s.Outcome}, "%s", s.Outcome.Why)
}
