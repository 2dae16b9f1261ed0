package sim_test

import (
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/sim"
)

// anonymous opens a Session without a user.
func anonymous(t *testing.T, s *sim.Server, name string) *peer {
	t.Helper()
	cfg := secure(s)
	cfg.Local = selfSigned(name, clientURI)
	p := dial(t, cfg)
	p.create()
	if err := p.activate(&ua.AnonymousIdentityToken{PolicyID: p.policy(ua.UserTokenTypeAnonymous).PolicyID}); err != nil {
		t.Fatalf("ActivateSession: %v", err)
	}
	return p
}

// OPC 10000-12, G.2, from the first connection on: the first client finds a server
// without configuration, where Anonymous administers; it makes itself the
// administrator, gives the TrustList, and the server is closed to others.
func TestFirstSetup(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Admin, o.TrustClients, o.AcceptClients = sim.User{}, nil, true })
	p := anonymous(t, s, "manager")
	if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateNoConfiguration) {
		t.Errorf("State: got %v, want NoConfiguration", got)
	}
	other := anonymous(t, s, "other")
	if status := p.writeTrustList(defaultTrustList, p.cfg.Local.Leaf(), other.cfg.Local.Leaf()); status != ua.StatusOK {
		t.Fatalf("TrustList: %v", status)
	}
	if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateNoConfiguration) {
		t.Errorf("State without an administrator: got %v, want NoConfiguration", got)
	}
	manager := selfSigned("manager", "urn:manager")
	rule := ua.NewExtensionObject(&ua.IdentityMappingRuleType{CriteriaType: ua.IdentityCriteriaTypeUserName, Criteria: "operator"})
	if _, status := p.call(ns0(15704), ns0(15708), rule); status != ua.StatusOK {
		t.Fatalf("AddIdentity: %v", status)
	}
	if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateRunning) {
		t.Errorf("State: got %v, want Running", got)
	}
	if _, status := p.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusBadUserAccessDenied {
		t.Errorf("Anonymous still administers: %v", status)
	}
	if err := other.login("operator", "op"); err != nil {
		t.Fatal(err)
	}
	if _, status := other.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusBadNothingToDo {
		t.Errorf("the new administrator: got %v", status)
	}
	cfg := secure(s)
	cfg.Local = manager
	if _, err := dialError(t, cfg); err == nil {
		t.Error("a stranger is accepted after setup")
	}
}
