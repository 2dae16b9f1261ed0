package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config/plan"
)

// reconcile finds out, by looking, what became of the update of an earlier run.
// It says what it saw in State.Outcome, and claims nothing else: where the two
// configurations cannot be told apart, or where neither is there, it stops.
type reconcile struct{}

func (reconcile) Name() string { return "see what became of the update" }

func (reconcile) Skip(s *State) string {
	if len(s.Earlier.Plan.Changes) == 0 {
		return "the run changes no configuration"
	}
	return ""
}

func (reconcile) Run(ctx context.Context, s *State) error {
	e := s.Earlier
	if err := s.sameServer(); err != nil {
		return err
	}
	var err error
	switch {
	case e.Update == nil && e.Sending.IsZero():
		err = s.neverSent()
	case e.Update == nil:
		err = s.sentUnanswered(ctx)
	case e.Update.UpdateID == (UpdateID{}):
		err = s.needsNoConfirmation(ctx)
	default:
		err = s.waitsForConfirmation(ctx)
	}
	if err != nil {
		return err
	}
	return s.record(Fact{Outcome: s.Outcome}, "%s", s.Outcome.Why)
}

// sameServer refuses to go on with another server than the one of the record.
func (s *State) sameServer() error {
	now, then := s.planServer(), s.Earlier.server()
	if now.ApplicationURI != then.ApplicationURI {
		return &StaleError{What: "the server's ApplicationUri", Planned: then.ApplicationURI, Found: now.ApplicationURI}
	}
	return nil
}

// shows says which of the two configurations of the record the server has.
func (s *State) shows() (before, after bool) {
	return len(plan.Compute(s.Base, s.Earlier.Base)) == 0, len(plan.Compute(s.Base, s.Earlier.Expected)) == 0
}

func (s *State) concluded(o Outcome, format string, args ...any) error {
	s.Outcome = &OutcomeFact{Outcome: o, Version: s.Base.Version, Why: fmt.Sprintf(format, args...)}
	return nil
}

// neither is the end of a reconciliation that found a third configuration.
func (s *State) neither() error {
	return &UnclearError{
		What: fmt.Sprintf("the configuration that the server shows, version %v, is neither the one before the run nor the one that the run was to bring: somebody else has changed it", s.Base.Version),
		Next: "look at it with uapush config get, and give the run up with uapush runs abandon; then uapush plan shows what is missing",
	}
}

func (s *State) neverSent() error {
	before, after := s.shows()
	switch {
	case before:
		return s.concluded(OutcomeNotApplied, "The update was not sent; the configuration is as it was, version %v.", s.Base.Version)
	case after: // somebody else did the same
		return s.concluded(OutcomeApplied, "The update was not sent, and the configuration is as it should be all the same, version %v.", s.Base.Version)
	}
	return s.neither()
}

// sentUnanswered has no UpdateId to confirm with: what was applied stays only
// where the server asks for no confirmation, and that shows when its time is up.
func (s *State) sentUnanswered(ctx context.Context) error {
	timing := s.Earlier.Plan.Update
	before, after := s.shows()
	if before && s.now().Before(s.Earlier.Sending.Add(timing.RestartDelay)) {
		if err := s.lookAfter(ctx, s.Earlier.Sending.Add(timing.RestartDelay).Sub(s.now()), "the time at which the server would apply the update"); err != nil {
			return err
		}
		before, after = s.shows()
	}
	if after && timing.RevertAfter > 0 {
		// The time counts from when the server took it, at the latest from now.
		if err := s.lookAfter(ctx, timing.RestartDelay+timing.RevertAfter, "the server to keep the update or to take it back: its answer was lost, and with it what could be confirmed"); err != nil {
			return err
		}
		if before, after = s.shows(); before {
			return s.concluded(OutcomeReverted, "The server had applied the update, and took it back unconfirmed; version %v.", s.Base.Version)
		}
	}
	switch {
	case before:
		return s.concluded(OutcomeNotApplied, "The server shows the configuration from before the update, version %v.", s.Base.Version)
	case after:
		return s.concluded(OutcomeApplied, "The update is in force, version %v; the server asked for no confirmation, or takes it back no more.", s.Base.Version)
	}
	return s.neither()
}

func (s *State) needsNoConfirmation(ctx context.Context) error {
	before, after := s.shows()
	if due := s.Earlier.Update.Due; before && s.now().Before(due) {
		if err := s.lookAfter(ctx, due.Sub(s.now()), "the server to apply the update"); err != nil {
			return err
		}
		before, after = s.shows()
	}
	switch {
	case after:
		return s.concluded(OutcomeApplied, "The update is in force, version %v; it needs no confirmation.", s.Base.Version)
	case before:
		return s.concluded(OutcomeReverted, "The server took the update, and shows the configuration from before it, version %v.", s.Base.Version)
	}
	return s.neither()
}

// waitsForConfirmation leaves State.Update set where there is something to confirm.
func (s *State) waitsForConfirmation(ctx context.Context) error {
	u := s.Earlier.Update
	if err := s.awaitUpdate(ctx, *u); err != nil {
		return err
	}
	before, after := s.shows()
	switch {
	case after && s.Earlier.Confirmed:
		return s.concluded(OutcomeApplied, "The update is in force and confirmed, version %v.", s.Base.Version)
	case after && !s.now().Before(u.Deadline):
		return s.stillThere(ctx)
	case after:
		s.Update = &ConfigurationResult{NewVersion: u.Version, UpdateID: u.UpdateID}
		s.Deadline = u.Deadline
		return s.concluded(OutcomeApplied, "The update is in force, version %v, and waits for its confirmation until %s.", s.Base.Version, u.Deadline.Local().Format(time.TimeOnly))
	case before && s.Earlier.Confirmed:
		return s.neither() // somebody has undone what was confirmed
	case before:
		return s.concluded(OutcomeReverted, "The server has taken the update back, and shows the configuration from before it, version %v.", s.Base.Version)
	}
	return s.neither()
}

// awaitUpdate looks until the update is in force, or its time is up: it may still
// be on its way. It asks for no confirmation meanwhile: a server that applies the
// update just then would give it before anything was tried.
func (s *State) awaitUpdate(ctx context.Context, u UpdateFact) error {
	pause := max(u.Due.Sub(s.now()), time.Second)
	for before, _ := s.shows(); before && !s.Earlier.Confirmed && s.now().Before(u.Deadline); before, _ = s.shows() {
		if err := s.lookAfter(ctx, min(pause, u.Deadline.Sub(s.now())), "the server to apply the update"); err != nil {
			return err
		}
		if before, _ = s.shows(); !before {
			s.disconnect(ctx) // only a Session of afterwards proves that the server can be reached
			return s.lookAgain(ctx)
		}
		pause = time.Second
	}
	return nil
}

// stillThere: the time to confirm is over by our clock, and the update is there.
// A server that no longer knows its UpdateId takes nothing back any more.
func (s *State) stillThere(ctx context.Context) error {
	err := s.Session.ConfirmUpdate(ctx, s.Earlier.Update.UpdateID)
	switch {
	case err == nil:
		if err := s.confirmedEarlier(); err != nil {
			return err
		}
	case !errors.Is(err, ua.StatusBadInvalidArgument):
		return err
	}
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	if before, after := s.shows(); before {
		return s.concluded(OutcomeReverted, "The server has taken the update back, version %v.", s.Base.Version)
	} else if !after {
		return s.neither()
	}
	s.Earlier.Confirmed = true
	return s.concluded(OutcomeApplied, "The update is in force, version %v, and the server waits for no confirmation of it any more.", s.Base.Version)
}

func (s *State) confirmedEarlier() error {
	s.Earlier.Confirmed = true
	return s.record(Fact{Confirmed: &s.Earlier.Update.UpdateID}, "")
}

// lookAfter waits, and looks at the server again.
func (s *State) lookAfter(ctx context.Context, d time.Duration, what string) error {
	if err := s.wait(ctx, d, what); err != nil {
		return err
	}
	return s.lookAgain(ctx)
}

// resume sets the plan that is carried out: what the earlier run approved, for
// the version that the server has now. It is the same plan only where the
// configuration it changes is the same.
type resume struct{}

func (resume) Name() string { return "take up the plan" }

func (resume) Run(_ context.Context, s *State) error {
	e := s.Earlier
	s.Plan = e.Plan
	s.Issued = map[slot][][]byte{}
	for _, f := range e.Issued {
		if len(f.Chain) > 0 {
			s.Issued[slot{f.Group, f.Type}] = f.Chain
		}
	}
	s.Confirmed = e.Confirmed
	if !s.updateSeen() {
		if e.Plan.BaseVersion != s.Base.Version {
			s.note("version %v has become %v; what would be changed is the same", e.Plan.BaseVersion, s.Base.Version)
		}
		s.Plan.BaseVersion = s.Base.Version
		return s.recordApproved()
	}
	s.Expected = &e.Expected
	return nil
}

// updateSeen says that the configuration of the plan was seen on the server.
func (s *State) updateSeen() bool { return s.Outcome != nil && s.Outcome.Outcome == OutcomeApplied }

// recount leaves of the plan what trust lists and slots still lack.
type recount struct{}

func (recount) Name() string { return "see what is missing" }

func (recount) Skip(s *State) string { return skipUnlessCertificates(s) }

func (recount) Run(ctx context.Context, s *State) error {
	if err := s.settleTransaction(ctx); err != nil {
		return err
	}
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	left, err := s.remaining(ctx)
	if err != nil {
		return err
	}
	s.Plan.TrustLists, s.Plan.Certificates = left.TrustLists, left.Certificates
	s.slotsFilled = map[slot]standing{}
	for k := range s.Issued {
		if s.slotHolds(k) {
			s.slotsFilled[k] = inForce
		}
	}
	return nil
}

// slotHolds says that a slot was seen to hold the certificate issued for it.
func (s *State) slotHolds(k slot) bool {
	g := s.group(k.group)
	return g != nil && g.CertificatesKnown && len(s.Issued[k]) > 0 && string(g.Certificates[k.typ]) == string(s.Issued[k][0])
}
