package sim_test

import (
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// The whole way of a Session: CreateSession, ActivateSession with a password,
// Read, CloseSession (OPC 10000-4, 5.7).
func TestSession(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	if got := p.read(16306); got.Status != ua.StatusOK || got.Value.Value().(uint32) == 0 {
		t.Errorf("CurrentVersion: got %v, %v", got.Status, got.Value)
	}
	if got := p.read(2259); got.Value.Value().(int32) != 0 {
		t.Errorf("State: got %v, want Running", got.Value.Value())
	}
	if _, err := p.send(&ua.CloseSessionRequest{DeleteSubscriptions: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.send(&ua.ReadRequest{}); statusOf(err) != ua.StatusBadSessionIDInvalid {
		t.Errorf("Read after CloseSession: got %v, want Bad_SessionIdInvalid", err)
	}
}

// OPC 10000-4, 5.7.2: what CreateSession refuses.
func TestCreateSessionRefuses(t *testing.T) {
	s := startServer(t)
	tests := []struct {
		name   string
		change func(*ua.CreateSessionRequest)
		want   ua.StatusCode
	}{
		{"another certificate", func(r *ua.CreateSessionRequest) { r.ClientCertificate = stranger().Leaf() }, ua.StatusBadCertificateInvalid},
		{"no certificate", func(r *ua.CreateSessionRequest) { r.ClientCertificate = nil }, ua.StatusBadCertificateInvalid},
		{"another ApplicationUri", func(r *ua.CreateSessionRequest) { r.ClientDescription.ApplicationURI = "urn:other" }, ua.StatusBadCertificateURIInvalid},
		{"short nonce", func(r *ua.CreateSessionRequest) { r.ClientNonce = r.ClientNonce[:31] }, ua.StatusBadNonceInvalid},
	}
	p := dial(t, secure(s))
	for _, tt := range tests {
		req := p.createRequest()
		tt.change(req)
		if _, err := p.send(req); statusOf(err) != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	p = dial(t, insecure(s))
	if _, err := p.send(p.createRequest()); statusOf(err) != ua.StatusBadSecurityPolicyRejected {
		t.Errorf("Session without security: got %v, want Bad_SecurityPolicyRejected", err)
	}
}

// OPC 10000-4, 5.7.3 and 7.40: what ActivateSession refuses.
func TestActivateSessionRefuses(t *testing.T) {
	s := startServer(t)
	p := dial(t, secure(s))
	p.create()
	if _, err := p.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue}}}); statusOf(err) != ua.StatusBadSessionNotActivated {
		t.Errorf("Read before activation: got %v", err)
	}
	for _, name := range []string{adminName, "nobody"} {
		if err := p.login(name, "wrong"); statusOf(err) != ua.StatusBadUserAccessDenied {
			t.Errorf("wrong password of %s: got %v", name, err)
		}
	}
	policy := p.policy(ua.UserTokenTypeUserName).PolicyID
	for _, tt := range []struct {
		name  string
		token any
		want  ua.StatusCode
	}{
		{"password in clear", &ua.UserNameIdentityToken{PolicyID: policy, UserName: adminName, Password: []byte(adminPass)}, ua.StatusBadIdentityTokenInvalid},
		{"policy of another token", &ua.UserNameIdentityToken{PolicyID: "x", UserName: adminName, Password: []byte(adminPass)}, ua.StatusBadIdentityTokenInvalid},
		{"token of another service", &ua.IssuedIdentityToken{PolicyID: policy}, ua.StatusBadIdentityTokenInvalid},
	} {
		if err := p.activate(tt.token); statusOf(err) != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	p.nonce = make([]byte, 32)
	if err := p.login(adminName, adminPass); statusOf(err) != ua.StatusBadApplicationSignatureInvalid {
		t.Errorf("signature over an old nonce: got %v", err)
	}
}

// A user with many wrong passwords is refused with the right one too.
func TestLoginIsRateLimited(t *testing.T) {
	s := startServer(t)
	p := dial(t, secure(s))
	p.create()
	for range 6 {
		if err := p.login("operator", "wrong"); statusOf(err) != ua.StatusBadUserAccessDenied {
			t.Fatalf("got %v", err)
		}
	}
	if err := p.login("operator", "op"); statusOf(err) != ua.StatusBadUserAccessDenied {
		t.Errorf("got %v, want a locked account", err)
	}
	if err := p.login(adminName, adminPass); err != nil {
		t.Errorf("another user: %v", err)
	}
}

// A Session moves to another channel of the same client, and to nobody else's
// (OPC 10000-4, 5.7.3.1).
func TestSessionMovesToAnotherChannel(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	second := dial(t, secure(s))
	second.session, second.nonce = p.session, p.nonce
	if _, err := second.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue}}}); statusOf(err) != ua.StatusBadSecureChannelIDInvalid {
		t.Errorf("another channel: got %v, want Bad_SecureChannelIdInvalid", err)
	}
	if err := second.login(adminName, adminPass); err != nil {
		t.Fatalf("ActivateSession on another channel: %v", err)
	}
	if got := second.read(16306); got.Status != ua.StatusOK {
		t.Errorf("Read on the new channel: %v", got.Status)
	}
	if _, err := p.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue}}}); statusOf(err) != ua.StatusBadSecureChannelIDInvalid {
		t.Errorf("the old channel: got %v, want Bad_SecureChannelIdInvalid", err)
	}
}

// OPC 10000-4, 6.1.3: a stranger is told nothing but that it failed; who it was is
// in the rejected list (OPC 10000-12, 7.8.3.2).
func TestStrangersAreRefusedAndListed(t *testing.T) {
	s := startServer(t)
	cfg := secure(s)
	cfg.Local = stranger()
	if _, err := dialError(t, cfg); statusOf(err) != ua.StatusBadSecurityChecksFailed {
		t.Errorf("got %v, want Bad_SecurityChecksFailed", err)
	}
	out, status := admin(t, secure(s)).call(ns0(12637), ns0(12777))
	if status != ua.StatusOK || len(out) != 1 || len(out[0].([][]byte)) != 1 {
		t.Errorf("GetRejectedList: got %v, %v; want one certificate", out, status)
	}
	cfg = secure(s)
	cfg.SecurityPolicyURI = "http://opcfoundation.org/UA/SecurityPolicy#Basic256"
	if _, err := dialError(t, cfg); err == nil {
		t.Error("a policy that is not offered was accepted")
	}
}

// Sessions are limited, and a closed one makes room.
func TestSessionLimit(t *testing.T) {
	s := startServer(t, limitSessions(1))
	p := admin(t, secure(s))
	q := dial(t, secure(s))
	if _, err := q.send(q.createRequest()); statusOf(err) != ua.StatusBadTooManySessions {
		t.Errorf("got %v, want Bad_TooManySessions", err)
	}
	if _, err := p.send(&ua.CloseSessionRequest{}); err != nil {
		t.Fatal(err)
	}
	q.create()
}

// Roles: an operator sees what everybody sees.
func TestOperatorMayNotAdminister(t *testing.T) {
	s := startServer(t)
	p := dial(t, secure(s))
	p.create()
	if err := p.login("operator", "op"); err != nil {
		t.Fatal(err)
	}
	if got := p.read(16306); got.Status != ua.StatusBadUserAccessDenied {
		t.Errorf("CurrentVersion: got %v", got.Status)
	}
	if got := p.read(12640); got.Status != ua.StatusOK {
		t.Errorf("MaxTrustListSize: got %v", got.Status)
	}
	if _, status := p.call(ns0(12637), ns0(12740)); status != ua.StatusBadUserAccessDenied {
		t.Errorf("ApplyChanges: got %v", status)
	}
}

func TestDiscovery(t *testing.T) {
	s := startServer(t)
	p := dial(t, insecure(s))
	resp, err := p.send(&ua.GetEndpointsRequest{EndpointURL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	endpoints := resp.(*ua.GetEndpointsResponse).Endpoints
	ids := map[string]bool{}
	for _, e := range endpoints {
		if e.EndpointURL != s.URL() || e.TransportProfileURI != config.TransportUATCP {
			t.Errorf("endpoint %s with profile %s", e.EndpointURL, e.TransportProfileURI)
		}
		ids[e.SecurityPolicyURI+e.SecurityMode.String()] = true
	}
	if len(endpoints) == 0 || len(ids) != len(endpoints) {
		t.Errorf("%d endpoints with %d pairs of policy and mode", len(endpoints), len(ids))
	}
	resp, err = p.send(&ua.FindServersRequest{EndpointURL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	servers := resp.(*ua.FindServersResponse).Servers
	if len(servers) != 1 || servers[0].ApplicationURI != s.ApplicationURI() || len(servers[0].DiscoveryURLs) == 0 || servers[0].DiscoveryURLs[0] != s.URL() {
		t.Errorf("FindServers: got %+v", servers)
	}
	if _, err := p.send(&ua.ReadRequest{}); statusOf(err) != ua.StatusBadSessionIDInvalid {
		t.Errorf("Read without a Session: got %v", err)
	}
	if _, err := p.send(&ua.RegisterServerRequest{}); err == nil {
		t.Error("RegisterServer was answered")
	}
}
