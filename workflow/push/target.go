package push

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// Judge decides whether a server certificate is acceptable. The chain is DER,
// leaf first; host is the host that is dialled; applicationURI is what the
// server's EndpointDescription claims. A nil error accepts.
type Judge func(chain [][]byte, host, applicationURI string) error

// Options say which server, who asks, and how patiently.
type Options struct {
	URL   string // the discovery URL, opc.tcp://host:port
	Judge Judge
	// Proven is called when a server has proven the key of a certificate (DER) that
	// Judge accepted, and before the user is named; an error ends the attempt. It
	// may be nil.
	Proven               func(leaf []byte) error
	Identity             secureconv.Identity // the client's application certificate and key
	ClientApplicationURI string              // the one in that certificate
	User                 User                // nil is Anonymous
	// Application is the ApplicationUri or the NodeId of an application under
	// ManagedApplications; "" is the server itself.
	Application string
	Timeout     time.Duration // of each wait for the server; 0 is DefaultTimeout
	// Complete says that a configuration file read so far is whole, so that no
	// Read is needed to find its end. nil reads until nothing is left.
	Complete func(stream []byte) bool
	Traffic  *secureconv.Traffic // may be nil
	Log      *slog.Logger        // nil logs nothing
}

// DefaultTimeout bounds each wait for a server.
const DefaultTimeout = 15 * time.Second

// User is an identity for ActivateSession: Anonymous, UserName or X509.
type User interface {
	tokenType() ua.UserTokenType
	String() string // for messages; no secret
}

// Anonymous is no user; rights may come from the client's certificate.
type Anonymous struct{}

// UserName is a user with a password. Password is called when the password is
// needed, and what it returned is overwritten after use.
type UserName struct {
	Name     string
	Password func() ([]byte, error)
}

// X509 is a user with a certificate (DER, maybe with its chain).
type X509 struct {
	Certificate []byte
	Key         *rsa.PrivateKey
}

func (Anonymous) tokenType() ua.UserTokenType { return ua.UserTokenTypeAnonymous }
func (UserName) tokenType() ua.UserTokenType  { return ua.UserTokenTypeUserName }
func (X509) tokenType() ua.UserTokenType      { return ua.UserTokenTypeCertificate }

func (Anonymous) String() string  { return "anonymous" }
func (u UserName) String() string { return fmt.Sprintf("%q", u.Name) }
func (u X509) String() string     { return "of certificate sha256:" + fingerprint(leafOf(u.Certificate)) }

// Target is a server under management; it implements workflow.Target.
type Target struct {
	o    Options
	at   address
	dial func(ctx context.Context, cfg secureconv.ClientConfig) (channel, error)
}

var _ workflow.Target = (*Target)(nil)

// channel is the part of *secureconv.Client that is used.
type channel interface {
	Send(ctx context.Context, req ua.Request) (ua.Response, error)
	Done() <-chan struct{}
	Err() error
	Close() error
}

// New checks the options; it does not connect.
func New(o Options) (*Target, error) {
	at, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Judge == nil:
		return nil, errors.New("a server certificate needs a judge")
	case len(o.Identity.Leaf()) == 0 || o.Identity.Key == nil:
		return nil, errors.New("the client needs a certificate and its key")
	}
	if o.User == nil {
		o.User = Anonymous{}
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Target{o: o, at: at, dial: dialSecure}, nil
}

func dialSecure(ctx context.Context, cfg secureconv.ClientConfig) (channel, error) {
	c, err := secureconv.Dial(ctx, cfg)
	if err != nil {
		return nil, err // a typed nil in the interface would not be nil
	}
	return c, nil
}

// Open discovers the server, judges its certificate and creates an encrypted
// Session (OPC 10000-12, 7.7.2, step 1). Discovery is fresh each time: a server
// may come back with another certificate.
func (t *Target) Open(ctx context.Context) (workflow.Session, error) {
	s, err := t.discoverAndConnect(ctx, t.judged)
	if err != nil {
		return nil, err
	}
	if err := s.locate(ctx, t.o.Application); err != nil {
		s.abandon(ctx)
		return nil, err
	}
	return s, nil
}

// discoverAndConnect lets pick find the endpoint. A server that changes its
// endpoints or its certificate just then is discovered once more (OPC 10000-4, 6.7).
func (t *Target) discoverAndConnect(ctx context.Context, pick func([]*ua.EndpointDescription) (endpoint, error)) (*Session, error) {
	connect := func() (*Session, error) {
		all, err := t.endpoints(ctx, t.at)
		if err != nil {
			return nil, err
		}
		e, err := pick(all)
		if err != nil {
			return nil, err
		}
		return t.connect(ctx, e, all)
	}
	s, err := connect()
	var differ *EndpointListError
	if errors.As(err, &differ) || errors.Is(err, ua.StatusBadCertificateInvalid) {
		return connect()
	}
	return s, err
}

// judged picks the best endpoint, and has its certificate judged.
func (t *Target) judged(all []*ua.EndpointDescription) (endpoint, error) {
	e, err := choose(all, t.at, t.o.User.tokenType())
	if err != nil {
		return endpoint{}, err
	}
	e.proven = t.o.Proven
	return e, t.judge(e)
}

// judge has the endpoint's certificate judged.
func (t *Target) judge(e endpoint) error {
	chain, err := splitChain(e.ServerCertificate)
	switch {
	case err != nil:
	case e.Server.ApplicationURI == "":
		err = errNamelessServer
	default:
		err = t.o.Judge(chain, e.dial.host, e.Server.ApplicationURI)
	}
	if err != nil {
		return &ServerCertificateError{URL: t.at.url, SHA256: fingerprint(e.leaf), Err: err}
	}
	return nil
}

// errNamelessServer: there is nothing to hold the URI in the certificate against.
var errNamelessServer error = namelessServer{}

type namelessServer struct{}

func (namelessServer) Error() string { return "the server does not say which ApplicationUri it has" }
func (namelessServer) Hint() string {
	return "every server has to say it to anybody who asks (OPC 10000-4, 7.2); uapush discover shows what this one says"
}

// address is where an opc.tcp URL leads.
type address struct {
	url        string
	host, port string
}

// parseURL takes opc.tcp URLs; the port is 4840 when it is left out (OPC 10000-6, 7.2).
func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return address{}, notAnAddress(text, err)
	}
	switch {
	case u.Scheme != "opc.tcp":
		return address{}, &URLError{URL: text, Why: fmt.Sprintf("the scheme is %q, not opc.tcp", u.Scheme)}
	case u.Hostname() == "":
		return address{}, &URLError{URL: text, Why: "it names no host"}
	}
	a := address{url: text, host: u.Hostname(), port: u.Port()}
	if a.port == "" {
		a.port = "4840"
	}
	return a, nil
}

// notAnAddress says what is wrong with a URL. One with a user in it is not repeated:
// a password in a URL would be sent in the clear, and be in every record.
func notAnAddress(text string, err error) error {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		return &URLError{URL: "…" + text[at:], Why: "a user has no place in a URL; there are --user and --password-file"}
	}
	return &URLError{URL: text, Why: err.Error()}
}

// URLError refuses a text that is no opc.tcp URL.
type URLError struct{ URL, Why string }

func (e *URLError) Error() string         { return fmt.Sprintf("%q is no OPC UA server: %s", e.URL, e.Why) }
func (e *URLError) Class() workflow.Class { return workflow.ClassUsage }
func (e *URLError) Hint() string          { return "write it as opc.tcp://host:port" }
