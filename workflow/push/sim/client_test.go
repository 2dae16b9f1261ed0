package sim_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

const (
	clientURI = "urn:uapush:test:client"
	adminName = "admin"
	adminPass = "correct horse"
)

var clientKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// clientIdentity is the client that the servers of these tests trust.
var clientIdentity = sync.OnceValue(func() secureconv.Identity { return selfSigned("test client", clientURI) })

// stranger is a client that they do not.
var stranger = sync.OnceValue(func() secureconv.Identity { return selfSigned("stranger", "urn:stranger") })

func selfSigned(cn, uri string) secureconv.Identity {
	u := must(url.Parse(uri))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn, Organization: []string{"test"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{u}, DNSNames: []string{"localhost"},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, t, &clientKey().PublicKey, clientKey()))
	return secureconv.Identity{Chain: [][]byte{der}, Key: clientKey()}
}

// serverKeys hands out a few keys in turn: making one takes longer than a test.
var serverKeys = sync.OnceValue(func() func(int) (*rsa.PrivateKey, error) {
	var keys []*rsa.PrivateKey
	for range 4 {
		keys = append(keys, must(rsa.GenerateKey(rand.Reader, 2048)))
	}
	var next atomic.Uint32
	return func(int) (*rsa.PrivateKey, error) { return keys[int(next.Add(1))%len(keys)], nil }
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// startServer runs a server that trusts clientIdentity and has the user admin.
func startServer(t *testing.T, change ...func(*sim.Options)) *sim.Server {
	t.Helper()
	o := sim.Options{
		Admin: sim.User{Name: adminName, Password: adminPass}, Users: []sim.User{{Name: "operator", Password: "op", Roles: []sim.Role{sim.Operator}}},
		TrustClients: [][]byte{clientIdentity().Leaf()}, GenerateKey: serverKeys(),
	}
	for _, f := range change {
		f(&o)
	}
	s, err := sim.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// peer is a raw client: a channel, and a Session when one was created.
type peer struct {
	t       *testing.T
	c       *secureconv.Client
	cfg     secureconv.ClientConfig
	session *ua.CreateSessionResponse
	nonce   []byte
}

func secure(s *sim.Server) secureconv.ClientConfig {
	return secureconv.ClientConfig{
		EndpointURL: s.URL(), SecurityPolicyURI: config.PolicyBasic256Sha256, SecurityMode: ua.MessageSecurityModeSignAndEncrypt,
		Local: clientIdentity(), RemoteCertificate: s.Certificate(),
	}
}

func insecure(s *sim.Server) secureconv.ClientConfig {
	return secureconv.ClientConfig{EndpointURL: s.URL(), SecurityPolicyURI: config.PolicyNone, SecurityMode: ua.MessageSecurityModeNone}
}

func dial(t *testing.T, cfg secureconv.ClientConfig) *peer {
	t.Helper()
	c, err := secureconv.Dial(testContext(t), cfg)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return &peer{t: t, c: c, cfg: cfg}
}

func (p *peer) send(req ua.Request) (ua.Response, error) {
	p.t.Helper()
	if p.session != nil {
		token := p.session.AuthenticationToken
		if req.Header() == nil {
			req.SetHeader(&ua.RequestHeader{AuthenticationToken: token, AdditionalHeader: ua.NewExtensionObject(nil)})
		}
	}
	return p.c.Send(testContext(p.t), req)
}

func statusOf(err error) ua.StatusCode {
	var status ua.StatusCode
	switch {
	case err == nil:
		return ua.StatusOK
	case errors.As(err, &status):
		return status
	}
	return ua.StatusBadUnexpectedError
}

func (p *peer) createRequest() *ua.CreateSessionRequest {
	nonce := make([]byte, 32)
	rand.Read(nonce)
	return &ua.CreateSessionRequest{
		ClientDescription: &ua.ApplicationDescription{ApplicationURI: clientURI, ApplicationName: &ua.LocalizedText{}, ApplicationType: ua.ApplicationTypeClient},
		EndpointURL:       p.cfg.EndpointURL, SessionName: p.t.Name(), ClientNonce: nonce, ClientCertificate: p.cfg.Local.Leaf(), RequestedSessionTimeout: 60000,
	}
}

func (p *peer) create() {
	p.t.Helper()
	req := p.createRequest()
	resp, err := p.send(req)
	if err != nil {
		p.t.Fatalf("CreateSession: %v", err)
	}
	p.session = resp.(*ua.CreateSessionResponse)
	p.nonce = p.session.ServerNonce
	if err := secureconv.VerifySignature(p.cfg.SecurityPolicyURI, p.cfg.RemoteCertificate, p.session.ServerSignature, p.cfg.Local.Leaf(), req.ClientNonce); err != nil {
		p.t.Fatalf("server signature: %v", err)
	}
}

// policy finds the policy for a kind of token in what CreateSession returned.
func (p *peer) policy(kind ua.UserTokenType) *ua.UserTokenPolicy {
	p.t.Helper()
	for _, e := range p.session.ServerEndpoints {
		if e.SecurityMode != p.cfg.SecurityMode || e.SecurityPolicyURI != p.cfg.SecurityPolicyURI || e.EndpointURL != p.cfg.EndpointURL {
			continue
		}
		for _, t := range e.UserIdentityTokens {
			if t.TokenType == kind {
				return t
			}
		}
	}
	p.t.Fatalf("no %v token is offered", kind)
	return nil
}

func (p *peer) activate(token any) error {
	p.t.Helper()
	req := &ua.ActivateSessionRequest{UserIdentityToken: ua.NewExtensionObject(token), UserTokenSignature: &ua.SignatureData{}}
	req.ClientSignature = must(secureconv.Sign(p.cfg.SecurityPolicyURI, p.cfg.Local.Key, nil, p.cfg.RemoteCertificate, p.nonce))
	resp, err := p.send(req)
	if err != nil {
		return err
	}
	p.nonce = resp.(*ua.ActivateSessionResponse).ServerNonce
	return nil
}

func (p *peer) login(name, password string) error {
	p.t.Helper()
	policy := p.policy(ua.UserTokenTypeUserName)
	uri := policy.SecurityPolicyURI
	if uri == "" {
		uri = p.cfg.SecurityPolicyURI
	}
	secret, algorithm, err := secureconv.EncryptSecret(uri, p.cfg.RemoteCertificate, []byte(password), p.nonce)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.activate(&ua.UserNameIdentityToken{PolicyID: policy.PolicyID, UserName: name, Password: secret, EncryptionAlgorithm: algorithm})
}

// admin opens a Session with SecurityAdmin.
func admin(t *testing.T, cfg secureconv.ClientConfig) *peer {
	t.Helper()
	p := dial(t, cfg)
	p.create()
	if err := p.login(adminName, adminPass); err != nil {
		t.Fatalf("ActivateSession: %v", err)
	}
	return p
}

func (p *peer) read(id uint32) *ua.DataValue {
	p.t.Helper()
	resp, err := p.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{
		NodeID: ua.NewNumericNodeID(0, id), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{},
	}}})
	if err != nil {
		p.t.Fatalf("Read i=%d: %v", id, err)
	}
	return resp.(*ua.ReadResponse).Results[0]
}

// call runs one Method; the status is that of the Method.
func (p *peer) call(object, method *ua.NodeID, in ...any) ([]any, ua.StatusCode) {
	p.t.Helper()
	req := &secureconv.CallRequest{Methods: []secureconv.MethodCall{{ObjectID: object, MethodID: method, Inputs: in}}}
	resp, err := p.send(req)
	if err != nil {
		p.t.Fatalf("Call %v: %v", method, err)
	}
	r := resp.(*ua.CallResponse).Results[0]
	var out []any
	for _, v := range r.OutputArguments {
		out = append(out, v.Value())
	}
	return out, r.StatusCode
}

func ns0(id uint32) *ua.NodeID { return ua.NewNumericNodeID(0, id) }

func dialError(t *testing.T, cfg secureconv.ClientConfig) (*secureconv.Client, error) {
	t.Helper()
	c, err := secureconv.Dial(testContext(t), cfg)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func limitSessions(n int) func(*sim.Options) {
	return func(o *sim.Options) { o.Limits.MaxSessions = n }
}
