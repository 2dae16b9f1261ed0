package workflow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
)

// openTimes makes the server note when it is asked for a Session.
type openTimes struct {
	*server
	at   []time.Time
	fail func(time.Time) error
}

func (o *openTimes) Open(ctx context.Context) (Session, error) {
	o.at = append(o.at, time.Now())
	if err := o.fail(time.Now()); err != nil {
		o.calls = append(o.calls, "Open")
		return nil, err
	}
	return o.server.Open(ctx)
}

// A new Session not before the restart delay, and not after the server has taken
// the update back (OPC 10000-12, 7.7.6, step 5).
func TestReconnect(t *testing.T) {
	const delay, window = 3 * time.Second, 2 * time.Minute
	for _, test := range []struct {
		name    string
		down    time.Duration // after the upload
		noID    bool
		within  time.Duration // ReconnectWithin
		wantErr bool
		latest  time.Duration // after the upload
	}{
		{name: "at once", latest: delay},
		{name: "slowly", down: 40 * time.Second, latest: delay + window},
		{name: "never", down: time.Hour, wantErr: true, latest: delay + window},
		{name: "never, and nothing to confirm", down: time.Hour, noID: true, wantErr: true, latest: delay + defaultReconnect},
		{name: "never, with patience of its own", down: time.Hour, noID: true, within: 10 * time.Second, wantErr: true, latest: delay + 10*time.Second},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.server.noUpdateID, r.ReconnectWithin = test.noID, test.within
			start := time.Now()
			o := &openTimes{server: r.server, fail: func(at time.Time) error {
				if len(r.server.updates) > 0 && at.Before(start.Add(test.down)) {
					return errLost
				}
				return nil
			}}
			r.Target = o
			err := r.run(t, ApplyConfiguration())
			if (err != nil) != test.wantErr || err != nil && !errors.Is(err, errLost) {
				t.Fatalf("the error is %v, want one: %v", err, test.wantErr)
			}
			again := o.at[1:]
			for _, e := range r.events {
				if e.Type == StepFailed { // what follows is the look afterwards
					again = slices.DeleteFunc(again, func(at time.Time) bool { return at.After(e.Time) })
				}
			}
			if got := again[0].Sub(start); got != delay {
				t.Errorf("the first attempt came after %v, want %v", got, delay)
			}
			if got := again[len(again)-1].Sub(start); got > test.latest {
				t.Errorf("the last attempt came after %v, want at most %v", got, test.latest)
			}
			if test.wantErr && again[len(again)-1].Sub(start) < test.latest-5*time.Second {
				t.Errorf("it gave up after %v of %v", again[len(again)-1].Sub(start), test.latest)
			}
		})
	}
}

// Trying again helps against the network only.
func TestReconnectRefused(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		denied := &classed{text: "the user is not known", class: ClassTrust}
		r.server.faults = []fault{{call: "Open", n: 2, err: denied}}
		err := r.run(t, Apply())
		if !errors.Is(err, denied) || r.server.counts["Open"] != 3 { // the third is the look afterwards
			t.Errorf("the error is %v after %d attempts", err, r.server.counts["Open"])
		}
		if r.Confirmed || !strings.Contains(err.Error(), "Unless confirmed, it takes the update back at") {
			t.Errorf("confirmed %v, and the error is %v", r.Confirmed, err)
		}
	})
}

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		name      string
		slow      time.Duration // after the restart delay
		fault     error
		wantErr   error
		reverted  bool
		unchanged bool
		attempts  int // 0: several
		says      string
	}{
		{name: "at once", attempts: 1},
		{name: "too early at first", slow: 20 * time.Second},
		{name: "too early for ever", slow: time.Hour, wantErr: ua.StatusBadInvalidState, says: "configuration is as it was"},
		{name: "failed", fault: refusal(StatusBadTransactionFailed), wantErr: StatusBadTransactionFailed, attempts: 1, reverted: true, unchanged: true, says: "could not apply it"},
		{name: "unknown", fault: refusal(ua.StatusBadInvalidArgument), wantErr: ua.StatusBadInvalidArgument, attempts: 1, reverted: true, unchanged: true, says: "no longer knows it"},
		{name: "refused", fault: refusal(ua.StatusBadUserAccessDenied), wantErr: ua.StatusBadUserAccessDenied, attempts: 1, says: "Unless confirmed, it takes the update back at"},
		{name: "answer lost", fault: errUnknown, wantErr: errUnknown, attempts: 1, says: "Unless the confirmation arrived, it takes the update back at"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			start := time.Now()
			r.server.applyTakes = test.slow
			if test.fault != nil {
				r.server.faults = []fault{{call: "ConfirmUpdate", n: 1, err: test.fault}}
			}
			err := r.run(t, ApplyConfiguration())
			if !errors.Is(err, test.wantErr) || r.Confirmed != (err == nil) {
				t.Fatalf("the error is %v, confirmed %v", err, r.Confirmed)
			}
			n := r.server.counts["ConfirmUpdate"]
			if test.attempts == 0 && n < 2 || test.attempts > 0 && n != test.attempts {
				t.Errorf("it was tried %d times, want %d", n, test.attempts)
			}
			var reverted *RevertedError
			if errors.As(err, &reverted) != test.reverted {
				t.Errorf("reverted is %v: %v", !test.reverted, err)
			}
			var partial *PartialError
			if errors.As(err, &partial) && partial.Unchanged != test.unchanged {
				t.Errorf("unchanged is %v: %v", partial.Unchanged, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error does not say %q: %v", test.says, err)
			}
			if p := r.server.pending; p != nil && len(p.at) > 1 && p.at[len(p.at)-1].After(start.Add(3*time.Second+2*time.Minute)) {
				t.Errorf("it was tried after the window had ended: %v", p.at)
			}
		})
	}
}

func TestNothingToConfirm(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.noUpdateID = true
		r.must(t, Apply())
		if slices.Contains(r.server.calls, "ConfirmUpdate") || r.Confirmed || !r.Deadline.IsZero() {
			t.Errorf("confirmed %v until %v: %q", r.Confirmed, r.Deadline, r.server.calls)
		}
		i := slices.IndexFunc(r.events, func(e Event) bool { return e.Step == "confirm" })
		if e := r.events[i]; e.Type != StepSkipped || e.Message != "the server asks for no confirmation" {
			t.Errorf("the event is %+v", e)
		}
	})
}

// A deadline that has passed leaves one attempt.
func TestRetryPastItsDeadline(t *testing.T) {
	for _, worked := range []bool{true, false} {
		bubble(t, "", func(t *testing.T) {
			n := 0
			err := (&State{}).retry(context.Background(), time.Now().Add(-time.Hour), "", func() error {
				if n++; worked {
					return nil
				}
				return errLost
			})
			if n != 1 || (err == nil) != worked {
				t.Errorf("%d attempts, error %v", n, err)
			}
		})
	}
}

func TestWaitsAreTold(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		start := time.Now()
		r.server.applyTakes = 20 * time.Second
		r.must(t, ApplyConfiguration())
		var got []Event
		for _, e := range r.events {
			if e.Type == Waiting {
				got = append(got, e)
			}
		}
		if len(got) != 2 || got[0].Until != start.Add(3*time.Second) || got[1].Until != start.Add(123*time.Second) {
			t.Errorf("the waits are %+v, want one until the restart and one until the server takes the update back", got)
		}
	})
}

// An interrupt in a wait ends it, and what was observed is said.
func TestInterruptedInTheRestartDelay(t *testing.T) {
	for _, test := range []struct {
		name string
		noID bool
		says string
	}{
		{name: "to confirm", says: "Unless confirmed, it takes the update back at 00:02:03."},
		{name: "nothing to confirm", noID: true, says: "may take effect yet"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.Now = func() time.Time { return time.Now().UTC() }
			r.server.noUpdateID = test.noID
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			err := Run(ctx, r.State, Apply())
			var partial *PartialError
			if !errors.As(err, &partial) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("the error is %v", err)
			}
			if !strings.Contains(partial.Observed, "as it was, version "+r.Plan.BaseVersion.String()) {
				t.Errorf("nobody looked at the server: %v", partial.Observed)
			}
			if partial.Unchanged || ClassOf(err) != ClassUnknown || !strings.Contains(err.Error(), test.says) {
				t.Errorf("unchanged %v, class %v, want one that says %q: %v", partial.Unchanged, ClassOf(err), test.says, err)
			}
			if partial.Next == "" || r.server.closed != r.server.sessions {
				t.Errorf("next %q, %d of %d sessions closed", partial.Next, r.server.closed, r.server.sessions)
			}
		})
	}
}
