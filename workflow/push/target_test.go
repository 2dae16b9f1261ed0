package push

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// identities are keys with certificates, made once: RSA keys are expensive.
var identities = sync.OnceValue(func() (ids [2]secureconv.Identity) {
	for i := range ids {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprint("test ", i)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		ids[i] = secureconv.Identity{Chain: [][]byte{der}, Key: key}
	}
	return ids
})

// upcoming is a fake that can also be discovered and connected to.
type upcoming struct {
	*fake
	id        secureconv.Identity
	endpoints []*ua.EndpointDescription
	nonce     []byte
	created   func(*ua.CreateSessionResponse) // spoils the response
	dialled   []secureconv.ClientConfig
	refuse    error // of the secure channel
	token     any   // of ActivateSession
}

func newUpcoming() *upcoming {
	f := newFake()
	f.node("12637/CertificateGroups")
	u := &upcoming{fake: f, id: identities()[0], nonce: bytes.Repeat([]byte{7}, 32)}
	d := described("opc.tcp://plc1:4840", config.PolicyAes256Sha256RsaPss, encrypted, 3, userName, anonymous, ua.UserTokenTypeCertificate)
	d.ServerCertificate = u.id.Leaf()
	none := described("opc.tcp://plc1:4840", config.PolicyNone, ua.MessageSecurityModeNone, 0, anonymous)
	u.endpoints = []*ua.EndpointDescription{none, d}
	f.hook = u.answer
	return u
}

func (u *upcoming) answer(req ua.Request) (ua.Response, error) {
	switch req := req.(type) {
	case *ua.GetEndpointsRequest:
		return &ua.GetEndpointsResponse{Endpoints: u.endpoints}, nil
	case *ua.FindServersRequest:
		return &ua.FindServersResponse{Servers: []*ua.ApplicationDescription{u.endpoints[0].Server}}, nil
	case *ua.CreateSessionRequest:
		sig, err := secureconv.Sign(config.PolicyAes256Sha256RsaPss, u.id.Key, identities()[1].Leaf(), leafOf(req.ClientCertificate), req.ClientNonce)
		resp := &ua.CreateSessionResponse{
			AuthenticationToken: ua.NewNumericNodeID(0, 99), RevisedSessionTimeout: 60000, ServerNonce: u.nonce,
			ServerCertificate: u.id.Leaf(), ServerEndpoints: slices.Clone(u.endpoints), ServerSignature: sig,
		}
		if u.created != nil {
			u.created(resp)
		}
		return resp, err
	case *ua.ActivateSessionRequest:
		err := secureconv.VerifySignature(config.PolicyAes256Sha256RsaPss, identities()[1].Leaf(), req.ClientSignature, u.id.Leaf(), u.nonce)
		if err != nil {
			return nil, serviceError(ua.StatusBadApplicationSignatureInvalid)
		}
		u.token = req.UserIdentityToken.Value
		return &ua.ActivateSessionResponse{}, nil
	}
	return nil, nil
}

func (u *upcoming) target(t *testing.T, user User) *Target {
	t.Helper()
	target, err := New(Options{
		URL: "opc.tcp://127.0.0.1:4840", Judge: func([][]byte, string, string) error { return nil },
		Identity: identities()[1], ClientApplicationURI: "urn:client", User: user,
	})
	if err != nil {
		t.Fatal(err)
	}
	target.dial = func(_ context.Context, cfg secureconv.ClientConfig) (channel, error) {
		u.dialled = append(u.dialled, cfg)
		if cfg.SecurityMode != ua.MessageSecurityModeNone && u.refuse != nil {
			return nil, u.refuse
		}
		return u, nil
	}
	return target
}

func TestOpen(t *testing.T) {
	u := newUpcoming()
	given := []byte("correct horse")
	target := u.target(t, UserName{Name: "admin", Password: func() ([]byte, error) { return given, nil }})
	var host, uri string
	target.o.Judge = func(chain [][]byte, h, a string) error { host, uri = h, a; return nil }
	s, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if host != "127.0.0.1" || uri != "urn:plc1" {
		t.Errorf("judged for %s, %s", host, uri)
	}
	if d := u.dialled[1]; d.EndpointURL != "opc.tcp://plc1:4840" || d.Address != "127.0.0.1:4840" || !bytes.Equal(d.RemoteCertificate, u.id.Leaf()) {
		t.Errorf("dialled %+v", d)
	}
	token, ok := u.token.(*ua.UserNameIdentityToken)
	if !ok {
		t.Fatalf("got a %T", u.token)
	}
	secret, err := secureconv.DecryptSecret(config.PolicyAes256Sha256RsaPss, u.id.Key, token.Password, u.nonce)
	if err != nil || string(secret) != "correct horse" || token.UserName != "admin" {
		t.Errorf("got %q for %s, %v", secret, token.UserName, err)
	}
	if !bytes.Equal(given, make([]byte, len(given))) {
		t.Errorf("the password is still in memory: %q", given)
	}
	id := s.ServerIdentity()
	if id.EndpointURL != "opc.tcp://plc1:4840" || id.CertificateSHA256 != fingerprint(u.id.Leaf()) || id.SecurityMode != config.ModeSignAndEncrypt {
		t.Errorf("got %+v", id)
	}
	if err := s.Close(t.Context()); err != nil || !slices.Contains(u.requests, "CloseSessionRequest") {
		t.Errorf("close: %v, %v", err, u.requests)
	}
}

func TestOpenWithCertificate(t *testing.T) {
	u := newUpcoming()
	s, err := u.target(t, X509{Certificate: identities()[1].Leaf(), Key: identities()[1].Key}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if token, ok := u.token.(*ua.X509IdentityToken); !ok || !bytes.Equal(token.CertificateData, identities()[1].Leaf()) {
		t.Errorf("got %+v", u.token)
	}
}

// Each failure on the way to a Session, its type, and the last request that was
// sent before it. No user is named to a server that has not proven who it is,
// and what was created is closed.
func TestOpenFails(t *testing.T) {
	plain := func(u *upcoming) User { return Anonymous{} }
	refuse := func(service string, st ua.StatusCode) func(*upcoming) User {
		return func(u *upcoming) User {
			u.hook = func(req ua.Request) (ua.Response, error) {
				if fmt.Sprintf("%T", req) == "*ua."+service+"Request" {
					return nil, &secureconv.ServiceError{Service: service, Status: st}
				}
				return u.answer(req)
			}
			return Anonymous{}
		}
	}
	spoil := func(f func(*ua.CreateSessionResponse)) func(*upcoming) User {
		return func(u *upcoming) User { u.created = f; return Anonymous{} }
	}
	dial := func(err error) func(*upcoming) User {
		return func(u *upcoming) User { u.refuse = err; return Anonymous{} }
	}
	const getEndpoints, createSession, closeSession = "GetEndpointsRequest", "CreateSessionRequest", "CloseSessionRequest"
	for _, c := range []struct {
		name    string
		prepare func(*upcoming) User
		want    any // pointer to a pointer to the error's type
		last    string
	}{
		{"weak only", func(u *upcoming) User { u.endpoints = u.endpoints[:1]; return plain(u) }, new(*SecurityError), getEndpoints},
		{"untrusted by ERR", dial(&secureconv.PeerError{Status: ua.StatusBadCertificateUntrusted}), new(*UntrustedClientError), getEndpoints},
		{"untrusted, opaque", dial(&secureconv.PeerError{Status: ua.StatusBadSecurityChecksFailed}), new(*UntrustedClientError), getEndpoints},
		{"untrusted by fault", refuse("CreateSession", ua.StatusBadCertificateURIInvalid), new(*UntrustedClientError), createSession},
		{"ERR that is none", dial(&secureconv.PeerError{Status: 2, Reason: "http://"}), new(*ConnectError), getEndpoints},
		{"connection cut at the channel", dial(secureconv.ErrConnectionLost), new(*ConnectError), getEndpoints},
		{"another certificate at the channel", dial(secureconv.ErrServerCertificate), new(*ServerProofError), getEndpoints},
		{"busy", refuse("CreateSession", ua.StatusBadTooManySessions), new(*ConnectError), createSession},
		{"another certificate in the Session", spoil(func(r *ua.CreateSessionResponse) { r.ServerCertificate = identities()[1].Leaf() }), new(*ServerProofError), closeSession},
		{"short nonce", spoil(func(r *ua.CreateSessionResponse) { r.ServerNonce = r.ServerNonce[:31] }), new(*ServerProofError), closeSession},
		{"no signature", spoil(func(r *ua.CreateSessionResponse) { r.ServerSignature = nil }), new(*ServerProofError), closeSession},
		{"wrong signature", spoil(func(r *ua.CreateSessionResponse) { r.ServerSignature.Signature[9] ^= 1 }), new(*ServerProofError), closeSession},
		{"another endpoint list", spoil(func(r *ua.CreateSessionResponse) { r.ServerEndpoints = r.ServerEndpoints[1:] }), new(*EndpointListError), closeSession},
		{"wrong password", refuse("ActivateSession", ua.StatusBadIdentityTokenRejected), new(*LoginError), closeSession},
		{"user not allowed", refuse("ActivateSession", ua.StatusBadUserAccessDenied), new(*LoginError), closeSession},
		{"no password source", func(*upcoming) User { return UserName{Name: "x"} }, new(*LoginError), closeSession},
		{"no token for the user", func(u *upcoming) User {
			u.endpoints[1].UserIdentityTokens = u.endpoints[1].UserIdentityTokens[:1]
			return Anonymous{}
		}, new(*LoginError), closeSession},
	} {
		u := newUpcoming()
		_, err := u.target(t, c.prepare(u)).Open(t.Context())
		if err == nil || !errors.As(err, c.want) {
			t.Errorf("%s: got %T %v, want a %T", c.name, err, err, c.want)
		}
		if last := u.requests[len(u.requests)-1]; last != c.last {
			t.Errorf("%s: the last request was %s, want %s", c.name, last, c.last)
		}
		if u.token != nil {
			t.Errorf("%s: a user was named", c.name)
		}
	}
}

// A certificate that is not accepted ends it all before a secure channel is asked for.
func TestJudgeRefuses(t *testing.T) {
	u := newUpcoming()
	target := u.target(t, nil)
	refusal := errors.New("expired")
	target.o.Judge = func([][]byte, string, string) error { return refusal }
	_, err := target.Open(t.Context())
	var judged *ServerCertificateError
	if !errors.As(err, &judged) || !errors.Is(err, refusal) || len(u.dialled) != 1 {
		t.Errorf("got %v after %d connections, want a ServerCertificateError after 1", err, len(u.dialled))
	}
}

// A server that does not say which application it is cannot be held to that, and its
// certificate is not judged at all.
func TestNoApplicationURI(t *testing.T) {
	u := newUpcoming()
	for _, e := range u.endpoints {
		e.Server.ApplicationURI = ""
	}
	_, err := u.target(t, UserName{Name: "admin", Password: func() ([]byte, error) { return []byte("secret"), nil }}).Open(t.Context())
	var judged *ServerCertificateError
	if !errors.As(err, &judged) || judged.Hint() == "" || len(u.dialled) != 1 || u.token != nil {
		t.Errorf("got %v after %d connections, want a ServerCertificateError after 1", err, len(u.dialled))
	}
}

// Proven is told once the server has proven its key, and before the user is named.
func TestProven(t *testing.T) {
	u := newUpcoming()
	target := u.target(t, nil)
	refusal := errors.New("cannot be recorded")
	var before []string
	target.o.Proven = func([]byte) error { before = slices.Clone(u.requests); return refusal }
	if _, err := target.Open(t.Context()); !errors.Is(err, refusal) || u.token != nil {
		t.Errorf("got %v and token %v, want the refusal and no user", err, u.token)
	}
	if n := len(before); n == 0 || before[n-1] != "CreateSessionRequest" {
		t.Errorf("it was told after %v", before)
	}
	called := false
	target.o.Proven = func([]byte) error { called = true; return nil }
	u.created = func(r *ua.CreateSessionResponse) { r.ServerSignature.Signature[9] ^= 1 }
	if _, err := target.Open(t.Context()); err == nil || called {
		t.Errorf("a wrong signature: got %v, told of a proof: %v", err, called)
	}
	u.created = nil
	if _, err := target.Probe(t.Context(), "opc.tcp://127.0.0.1:4840", u.id.Leaf()); called {
		t.Errorf("a probe (%v), whose certificate nobody judged, counts as proof", err)
	}
}

// A server that changes between discovery and Session is discovered once more.
func TestDiscoveredAgain(t *testing.T) {
	u := newUpcoming()
	sessions := 0
	u.created = func(r *ua.CreateSessionResponse) {
		if sessions++; sessions == 1 {
			u.endpoints = append(u.endpoints, described("opc.tcp://plc1:4843", config.PolicyBasic256Sha256, encrypted, 1, userName))
			r.ServerEndpoints = u.endpoints
		}
	}
	s, err := u.target(t, nil).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if closed := count(u.requests, "CloseSessionRequest"); sessions != 2 || closed != 1 {
		t.Errorf("got %d sessions, %d closed; want 2, 1", sessions, closed)
	}
}

func TestProbe(t *testing.T) {
	u := newUpcoming()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	u.values["2258"] = now
	target := u.target(t, nil)
	target.o.Judge = func([][]byte, string, string) error { return errors.New("not asked") }
	p, err := target.Probe(t.Context(), "opc.tcp://127.0.0.1:4840", u.id.Leaf())
	if err != nil || !p.ServerTime.Equal(now) || p.CertificateSHA256 != fingerprint(u.id.Leaf()) {
		t.Errorf("got %+v, %v", p, err)
	}
	if last := u.requests[len(u.requests)-1]; last != "CloseSessionRequest" {
		t.Errorf("last request %s", last)
	}
	_, err = target.Probe(t.Context(), "opc.tcp://127.0.0.1:4840", identities()[1].Leaf())
	var wrong *WrongServerError
	if !errors.As(err, &wrong) || len(wrong.Found) == 0 {
		t.Errorf("got %v, want a WrongServerError", err)
	}
}

func TestLocate(t *testing.T) {
	u := newUpcoming()
	u.nodes["16706"], u.names[numeric(16706).String()] = numeric(16706), "16706"
	u.children[numeric(16706).String()] = []string{"Client1", "Other"}
	u.value("16706/Client1/ApplicationUri", "urn:client1")
	u.value("2255", []string{config.NamespaceOPCUA, "urn:plc1"})
	for _, text := range []string{"urn:client1", "nsu=urn:plc1;s=16706/Client1", "ns=1;s=16706/Client1"} {
		target := u.target(t, nil)
		target.o.Application = text
		s, err := target.Open(t.Context())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.ServerIdentity().Application; got != "nsu=urn:plc1;s=16706/Client1" {
			t.Errorf("%s: got %s", text, got)
		}
		s.Close(t.Context())
	}
	target := u.target(t, nil)
	target.o.Application = "urn:absent"
	_, err := target.Open(t.Context())
	var unknown *UnknownApplicationError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"urn:client1", "Other"}) {
		t.Errorf("got %v, want the applications named", err)
	}
}

// An idle Session is kept alive at half of its timeout, and not after its end.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.values["2259"] = int32(0)
		s := f.session(t)
		s.revised = time.Minute
		s.used.Store(time.Now().UnixNano())
		s.keepAlive(t.Context())
		time.Sleep(95 * time.Second)
		synctest.Wait()
		f.mu.Lock()
		if len(f.requests) != 3 {
			t.Errorf("got %v in 95 s, want 3 Reads", f.requests)
		}
		f.mu.Unlock()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if len(f.requests) != 4 {
			t.Errorf("got %v, want no Read after Close", f.requests)
		}
	})
}

// TestURLWithPassword: a password in a URL would be sent in the clear, and written
// into every message and record.
func TestURLWithPassword(t *testing.T) {
	judge := func([][]byte, string, string) error { return nil }
	for _, url := range []string{"opc.tcp://admin:s3cret@plc1:4840", "opc.tcp://s3cret@plc1:4840", "opc.tcp://admin:s3cret@plc1:x", "http://admin:s3cret@plc1", "opc.tcp://admin:s3cret/%@plc1"} {
		_, err := New(Options{URL: url, Judge: judge, Identity: identities()[0]})
		var refused *URLError
		if !errors.As(err, &refused) || refused.Hint() == "" || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want a *URLError that does not repeat it", url, err)
		}
	}
}

func TestNewChecks(t *testing.T) {
	judge := func([][]byte, string, string) error { return nil }
	for name, o := range map[string]Options{
		"URL":      {URL: "http://x", Judge: judge, Identity: identities()[0]},
		"judge":    {URL: "opc.tcp://x", Identity: identities()[0]},
		"identity": {URL: "opc.tcp://x", Judge: judge},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
