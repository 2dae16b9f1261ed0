package part12

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

var strangerCert = func() []byte {
	return issue(certOptions{name: "stranger", uri: "urn:stranger"}, &outerKey().PublicKey, nil, outerKey())
}

func inSetup(o *Options) { o.AcceptClients, o.First.TrustClients = true, nil }

// G.2: everybody is accepted until the TrustList was given, and never again, also
// when the list is emptied and after a restart.
func TestSetupEndsByItself(t *testing.T) {
	dir := t.TempDir()
	r := start(t, inSetup, inDir(dir))
	a := r.admin("a")
	node := r.nodes.trees[r.server].ID("InApplicationSetup")
	if !r.InApplicationSetup() || r.readValue(a, node).Value.Value() != true {
		t.Fatal("not in application setup")
	}
	if status := r.Validate(config.DefaultApplicationGroup, strangerCert()); status != ua.StatusOK {
		t.Errorf("a stranger: got %v, want Good", status)
	}
	r.Close()
	r = start(t, inDir(dir)) // without AcceptClients: the state says it
	if !r.InApplicationSetup() {
		t.Error("a restart ended application setup")
	}
	a = r.admin("a")
	r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
	if !r.InApplicationSetup() {
		t.Error("application setup ended before ApplyChanges")
	}
	r.seen()
	r.good(a, "", "ApplyChanges")
	if c := r.seen(); r.InApplicationSetup() || len(c) != 1 || !c[0].Setup {
		t.Errorf("after ApplyChanges: got %v, %+v", r.InApplicationSetup(), c)
	}
	if status := r.Validate(config.DefaultApplicationGroup, strangerCert()); status == ua.StatusOK {
		t.Error("a stranger is accepted after setup")
	}
	r.writeTrust(a, trustPath, trustList{}, maskTrusted)
	r.good(a, "", "ApplyChanges")
	if r.InApplicationSetup() {
		t.Error("an empty TrustList brought application setup back")
	}
	r.Close()
	if r = start(t, inDir(dir)); r.InApplicationSetup() {
		t.Error("a restart brought application setup back")
	}
}

// G.2: a server that nobody administers stays in application setup.
func TestSetupWithoutAdministrator(t *testing.T) {
	r := start(t, inSetup, func(o *Options) { o.Unadministered = true })
	a := r.admin("a")
	r.good(a, trustPath, "AddCertificate", clientCert(), true)
	if !r.InApplicationSetup() {
		t.Error("application setup ended, and nobody has the SecurityAdmin Role")
	}
}

// 7.10.13: after the reset the server is as new: other keys, one endpoint, empty
// TrustLists, application setup. Versions go on.
func TestResetToServerDefaults(t *testing.T) {
	dir := t.TempDir()
	r := withEmptySlot(t, inDir(dir))
	a := r.admin("a")
	before, certificate := r.server.Configuration(), r.held(a, config.DefaultApplicationGroup)[0]
	h := r.good(a, trustPath, "Open", byte(6))[0]
	r.want(ua.StatusBadTransactionPending, r.admin("b"), "", "ResetToServerDefaults")
	r.seen()
	r.good(a, "", "ResetToServerDefaults")
	if c := r.seen(); len(c) != 1 || !c[0].Reset {
		t.Errorf("changes: got %+v", c)
	}
	for range 2 { // then once more from the stored state
		after := r.server.Configuration()
		if after.Version <= before.Version || len(after.CertificateGroups) != 2 || len(after.ServerEndpoints) != 1 {
			t.Errorf("configuration: got %+v", after)
		}
		if got := r.held(a, config.DefaultApplicationGroup); len(got) != 1 || bytes.Equal(got[0], certificate) {
			t.Error("the certificate is the old one")
		}
		if !r.InApplicationSetup() || r.Validate(config.DefaultApplicationGroup, strangerCert()) != ua.StatusOK {
			t.Error("not in application setup")
		}
		if !r.readTrust(a, trustPath).empty() {
			t.Error("the TrustList still names the old client")
		}
		if r.nodes.trees[r.server].Has(groups + "LineA") {
			t.Error("the Object of a group is still there")
		}
		r.want(ua.StatusBadInvalidArgument, a, trustPath, "Write", h, []byte{1})
		r.want(ua.StatusBadNothingToDo, a, "", "ApplyChanges")
		r.Close()
		r = start(t, inDir(dir))
		r.clock.Advance(time.Hour)
	}
}

// 7.10.13: result codes. The managed application cannot be reset.
func TestResetRefusals(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(r *rig, a *space.Access)
		want ua.StatusCode
	}{
		{"no SecurityAdmin", func(_ *rig, a *space.Access) { a.Roles = nil }, ua.StatusBadUserAccessDenied},
		{"no security", func(_ *rig, a *space.Access) { a.Mode = ua.MessageSecurityModeNone }, ua.StatusBadSecurityModeInsufficient},
		{"file open for writing", func(r *rig, a *space.Access) { r.good(a, fileName, "Open", byte(3)) }, ua.StatusBadTransactionPending},
		{"Sign", func(_ *rig, a *space.Access) { a.Mode = ua.MessageSecurityModeSign }, ua.StatusOK},
	} {
		r := start(t)
		a := r.admin("a")
		tt.run(r, a)
		if got := r.call(a, "", "ResetToServerDefaults"); got.Status != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got.Status, tt.want)
		}
		if r.nodes.trees[r.client].Has("ResetToServerDefaults") {
			t.Error("the managed application has the Method too")
		}
	}
}
