package workflow

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// killedAt runs steps until stop says so of an event that is on record: the run
// ends there, and sends nothing more but what closes its Session. It returns a rig
// that resumes the run from what is on record.
func killedAt(t *testing.T, r *rig, steps []Step, stop func(Event) bool) *rig {
	t.Helper()
	r.server.identity.CertificateSHA256 = strings.Repeat("c0", 32)
	var connected *Connected
	var facts []Fact
	var sent Event
	r.Observe = func(e Event) error {
		switch {
		case e.Type == StepStarted && Mutates(e.Step):
			sent = e
		case e.Type == StepDone:
			sent = Event{}
		}
		if f := e.Fact; f != nil && f.Connected != nil {
			connected = f.Connected
		} else if f != nil {
			facts = append(facts, *f)
		}
		if stop(e) {
			runtime.Goexit()
		}
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.run(t, steps) // it does not come back
	}()
	<-ended
	earlier, err := EarlierOf(connected, facts, sent)
	if err != nil {
		t.Fatal(err)
	}
	next := r.again(t)
	next.Desired = config.Desired{}
	next.Earlier, next.Saved = earlier, &earlier.Plan
	return next
}

func doneWith(step Step) func(Event) bool {
	return func(e Event) bool { return e.Type == StepDone && e.Step == step.Name() }
}

func begun(step Step) func(Event) bool {
	return func(e Event) bool { return e.Type == StepStarted && e.Step == step.Name() }
}

func fact(is func(Fact) bool) func(Event) bool {
	return func(e Event) bool { return e.Fact != nil && is(*e.Fact) }
}

// TestReconcile: what is said of an earlier run's update is what was seen, and
// the run then ends as it should have.
func TestReconcile(t *testing.T) {
	hour := func(d *config.Desired) { d.Update.RevertAfter = time.Hour }
	uploaded := fact(func(f Fact) bool { return f.Update != nil })
	tests := []struct {
		name    string
		desired func(*config.Desired)
		server  func(*server)
		killed  func(Event) bool
		later   time.Duration // between the kill and the resume
		between func(*server)
		outcome Outcome
		why     string
		uploads int // in all
	}{
		{name: "killed after the approval", killed: fact(func(f Fact) bool { return f.Approved != nil }), outcome: OutcomeNotApplied, why: "not sent", uploads: 1},
		{name: "killed before the upload was sent", killed: begun(upload{}), outcome: OutcomeNotApplied, why: "from before the update", uploads: 1},
		{name: "killed with the answer in hand, and not applied yet", killed: uploaded, outcome: OutcomeApplied, why: "waits for its confirmation", uploads: 1},
		{name: "killed with the answer in hand", killed: uploaded, later: 10 * time.Second, outcome: OutcomeApplied, why: "waits for its confirmation", uploads: 1},
		{name: "killed before the restart was over", desired: func(d *config.Desired) { hour(d); d.Update.RestartDelay = time.Minute },
			killed: uploaded, outcome: OutcomeApplied, why: "waits for its confirmation", uploads: 1},
		{name: "killed before the confirmation was sent", desired: hour, killed: begun(confirm{}), later: time.Minute, outcome: OutcomeApplied, why: "waits", uploads: 1},
		{name: "killed before the confirmation, and too late now", killed: begun(confirm{}), later: time.Hour, outcome: OutcomeReverted, why: "taken the update back", uploads: 2},
		{name: "killed after the confirmation", killed: doneWith(confirm{}), later: time.Hour, outcome: OutcomeApplied, why: "confirmed", uploads: 1},
		{name: "killed when the confirmation was answered, not recorded", later: time.Hour, killed: begun(confirm{}),
			between: func(s *server) { s.pending = nil }, outcome: OutcomeApplied, why: "waits for no confirmation", uploads: 1},
		{name: "killed when the confirmation was answered, not recorded, and in time", killed: begun(confirm{}),
			between: func(s *server) { s.pending = nil }, outcome: OutcomeApplied, why: "waits for its confirmation", uploads: 1},
		{name: "no confirmation is asked for", server: func(s *server) { s.noUpdateID = true }, killed: uploaded, later: time.Hour, outcome: OutcomeApplied, why: "needs no confirmation", uploads: 1},
		{name: "no confirmation is asked for, and not applied yet", server: func(s *server) { s.noUpdateID = true },
			desired: func(d *config.Desired) { d.Update.RestartDelay = time.Minute }, killed: uploaded, outcome: OutcomeApplied, why: "needs no confirmation", uploads: 1},
		{name: "somebody undid it", server: func(s *server) { s.noUpdateID = true }, killed: uploaded,
			between: func(s *server) { before := s.pending.before; s.pending = nil; s.put(before) }, outcome: OutcomeReverted, why: "from before it", uploads: 2},
		{name: "somebody did the same", killed: fact(func(f Fact) bool { return f.Approved != nil }), between: func(s *server) { put(s, lineA()) },
			outcome: OutcomeApplied, why: "all the same", uploads: 0},
		{name: "killed while trust lists are written", killed: doneWith(trust{}), outcome: OutcomeApplied, why: "confirmed", uploads: 1},
		{name: "killed while the slot is filled", killed: doneWith(certify{}), outcome: OutcomeApplied, why: "confirmed", uploads: 1},
		{name: "killed at the very end", killed: doneWith(activate{}), outcome: OutcomeApplied, why: "confirmed", uploads: 1},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t)
			if tt.desired != nil {
				tt.desired(&r.Desired)
			}
			if tt.server != nil {
				tt.server(r.server)
			}
			issued := 0
			next := killedAt(t, r, Apply(), tt.killed)
			issued += len(r.issuer.requests)
			if tt.between != nil {
				r.server.settle()
				tt.between(r.server)
			}
			time.Sleep(tt.later) // of the bubble's clock
			next.must(t, Resume())
			issued += len(next.issuer.requests)
			if o := next.Outcome; o == nil || o.Outcome != tt.outcome || !strings.Contains(o.Why, tt.why) {
				t.Errorf("the outcome is %+v, want %s: … %s …", o, tt.outcome, tt.why)
			}
			if n := len(r.server.updates); n != tt.uploads {
				t.Errorf("%d uploads, want %d", n, tt.uploads)
			}
			if issued != 1 {
				t.Errorf("%d certificates were issued, want 1", issued)
			}
			if next.Remaining == nil || !next.Remaining.Empty() {
				t.Errorf("a plan afterwards finds %+v", next.Remaining)
			}
		})
	}
}

// put makes the server what a manifest asks for, as somebody else would.
func put(s *server, d config.Desired) {
	merged, err := plan.Merge(s.app, d, config.ApplicationServer)
	if err != nil {
		panic(err)
	}
	merged.Version = s.app.Version + 1
	s.put(merged)
}

// TestReconcileLostAnswer: CloseAndUpdate was sent, and its answer was lost.
func TestReconcileLostAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		after, keeps bool // the server carried it out; it asks for no confirmation
		outcome      Outcome
		uploads      int
	}{
		"not carried out":                      {outcome: OutcomeNotApplied, uploads: 1},
		"carried out, and taken back in time":  {after: true, outcome: OutcomeReverted, uploads: 2},
		"carried out, and kept without asking": {after: true, keeps: true, outcome: OutcomeApplied, uploads: 1},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t)
			r.server.noUpdateID = tt.keeps
			r.server.faults = []fault{{call: "UpdateConfiguration", n: 1, err: errUnknown, after: tt.after}}
			next := killedAt(t, r, Apply(), func(e Event) bool { return e.Type == StepFailed })
			next.must(t, Resume())
			if next.Outcome.Outcome != tt.outcome || len(r.server.updates) != tt.uploads {
				t.Errorf("outcome %+v after %d uploads, want %s after %d", next.Outcome, len(r.server.updates), tt.outcome, tt.uploads)
			}
		})
	}
}

// TestReconcileClaimsNothing: a third configuration, and another server.
func TestReconcileClaimsNothing(t *testing.T) {
	bubble(t, "a third configuration", func(t *testing.T) {
		next := killedAt(t, newRig(t), Apply(), doneWith(confirm{}))
		app := next.server.app.Clone()
		app.ServerEndpoints[1].Port = 4999
		app.Version++
		next.server.put(app)
		err := next.run(t, Resume())
		var unclear *UnclearError
		if !errors.As(err, &unclear) || ClassOf(err) != ClassUnknown || unclear.Hint() == "" || next.Outcome != nil {
			t.Errorf("error %v, outcome %v; want an *UnclearError and none", err, next.Outcome)
		}
		if slices.Contains(next.server.calls, "UpdateConfiguration") {
			t.Errorf("calls %q, want nothing sent", next.server.calls)
		}
	})
	bubble(t, "another server", func(t *testing.T) {
		next := killedAt(t, newRig(t), Apply(), doneWith(confirm{}))
		next.server.identity.ApplicationURI = "urn:plant:plc2"
		var stale *StaleError
		if err := next.run(t, Resume()); !errors.As(err, &stale) {
			t.Errorf("error %v, want a *StaleError", err)
		}
	})
	if _, err := EarlierOf(nil, []Fact{{Connected: &Connected{}}}, Event{}); !errors.Is(err, ErrNothingApproved) {
		t.Errorf("error %v of a record without a plan, want ErrNothingApproved", err)
	}
}

// TestConfirmFromAnotherProcess has promise 4: while the window is open it
// confirms, after it nothing is claimed to be confirmed.
func TestConfirmFromAnotherProcess(t *testing.T) {
	for name, tt := range map[string]struct {
		later     time.Duration
		confirmed bool
	}{
		"in time":  {time.Minute, true},
		"too late": {time.Hour, false},
	} {
		bubble(t, name, func(t *testing.T) {
			next := killedAt(t, newRig(t), ApplyUnconfirmed(), doneWith(upload{}))
			time.Sleep(tt.later)
			next.must(t, Confirm())
			if next.Confirmed != tt.confirmed || (next.Outcome.Outcome == OutcomeApplied) != tt.confirmed {
				t.Errorf("confirmed %v, outcome %+v; want %v", next.Confirmed, next.Outcome, tt.confirmed)
			}
			if len(next.server.updates) != 1 || len(next.issuer.requests) != 0 {
				t.Errorf("confirm uploads %d times and issues %d", len(next.server.updates), len(next.issuer.requests))
			}
		})
	}
}

// TestResumeWaitsForWhatADeadSessionHolds: its transaction ends with its timeout.
func TestResumeWaitsForWhatADeadSessionHolds(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		next := killedAt(t, newRig(t), Apply(), doneWith(trust{}))
		pending := &classed{text: "pending", class: ClassConflict, status: statusBadTransactionPending}
		for n := range 5 {
			next.server.faults = append(next.server.faults, fault{call: "WriteTrustList", n: n + 1, err: pending})
		}
		next.must(t, Resume())
		if n := next.server.counts["WriteTrustList"]; n != 6 {
			t.Errorf("%d attempts to write the trust list, want 6", n)
		}
	})
	bubble(t, "a key that is gone", func(t *testing.T) {
		next := killedAt(t, newRig(t), Apply(), fact(func(f Fact) bool { return f.Issued != nil }))
		next.server.faults = []fault{{call: "UpdateCertificate", n: 1, err: refusal(ua.StatusBadSecurityChecksFailed)}}
		var lost *KeyLostError
		if err := next.run(t, Resume()); !errors.As(err, &lost) || lost.Hint() == "" || len(next.issuer.requests) != 0 {
			t.Errorf("error %v after %d issued, want a *KeyLostError and none", err, len(next.issuer.requests))
		}
	})
}
