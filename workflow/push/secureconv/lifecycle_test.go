package secureconv

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
)

// stage is a server that stops answering somewhere, and says when it got there.
func stage(t *testing.T, acknowledge bool) (address string, reached chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reached = make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		f := newFrames(conn, nil)
		if acknowledge {
			_, _ = hearHello(f, DefaultLimits())
		}
		_, _ = f.read(1 << 20)
		close(reached)
		_, _ = f.read(1 << 20) // until the client gives up
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return l.Addr().String(), reached
}

func TestContextEndsDial(t *testing.T) {
	for name, acknowledge := range map[string]bool{"hello": false, "open": true} {
		t.Run(name, func(t *testing.T) {
			address, reached := stage(t, acknowledge)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-reached; cancel() }()
			if _, err := Dial(ctx, clientConfig(address)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		})
	}
	t.Run("connect", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Dial(ctx, clientConfig("127.0.0.1:1")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestContextEndsSend(t *testing.T) {
	server := serverConfig()
	handling, release := make(chan struct{}), make(chan struct{})
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		if req.(*ua.CallRequest).MethodsToCall[0].InputArguments[0].Value() == "slow" {
			close(handling)
			<-release
		}
		return echo(ctx, ch, req)
	}
	c := dial(t, clientConfig(serve(t, server)))
	ctx, cancel := context.WithCancel(testContext(t))
	go func() { <-handling; cancel() }()
	if _, err := call(ctx, c, "slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := call(testContext(t), c, "meanwhile"); err != nil {
		t.Errorf("another request: %v", err)
	}
	close(release) // the late response is dropped
	if _, err := call(testContext(t), c, "after"); err != nil {
		t.Errorf("a later request: %v", err)
	}
	if _, err := call(ctx, c, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: got %v", err)
	}
}

func TestContextEndsBlockedWrite(t *testing.T) {
	bubble(t, serverConfig(), func(t *testing.T, p *pipes) {
		held := &holdingConn{Conn: p.dial(), held: make(chan struct{})}
		c, err := newClient(t.Context(), held, clientConfig("x:1"))
		if err != nil {
			t.Fatal(err)
		}
		held.hold()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := call(ctx, c, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		start := time.Now()
		c.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// holdingConn is a connection whose peer stops reading.
type holdingConn struct {
	net.Conn
	mu      sync.Mutex
	holding bool
	held    chan struct{}
	once    sync.Once
}

func (c *holdingConn) hold() { c.mu.Lock(); c.holding = true; c.mu.Unlock() }

func (c *holdingConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	holding := c.holding
	c.mu.Unlock()
	if holding {
		<-c.held
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c *holdingConn) Close() error {
	c.once.Do(func() { close(c.held) })
	return c.Conn.Close()
}

func TestLimits(t *testing.T) {
	server := serverConfig()
	server.Limits = Limits{MaxMessageSize: 64 << 10}
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		if n, ok := req.(*ua.CallRequest).MethodsToCall[0].InputArguments[0].Value().(uint32); ok {
			return &CallResponse{ResponseHeader: ResponseHeader(req, ua.StatusOK), Results: []MethodResult{{Outputs: []any{make([]byte, n)}}}}
		}
		return echo(ctx, ch, req)
	}
	cfg := clientConfig(serve(t, server))
	cfg.Limits = Limits{BufferSize: 8192, MaxMessageSize: 32 << 10, MaxChunkCount: 3}
	c := dial(t, cfg)
	var limit *LimitError
	_, err := call(testContext(t), c, make([]byte, 65<<10))
	if !errors.As(err, &limit) || limit.Limit != "MaxMessageSize" || !errors.Is(err, ua.StatusBadRequestTooLarge) {
		t.Errorf("request: got %v, want a LimitError", err)
	}
	for _, n := range []uint32{33 << 10, 30 << 10} { // too large, too many chunks
		var refused *ServiceError
		if _, err = call(testContext(t), c, n); !errors.As(err, &refused) || refused.Status != ua.StatusBadResponseTooLarge {
			t.Errorf("response of %d: got %v, want Bad_ResponseTooLarge", n, err)
		}
	}
	if _, err = call(testContext(t), c, uint32(20<<10)); err != nil {
		t.Errorf("within the limits: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server func(*ServerConfig)
		client func(*ClientConfig)
		want   error
	}{
		{"client not trusted", func(c *ServerConfig) {
			c.Accept = func(OpenRequest) error { return ua.StatusBadCertificateUntrusted }
		}, nil, ua.StatusBadCertificateUntrusted},
		{"other reason", func(c *ServerConfig) {
			c.Accept = func(OpenRequest) error { return errors.New("disk full") }
		}, nil, ua.StatusBadSecurityChecksFailed},
		{"server certificate changed", func(c *ServerConfig) { c.Identity = only(strangerID()) }, nil, ua.StatusBadCertificateInvalid},
		{"no identity", func(c *ServerConfig) { c.Identity = nil }, nil, ua.StatusBadSecurityPolicyRejected},
		{"weak policy", nil, func(c *ClientConfig) { c.SecurityPolicyURI = ua.SecurityPolicyURIBasic256 }, ua.StatusBadSecurityPolicyRejected},
		{"unknown policy", nil, func(c *ClientConfig) { c.SecurityPolicyURI = "http://x" }, ua.StatusBadSecurityPolicyRejected},
		{"no mode", nil, func(c *ClientConfig) { c.SecurityMode = ua.MessageSecurityModeNone }, ua.StatusBadSecurityModeRejected},
		{"mode without policy", nil, func(c *ClientConfig) { c.SecurityPolicyURI = ua.SecurityPolicyURINone }, ua.StatusBadSecurityModeRejected},
		{"long URL", nil, func(c *ClientConfig) { c.EndpointURL += "/" + string(bytes.Repeat([]byte{'a'}, 5000)) }, ua.StatusBadTCPEndpointURLInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := serverConfig()
			if tc.server != nil {
				tc.server(&server)
			}
			client := clientConfig(serve(t, server))
			if tc.client != nil {
				tc.client(&client)
			}
			_, err := Dial(testContext(t), client)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			var peer *PeerError
			if fromPeer := errors.As(err, &peer); fromPeer != (tc.server != nil) {
				t.Errorf("got %v: from the peer %v, want %v", err, fromPeer, tc.server != nil)
			}
		})
	}
}

func TestRefusedAtRenewal(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = time.Second
	server.Accept = func(o OpenRequest) error {
		if o.Renew {
			return ua.StatusBadCertificateRevoked
		}
		return nil
	}
	c := dial(t, clientConfig(serve(t, server)))
	<-c.Done()
	var peer *PeerError
	if !errors.As(c.Err(), &peer) || peer.Status != ua.StatusBadCertificateRevoked {
		t.Errorf("got %v, want Bad_CertificateRevoked of the peer", c.Err())
	}
}

func TestCloseAfterResponse(t *testing.T) {
	server := serverConfig()
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		ch.CloseAfterResponse()
		return echo(ctx, ch, req)
	}
	for range 20 {
		c := dial(t, clientConfig(serve(t, server)))
		if _, err := call(testContext(t), c, make([]byte, 300<<10)); err != nil {
			t.Fatalf("the response was lost: %v", err)
		}
		<-c.Done()
		if !errors.Is(c.Err(), ErrConnectionLost) {
			t.Errorf("got %v, want %v", c.Err(), ErrConnectionLost)
		}
	}
}

func TestCloseAfterResponseWhenIdle(t *testing.T) {
	server := serverConfig()
	channels := make(chan *Channel, 1)
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		channels <- ch
		return echo(ctx, ch, req)
	}
	c := dial(t, clientConfig(serve(t, server)))
	if _, err := call(testContext(t), c, "x"); err != nil {
		t.Fatal(err)
	}
	(<-channels).CloseAfterResponse()
	<-c.Done()
}

func TestDropBefore(t *testing.T) {
	server := serverConfig()
	server.Intercept = func(_ *Channel, service string, _ ua.Response) Action {
		if service == "Call" {
			return DropBefore
		}
		return Proceed
	}
	c := dial(t, clientConfig(serve(t, server)))
	if _, err := call(testContext(t), c, "x"); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("got %v, want %v", err, ErrConnectionLost)
	}
}

func TestHandlerFailures(t *testing.T) {
	server := serverConfig()
	reports := 0
	var mu sync.Mutex
	server.Panicked = func(any, []byte) { mu.Lock(); reports++; mu.Unlock() }
	server.Handle = func(_ context.Context, _ *Channel, req ua.Request) ua.Response {
		switch req.(*ua.CallRequest).MethodsToCall[0].InputArguments[0].Value() {
		case "panic":
			panic("x")
		case "unencodable":
			return &CallResponse{ResponseHeader: ResponseHeader(req, ua.StatusOK), Results: []MethodResult{{Outputs: []any{func() {}}}}}
		}
		return nil
	}
	c := dial(t, clientConfig(serve(t, server)))
	for in, want := range map[string]ua.StatusCode{
		"panic":       ua.StatusBadInternalError,
		"unencodable": ua.StatusBadEncodingError,
		"nothing":     ua.StatusBadServiceUnsupported,
	} {
		var refused *ServiceError
		if _, err := call(testContext(t), c, in); !errors.As(err, &refused) || refused.Status != want || refused.Service != "Call" {
			t.Errorf("%s: got %v, want %v", in, err, want)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if reports != 2 {
		t.Errorf("got %d reports, want 2", reports)
	}
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	server := serverConfig()
	started, release := make(chan struct{}, 2*maxInFlight), make(chan struct{})
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		started <- struct{}{}
		<-release
		return echo(ctx, ch, req)
	}
	c := dial(t, clientConfig(serve(t, server)))
	var work sync.WaitGroup
	for range maxInFlight {
		work.Go(func() {
			if _, err := call(testContext(t), c, "x"); err != nil {
				t.Errorf("within the bound: %v", err)
			}
		})
	}
	for range maxInFlight {
		<-started
	}
	if _, err := call(testContext(t), c, "x"); !errors.Is(err, ua.StatusBadTooManyOperations) {
		t.Errorf("one more: got %v, want Bad_TooManyOperations", err)
	}
	close(release)
	work.Wait()
}

func TestConnectionsAreBounded(t *testing.T) {
	server := serverConfig()
	server.MaxConnections = 1
	cfg := clientConfig(serve(t, server))
	dial(t, cfg)
	if _, err := Dial(testContext(t), cfg); !errors.Is(err, ua.StatusBadTCPServerTooBusy) {
		t.Errorf("a second connection: got %v, want Bad_TcpServerTooBusy", err)
	}
}

func TestDiscoverySizeIsBounded(t *testing.T) {
	cfg := clientConfig(serve(t, serverConfig()))
	cfg.SecurityPolicyURI, cfg.SecurityMode, cfg.Local, cfg.RemoteCertificate = ua.SecurityPolicyURINone, ua.MessageSecurityModeNone, Identity{}, nil
	c := dial(t, cfg)
	if _, err := call(testContext(t), c, make([]byte, 100<<10)); !errors.Is(err, ua.StatusBadTCPMessageTooLarge) {
		t.Errorf("got %v, want Bad_TcpMessageTooLarge", err)
	}
}

func TestClose(t *testing.T) {
	server := serverConfig()
	waiting := make(chan struct{})
	server.Handle = func(ctx context.Context, _ *Channel, _ ua.Request) ua.Response {
		close(waiting)
		<-ctx.Done()
		return nil
	}
	c := dial(t, clientConfig(serve(t, server)))
	failed := make(chan error, 1)
	go func() { _, err := call(testContext(t), c, "x"); failed <- err }()
	<-waiting
	c.Close()
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Errorf("request in flight: got %v, want %v", err, ErrClosed)
	}
	if !errors.Is(c.Err(), ErrClosed) {
		t.Errorf("Err: got %v, want %v", c.Err(), ErrClosed)
	}
	c.Close()
}

func TestChainAndChannel(t *testing.T) {
	issuer := strangerID().Leaf()
	local := Identity{Chain: [][]byte{clientID[2048]().Leaf(), issuer}, Key: clientID[2048]().Key}
	remote := Identity{Chain: [][]byte{serverID[2048]().Leaf(), issuer}, Key: serverID[2048]().Key}
	server := serverConfig()
	server.Identity = only(remote)
	server.Traffic = new(Traffic)
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		if !bytes.Equal(ch.ClientCertificate(), local.Leaf()) || !bytes.Equal(ch.ClientChain(), local.blob()) {
			t.Error("the channel has another client certificate")
		}
		if ch.ID() == 0 || ch.SecurityPolicyURI() != policies[0] || ch.SecurityMode() != modes[1] || !bytes.Equal(ch.Identity().Leaf(), remote.Leaf()) {
			t.Error("the channel's attributes are not what was opened")
		}
		return echo(ctx, ch, req)
	}
	client := new(Traffic)
	t.Run("", func(t *testing.T) { // at its end the server is done, and has counted its answer
		cfg := clientConfig(serve(t, server))
		cfg.Local, cfg.Traffic = local, client
		c := dial(t, cfg)
		if _, err := call(testContext(t), c, "x"); err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
	for name, traffic := range map[string]*Traffic{"client": client, "server": server.Traffic} {
		got := traffic.Snapshot()
		if got.Requests["OpenSecureChannel"] != 1 || got.Requests["Call"] != 1 || got.Responses["Call"] != 1 || got.PrivateKeyOps < 3 || got.BytesIn == 0 || got.BytesOut == 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestNilTraffic(t *testing.T) {
	var traffic *Traffic
	traffic.in(1)
	traffic.PrivateKey(1)
	if got := traffic.Snapshot(); got.BytesIn != 0 || got.Requests == nil {
		t.Errorf("got %+v", got)
	}
}

// Close says so to the server, also while the last request is still being written.
func TestCloseWaitsForTheWriter(t *testing.T) {
	heard := make(chan string, 16)
	c := dial(t, clientConfig(proxy(t, serve(t, serverConfig()), func(frame []byte) []byte {
		heard <- string(frame[:3])
		return frame
	}, nil)))
	c.conv.sendMu.Lock()
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	for c.closing() == nil { // Close has begun
		runtime.Gosched()
	}
	c.conv.sendMu.Unlock()
	<-closed
	for _, want := range []string{"HEL", "OPN", "CLO"} {
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("the server got %s, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the server never got %s", want)
		}
	}
}

func (c *Client) closing() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}
