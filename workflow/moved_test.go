package workflow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
)

// moving changes the server just before an upload.
type moving struct {
	*server
	edit func(*config.Application)
}

func (m *moving) between(e Event) error {
	if e.Type == StepStarted && e.Step == (upload{}).Name() {
		app := m.app.Clone()
		m.edit(&app)
		app.Version++
		m.put(app)
	}
	return nil
}

func TestVersionMovesDuringApply(t *testing.T) {
	run := func(t *testing.T, edit func(*config.Application)) (*rig, error) {
		r := newRig(t)
		m := &moving{r.server, edit}
		observe := r.Observe
		r.Observe = func(e Event) error { return errors.Join(observe(e), m.between(e)) }
		return r, r.run(t, Apply())
	}
	bubble(t, "elsewhere: the changes are the same, and go on", func(t *testing.T) {
		r, err := run(t, func(a *config.Application) {
			a.ServerEndpoints[0].DiscoveryURLs = []string{"opc.tcp://plc1:4840"}
			other := a.ServerEndpoints[0].Clone()
			other.Name, other.Port = "other", 4999
			a.ServerEndpoints = append(a.ServerEndpoints, other)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(r.server.updates); n != 2 || r.server.updates[1].VersionToUpdate != r.server.updates[0].VersionToUpdate+1 {
			t.Errorf("%d uploads, want a second one for the version that followed", n)
		}
		approved := 0
		for _, e := range r.events {
			if e.Fact != nil && e.Fact.Approved != nil {
				approved++
			}
		}
		if approved != 2 {
			t.Errorf("%d plans are on record, want the second one as well", approved)
		}
		if len(r.server.app.ServerEndpoints) != 3 {
			t.Errorf("the server has %d endpoints, want the other's change kept", len(r.server.app.ServerEndpoints))
		}
	})
	bubble(t, "in the way: both plans are shown", func(t *testing.T) {
		r, err := run(t, func(a *config.Application) {
			e := a.ServerEndpoints[0].Clone()
			e.Name, e.Port = "taken", 4843
			a.ServerEndpoints = append(a.ServerEndpoints, e)
		})
		var moved *ReplannedError
		if !errors.As(err, &moved) || moved.Hint() == "" || ClassOf(err) != ClassConflict {
			t.Fatalf("error %v, want a *ReplannedError of class conflict", err)
		}
		if moved.Shown.Summary == moved.Now.Summary || moved.Now.BaseVersion == moved.Shown.BaseVersion {
			t.Errorf("shown %+v, now %+v, want them to differ", moved.Shown.Summary, moved.Now.Summary)
		}
		if len(r.server.updates) != 1 || !strings.Contains(err.Error(), "as it was") {
			t.Errorf("%d uploads, error %v", len(r.server.updates), err)
		}
	})
	bubble(t, "another conflict stays what it is", func(t *testing.T) {
		r := newRig(t)
		pending := &classed{text: "pending", class: ClassConflict}
		r.server.faults = []fault{{call: "UpdateConfiguration", n: 1, err: pending}}
		if err := r.run(t, Apply()); !errors.Is(err, pending) || slices.Contains(r.server.calls, "ConfirmUpdate") {
			t.Errorf("error %v, calls %q", err, r.server.calls)
		}
	})
}
