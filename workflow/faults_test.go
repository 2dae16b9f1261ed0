package workflow

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// snapshot is what a server has in force.
type snapshot struct {
	app    config.Application
	groups map[string]GroupObservation
}

func (s *server) snapshot() snapshot {
	out := snapshot{app: s.app.Clone(), groups: map[string]GroupObservation{}}
	for name, g := range s.groups {
		o := *g
		o.Certificates = map[config.NodeID][]byte{}
		for typ, der := range g.Certificates {
			o.Certificates[typ] = der
		}
		out.groups[name] = o
	}
	return out
}

// A failure at every call of apply: the server is as it was, or the error says
// what was seen of it; never success. And a second run ends what the first began.
func TestFailureAtEveryCall(t *testing.T) {
	var calls []fault
	bubble(t, "the calls", func(t *testing.T) {
		r := newRig(t)
		r.must(t, Apply())
		counts := map[string]int{}
		for _, c := range r.server.calls {
			if c != "Issue" {
				counts[c]++
				calls = append(calls, fault{call: c, n: counts[c]})
			}
		}
	})
	if len(calls) != 12 {
		t.Fatalf("there are %d calls, want 12: %v", len(calls), calls)
	}
	mutating := map[string]bool{"UpdateConfiguration": true, "ConfirmUpdate": true, "WriteTrustList": true, "UpdateCertificate": true, "ApplyChanges": true}
	for _, c := range calls {
		kinds := map[string]fault{
			"refused": {err: refusal(0x80000000)}, "lost before": {err: errLost},
		}
		if mutating[c.call] {
			kinds["unknown before"] = fault{err: errUnknown}
			kinds["unknown after"] = fault{err: errUnknown, after: true}
		}
		for kind, f := range kinds {
			f.call, f.n = c.call, c.n
			bubble(t, fmt.Sprintf("%s %d %s", f.call, f.n, kind), func(t *testing.T) { failureAt(t, f) })
		}
	}
}

func failureAt(t *testing.T, f fault) {
	r := newRig(t)
	before := r.server.snapshot()
	r.server.faults = []fault{f}
	err := r.run(t, Apply())
	if err == nil {
		retried := f.err == error(errLost) && (f.call == "Open" && f.n > 1 || f.call == "Probe" || f.call == "Observe" && f.n == 3)
		if !retried {
			t.Fatal("the run ended well")
		}
		return
	}
	if !errors.Is(err, f.err) {
		t.Errorf("the error is %v, want it to wrap %v", err, f.err)
	}
	var partial *PartialError
	changed := !reflect.DeepEqual(r.server.snapshot(), before)
	switch {
	case !errors.As(err, &partial):
		if changed || len(r.server.updates) > 0 {
			t.Errorf("the server was touched, and the error does not say how it is: %v", err)
		}
	case partial.Unchanged && changed:
		t.Errorf("the server has changed, the error says that it is as it was: %v", err)
	case partial.Observed == "" || !partial.Unchanged && partial.Next == "":
		t.Errorf("the error does not say how to go on: %+v", partial)
	case !partial.Unchanged && ClassOf(err) != ClassUnknown:
		t.Errorf("the class is %v, want that of an outcome that is not known", ClassOf(err))
	}
	if r.server.closed != r.server.sessions {
		t.Errorf("%d of %d sessions were closed", r.server.closed, r.server.sessions)
	}
	secondRun(t, r, before)
}

// secondRun waits until the server has taken back what was not confirmed, and
// applies again.
func secondRun(t *testing.T, r *rig, before snapshot) {
	t.Helper()
	time.Sleep(10 * time.Minute) // of the bubble's clock
	r.server.settle()
	if left := plan.Compute(r.server.app, before.app); len(left) != 0 && len(left) != 4 {
		t.Errorf("the configuration is neither old nor new, it differs in %d records", len(left))
	}
	r.server.pending = nil
	next := r.again(t)
	next.must(t, Apply())
	if next = next.again(t); next.run(t, Plan()) != nil || !next.Plan.Empty() {
		t.Errorf("after a second run there is still something to do: %+v", next.Plan)
	}
}

// lostFrom makes every attempt to connect fail from the n-th on.
func lostFrom(n int) (faults []fault) {
	for i := range 100 {
		faults = append(faults, fault{call: "Open", n: n + i, err: errLost})
	}
	return faults
}

// What the server looks like is observed, or said not to have been.
func TestAftermath(t *testing.T) {
	version := func(n int) string { return config.VersionTime(820540800 + n).String() }
	for _, test := range []struct {
		name   string
		faults []fault
		says   []string
		hint   string
	}{
		{"observed as before", []fault{{call: "UpdateConfiguration", n: 1, err: errLost}},
			[]string{"as it was, version " + version(0)}, ""},
		{"sent, and observed as before", []fault{{call: "UpdateConfiguration", n: 1, err: errUnknown}},
			[]string{"as it was, version " + version(0), "If the update takes effect"}, "uapush resume sees"},
		{"not observed", append(lostFrom(3), fault{call: "ConfirmUpdate", n: 1, err: errLost}),
			[]string{"was not observed: the connection was lost", "it takes the update back at 00:02:01"}, "run uapush plan when the server answers"},
		{"observed once it is back", append(lostFrom(2)[:8], fault{call: "UpdateConfiguration", n: 1, err: errUnknown, after: true}),
			[]string{"shows version " + version(1), "If the update takes effect"}, "wait until then"},
		{"observed once the file is free", []fault{
			{call: "UpdateConfiguration", n: 1, err: errLost},
			{call: "Observe", n: 2, err: &classed{text: "the file is open", class: ClassConflict}},
			{call: "Observe", n: 3, err: errLost},
		}, []string{"as it was, version " + version(0)}, ""},
		{"not observed, for want of rights", []fault{
			{call: "UpdateConfiguration", n: 1, err: errLost},
			{call: "Observe", n: 2, err: &classed{text: "no rights", class: ClassTrust}},
		}, []string{"was not observed: no rights"}, "run uapush plan"},
		{"not confirmed", []fault{{call: "ConfirmUpdate", n: 1, err: errLost}},
			[]string{"shows version " + version(1), "it takes the update back at 00:02:01"}, "uapush resume goes on with it; or wait until then"},
		{"in force", []fault{{call: "WriteTrustList", n: 1, err: errLost}},
			[]string{"in force, version " + version(1), "were not changed"}, "run uapush apply again"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.Desired.Update.RestartDelay = time.Second
			r.Now = func() time.Time { return time.Now().UTC() }
			r.server.faults = test.faults
			err := r.run(t, Apply())
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			var hint interface{ Hint() string }
			if !errors.As(err, &hint) || !strings.Contains(hint.Hint(), test.hint) {
				t.Errorf("the hint does not say %q: %v", test.hint, err)
			}
		})
	}
}

// TestNothingCancels: a server without CancelChanges drops what is staged with the
// session, if it has transactions. One that only delays changes does as it likes.
func TestNothingCancels(t *testing.T) {
	for transactions, says := range map[bool]string{
		true:  "its trust lists and certificates were not changed",
		false: "staged and may not be in force",
	} {
		bubble(t, fmt.Sprint("transactions: ", transactions), func(t *testing.T) {
			r := newRig(t)
			r.server.transactions = transactions
			refused := refusal(ua.StatusBadInternalError)
			r.server.faults = []fault{{call: "ApplyChanges", n: 1, err: refused}, {call: "CancelChanges", n: 1, err: ErrNoCancelChanges}}
			err := r.run(t, Apply())
			if !errors.Is(err, refused) || ClassOf(err) != ClassUnknown || !strings.Contains(err.Error(), says) {
				t.Errorf("error %v, want it to say that the trust lists are %s", err, says)
			}
		})
	}
}
