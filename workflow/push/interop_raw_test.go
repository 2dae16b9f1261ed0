package push_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// raw is a Session made of secureconv alone, for what push refuses to do: modes
// other than SignAndEncrypt, and methods without a command.
type raw struct {
	t     *testing.T
	ch    *secureconv.Client
	token *ua.NodeID
}

// rawSession logs in through an endpoint.
func rawSession(t *testing.T, e *ua.EndpointDescription, user, password string, change ...func(*secureconv.ClientConfig)) raw {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	cfg := secureconv.ClientConfig{
		EndpointURL: e.EndpointURL, SecurityPolicyURI: e.SecurityPolicyURI, SecurityMode: e.SecurityMode,
		Local: client(), RemoteCertificate: e.ServerCertificate,
	}
	for _, f := range change {
		f(&cfg)
	}
	ch, err := secureconv.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ch.Close() })
	s := raw{t: t, ch: ch}
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce) // never fails
	created := ask[*ua.CreateSessionResponse](s, &ua.CreateSessionRequest{
		ClientDescription: &ua.ApplicationDescription{ApplicationURI: clientURI, ApplicationName: ua.NewLocalizedText("test"), ApplicationType: ua.ApplicationTypeClient},
		EndpointURL:       e.EndpointURL, SessionName: t.Name(), ClientNonce: nonce, ClientCertificate: client().Leaf(), RequestedSessionTimeout: 60_000,
	})
	s.token = created.AuthenticationToken
	signature := &ua.SignatureData{Signature: created.ServerSignature.Signature}
	if err := secureconv.VerifySignature(e.SecurityPolicyURI, e.ServerCertificate, signature, client().Leaf(), nonce); err != nil {
		t.Errorf("the server's signature: %v", err)
	}
	ask[*ua.ActivateSessionResponse](s, &ua.ActivateSessionRequest{
		ClientSignature:    must(secureconv.Sign(e.SecurityPolicyURI, client().Key, nil, e.ServerCertificate, created.ServerNonce)),
		UserIdentityToken:  s.user(e, user, password, created.ServerNonce),
		UserTokenSignature: &ua.SignatureData{},
	})
	return s
}

func (s raw) user(e *ua.EndpointDescription, name, password string, nonce []byte) *ua.ExtensionObject {
	s.t.Helper()
	i := slices.IndexFunc(e.UserIdentityTokens, func(p *ua.UserTokenPolicy) bool { return p.TokenType == ua.UserTokenTypeUserName })
	if i < 0 {
		s.t.Fatalf("%s takes no user name", e.EndpointURL)
	}
	policy := e.UserIdentityTokens[i]
	security := policy.SecurityPolicyURI
	if security == "" {
		security = e.SecurityPolicyURI
	}
	data, algorithm, err := secureconv.EncryptSecret(security, e.ServerCertificate, []byte(password), nonce)
	if err != nil {
		s.t.Fatal(err)
	}
	return ua.NewExtensionObject(&ua.UserNameIdentityToken{PolicyID: policy.PolicyID, UserName: name, Password: data, EncryptionAlgorithm: algorithm})
}

// ask sends a request of the Session.
func ask[R ua.Response](s raw, req ua.Request) R {
	s.t.Helper()
	r, err := try[R](s, req)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func try[R ua.Response](s raw, req ua.Request) (R, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), peerTime)
	defer cancel()
	req.SetHeader(&ua.RequestHeader{AuthenticationToken: s.token, AdditionalHeader: ua.NewExtensionObject(nil)})
	resp, err := s.ch.Send(ctx, req)
	r, ok := resp.(R)
	if err == nil && !ok {
		err = fmt.Errorf("the answer is a %T", resp)
	}
	return r, err
}

// now reads the server's clock.
func (s raw) now() time.Time {
	s.t.Helper()
	resp := ask[*ua.ReadResponse](s, &ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{
		NodeID: ua.NewNumericNodeID(0, id.Server_ServerStatus_CurrentTime), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{},
	}}})
	now, ok := resp.Results[0].Value.Value().(time.Time)
	if !ok {
		s.t.Fatalf("the server's time is %v", resp.Results[0])
	}
	return now
}

// call calls one method of ServerConfiguration.
func (s raw) call(method uint32, inputs ...any) *ua.CallMethodResult {
	s.t.Helper()
	return s.callOn(id.ServerConfiguration, method, inputs...)
}

func (s raw) callOn(object, method uint32, inputs ...any) *ua.CallMethodResult {
	s.t.Helper()
	resp := ask[*ua.CallResponse](s, &secureconv.CallRequest{Methods: []secureconv.MethodCall{
		{ObjectID: ua.NewNumericNodeID(0, object), MethodID: ua.NewNumericNodeID(0, method), Inputs: inputs}}})
	return resp.Results[0]
}

func (s raw) close() {
	s.t.Helper()
	ask[*ua.CloseSessionResponse](s, &ua.CloseSessionRequest{DeleteSubscriptions: true})
	s.ch.Close()
}

// descriptions are what GetEndpoints shows at a URL, in the form that rawSession takes.
func descriptions(t *testing.T, url string) []*ua.EndpointDescription {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	ch, err := secureconv.Dial(ctx, secureconv.ClientConfig{
		EndpointURL: url, SecurityPolicyURI: ua.SecurityPolicyURINone, SecurityMode: ua.MessageSecurityModeNone})
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	return ask[*ua.GetEndpointsResponse](raw{t: t, ch: ch, token: ua.NewTwoByteNodeID(0)}, &ua.GetEndpointsRequest{EndpointURL: url}).Endpoints
}

// at is a target with one certificate pinned; nil takes any.
func at(t *testing.T, url string, user push.User, certificate []byte) *push.Target {
	t.Helper()
	made, err := push.New(push.Options{
		URL: url, Identity: client(), ClientApplicationURI: clientURI, User: user, Timeout: peerTime,
		Judge: func(chain [][]byte, host, uri string) error {
			if certificate != nil && !bytes.Equal(chain[0], certificate) {
				return fmt.Errorf("%x is not the certificate of the peer", chain[0])
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}
