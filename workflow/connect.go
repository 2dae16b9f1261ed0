package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gopcua/opcua/ua"
)

// connect opens the Session of the run (OPC 10000-12, 7.7.2, step 1).
type connect struct{}

func (connect) Name() string { return "connect" }

func (connect) Run(ctx context.Context, s *State) error { return s.open(ctx) }

// open is the one writer of State.Session.
func (s *State) open(ctx context.Context) error {
	s.disconnect(ctx)
	session, err := s.Target.Open(ctx)
	if err != nil {
		return err
	}
	s.Session = session
	if s.Earlier != nil {
		s.Session = patiently(session, s)
	}
	id := session.ServerIdentity()
	s.Reached = id
	return s.record(Fact{Connected: &Connected{
		EndpointURL: id.EndpointURL, ApplicationURI: id.ApplicationURI, CertificateSHA256: id.CertificateSHA256,
	}}, "%s, %s, %v with %s", id.ApplicationURI, id.EndpointURL, id.SecurityMode, policyName(id.SecurityPolicyURI))
}

// reconnect ends the Session that uploaded and opens a new one, not before the
// restart delay and not after the server has taken the update back (7.7.6, step 5).
type reconnect struct{}

func (reconnect) Name() string { return "reconnect" }

func (reconnect) Skip(s *State) string {
	if s.updateSeen() {
		return "this session is another one than that of the upload"
	}
	return skipUnlessUploaded(s)
}

func (reconnect) Run(ctx context.Context, s *State) error {
	s.disconnect(ctx)
	if d := s.Plan.Update.RestartDelay; d > 0 {
		if err := s.wait(ctx, d, "the server to apply the update"); err != nil {
			return err
		}
	}
	deadline := s.Deadline
	if deadline.IsZero() {
		deadline = s.now().Add(s.reconnectWithin())
	}
	return s.reopen(ctx, deadline)
}

// defaultReconnect is longer than a Session lives that the server cut: push asks for
// a minute, and open62541 has no room for another one until then where it has room
// for one alone.
const defaultReconnect = 90 * time.Second

func (s *State) reconnectWithin() time.Duration {
	if s.ReconnectWithin == 0 {
		return defaultReconnect
	}
	return s.ReconnectWithin
}

// reopen tries until the deadline; only failures of the network are tried again.
func (s *State) reopen(ctx context.Context, deadline time.Time) error {
	return s.retry(ctx, deadline, "the server to answer", func() error {
		err := s.open(ctx)
		if err != nil && ClassOf(err) != ClassNetwork {
			return backoff.Permanent(err)
		}
		return err
	})
}

// retry repeats f with growing pauses and jitter, so that many clients of one
// server do not return in step. It gives up at the deadline with f's last error.
func (s *State) retry(ctx context.Context, deadline time.Time, what string, f func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = 50 * time.Millisecond
	pauses.MaxInterval = 2 * time.Second
	told := false
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, f() },
		backoff.WithBackOff(pauses),
		backoff.WithMaxElapsedTime(max(deadline.Sub(s.now()), time.Millisecond)),
		backoff.WithNotify(func(error, time.Duration) {
			if !told {
				_ = s.emitEvent(Event{Type: Waiting, Message: what, Until: deadline})
				told = true
			}
		}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Err
	}
	return err
}

// wait passes time the server asked for.
func (s *State) wait(ctx context.Context, d time.Duration, what string) error {
	if err := s.emitEvent(Event{Type: Waiting, Message: what, Until: s.now().Add(d)}); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// confirm makes the update permanent, from the new Session (7.7.6, step 6).
type confirm struct{}

func (confirm) Name() string { return "confirm" }

func (confirm) Skip(s *State) string {
	if reason := skipUnlessUploaded(s); reason != "" {
		return reason
	}
	switch {
	case s.Confirmed:
		return "it is confirmed already"
	case s.Update.UpdateID == (UpdateID{}):
		return "the server asks for no confirmation"
	}
	return ""
}

func (confirm) Run(ctx context.Context, s *State) error {
	err := s.retry(ctx, s.Deadline, "the server to have applied the update", func() error { return s.confirmOnce(ctx) })
	switch {
	case err == nil, errors.Is(err, ua.StatusBadInvalidArgument) && s.confirmedBefore(ctx):
		s.Confirmed = true
		return s.record(Fact{Confirmed: &s.Update.UpdateID}, "")
	case errors.Is(err, StatusBadTransactionFailed):
		return &RevertedError{Why: "could not apply it", Err: err}
	case errors.Is(err, ua.StatusBadInvalidArgument):
		return &RevertedError{Why: "no longer knows it", Err: err}
	}
	return err
}

// confirmOnce asks once. A server that had not applied the update is asked again
// over a new Session: the one at hand came about through the old configuration, and
// what the update changed is there to be tried only now.
func (s *State) confirmOnce(ctx context.Context) error {
	if s.Session == nil {
		if err := s.open(ctx); ClassOf(err) == ClassNetwork {
			return err
		} else if err != nil {
			return backoff.Permanent(err)
		}
		if (trial{}).Skip(s) == "" {
			if err := (trial{}).Run(ctx, s); err != nil {
				return backoff.Permanent(err)
			}
		}
	}
	err := s.Session.ConfirmUpdate(ctx, s.Update.UpdateID)
	switch {
	case errors.Is(err, ua.StatusBadInvalidState):
		s.disconnect(ctx)
		return err
	case err != nil:
		return backoff.Permanent(err)
	}
	return nil
}

// confirmedBefore says that an earlier run's confirmation, whose answer is not on
// record, has arrived: the server no longer knows the update, and has it in force.
func (s *State) confirmedBefore(ctx context.Context) bool {
	if s.Earlier == nil || s.Earlier.Confirming.IsZero() || s.lookAgain(ctx) != nil {
		return false
	}
	_, after := s.shows()
	if after {
		s.note("the server waits for no confirmation of the update any more: that of the earlier run has arrived")
	}
	return after
}
