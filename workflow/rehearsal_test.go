package workflow

import (
	"errors"
	"slices"
	"testing"

	"github.com/uapush/uapush/config/plan"
)

func TestRehearsalLeavesNothing(t *testing.T) {
	for name, keeps := range map[string]bool{"taken back by the server": false, "refused: it gives no UpdateId": true} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t)
			r.server.noUpdateID = keeps
			before := r.server.app.Clone()
			err := r.run(t, Rehearse())
			var refused *NoRehearsalError
			switch {
			case !keeps && err != nil:
				t.Fatal(err)
			case keeps && (!errors.As(err, &refused) || refused.Changed || refused.Hint() == ""):
				t.Errorf("error %v, want a *NoRehearsalError that says that nothing stays", err)
			case !keeps && r.Outcome.Outcome != OutcomeReverted:
				t.Errorf("outcome %+v, want reverted", r.Outcome)
			}
			r.server.settle()
			// The scripted server deletes endpoints only; what nobody refers to may stay there.
			if left := plan.Compute(r.server.app, before); slices.ContainsFunc(left, func(c plan.Change) bool { return c.Kind == "ServerEndpoints" }) {
				t.Errorf("the server is left with %+v", left)
			}
			for _, call := range []string{"ConfirmUpdate", "WriteTrustList", "CreateSigningRequest", "Issue"} {
				if slices.Contains(r.server.calls, call) {
					t.Errorf("a rehearsal calls %s", call)
				}
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
