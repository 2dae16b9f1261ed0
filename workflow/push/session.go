package push

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

const (
	// A Session that is cut keeps its transaction, and so the server, until then.
	requestedSessionTimeout = time.Minute
	nonceLength             = 32 // bytes, the least that CreateSession allows (OPC 10000-4, 5.7.2.2)
	productURI              = "urn:uapush"
)

// Session is one encrypted Session; it implements workflow.Session. It is not
// for concurrent use.
type Session struct {
	ch         channel
	url        string           // EndpointUrl, for messages
	at         address          // as the operator named the server
	user       ua.UserTokenType // the kind of this user
	timeout    time.Duration
	complete   func([]byte) bool
	log        *slog.Logger
	identity   workflow.ServerIdentity
	token      *ua.NodeID
	maxRequest uint32 // bytes the server takes in one request; 0 is unlimited
	revised    time.Duration
	used       atomic.Int64 // when the last request was sent, Unix nanoseconds
	stop       func()       // ends keep-alive; nil before it began

	discovered []*ua.EndpointDescription // what the server offered just before, as the Session confirmed

	app        object // what was found below the application
	resolved   bool   // app.members is filled
	groups     map[string]*group
	order      []string                 // names of groups, as the server lists them
	values     map[string]*ua.DataValue // of the application's properties, as last read
	namespaces []string                 // NamespaceArray, nil until read
	readSize   int                      // bytes to ask for in one request, of all files
	maxBytes   uint32                   // of a ByteString, from ServerCapabilities; 0 is unlimited
}

var _ workflow.Session = (*Session)(nil)

// connect opens the channel to an endpoint whose certificate was judged, and a
// Session on it (OPC 10000-4, 5.6.2, 5.7.2, 5.7.3).
func (t *Target) connect(ctx context.Context, e endpoint, discovered []*ua.EndpointDescription) (*Session, error) {
	ch, err := t.openChannel(ctx, e)
	if err != nil {
		return nil, err
	}
	s := &Session{
		ch: ch, url: e.EndpointURL, at: t.at, user: t.o.User.tokenType(), timeout: t.o.Timeout, complete: t.o.Complete, log: t.o.Log,
		identity: workflow.ServerIdentity{
			URL:               t.at.url,
			EndpointURL:       e.EndpointURL,
			ApplicationURI:    e.Server.ApplicationURI,
			ApplicationName:   textOf(e.Server.ApplicationName),
			Certificate:       e.leaf,
			CertificateSHA256: fingerprint(e.leaf),
			SecurityMode:      config.SecurityMode(e.SecurityMode),
			SecurityPolicyURI: e.SecurityPolicyURI,
		},
	}
	nonce, err := t.createSession(ctx, s, e, discovered)
	if err != nil {
		s.abandon(ctx)
		return nil, err
	}
	s.discovered = discovered
	if e.proven != nil {
		err = e.proven(e.leaf)
	}
	if err != nil {
		s.abandon(ctx)
		return nil, err
	}
	if err := t.activateSession(ctx, s, e, nonce); err != nil {
		s.abandon(ctx)
		return nil, err
	}
	s.keepAlive(ctx)
	t.o.Log.Debug("session open", "endpoint", s.url, "policy", config.PolicyName(e.SecurityPolicyURI), "timeout", s.revised)
	return s, nil
}

func (t *Target) openChannel(ctx context.Context, e endpoint) (channel, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	ch, err := t.dial(ctx, secureconv.ClientConfig{
		EndpointURL:       e.EndpointURL,
		Address:           net.JoinHostPort(e.dial.host, e.dial.port),
		SecurityPolicyURI: e.SecurityPolicyURI,
		SecurityMode:      e.SecurityMode,
		Local:             t.o.Identity,
		RemoteCertificate: e.leaf,
		Traffic:           t.o.Traffic,
	})
	if err != nil {
		return nil, t.connectError(ctx, stageOpenChannel, e.EndpointURL, err)
	}
	return ch, nil
}

// createSession returns the server's nonce once everything it proves was checked.
func (t *Target) createSession(ctx context.Context, s *Session, e endpoint, discovered []*ua.EndpointDescription) ([]byte, error) {
	nonce := make([]byte, nonceLength)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("create the session: %w", err)
	}
	req := &ua.CreateSessionRequest{
		ClientDescription: &ua.ApplicationDescription{
			ApplicationURI:  t.o.ClientApplicationURI,
			ProductURI:      productURI,
			ApplicationName: ua.NewLocalizedText("uapush"),
			ApplicationType: ua.ApplicationTypeClient,
		},
		EndpointURL:             e.EndpointURL,
		SessionName:             "uapush " + rand.Text()[:8],
		ClientNonce:             nonce,
		ClientCertificate:       bytes.Join(t.o.Identity.Chain, nil),
		RequestedSessionTimeout: float64(requestedSessionTimeout.Milliseconds()),
		MaxResponseMessageSize:  secureconv.DefaultLimits().MaxMessageSize,
	}
	resp, err := sendAs[*ua.CreateSessionResponse](ctx, s, "CreateSession", req)
	if err != nil {
		return nil, t.withoutSession(e.EndpointURL, err)
	}
	s.token = resp.AuthenticationToken
	s.maxRequest = resp.MaxRequestMessageSize
	s.revised = duration(resp.RevisedSessionTimeout)
	if err := t.checkCreated(e, nonce, resp); err != nil {
		return nil, err
	}
	return resp.ServerNonce, compareEndpoints(e.EndpointURL, discovered, resp.ServerEndpoints)
}

// checkCreated checks that the server is the owner of the pinned certificate.
func (t *Target) checkCreated(e endpoint, nonce []byte, resp *ua.CreateSessionResponse) error {
	unproven := func(what string, err error) error {
		return &ServerProofError{URL: e.EndpointURL, What: what, Err: err}
	}
	switch {
	case !bytes.Equal(leafOf(resp.ServerCertificate), e.leaf):
		return unproven("the Session has another certificate than the channel", nil)
	case len(resp.ServerNonce) < nonceLength:
		return unproven(fmt.Sprintf("its nonce has %d bytes, at least %d are needed", len(resp.ServerNonce), nonceLength), nil)
	case resp.ServerSignature == nil:
		return unproven("it did not sign", nil)
	}
	// The policy says which algorithm it is; node-opcua 2.157 gives that of
	// Aes256_Sha256_RsaPss another name.
	signature := &ua.SignatureData{Signature: resp.ServerSignature.Signature}
	err := secureconv.VerifySignature(e.SecurityPolicyURI, e.leaf, signature, t.o.Identity.Leaf(), nonce)
	if err != nil && len(t.o.Identity.Chain) > 1 {
		// Servers before 1.04 sign the ByteString as sent, with its chain (OPC 10000-4, 5.7.2.2).
		blob := bytes.Join(t.o.Identity.Chain, nil)
		err = secureconv.VerifySignature(e.SecurityPolicyURI, e.leaf, signature, blob, nonce)
	}
	if err != nil {
		return unproven("its signature is wrong", err)
	}
	return nil
}

// withoutSession puts refusals of CreateSession and ActivateSession that are
// about the client's certificate into words of their own.
func (t *Target) withoutSession(url string, err error) error {
	var call *CallError
	if errors.As(err, &call) {
		return t.refusal(url, call)
	}
	return err
}

// ServerIdentity says whom the Session reached.
func (s *Session) ServerIdentity() workflow.ServerIdentity { return s.identity }

// Close ends Session and channel. That the server has ended them is no error.
func (s *Session) Close(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	defer s.ch.Close()
	if s.token == nil {
		return nil
	}
	_, err := sendAs[*ua.CloseSessionResponse](ctx, s, "CloseSession", &ua.CloseSessionRequest{DeleteSubscriptions: true})
	s.token = nil
	var lost *ConnectError
	if errors.As(err, &lost) && lost.Kind == Lost {
		return nil
	}
	return err
}

// abandon closes a Session that did not come about, also after an interrupt:
// some servers have room for two only.
func (s *Session) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(s.timeout, 3*time.Second))
	defer cancel()
	_ = s.Close(ctx) // the error that led here is the one to tell
}

// duration converts a Duration, which is in milliseconds (OPC 10000-3, 8.13).
func duration(milliseconds float64) time.Duration {
	const most = float64(1 << 53)
	if !(milliseconds > 0) {
		return 0
	}
	return time.Duration(min(milliseconds*float64(time.Millisecond), most))
}
