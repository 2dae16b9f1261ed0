package secureconv

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
)

const (
	maxInFlight   = 32 // requests of one channel being handled at a time
	closeDeadline = 5 * time.Second

	// maxDiscoverySize bounds a request on a channel without security, in bytes:
	// discovery needs little, and anybody can send one.
	maxDiscoverySize = 64 << 10
)

// Channel is the server end of one secure channel. Its attributes are fixed
// before the first request is handled.
type Channel struct {
	*conversation
	server   *server
	cancel   context.CancelFunc
	requests sync.WaitGroup

	chain    []byte
	leaf     []byte
	identity Identity
	nonce    []byte // the client's last one; for the reader only

	mu       sync.Mutex
	inFlight int
	closing  bool // no more requests; the connection ends with the last response
}

// ID is the SecureChannelId.
func (ch *Channel) ID() uint32 { return ch.id }

// SecurityPolicyURI is fixed at the first open.
func (ch *Channel) SecurityPolicyURI() string { return ch.policy }

// SecurityMode is fixed at the first open.
func (ch *Channel) SecurityMode() ua.MessageSecurityMode { return ch.mode }

// ClientCertificate is the client's leaf, DER; nil under SecurityPolicy None.
func (ch *Channel) ClientCertificate() []byte { return ch.leaf }

// ClientChain is the client's certificate as sent, maybe with issuers.
func (ch *Channel) ClientChain() []byte { return ch.chain }

// Identity is the one of ours that the client addressed.
func (ch *Channel) Identity() Identity { return ch.identity }

// Close ends the connection at once, and the context of its handlers.
func (ch *Channel) Close() {
	ch.cancel()
	ch.conn.Close()
}

// CloseAfterResponse ends the connection once the requests that are being
// handled have been answered, 5 s from now at the latest. No further request is
// taken. It does not wait.
func (ch *Channel) CloseAfterResponse() {
	ch.mu.Lock()
	idle := ch.inFlight == 0
	first := !ch.closing
	ch.closing = true
	ch.mu.Unlock()
	if idle {
		ch.shut()
		return
	}
	if first {
		timer := time.AfterFunc(closeDeadline, ch.Close)
		go func() { ch.requests.Wait(); timer.Stop() }()
	}
}

// shut wakes the reader, which sends what is left and closes the connection.
func (ch *Channel) shut() { _ = ch.conn.SetReadDeadline(time.Now()) }

// begin claims a place for a request; full says that there is none.
func (ch *Channel) begin() (ok, full bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch {
	case ch.closing:
		return false, false
	case ch.inFlight == maxInFlight:
		return false, true
	}
	ch.inFlight++
	ch.requests.Add(1)
	return true, false
}

func (ch *Channel) finish() {
	ch.mu.Lock()
	ch.inFlight--
	last := ch.closing && ch.inFlight == 0
	ch.mu.Unlock()
	if last {
		ch.shut()
	}
	ch.requests.Done()
}

func (ch *Channel) isClosing() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.closing
}

// serve takes in requests until the channel ends.
func (ch *Channel) serve(ctx context.Context) error {
	for {
		m, err := ch.receive()
		if err != nil {
			return err
		}
		switch {
		case m.kind == "ERR" || m.kind == "CLO":
			return nil
		case m.kind == "OPN":
			err = ch.open(ctx, m.body)
		case m.err != nil: // the client gave its request up
			err = nil
		default:
			err = ch.request(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

// request starts the handling of one request.
func (ch *Channel) request(ctx context.Context, m message) error {
	v, err := decodeService(m.body)
	if err != nil {
		return err
	}
	req, ok := v.(ua.Request)
	if !ok || req.Header() == nil {
		return ua.StatusBadTCPMessageTypeInvalid
	}
	ch.server.cfg.Traffic.request(serviceName(req))
	if _, ok := req.(*unknownRequest); ok {
		return ch.respond(m.requestID, req, Fault(req, ua.StatusBadServiceUnsupported))
	}
	ok, full := ch.begin()
	if full {
		return ch.respond(m.requestID, req, Fault(req, ua.StatusBadTooManyOperations))
	}
	if !ok {
		return nil
	}
	go func() {
		defer ch.finish()
		if err := ch.respond(m.requestID, req, ch.handle(ctx, req)); err != nil {
			ch.Close()
		}
	}()
	return nil
}

// handle calls the handler. What panics there answers one request badly.
func (ch *Channel) handle(ctx context.Context, req ua.Request) (resp ua.Response) {
	defer func() {
		if r := recover(); r != nil {
			if report := ch.server.cfg.Panicked; report != nil {
				report(r, debug.Stack())
			}
			resp = Fault(req, ua.StatusBadInternalError)
		}
	}()
	if ch.server.cfg.Handle != nil {
		resp = ch.server.cfg.Handle(ctx, ch, req)
	}
	if resp == nil {
		resp = Fault(req, ua.StatusBadServiceUnsupported)
	}
	return resp
}

// respond sends a response, or a fault when it cannot be encoded or the client
// would not take it.
func (ch *Channel) respond(requestID uint32, req ua.Request, resp ua.Response) error {
	name := serviceName(req)
	if f := ch.server.cfg.Intercept; f != nil && f(ch, name, resp) == DropBefore {
		return ErrClosed
	}
	body, err := encodeService(resp)
	if err != nil {
		if report := ch.server.cfg.Panicked; report != nil {
			report(err, nil)
		}
		if body, err = encodeService(Fault(req, ua.StatusBadEncodingError)); err != nil {
			return err
		}
	}
	err = ch.send("MSG", requestID, body, ua.StatusBadResponseTooLarge, writeTimeout)
	var limit *LimitError
	if errors.As(err, &limit) {
		if body, err = encodeService(Fault(req, limit.Status)); err == nil {
			err = ch.send("MSG", requestID, body, limit.Status, writeTimeout)
		}
	}
	if err == nil {
		ch.server.cfg.Traffic.response(name)
	}
	return err
}

// ResponseHeader answers req with status; every pointer in it is filled.
func ResponseHeader(req ua.Request, status ua.StatusCode) *ua.ResponseHeader {
	h := &ua.ResponseHeader{
		Timestamp:          time.Now().UTC(),
		ServiceResult:      status,
		ServiceDiagnostics: &ua.DiagnosticInfo{},
		StringTable:        []string{},
		AdditionalHeader:   ua.NewExtensionObject(nil),
	}
	if req != nil && req.Header() != nil {
		h.RequestHandle = req.Header().RequestHandle
	}
	return h
}

// Fault is the ServiceFault with which status refuses req.
func Fault(req ua.Request, status ua.StatusCode) ua.Response {
	return &ua.ServiceFault{ResponseHeader: ResponseHeader(req, status)}
}
