package secureconv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
)

// defaultLifetime is what a token lives unless asked otherwise.
const defaultLifetime = 10 * time.Minute

// ClientConfig says whom to talk to and how.
type ClientConfig struct {
	EndpointURL       string // sent in the Hello; its host and port are dialled unless Address is set
	Address           string // optional host:port to dial instead
	SecurityPolicyURI string
	SecurityMode      ua.MessageSecurityMode
	Local             Identity
	RemoteCertificate []byte        // the server's leaf, DER, which the caller has validated: pinned for every open and renewal
	Lifetime          time.Duration // of a token, requested; 0 is 10 minutes. Renewed at 75 %
	Limits            Limits        // zero fields are the defaults
	Traffic           *Traffic
}

// Client is the client end of one secure channel. It is safe for concurrent use.
type Client struct {
	cfg    ClientConfig
	conv   *conversation
	pinned []byte     // the server's leaf
	opnKey protection // for OPN messages
	done   chan struct{}
	work   sync.WaitGroup

	mu      sync.Mutex
	lastID  uint32
	pending map[uint32]chan reply
	opening *opening // the OPN that waits for its answer
	cause   error    // why the channel is ending, when that is not what the reader sees
	err     error    // set before done is closed
}

// reply is the answer to one request: a body, or the abort of it.
type reply struct {
	body []byte
	err  error
}

// Dial connects and opens a secure channel. The context bounds all of it, and
// nothing after it.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	address, err := cfg.address()
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil { // before anything goes out
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return newClient(ctx, conn, cfg)
}

func (cfg ClientConfig) address() (string, error) {
	if cfg.Address != "" {
		return cfg.Address, nil
	}
	u, err := url.Parse(cfg.EndpointURL)
	if err != nil {
		return "", fmt.Errorf("endpoint URL: %w", err)
	}
	if u.Scheme != "opc.tcp" || u.Hostname() == "" {
		return "", fmt.Errorf("endpoint URL %q: want opc.tcp://host:port", cfg.EndpointURL)
	}
	port := u.Port()
	if port == "" {
		port = "4840" // OPC 10000-6, 7.2
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

func (cfg ClientConfig) check() error {
	if err := checkSecurity(cfg.SecurityPolicyURI, cfg.SecurityMode); err != nil {
		return fmt.Errorf("security policy %q, mode %v: %w", cfg.SecurityPolicyURI, cfg.SecurityMode, err)
	}
	if cfg.SecurityPolicyURI == ua.SecurityPolicyURINone {
		return nil
	}
	if cfg.Local.Key == nil || len(cfg.Local.Leaf()) == 0 {
		return errors.New("client identity: certificate and key are both needed")
	}
	if _, err := openProtection(cfg.SecurityPolicyURI, cfg.Local, cfg.RemoteCertificate); err != nil {
		return fmt.Errorf("server certificate or own key: %w", err)
	}
	return nil
}

// newClient opens a channel on conn, owns it from then on and keeps it open.
func newClient(ctx context.Context, conn net.Conn, cfg ClientConfig) (*Client, error) {
	c, lifetime, err := connect(ctx, conn, cfg)
	if err != nil {
		return nil, err
	}
	c.work.Go(func() { c.renew(lifetime) })
	return c, nil
}

// connect opens a channel on conn. Nobody renews its token yet, which is good
// for lifetime.
func connect(ctx context.Context, conn net.Conn, cfg ClientConfig) (client *Client, lifetime time.Duration, err error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if !stop() && ctx.Err() != nil {
			client, err = nil, fmt.Errorf("open channel: %w", context.Cause(ctx))
		}
		if err != nil {
			conn.Close()
		}
	}()
	if cfg.Lifetime <= 0 {
		cfg.Lifetime = defaultLifetime
	}
	c := &Client{cfg: cfg, done: make(chan struct{}), pending: map[uint32]chan reply{}}
	c.conv = &conversation{frames: newFrames(conn, cfg.Traffic), policy: cfg.SecurityPolicyURI, mode: cfg.SecurityMode}
	if cfg.SecurityPolicyURI != ua.SecurityPolicyURINone {
		if c.pinned, err = firstCertificate(cfg.RemoteCertificate); err != nil {
			return nil, 0, err
		}
		if c.opnKey, err = openProtection(cfg.SecurityPolicyURI, cfg.Local, c.pinned); err != nil {
			return nil, 0, err
		}
	}
	if c.conv.agreed, err = sayHello(c.conv.frames, cfg.EndpointURL, cfg.Limits.orDefault()); err != nil {
		return nil, 0, fmt.Errorf("hello: %w", err)
	}
	c.conv.pieces.limits = c.conv.agreed.receive
	c.work.Go(c.read)
	lifetime, err = c.open(ctx, ua.SecurityTokenRequestTypeIssue)
	if err != nil {
		c.end(err)
		c.work.Wait()
		return nil, 0, fmt.Errorf("open channel: %w", err)
	}
	return c, lifetime, nil
}

// Done is closed when the channel has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the channel ended: ErrClosed after Close, a *PeerError when the
// server said why, an error that is ErrConnectionLost when it did not; nil while
// the channel lives.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Close sends CloseSecureChannel, closes the connection and waits for the
// channel's goroutines. Requests in flight end with ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	first := c.cause == nil
	if first {
		c.cause = ErrClosed
	}
	c.lastID++
	id := c.lastID
	c.mu.Unlock()
	if first && c.Err() == nil {
		c.sendClose(id)
	}
	c.conv.conn.Close()
	c.work.Wait()
	return nil
}

// sendClose is a courtesy: it waits no longer than lingerTime for a request that
// is being written. One that was answered just now may be so still.
func (c *Client) sendClose(id uint32) {
	req := &ua.CloseSecureChannelRequest{}
	req.SetHeader(requestHeader(nil, id, time.Time{}))
	body, err := encodeService(req)
	if err != nil {
		return
	}
	for begun := time.Now(); !c.conv.sendMu.TryLock(); {
		if time.Since(begun) > lingerTime {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.conv.sendMu.Unlock()
	_ = c.conv.send("CLO", id, body, ua.StatusBadRequestTooLarge, lingerTime)
}

// end makes the channel end with err, unless it is ending already.
func (c *Client) end(err error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = err
	}
	c.mu.Unlock()
	c.conv.conn.Close()
}

// writeFailed leaves the last word to the reader for a moment: the server may
// have said why it closed the connection.
func (c *Client) writeFailed() { _ = c.conv.conn.SetReadDeadline(time.Now().Add(lingerTime)) }

// read takes in messages until the channel ends.
func (c *Client) read() {
	err := c.readAll()
	c.mu.Lock()
	if c.cause != nil {
		err = c.cause
	}
	c.cause, c.err = err, err
	c.mu.Unlock()
	c.conv.conn.Close()
	close(c.done)
}

func (c *Client) readAll() error {
	for {
		m, err := c.conv.receive()
		if err != nil {
			return err
		}
		switch m.kind {
		case "ERR":
			return m.err
		case "OPN":
			err = c.opened(m.body)
		case "MSG":
			err = c.deliver(m)
		default:
			err = ua.StatusBadTCPMessageTypeInvalid
		}
		if err != nil {
			return err
		}
	}
}

// deliver hands a response to the request that waits for it. One that was given
// up is dropped; one that was never asked for ends the channel.
func (c *Client) deliver(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.pending[m.requestID]
	if !ok && (m.requestID == 0 || m.requestID > c.lastID) {
		return fmt.Errorf("response to request %d of %d: %w", m.requestID, c.lastID, ua.StatusBadUnknownResponse)
	}
	if ok {
		delete(c.pending, m.requestID)
		w <- reply{body: m.body, err: m.err}
	}
	return nil
}
