package secureconv

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
)

const (
	defaultConnections = 1000
	defaultHandshake   = 10 * time.Second
	defaultMaxLifetime = time.Hour
	minLifetime        = time.Second // of a token; a client takes none that is shorter
	maxRefusals        = 16          // connections being told that there is no place
	acceptRetries      = 20
	acceptPause        = 50 * time.Millisecond
	dismissTime        = 200 * time.Millisecond
)

// Action is what an Intercept decides about one response.
type Action int

const (
	Proceed    Action = iota // send the response
	DropBefore               // close the connection instead of answering
)

// OpenRequest is what Accept decides on. It is proven that the client holds the
// key of the first certificate of ClientCertificate; nothing else is checked.
type OpenRequest struct {
	SecurityPolicyURI string
	SecurityMode      ua.MessageSecurityMode
	ClientCertificate []byte // as sent: DER, maybe a chain, leaf first
	Renew             bool
	Remote            net.Addr
}

// ServerConfig says what one listener offers. Its functions are called from many
// goroutines.
type ServerConfig struct {
	Limits           Limits        // zero fields are the defaults
	MaxConnections   int           // 0 is 1000
	MaxTokenLifetime time.Duration // 0 is an hour

	// Spare picks, of the connections at hand, the oldest first, one to close when
	// another wants its place: the oldest that no Session uses (OPC 10000-4, 5.6.2).
	// Not all of them have opened a channel. It may only compare them, and has to be
	// quick. nil is none; so is what a nil Spare gives.
	Spare func(connections []*Channel) *Channel

	// Identity is which of our identities a client addressed, by the SHA-1 of its
	// leaf. nil offers SecurityPolicy None only.
	Identity func(thumbprint []byte) (Identity, bool)

	// Accept refuses a client with a ua.StatusCode, which it is told. It is called
	// before anything is answered, and at renewals too, and has to be quick: few
	// opens are worked on at a time. nil accepts everybody.
	Accept func(o OpenRequest) error

	// Handle answers a request, each in its own goroutine, at most 32 of a channel
	// at a time. ctx ends with the connection. nil is Bad_ServiceUnsupported.
	Handle func(ctx context.Context, ch *Channel, req ua.Request) ua.Response

	// Intercept sees each response, with the name of the service that was asked
	// for, before it is sent; it may delay it. Optional.
	Intercept func(ch *Channel, service string, resp ua.Response) Action

	// Panicked is told about a Handle that panicked, or whose response cannot be
	// encoded (stack is nil then); the client gets a fault. Optional.
	Panicked func(value any, stack []byte)

	HandshakeTimeout time.Duration // from the connection to the opened channel; 0 is 10 s
	Traffic          *Traffic
}

func (cfg ServerConfig) orDefault() ServerConfig {
	cfg.Limits = cfg.Limits.orDefault()
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = defaultConnections
	}
	if cfg.MaxTokenLifetime <= 0 {
		cfg.MaxTokenLifetime = defaultMaxLifetime
	}
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = defaultHandshake
	}
	return cfg
}

// server is one Serve.
type server struct {
	cfg         ServerConfig
	lastChannel atomic.Uint32
	lastToken   atomic.Uint32
	opens       chan struct{} // a place for each OPN being decrypted: they cost, and anybody can send them
	refusals    chan struct{} // a place for each connection that is turned away, or has lost its place
	work        sync.WaitGroup

	mu          sync.Mutex
	connections []*Channel // those with a place, the oldest first
}

// Serve accepts connections until ctx ends or l is closed, and returns when all
// connections are closed and all handlers have returned: nil, or what Accept of
// the listener keeps failing with. It closes l.
func Serve(ctx context.Context, l net.Listener, cfg ServerConfig) error {
	cfg = cfg.orDefault()
	s := &server{
		cfg:      cfg,
		opens:    make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		refusals: make(chan struct{}, maxRefusals),
	}
	var seed [4]byte
	_, _ = rand.Read(seed[:])                                // never fails
	s.lastChannel.Store(binary.LittleEndian.Uint32(seed[:])) // so that a channel of before a restart is not mistaken for a new one
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	err := s.accept(ctx, l)
	stop()
	l.Close()
	cancel()
	s.work.Wait()
	return err
}

func (s *server) accept(ctx context.Context, l net.Listener) error {
	for failures := 0; ; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				conn.Close()
			}
			return nil
		case err != nil: // too many open files, a connection reset before it was accepted
			if failures++; failures > acceptRetries {
				return fmt.Errorf("accept: %w", err)
			}
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		failures = 0
		s.admit(ctx, conn)
	}
}

// admit gives a connection a place, maybe that of one that nobody needs.
func (s *server) admit(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	ch := &Channel{server: s, cancel: cancel, conversation: &conversation{frames: newFrames(conn, s.cfg.Traffic)}}
	if !s.enter(ch) {
		cancel()
		s.turnAway(conn)
		return
	}
	s.work.Go(func() {
		defer s.leave(ch)
		s.connection(ctx, ch)
	})
}

// enter takes a place; false is that all are needed.
func (s *server) enter(ch *Channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.connections) >= s.cfg.MaxConnections && !s.makeRoom() {
		return false
	}
	s.connections = append(s.connections, ch)
	return true
}

// leave gives a place up, unless it was taken away.
func (s *server) leave(ch *Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections = slices.DeleteFunc(s.connections, func(o *Channel) bool { return o == ch })
}

// makeRoom takes the place of a connection that can be spared, and closes it. s.mu
// is held.
func (s *server) makeRoom() bool {
	if s.cfg.Spare == nil {
		return false
	}
	i := slices.Index(s.connections, s.cfg.Spare(slices.Clone(s.connections)))
	if i < 0 {
		return false
	}
	select {
	case s.refusals <- struct{}{}:
	default:
		return false // enough of them are on their way out
	}
	spared := s.connections[i]
	s.connections = slices.Delete(s.connections, i, i+1)
	s.work.Go(func() {
		defer func() { <-s.refusals }()
		spared.dismiss()
	})
	return true
}

// dismiss ends a connection whose place somebody else has, and tells it why.
func (ch *Channel) dismiss() {
	timer := time.AfterFunc(dismissTime, ch.Close) // one that does not read
	defer timer.Stop()
	ch.sendMu.Lock()
	refuse(ch.frames, ua.StatusBadTCPServerTooBusy, dismissTime)
	ch.sendMu.Unlock()
	ch.Close()
}

// turnAway tells a client that there is no place for it, unless too many are
// being told so already.
func (s *server) turnAway(conn net.Conn) {
	select {
	case s.refusals <- struct{}{}:
		s.work.Go(func() {
			defer func() { <-s.refusals }()
			defer conn.Close()
			f := newFrames(conn, s.cfg.Traffic)
			refuse(f, ua.StatusBadTCPServerTooBusy, lingerTime)
			f.linger()
		})
	default:
		conn.Close()
	}
}

// connection runs one connection to its end.
func (s *server) connection(ctx context.Context, ch *Channel) {
	conn := ch.conn
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer ch.requests.Wait()
	defer ch.cancel()
	_ = conn.SetReadDeadline(time.Now().Add(s.cfg.HandshakeTimeout))
	err := ch.hello()
	if err == nil {
		err = ch.serve(ctx)
	}
	if ch.isClosing() { // asked for by CloseAfterResponse, which also bounds the wait
		ch.requests.Wait()
		ch.linger()
		return
	}
	var status ua.StatusCode
	if errors.As(err, &status) {
		_ = conn.SetWriteDeadline(time.Now().Add(lingerTime)) // a response that is stuck gives way
		ch.sendMu.Lock()
		refuse(ch.frames, status, lingerTime)
		ch.sendMu.Unlock()
		ch.linger()
	}
}

func (ch *Channel) hello() (err error) {
	if ch.agreed, err = hearHello(ch.frames, ch.server.cfg.Limits); err != nil {
		return err
	}
	ch.pieces.limits = ch.agreed.receive
	return nil
}

// refuse sends an ERR message. Its reason stays empty: the status says all that
// somebody unknown needs to hear.
func refuse(f *frames, status ua.StatusCode, timeout time.Duration) {
	m := uacp.Error{ErrorCode: uint32(status)}
	if body, err := m.Encode(); err == nil {
		_ = f.control("ERR", body, timeout)
	}
}

// next counts on, never 0.
func next(counter *atomic.Uint32) uint32 {
	for {
		if n := counter.Add(1); n != 0 {
			return n
		}
	}
}
