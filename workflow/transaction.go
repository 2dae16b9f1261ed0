package workflow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// diagnose reads TransactionDiagnostics (OPC 10000-12, 7.10.17).
type diagnose struct{}

func (diagnose) Name() string { return "read the diagnostics" }

func (diagnose) Run(ctx context.Context, s *State) error {
	session, err := s.certificates()
	if err != nil {
		return err
	}
	s.Transaction, err = session.TransactionDiagnostics(ctx)
	return err
}

// sanction asks before a transaction is ended that this run did not begin.
type sanction struct{}

func (sanction) Name() string { return "approve" }

func (sanction) Run(ctx context.Context, s *State) error {
	if err := s.Consent(ctx, s.Work); err != nil {
		return err
	}
	return s.record(Fact{Ending: s.Ending}, "")
}

// endWaiting calls ApplyChanges or CancelChanges for what an earlier Session left.
type endWaiting struct{}

func (endWaiting) Name() string { return "end the transaction" }
func (endWaiting) Mutates()     {}

func (endWaiting) Run(ctx context.Context, s *State) error {
	if s.Ending == EndCancel {
		return s.Session.CancelChanges(ctx)
	}
	return s.Session.ApplyChanges(ctx)
}

// rediagnose reads the diagnostics where the server, and its connection, still have
// them; without, the phase is TransactionUnknown.
type rediagnose struct{ diagnose }

func (rediagnose) Run(ctx context.Context, s *State) error {
	if err := (diagnose{}).Run(ctx, s); err != nil {
		s.Transaction = TransactionDiagnostics{Phase: TransactionUnknown}
		s.note("the server does not say what became of it: %v", err)
	}
	return nil
}

// conclude says what the server says of the transaction that an earlier run was to
// end. One that is open may be another one than was meant.
type conclude struct{}

func (conclude) Name() string { return "see what became of the transaction" }

func (conclude) Run(ctx context.Context, s *State) error {
	const next = "uapush changes show tells more; uapush changes apply and changes cancel end what waits"
	err := (diagnose{}).Run(ctx, s)
	switch {
	case err != nil && ClassOf(err) == ClassNetwork:
		return err
	case err != nil:
		return &UnclearError{What: fmt.Sprintf("the server does not say what became of the transaction: %v", err), Next: next}
	case s.Transaction.Phase == TransactionUnknown:
		return &UnclearError{What: "the server does not say what became of the transaction", Next: next}
	case s.Transaction.Phase == TransactionActive:
		return &UnclearError{What: "a transaction is open since " + moment(s.Transaction.StartTime) + ", which may be another one than was meant", Next: next}
	}
	s.Outcome = &OutcomeFact{Outcome: OutcomeUnknown, Why: "Nothing waits. " + s.Transaction.sentence()}
	return s.record(Fact{Outcome: s.Outcome}, "%s", s.Outcome.Why)
}

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) + " (the server's clock)" }

// sentence is what the server says of its latest transaction, as its own words: it
// need not be ours.
func (d TransactionDiagnostics) sentence() string {
	switch d.Phase {
	case TransactionUnknown:
		return "The server does not say what became of its transactions."
	case NoTransaction:
		return "The server says that there was no transaction since it started."
	case TransactionActive:
		return "The server says that a transaction is open since " + moment(d.StartTime) + "."
	}
	text := "The server says that its latest transaction ended at " + moment(d.EndTime) + " with " + d.Result
	if affects := append(append([]string{}, d.TrustLists...), d.Groups...); len(affects) > 0 {
		text += ", and affected " + strings.Join(affects, ", ")
	}
	for _, e := range d.Errors {
		text += strings.TrimRight(fmt.Sprintf("; %s: %s %s", e.Target, e.Status, e.Message), " ")
	}
	return text + "."
}

// settleTransaction is for a run whose changes were sent, and whose end is not on
// record: it waits for a transaction that is open to end, since only then it can be
// seen what became of it, and notes what the server says of it. Servers without
// TransactionDiagnostics say nothing.
func (s *State) settleTransaction(ctx context.Context) error {
	session, ok := s.Session.(CertificateSession)
	if !ok || !s.Earlier.Undecided {
		return nil
	}
	var d TransactionDiagnostics
	err := s.retry(ctx, s.now().Add(leftoverWithin), "the server to end the transaction that the earlier run had left open", func() error {
		var err error
		if d, err = session.TransactionDiagnostics(ctx); err != nil {
			return backoff.Permanent(err)
		}
		if d.Phase == TransactionActive {
			return errStillOpen
		}
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errStillOpen): // then the calls that need it say so
		s.note("%s", d.sentence())
	case ClassOf(err) == ClassNetwork, ctx.Err() != nil:
		return err
	} // else it has none, or does not show them
	return s.tellLists(ctx, session)
}

// tellLists notes when the TrustLists concerned were last written, by the server's
// own clock (LastUpdateTime), where it says so.
func (s *State) tellLists(ctx context.Context, session CertificateSession) error {
	o, err := session.Survey(ctx, func(GroupObservation) Parts { return 0 })
	if err != nil {
		return err
	}
	read := s.Earlier.lists()
	for _, g := range o.Groups {
		before, concerned := read[g.Name]
		at := g.TrustListUpdated
		switch {
		case !concerned || at.IsZero():
		case before.IsZero():
			s.note("the trust list of %s was last written at %s", g.Name, moment(at))
		case at.After(before):
			s.note("the trust list of %s was written since the run had read it, at %s", g.Name, moment(at))
		default:
			s.note("the trust list of %s was not written since the run had read it", g.Name)
		}
	}
	return nil
}

var errStillOpen = errors.New("a transaction is still open")

// afterEnding says what became of a transaction after a failure to end it.
func (s *State) afterEnding(ctx context.Context, cause error) error {
	p := &PartialError{Err: cause, Next: "uapush changes show tells more"}
	if rejectedAsWhole(cause) {
		p.Observed, p.Unchanged, p.Next = "The server refused it.", true, ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.reopen(ctx, s.now().Add(5*time.Second))
	if err == nil {
		err = diagnose{}.Run(ctx, s)
	}
	switch {
	case err == nil:
		p.Observed = s.Transaction.sentence()
	case p.Observed == "":
		p.Observed = fmt.Sprintf("What became of the transaction was not observed: %v.", err)
	}
	return p
}
