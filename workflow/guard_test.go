package workflow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// guarded is a rig whose session runs through the first endpoint of a server that
// this client can administer.
func guarded(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	leaf := material(t).leaf[0]
	r.server.identity.Certificate = leaf
	r.server.app.SecuritySettings[0].SecurityModes = []config.SecurityMode{config.ModeSignAndEncrypt}
	g := r.server.groups[config.DefaultApplicationGroup]
	g.Certificates[config.TypeRsaSha256], g.CertificatesKnown, g.Inspected = leaf, true, true
	r.Guard = &Guarded{Token: config.TokenAnonymous, Policies: []string{config.PolicyBasic256Sha256}}
	r.Edit = func(base config.Application) (config.Application, error) {
		base = base.Clone()
		base.ServerEndpoints = base.ServerEndpoints[1:]
		return base, nil
	}
	r.Desired = config.Desired{Update: config.UpdateTiming{RevertAfter: time.Minute}}
	return r
}

func TestGuardRefusesBeforeAnythingIsSent(t *testing.T) {
	bubble(t, "the only endpoint", func(t *testing.T) {
		r := guarded(t)
		approved := false
		r.Approve = func(context.Context, plan.Plan) error { approved = true; return nil }
		err := r.run(t, Apply())
		var locked *plan.LockOutError
		if !errors.As(err, &locked) || locked.Name != "first" {
			t.Fatalf("error %v, want a *plan.LockOutError that names the endpoint", err)
		}
		if approved || slices.Contains(r.server.calls, "UpdateConfiguration") {
			t.Errorf("approved %v, calls %q; want neither question nor upload", approved, r.server.calls)
		}
	})
	bubble(t, "confirmed by name", func(t *testing.T) {
		r := guarded(t)
		r.Guard.Confirmed = []string{"first"}
		_ = r.run(t, Apply()) // what becomes of a server without endpoints is not at issue
		if !slices.Contains(r.server.calls, "UpdateConfiguration") {
			t.Errorf("calls %q lack the upload", r.server.calls)
		}
	})
	bubble(t, "another endpoint remains", func(t *testing.T) {
		r := guarded(t)
		other := r.server.app.ServerEndpoints[0].Clone()
		other.Name, other.Port = "second", 4850
		r.server.app.ServerEndpoints = append(r.server.app.ServerEndpoints, other)
		r.must(t, Apply())
		if !slices.ContainsFunc(r.events, func(e Event) bool { return strings.Contains(e.Message, "afterwards: first is deleted") }) {
			t.Error("the operator is not told which endpoint goes")
		}
	})
	bubble(t, "the other does not trust us", func(t *testing.T) {
		r := guarded(t)
		app := r.server.app.Clone()
		group := app.CertificateGroups[0]
		group.Name = "Strangers"
		settings := app.SecuritySettings[0].Clone()
		settings.Name, settings.CertificateGroupName = "strange", "Strangers"
		other := app.ServerEndpoints[0].Clone()
		other.Name, other.Port, other.SecuritySettingNames = "second", 4850, []string{"strange"}
		app.CertificateGroups = append(app.CertificateGroups, group)
		app.SecuritySettings = append(app.SecuritySettings, settings)
		app.ServerEndpoints = append(app.ServerEndpoints, other)
		r.server.put(app)
		g := r.server.groups["Strangers"]
		g.Certificates[config.TypeRsaSha256] = []byte("another certificate")
		var locked *plan.LockOutError
		if err := r.run(t, Apply()); !errors.As(err, &locked) || !strings.Contains(err.Error(), "does not trust this client") {
			t.Fatalf("error %v, want a *plan.LockOutError for want of trust", err)
		}
		g.TrustList.TrustedCertificates = [][]byte{r.Materials.Self[0]}
		r.events = nil
		r.must(t, Apply())
	})
}

// TestGuardLooksAgain: what remained when the plan was made may be gone by the time
// it is sent.
func TestGuardLooksAgain(t *testing.T) {
	spared := func(t *testing.T) *rig {
		r := guarded(t)
		other := r.server.app.ServerEndpoints[0].Clone()
		other.Name, other.Port = "second", 4850
		r.server.app.ServerEndpoints = append(r.server.app.ServerEndpoints, other)
		r.Edit = func(base config.Application) (config.Application, error) {
			return plan.WithoutEndpoint(base, "first")
		}
		return r
	}
	gone := func(a *config.Application) {
		a.ServerEndpoints = slices.DeleteFunc(a.ServerEndpoints, func(e config.ServerEndpoint) bool { return e.Name == "second" })
	}
	var locked *plan.LockOutError
	bubble(t, "the version moved", func(t *testing.T) {
		r := spared(t)
		m := &moving{r.server, gone}
		observe := r.Observe
		r.Observe = func(e Event) error { return errors.Join(observe(e), m.between(e)) }
		if err := r.run(t, Apply()); !errors.As(err, &locked) {
			t.Fatalf("error %v, want a *plan.LockOutError", err)
		}
		if n := len(r.server.updates); n != 1 { // the one that was refused for its version
			t.Errorf("%d uploads, want 1", n)
		}
	})
	bubble(t, "the run is resumed", func(t *testing.T) {
		r := killedAt(t, spared(t), Apply(), begun(upload{}))
		r.Guard = &Guarded{Token: config.TokenAnonymous, Policies: []string{config.PolicyBasic256Sha256}}
		r.server.groups[config.DefaultApplicationGroup].Certificates[config.TypeRsaSha256] = []byte("another certificate")
		if err := r.run(t, Resume()); !errors.As(err, &locked) || len(r.server.updates) > 0 {
			t.Fatalf("error %v after %d uploads, want a *plan.LockOutError and none", err, len(r.server.updates))
		}
		r.Guard.Confirmed = []string{"first"}
		_ = r.run(t, Resume()) // the scripted server is not asked for more
		if len(r.server.updates) != 1 {
			t.Errorf("%d uploads after --confirm first, want 1", len(r.server.updates))
		}
	})
}

func TestPortOf(t *testing.T) {
	for url, want := range map[string]uint16{"opc.tcp://plc1:4850/path": 4850, "opc.tcp://plc1": 4840, "plc1": 0, "opc.tcp://plc1:99999": 0} {
		if got := portOf(url); got != want {
			t.Errorf("portOf(%q) is %d, want %d", url, got, want)
		}
	}
}
