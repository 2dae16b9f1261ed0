package sim_test

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

const (
	defaultTrustList = 12642
	defaultGroup     = 14156
	userTrustList    = 14123
)

// writeTrustList replaces a TrustList and applies it.
func (p *peer) writeTrustList(list uint32, trusted ...[]byte) ua.StatusCode {
	p.t.Helper()
	body, err := ua.Encode(&ua.TrustListDataType{
		SpecifiedLists: 15, TrustedCertificates: trusted, TrustedCrls: [][]byte{}, IssuerCertificates: [][]byte{}, IssuerCrls: [][]byte{},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, status := p.call(ns0(list), ns0(trustListUpdate), p.upload(ns0(list), 6, body)); status != ua.StatusOK {
		p.t.Fatalf("CloseAndUpdate: %v", status)
	}
	_, status := p.call(ns0(serverConfiguration), ns0(applyChanges))
	return status
}

func (p *peer) waitForClose() {
	p.t.Helper()
	select {
	case <-p.c.Done():
	case <-testContext(p.t).Done():
		p.t.Fatal("the channel was not closed")
	}
}

// OPC 10000-12, 7.10.9: a client that is not trusted any more gets its answer, and
// then its channel is closed; it cannot come back.
func TestTrustChangeClosesChannels(t *testing.T) {
	s := startServer(t)
	p, q := admin(t, secure(s)), admin(t, secure(s))
	if status := p.writeTrustList(defaultTrustList, stranger().Leaf()); status != ua.StatusOK {
		t.Fatalf("ApplyChanges: %v", status)
	}
	p.waitForClose()
	q.waitForClose()
	if _, err := dialError(t, secure(s)); statusOf(err) != ua.StatusBadSecurityChecksFailed {
		t.Errorf("got %v, want Bad_SecurityChecksFailed", err)
	}
	cfg := secure(s)
	cfg.Local = stranger()
	dial(t, cfg)
}

// OPC 10000-12, 7.10.9: with a new certificate the channels end; the Session moves
// to a channel with the new one.
func TestCertificateChangeClosesChannels(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	before := s.Certificate()
	// The same key, certified by a CA that the TrustList has.
	body, err := ua.Encode(&ua.TrustListDataType{
		SpecifiedLists: 15, TrustedCertificates: [][]byte{clientIdentity().Leaf(), testCA().cert.Raw}, TrustedCrls: [][]byte{testCA().crl},
		IssuerCertificates: [][]byte{}, IssuerCrls: [][]byte{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, status := p.call(ns0(defaultTrustList), ns0(trustListUpdate), p.upload(ns0(defaultTrustList), 6, body)); status != ua.StatusOK {
		t.Fatalf("CloseAndUpdate: %v", status)
	}
	out, status := p.call(ns0(serverConfiguration), ns0(createRequest), ns0(defaultGroup), ns0(12560), "", false, []byte(nil))
	if status != ua.StatusOK {
		t.Fatalf("CreateSigningRequest: %v", status)
	}
	certificate := testCA().sign(t, out[0].([]byte))
	if _, status := p.call(ns0(serverConfiguration), ns0(updateCertificate), ns0(defaultGroup), ns0(12560), certificate, [][]byte{}, "", []byte(nil)); status != ua.StatusOK {
		t.Fatalf("UpdateCertificate: %v", status)
	}
	if bytes.Equal(s.Certificate(), certificate) {
		t.Error("the certificate is used before ApplyChanges")
	}
	if _, status := p.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusOK {
		t.Fatalf("ApplyChanges: %v", status)
	}
	p.waitForClose()
	if !bytes.Equal(s.Certificate(), certificate) || bytes.Equal(before, certificate) {
		t.Error("the new certificate is not shown")
	}
	q := dial(t, secure(s))
	q.session, q.nonce = p.session, p.nonce
	if err := q.login(adminName, adminPass); err != nil {
		t.Errorf("the Session did not move to a channel with the new certificate: %v", err)
	}
	old := secure(s)
	old.RemoteCertificate = before
	if _, err := dialError(t, old); err == nil {
		t.Error("a channel for the old certificate was opened")
	}
}

// editConfiguration uploads a changed configuration without confirmation.
func (p *peer) editConfiguration(edit func(*config.Application) []secureconv.UpdateTarget) {
	p.t.Helper()
	f, err := uafile.Decode(p.download(ns0(configurationFile)))
	if err != nil {
		p.t.Fatal(err)
	}
	c := f.Application()
	targets := edit(&c)
	data, err := f.Encode(c)
	if err != nil {
		p.t.Fatal(err)
	}
	var objects []*ua.ExtensionObject
	for _, target := range targets {
		objects = append(objects, ua.NewExtensionObject(&target))
	}
	out, status := p.call(ns0(configurationFile), ns0(configurationUpdate), p.upload(ns0(configurationFile), 3, data), uint32(c.Version), objects, float64(0), float64(0))
	if status != ua.StatusOK {
		p.t.Fatalf("CloseAndUpdate: %v, %v", status, out)
	}
	p.waitForVersion(out[1])
}

// An endpoint with existing settings works at once, also under other names for
// records; one that is deleted closes its channels and its port.
func TestEndpointComesAndGoes(t *testing.T) {
	for _, profile := range []string{"full", "renames-records"} {
		t.Run(profile, func(t *testing.T) {
			s := startServer(t, func(o *sim.Options) { o.Profile = profile })
			port := freePort(t)
			url := fmt.Sprintf("opc.tcp://127.0.0.1:%d", port)
			p := admin(t, secure(s))
			p.editConfiguration(func(c *config.Application) []secureconv.UpdateTarget {
				e := c.ServerEndpoints[0].Clone()
				e.Name, e.Port, e.EndpointURLs, e.DiscoveryURLs = "second", uint16(port), []string{url}, []string{url}
				c.ServerEndpoints = append(c.ServerEndpoints, e)
				return []secureconv.UpdateTarget{{Path: "ServerEndpoints.[1]", UpdateType: 1}}
			})
			cfg := secure(s)
			cfg.EndpointURL = url
			q := admin(t, cfg)
			p.editConfiguration(func(*config.Application) []secureconv.UpdateTarget {
				return []secureconv.UpdateTarget{{Path: "ServerEndpoints.[1]", UpdateType: 4}}
			})
			q.waitForClose()
			ctx := testContext(t)
			for {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					break
				}
				c.Close()
				if ctx.Err() != nil {
					t.Fatal("the port of a deleted endpoint is still open")
				}
			}
		})
	}
}

// OPC 10000-12, G.2: in application setup every sound client is accepted, and the
// state says NoConfiguration, until a TrustList was written.
func TestApplicationSetup(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.TrustClients, o.AcceptClients = nil, true })
	p := admin(t, secure(s))
	if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateNoConfiguration) {
		t.Errorf("State: got %v, want NoConfiguration", got)
	}
	if status := p.writeTrustList(defaultTrustList, clientIdentity().Leaf()); status != ua.StatusOK {
		t.Fatal(status)
	}
	if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateRunning) {
		t.Errorf("State: got %v, want Running", got)
	}
	cfg := secure(s)
	cfg.Local = stranger()
	if _, err := dialError(t, cfg); err == nil {
		t.Error("a stranger was accepted after setup")
	}
}

// OPC 10000-4, 7.40.5: a user certificate is that of a configured user, or the
// TrustList of the token's group has it; without that trust the Session ends.
func TestUserCertificate(t *testing.T) {
	user := selfSigned("somebody", "urn:somebody")
	known := selfSigned("known", "urn:known")
	s := startServer(t, func(o *sim.Options) {
		o.Users = append(o.Users, sim.User{Name: "known", Certificate: known.Leaf(), Roles: []sim.Role{sim.SecurityAdmin}})
	})
	login := func(p *peer, id secureconv.Identity, nonce []byte) error {
		policy := p.policy(ua.UserTokenTypeCertificate)
		req := &ua.ActivateSessionRequest{UserIdentityToken: ua.NewExtensionObject(&ua.X509IdentityToken{PolicyID: policy.PolicyID, CertificateData: id.Leaf()})}
		req.ClientSignature = must(secureconv.Sign(p.cfg.SecurityPolicyURI, p.cfg.Local.Key, nil, p.cfg.RemoteCertificate, p.nonce))
		req.UserTokenSignature = must(secureconv.Sign(policy.SecurityPolicyURI, id.Key, nil, p.cfg.RemoteCertificate, nonce))
		resp, err := p.send(req)
		if err == nil {
			p.nonce = resp.(*ua.ActivateSessionResponse).ServerNonce
		}
		return err
	}
	p := dial(t, secure(s))
	p.create()
	if err := login(p, user, p.nonce); statusOf(err) != ua.StatusBadIdentityTokenRejected {
		t.Errorf("a stranger: got %v, want Bad_IdentityTokenRejected", err)
	}
	if err := login(p, user, make([]byte, 32)); statusOf(err) != ua.StatusBadUserSignatureInvalid {
		t.Errorf("an old nonce: got %v, want Bad_UserSignatureInvalid", err)
	}
	if err := login(p, known, p.nonce); err != nil {
		t.Fatalf("a configured user: %v", err)
	}
	if status := p.writeTrustList(userTrustList, user.Leaf()); status != ua.StatusOK {
		t.Fatal(status)
	}
	q := dial(t, secure(s))
	q.create()
	if err := login(q, user, q.nonce); err != nil {
		t.Fatalf("a trusted user: %v", err)
	}
	if got := q.read(16306); got.Status != ua.StatusBadUserAccessDenied {
		t.Errorf("a trusted user without Roles read CurrentVersion: %v", got.Status)
	}
	if status := p.writeTrustList(userTrustList); status != ua.StatusOK {
		t.Fatal(status)
	}
	if _, err := q.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue}}}); statusOf(err) != ua.StatusBadSessionIDInvalid {
		t.Errorf("a user who is not trusted any more: got %v", err)
	}
}

// OPC 10000-4, 5.7.2: a silent Session ends and makes room.
func TestSessionTimeout(t *testing.T) {
	s := startServer(t, limitSessions(1), func(o *sim.Options) { o.Limits.MinSessionTimeout = 20 * time.Millisecond })
	p := dial(t, secure(s))
	req := p.createRequest()
	req.RequestedSessionTimeout = 1
	resp, err := p.send(req)
	if err != nil || resp.(*ua.CreateSessionResponse).RevisedSessionTimeout != 20 {
		t.Fatalf("got %v, %v; want a timeout of 20 ms", resp, err)
	}
	ctx := testContext(t)
	for {
		_, err := p.send(p.createRequest())
		if err == nil {
			return
		}
		if statusOf(err) != ua.StatusBadTooManySessions || ctx.Err() != nil {
			t.Fatalf("the Session did not end: %v", err)
		}
	}
}

// The stored state is used again: port, certificate, version.
func TestStateSurvives(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, func(o *sim.Options) { o.Dir = dir })
	url, certificate := first.URL(), first.Certificate()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dialError(t, secure(first)); err == nil {
		t.Error("a closed server answers")
	}
	if err := first.Restart(); err == nil {
		t.Error("a closed server restarted")
	}
	second := startServer(t, func(o *sim.Options) { o.Dir = dir })
	if second.URL() != url || !bytes.Equal(second.Certificate(), certificate) {
		t.Errorf("got %s, want %s with the same certificate", second.URL(), url)
	}
	admin(t, secure(second))
}

func TestStartRefuses(t *testing.T) {
	taken := startServer(t)
	for name, o := range map[string]sim.Options{
		"unknown profile": {Profile: "none"},
		"no address":      {Address: "127.0.0.1"},
		"taken address":   {Address: taken.URL()[len("opc.tcp://"):]},
		"user twice":      {Admin: sim.User{Name: "a"}, Users: []sim.User{{Name: "a"}}},
		"nameless user":   {Users: []sim.User{{Password: "x"}}},
	} {
		if s, err := sim.Start(t.Context(), o); err == nil {
			s.Close()
			t.Errorf("%s: started", name)
		}
	}
}

// OPC 10000-12, 7.10.5 and 7.10.10 need encryption, 7.10.9 a signature.
func TestSignedChannel(t *testing.T) {
	s := startServer(t)
	cfg := secure(s)
	cfg.SecurityMode = ua.MessageSecurityModeSign
	p := admin(t, cfg)
	if _, status := p.call(ns0(serverConfiguration), ns0(createRequest), ns0(defaultGroup), ns0(12560), "", false, []byte(nil)); status != ua.StatusBadSecurityModeInsufficient {
		t.Errorf("CreateSigningRequest: got %v, want Bad_SecurityModeInsufficient", status)
	}
	if _, status := p.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusBadNothingToDo {
		t.Errorf("ApplyChanges: got %v, want Bad_NothingToDo", status)
	}
}

// A client certificate can carry the rights of an administrator.
func TestAdminClient(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.AdminClients = [][]byte{clientIdentity().Leaf()} })
	p := dial(t, secure(s))
	p.create()
	if err := p.activate(&ua.AnonymousIdentityToken{PolicyID: p.policy(ua.UserTokenTypeAnonymous).PolicyID}); err != nil {
		t.Fatal(err)
	}
	if got := p.read(16306); got.Status != ua.StatusOK {
		t.Errorf("CurrentVersion: got %v", got.Status)
	}
	if got := s.Sessions(); got != 1 {
		t.Errorf("got %d Sessions, want 1", got)
	}
}

// A state in memory outlives a restart, with the Objects it made.
func TestRestartInMemory(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	out, status := p.endpointUpdate(freePort(t), 0, 0)
	if status != ua.StatusOK {
		t.Fatalf("CloseAndUpdate: %v", status)
	}
	p.waitForVersion(out[1])
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	p = admin(t, secure(s))
	if got := p.read(16306).Value.Value(); got != out[1] {
		t.Errorf("CurrentVersion: got %v, want %v", got, out[1])
	}
	p.certify()
	if got := s.Sessions(); got != 1 {
		t.Errorf("got %d Sessions, want 1", got)
	}
}

// An endpoint whose group trusts nobody accepts nobody (OPC 10000-12, 7.7.5).
func TestEndpointWithoutTrustAcceptsNobody(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.TrustClients = nil })
	if _, err := dialError(t, secure(s)); statusOf(err) != ua.StatusBadSecurityChecksFailed {
		t.Errorf("got %v, want Bad_SecurityChecksFailed", err)
	}
	dial(t, insecure(s)) // discovery still works
}
