package workflow

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
)

// tried is a rig whose server shows every endpoint with the certificate of the
// session, so that one that changes can be tried before it is confirmed.
func tried(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	leaf := material(t).leaf[0]
	r.server.identity.Certificate = leaf
	r.server.shown = func(app config.Application) (out []EndpointCertificate) {
		for _, e := range app.ServerEndpoints {
			out = append(out, EndpointCertificate{URL: e.EndpointURLs[0], SecurityMode: config.ModeSignAndEncrypt, Certificate: leaf, Usable: true})
		}
		return out
	}
	return r
}

// TestNothingIsConfirmedUntried has promise 7: whoever confirms has opened a new
// Session after the server applied the update, and one through what it changed.
func TestNothingIsConfirmedUntried(t *testing.T) {
	uploaded := fact(func(f Fact) bool { return f.Update != nil })
	for _, tt := range []struct {
		name  string
		takes time.Duration // until the update is applied, after the restart delay
		later time.Duration // between the kill and the steps
		steps []Step        // of another process; nil is the run itself
	}{
		{name: "the run itself"},
		{name: "the run itself, on a slow server", takes: 20 * time.Second},
		{name: "resumed", later: 10 * time.Second, steps: Resume()},
		{name: "resumed before it is applied", steps: Resume()},
		{name: "resumed before it is applied, on a slow server", takes: 20 * time.Second, steps: Resume()},
		{name: "confirmed by another process", later: 10 * time.Second, steps: Confirm()},
		{name: "confirmed by another process, too early", takes: 20 * time.Second, steps: Confirm()},
	} {
		for _, works := range []bool{true, false} {
			bubble(t, tt.name, func(t *testing.T) {
				r, start := tried(t), time.Now()
				r.server.applyTakes = tt.takes
				applied := start.Add(r.Desired.Update.RestartDelay + tt.takes)
				steps := ApplyConfiguration()
				if tt.steps != nil {
					r = killedAt(t, r, Apply(), uploaded)
					steps = tt.steps
					time.Sleep(tt.later)
				}
				if !works {
					r.server.faults = []fault{{call: "Probe", n: 1, err: &classed{text: "no such user", class: ClassTrust}}}
				}
				err := r.run(t, steps)
				confirmed := r.server.pending == nil
				var failed *VerifyError
				if works != (err == nil) || works != confirmed || !works && !errors.As(err, &failed) {
					t.Fatalf("error %v, confirmed %v, want %v", err, confirmed, works)
				}
				if !works {
					return
				}
				calls := r.server.calls
				at := len(calls) - 1 - slices.Index(reversed(calls), "ConfirmUpdate")
				if probed := slices.Index(calls, "Probe"); probed < 0 || probed > at {
					t.Errorf("calls %q: nothing was tried before it was confirmed", calls)
				}
				if !slices.ContainsFunc(r.server.openAt, func(at time.Time) bool { return !at.Before(applied) && !at.After(r.server.confirmedAt) }) {
					t.Errorf("sessions at %v, none since the update was applied at %v and before it was confirmed", r.server.openAt, applied)
				}
			})
		}
	}
}

func reversed(calls []string) []string {
	out := slices.Clone(calls)
	slices.Reverse(out)
	return out
}
