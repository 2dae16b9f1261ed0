package workflow

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

func TestRehearsalLeavesNothing(t *testing.T) {
	for name, keeps := range map[string]bool{"taken back by the server": false, "refused: it gives no UpdateId": true} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t)
			r.server.noUpdateID = keeps
			if keeps { // the scripted server deletes endpoints only
				r.Desired = justAnEndpoint()
			}
			before := r.server.app.Clone()
			err := r.run(t, Rehearse())
			var refused *NoRehearsalError
			switch {
			case !keeps && err != nil:
				t.Fatal(err)
			case keeps && (!errors.As(err, &refused) || refused.Changed || refused.Hint() == "" || ClassOf(err) != ClassRejected ||
				!strings.Contains(err.Error(), "from before the rehearsal was uploaded again, and is in force")):
				t.Errorf("error %v, want a *NoRehearsalError that says that nothing stays", err)
			case !keeps && r.Outcome.Outcome != OutcomeReverted:
				t.Errorf("outcome %+v, want reverted", r.Outcome)
			}
			r.server.settle()
			if left := plan.Compute(r.server.app, before); len(left) > 0 {
				t.Errorf("the server is left with %+v", left)
			}
			for _, call := range []string{"ConfirmUpdate", "WriteTrustList", "CreateSigningRequest", "Issue"} {
				if slices.Contains(r.server.calls, call) {
					t.Errorf("a rehearsal calls %s", call)
				}
			}
		})
	}
	// What was not seen to be taken back is not said to be.
	for name, tt := range map[string]struct {
		undo  func(*server)
		stays bool
	}{
		"it applies nothing":         {func(s *server) { s.idle = true }, true},
		"it forgets it":              {func(s *server) { s.forgetful = true }, true},
		"this time it gives one":     {func(s *server) { s.noUpdateID = false }, false},
		"this time it takes it back": {func(s *server) { s.noUpdateID, s.faults = false, refusedConfirmation }, true},
	} {
		bubble(t, "refused, and "+name, func(t *testing.T) {
			r := newRig(t)
			r.Desired = justAnEndpoint()
			r.server.noUpdateID = true
			observe := r.Observe
			r.Observe = func(e Event) error {
				if e.Type == StepStarted && e.Step == (insist{}).Name() {
					tt.undo(r.server)
				}
				return observe(e)
			}
			err := r.run(t, Rehearse())
			var refused *NoRehearsalError
			says := strings.Contains(err.Error(), "from before the rehearsal was uploaded again")
			if !errors.As(err, &refused) || refused.Changed != tt.stays || (ClassOf(err) == ClassUnknown) != tt.stays || says == tt.stays {
				t.Errorf("error %v, want a *NoRehearsalError that says whether the update stays: %v", err, tt.stays)
			}
			if r.server.pending != nil && !tt.stays {
				t.Error("the server waits for a confirmation")
			}
		})
	}
	bubble(t, "nothing to change", func(t *testing.T) {
		r := newRig(t)
		r.must(t, Apply())
		r = r.again(t)
		var refused *NoRehearsalError
		if err := r.run(t, Rehearse()); !errors.As(err, &refused) || ClassOf(err) != ClassRejected {
			t.Errorf("error %v, want a *NoRehearsalError", err)
		}
	})
}

var refusedConfirmation = []fault{{call: "ConfirmUpdate", n: 1, err: refusal(ua.StatusBadUserAccessDenied)}}

// justAnEndpoint is a manifest whose update is one more endpoint.
func justAnEndpoint() config.Desired {
	return config.Desired{
		Records: config.Application{ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: config.Record{Name: "line-a"}, Port: 4843},
			EndpointURLs: []string{"opc.tcp://plc1:4843"}, SecuritySettingNames: []string{"secure"}, UserTokenSettingNames: []string{"users"},
		}}},
		Update: config.UpdateTiming{RestartDelay: 3 * time.Second, RevertAfter: 2 * time.Minute},
	}
}
