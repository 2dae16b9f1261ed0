package part12

import (
	"context"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

func (r *rig) role(acc *space.Access, method uint32, kind ua.IdentityCriteriaType, criteria string) ua.StatusCode {
	r.t.Helper()
	rule := ua.NewExtensionObject(&ua.IdentityMappingRuleType{CriteriaType: kind, Criteria: criteria})
	return r.space.Call(context.Background(), acc, ua.NewNumericNodeID(0, 15704), ua.NewNumericNodeID(0, method), []*ua.Variant{ua.MustVariant(rule)}).Status
}

const (
	addIdentity    = 15708
	removeIdentity = 15710
)

// OPC 10000-18, 4.3.2 and 4.3.3: who may be given the SecurityAdmin Role.
func TestRoleRules(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(a *space.Access)
		method   uint32
		kind     ua.IdentityCriteriaType
		criteria string
		want     ua.StatusCode
	}{
		{"user", nil, addIdentity, ua.IdentityCriteriaTypeUserName, "jane", ua.StatusOK},
		{"application", nil, addIdentity, ua.IdentityCriteriaTypeApplication, "urn:manager", ua.StatusOK},
		{"twice", nil, addIdentity, ua.IdentityCriteriaTypeUserName, "known", ua.StatusBadAlreadyExists},
		{"everybody", nil, addIdentity, ua.IdentityCriteriaTypeAnonymous, "", ua.StatusBadRequestNotAllowed},
		{"every user", nil, addIdentity, ua.IdentityCriteriaTypeAuthenticatedUser, "", ua.StatusBadRequestNotAllowed},
		{"group", nil, addIdentity, ua.IdentityCriteriaTypeGroupID, "admins", ua.StatusBadNotSupported},
		{"nobody", nil, addIdentity, ua.IdentityCriteriaTypeUserName, "", ua.StatusBadInvalidArgument},
		{"thumbprint in small letters", nil, addIdentity, ua.IdentityCriteriaTypeThumbprint, strings.Repeat("ab", 20), ua.StatusBadInvalidArgument},
		{"thumbprint", nil, addIdentity, ua.IdentityCriteriaTypeThumbprint, strings.Repeat("AB", 20), ua.StatusOK},
		{"removal", nil, removeIdentity, ua.IdentityCriteriaTypeUserName, "known", ua.StatusOK},
		{"removal of what there is not", nil, removeIdentity, ua.IdentityCriteriaTypeUserName, "jane", ua.StatusBadNotFound},
		{"Sign", func(a *space.Access) { a.Mode = ua.MessageSecurityModeSign }, addIdentity, ua.IdentityCriteriaTypeUserName, "jane", ua.StatusBadSecurityModeInsufficient},
		{"no SecurityAdmin", func(a *space.Access) { a.Roles = nil }, addIdentity, ua.IdentityCriteriaTypeUserName, "jane", ua.StatusBadUserAccessDenied},
	} {
		r := start(t)
		a := r.admin("a")
		if got := r.role(a, addIdentity, ua.IdentityCriteriaTypeUserName, "known"); got != ua.StatusOK {
			t.Fatal(got)
		}
		if tt.change != nil {
			tt.change(a)
		}
		if got := r.role(a, tt.method, tt.kind, tt.criteria); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// OPC 10000-12, G.2: nobody being administrator, Anonymous is, in application
// setup, which lasts until somebody was made one and the TrustList was given. The
// rules survive a restart.
func TestRoleEndsSetup(t *testing.T) {
	dir := t.TempDir()
	r := start(t, inSetup, inDir(dir), func(o *Options) { o.Unadministered = true })
	a := r.admin("a")
	anybody := Identity{AnonymousInSecret: true, ApplicationURI: "urn:anybody"}
	manager := Identity{AnonymousInSecret: true, ApplicationURI: "urn:manager"}
	if !r.SecurityAdmin(anybody) || r.SecurityAdmin(Identity{User: "jane"}) {
		t.Error("in setup, Anonymous does not hold the Role, or somebody else does")
	}
	r.good(a, trustPath, "AddCertificate", clientCert(), true)
	if !r.InApplicationSetup() || !r.SecurityAdmin(anybody) {
		t.Error("application setup ended without an administrator")
	}
	r.seen()
	if got := r.role(a, addIdentity, ua.IdentityCriteriaTypeApplication, "urn:manager"); got != ua.StatusOK {
		t.Fatal(got)
	}
	if c := r.seen(); len(c) != 1 || !c[0].Roles || !c[0].Setup {
		t.Errorf("changes: got %+v", c)
	}
	r.Close()
	r = start(t, inDir(dir), func(o *Options) { o.Unadministered = true })
	if r.InApplicationSetup() || r.SecurityAdmin(anybody) || !r.SecurityAdmin(manager) {
		t.Errorf("after setup: in setup %v, anybody %v, manager %v", r.InApplicationSetup(), r.SecurityAdmin(anybody), r.SecurityAdmin(manager))
	}
	r.good(r.admin("b"), "", "ResetToServerDefaults")
	if r.SecurityAdmin(manager) != r.SecurityAdmin(anybody) || !r.InApplicationSetup() || len(r.rules) != 0 {
		t.Error("a reset keeps the rules")
	}
}

// A user is known by the password or by the thumbprint of a certificate.
func TestRoleIdentities(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.role(a, addIdentity, ua.IdentityCriteriaTypeUserName, "jane")
	r.role(a, addIdentity, ua.IdentityCriteriaTypeThumbprint, digest(clientCert()))
	for i, want := range map[string]bool{"jane": true, "joe": false, "": false} {
		if got := r.SecurityAdmin(Identity{User: i}); got != want {
			t.Errorf("user %q: got %v, want %v", i, got, want)
		}
	}
	if !r.SecurityAdmin(Identity{UserCertificate: clientCert()}) || r.SecurityAdmin(Identity{UserCertificate: caCert()}) {
		t.Error("the certificate of a user is not recognised")
	}
	got := r.readValue(a, ua.NewNumericNodeID(0, 16258)).Value.Value().([]*ua.ExtensionObject)
	if len(got) != 2 || got[0].Value.(*ua.IdentityMappingRuleType).Criteria != "jane" {
		t.Errorf("Identities: got %v", got)
	}
	if r.Validate(config.DefaultApplicationGroup, clientCert()) != ua.StatusOK {
		t.Error("the client is not trusted")
	}
}
