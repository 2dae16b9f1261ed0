package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// The stages of coming to a Session, for messages.
const (
	stageDiscover    = "discover"
	stageOpenChannel = "open the secure channel"
)

// endpoints asks for what the server offers, over SecurityPolicy None.
func (t *Target) endpoints(ctx context.Context, at address) ([]*ua.EndpointDescription, error) {
	ch, err := t.dialPlain(ctx, at)
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	return t.getEndpoints(ctx, ch, at)
}

func (t *Target) dialPlain(ctx context.Context, at address) (channel, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	ch, err := t.dial(ctx, secureconv.ClientConfig{
		EndpointURL:       at.url,
		Address:           net.JoinHostPort(at.host, at.port),
		SecurityPolicyURI: config.PolicyNone,
		SecurityMode:      ua.MessageSecurityModeNone,
		Traffic:           t.o.Traffic,
	})
	if err != nil {
		return nil, t.connectError(ctx, stageDiscover, at.url, err)
	}
	return ch, nil
}

func (t *Target) getEndpoints(ctx context.Context, ch channel, at address) ([]*ua.EndpointDescription, error) {
	req := &ua.GetEndpointsRequest{EndpointURL: at.url}
	resp, err := ask[*ua.GetEndpointsResponse](ctx, t, ch, at, req)
	if err != nil {
		return nil, err
	}
	return resp.Endpoints, nil
}

// ask sends a request of the discovery services, which need no Session.
func ask[R ua.Response](ctx context.Context, t *Target, ch channel, at address, req ua.Request) (R, error) {
	var none R
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	req.SetHeader(header(ua.NewTwoByteNodeID(0)))
	resp, err := ch.Send(ctx, req)
	if err != nil {
		return none, t.connectError(ctx, stageDiscover, at.url, err)
	}
	r, ok := resp.(R)
	if !ok {
		return none, &MalformedError{What: "answer to discovery", Why: fmt.Sprintf("it is a %T", resp)}
	}
	return r, nil
}

// header is a RequestHeader with the token; the channel fills the rest.
func header(token *ua.NodeID) *ua.RequestHeader {
	return &ua.RequestHeader{AuthenticationToken: token, AdditionalHeader: ua.NewExtensionObject(nil)}
}

// Discovery is what a server says of itself to anybody.
type Discovery struct {
	Servers   []DiscoveredServer
	Endpoints []DiscoveredEndpoint
}

// DiscoveredServer is an ApplicationDescription of FindServers (OPC 10000-4, 5.5.2).
type DiscoveredServer struct {
	ApplicationURI, ProductURI, Name string
	Type                             config.ApplicationType
	DiscoveryURLs                    []string
}

// DiscoveredEndpoint is an EndpointDescription of GetEndpoints (OPC 10000-4, 5.5.4).
type DiscoveredEndpoint struct {
	URL                 string
	ApplicationURI      string
	SecurityMode        config.SecurityMode
	SecurityPolicyURI   string
	TransportProfileURI string
	SecurityLevel       uint8
	Chain               [][]byte // of the server certificate, DER, leaf first; nil where there is none, or it is no DER
	Tokens              []DiscoveredToken
}

// DiscoveredToken is a UserTokenPolicy.
type DiscoveredToken struct {
	PolicyID, IssuedTokenType, SecurityPolicyURI string
	Type                                         config.TokenType
}

// Discover asks for the servers and the endpoints at a URL, over one connection
// with SecurityPolicy None. timeout bounds each wait; 0 is DefaultTimeout.
func Discover(ctx context.Context, url string, timeout time.Duration, traffic *secureconv.Traffic) (Discovery, error) {
	at, err := parseURL(url)
	if err != nil {
		return Discovery{}, err
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	t := &Target{o: Options{URL: url, Timeout: timeout, Traffic: traffic}, at: at, dial: dialSecure}
	return t.discover(ctx)
}

func (t *Target) discover(ctx context.Context) (Discovery, error) {
	ch, err := t.dialPlain(ctx, t.at)
	if err != nil {
		return Discovery{}, err
	}
	defer ch.Close()
	endpoints, err := t.getEndpoints(ctx, ch, t.at)
	if err != nil {
		return Discovery{}, err
	}
	servers, err := ask[*ua.FindServersResponse](ctx, t, ch, t.at, &ua.FindServersRequest{EndpointURL: t.at.url})
	var refused *CallError
	switch {
	case errors.As(err, &refused):
		servers = &ua.FindServersResponse{} // the endpoints are worth showing without
	case err != nil:
		return Discovery{}, err
	}
	var d Discovery
	for _, s := range servers.Servers {
		d.Servers = append(d.Servers, DiscoveredServer{
			ApplicationURI: s.ApplicationURI, ProductURI: s.ProductURI, Name: textOf(s.ApplicationName),
			Type: config.ApplicationType(s.ApplicationType), DiscoveryURLs: s.DiscoveryURLs,
		})
	}
	for _, e := range endpoints {
		d.Endpoints = append(d.Endpoints, discovered(e))
	}
	return d, nil
}

func discovered(e *ua.EndpointDescription) DiscoveredEndpoint {
	d := DiscoveredEndpoint{
		URL: e.EndpointURL, SecurityMode: config.SecurityMode(e.SecurityMode), SecurityPolicyURI: e.SecurityPolicyURI,
		TransportProfileURI: e.TransportProfileURI, SecurityLevel: e.SecurityLevel,
	}
	if e.Server != nil {
		d.ApplicationURI = e.Server.ApplicationURI
	}
	if chain, err := splitChain(e.ServerCertificate); err == nil {
		d.Chain = chain
	}
	for _, p := range e.UserIdentityTokens {
		d.Tokens = append(d.Tokens, DiscoveredToken{
			PolicyID: p.PolicyID, Type: config.TokenType(p.TokenType),
			IssuedTokenType: p.IssuedTokenType, SecurityPolicyURI: p.SecurityPolicyURI,
		})
	}
	return d
}

func textOf(t *ua.LocalizedText) string {
	if t == nil {
		return ""
	}
	return t.Text
}

// connectError says why there is no connection, or no answer to a request
// without a Session. ctx is the one that bounded the wait.
func (t *Target) connectError(ctx context.Context, stage, url string, err error) error {
	var peer *secureconv.PeerError
	var service *secureconv.ServiceError
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	failed := func(k ConnectKind) error { return &ConnectError{Kind: k, URL: url, Stage: stage, Err: err} }
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", stage, context.Cause(ctx))
	case errors.As(err, &peer) && !isBad(peer.Status):
		// node-opcua 2.157 sends its ERR in the form of a chunk.
		return &ConnectError{Kind: Lost, URL: url, Stage: stage, Err: errors.New("its error message has no readable reason")}
	case errors.As(err, &peer):
		return t.refusal(url, &CallError{Method: stage, Status: peer.Status, Reason: peer.Reason})
	case errors.As(err, &service):
		return t.refusal(url, &CallError{Method: stage, Status: service.Status})
	case errors.As(err, &dns), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return failed(Unreachable)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed(Refused)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed(Timeout)
	case errors.Is(err, secureconv.ErrConnectionLost):
		return failed(Lost)
	case stage == stageDiscover:
		return failed(NotOPCUA)
	case notProven(err):
		return &ServerProofError{URL: url, What: "it answers without the key of the certificate that was judged", Err: err}
	case isStatus(err):
		return &MalformedError{What: "answer of " + url + " to " + stage, Err: err}
	}
	return fmt.Errorf("%s: %s: %w", stage, url, err)
}

// notProven says that the channel found the peer to be another than the pinned one.
func notProven(err error) bool {
	return errors.Is(err, secureconv.ErrServerCertificate) || errors.Is(err, ua.StatusBadSecurityChecksFailed)
}

// isStatus says that the channel, not the server, judged an answer with a status.
func isStatus(err error) bool {
	var status ua.StatusCode
	return errors.As(err, &status)
}

// refusal puts a status that was sent instead of a connection or a Session into
// the words of who has to act.
func (t *Target) refusal(url string, e *CallError) error {
	switch e.Status {
	case ua.StatusBadTCPEndpointURLInvalid:
		return &ConnectError{Kind: WrongURL, URL: url, Stage: e.Method, Err: e.Status}
	case ua.StatusBadTCPServerTooBusy, ua.StatusBadTCPNotEnoughResources, statusBadServerTooBusy,
		ua.StatusBadServerHalted, ua.StatusBadShutdown, ua.StatusBadTooManySessions:
		return &ConnectError{Kind: Busy, URL: url, Stage: e.Method, Err: e.Status}
	}
	if e.Method != stageDiscover && distrusts(e.Status) {
		return &UntrustedClientError{URL: url, Fingerprint: fingerprint(t.o.Identity.Leaf()), Err: e}
	}
	return e
}

// distrusts says that a status, sent before a user was named, is about the
// client's certificate (OPC 10000-4, 6.1.3).
func distrusts(s ua.StatusCode) bool {
	switch s {
	case ua.StatusBadSecurityChecksFailed, ua.StatusBadCertificateUntrusted, ua.StatusBadCertificateURIInvalid,
		ua.StatusBadCertificateInvalid, ua.StatusBadCertificateTimeInvalid, ua.StatusBadCertificateUseNotAllowed,
		ua.StatusBadCertificateRevoked, ua.StatusBadCertificateRevocationUnknown, ua.StatusBadCertificateChainIncomplete,
		ua.StatusBadCertificateIssuerRevocationUnknown, ua.StatusBadCertificateIssuerTimeInvalid,
		ua.StatusBadCertificatePolicyCheckFailed, ua.StatusBadCertificateIssuerUseNotAllowed,
		ua.StatusBadCertificateIssuerRevoked, ua.StatusBadCertificateHostNameInvalid:
		return true
	}
	return false
}
