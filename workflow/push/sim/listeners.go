package sim

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
)

// binding is what identifies an endpoint (OPC 10000-12, 7.10.22).
type binding struct {
	network string
	port    uint16
}

func bindingOf(e part12.Endpoint) binding { return binding{e.NetworkName, e.Port} }

// listeners are the open ports. Those in prepared are bound for a configuration
// that did not become active yet.
type listeners struct {
	order    sync.Mutex // of reconciliations; taken before mu
	down     bool       // guarded by order: no listener is to be started
	mu       sync.Mutex
	prepared map[binding]net.Listener
	serving  map[binding]*listener
	running  sync.WaitGroup
}

// listener serves one endpoint.
type listener struct {
	s       *Server
	removal chan struct{} // closed to stop serving
	done    chan struct{} // closed when the port is

	mu       sync.Mutex
	endpoint part12.Endpoint
	removed  bool                         // offers nothing
	stopped  bool                         // removal is closed
	channels map[*secureconv.Channel]bool // those that sent a request
}

// prepare binds what a configuration adds, before it becomes active: a port that
// is taken must fail the update. It binds all or nothing.
func (ls *listeners) prepare(endpoints []part12.Endpoint) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	bound := map[binding]net.Listener{}
	for _, e := range endpoints {
		key := bindingOf(e)
		if ls.live(key) != nil || ls.prepared[key] != nil || bound[key] != nil {
			continue
		}
		l, err := listen(key)
		if err != nil {
			for _, l := range bound {
				l.Close()
			}
			return fmt.Errorf("listen for endpoint %s: %w", e.Name, err)
		}
		bound[key] = l
	}
	for key, l := range bound {
		ls.prepared[key] = l
	}
	return nil
}

func (ls *listeners) closePrepared() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for key, l := range ls.prepared {
		l.Close()
		delete(ls.prepared, key)
	}
}

func listen(key binding) (net.Listener, error) {
	host, err := hostOfNetwork(key.network)
	if err != nil {
		return nil, err
	}
	return bind(net.JoinHostPort(host, strconv.Itoa(int(key.port))))
}

// bindWithin bounds the wait for a port that was closed just now: a process that is
// being started holds a copy of the socket until it runs its own program.
const bindWithin = 500 * time.Millisecond

// bind listens at an address.
func bind(address string) (net.Listener, error) {
	return backoff.Retry(context.Background(), func() (net.Listener, error) {
		l, err := net.Listen("tcp", address)
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			return nil, backoff.Permanent(err)
		}
		return l, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(10*time.Millisecond)), backoff.WithMaxElapsedTime(bindWithin))
}

// hostOfNetwork is the address of a NetworkName: nothing, an IP address, or the
// name of a network interface (OPC 10000-12, 7.10.22).
func hostOfNetwork(name string) (string, error) {
	if name == "" || net.ParseIP(name) != nil {
		return name, nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return "", err
	}
	addresses, err := i.Addrs()
	if err != nil {
		return "", err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String(), nil
		}
	}
	return "", fmt.Errorf("network %q has no address", name)
}

// live is the listener of a binding, nil when there is none. One that has only to
// close its port is waited for. ls.mu is held.
func (ls *listeners) live(key binding) *listener {
	l := ls.serving[key]
	if l != nil && l.isStopped() {
		<-l.done
		delete(ls.serving, key)
		return nil
	}
	return l
}

// keep closes the prepared listeners that no endpoint uses.
func (ls *listeners) keep(endpoints []part12.Endpoint) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for key, l := range ls.prepared {
		if !slices.ContainsFunc(endpoints, func(e part12.Endpoint) bool { return bindingOf(e) == key }) {
			l.Close()
			delete(ls.prepared, key)
		}
	}
}

// reconcile makes the open ports those of the active configuration. A listener
// whose endpoint stays keeps its connections.
func (s *Server) reconcile() error {
	ls := &s.listeners
	ls.order.Lock()
	defer ls.order.Unlock()
	if ls.down {
		return nil
	}
	endpoints := s.device().Endpoints()
	if err := ls.prepare(endpoints); err != nil {
		return err
	}
	defer ls.closePrepared()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	wanted := map[binding]bool{}
	for _, e := range endpoints {
		key := bindingOf(e)
		l, bound := ls.live(key), ls.prepared[key]
		switch {
		case !e.Enabled: // its port was bound to see whether it is free
			continue
		case l != nil:
			l.set(e)
		case bound == nil: // its end was not known when prepare looked
			return fmt.Errorf("endpoint %s: port %d is closing", e.Name, e.Port)
		default:
			s.serve(e, bound)
			delete(ls.prepared, key)
		}
		wanted[key] = true
	}
	for key, l := range ls.serving {
		if !wanted[key] {
			l.remove()
		}
	}
	return nil
}

// serve runs a listener until it is removed or the server stops. ls.mu is held.
func (s *Server) serve(e part12.Endpoint, bound net.Listener) {
	l := &listener{s: s, endpoint: e, channels: map[*secureconv.Channel]bool{}, removal: make(chan struct{}), done: make(chan struct{})}
	s.listeners.serving[bindingOf(e)] = l
	s.mu.RLock()
	spawn := s.spawn
	s.mu.RUnlock()
	spawn(func(ctx context.Context) {
		defer close(l.done)
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			defer stop()
			select {
			case <-l.removal:
			case <-ctx.Done():
			}
		}()
		l.run(ctx, bound)
	})
}

func (l *listener) run(ctx context.Context, bound net.Listener) {
	s := l.s
	err := secureconv.Serve(ctx, bound, secureconv.ServerConfig{
		MaxConnections: s.options.Limits.MaxConnections, MaxTokenLifetime: s.options.Limits.MaxTokenLifetime, Traffic: s.options.Traffic,
		Identity: l.identity, Accept: l.accept, Spare: s.sessions.spare,
		Handle: func(ctx context.Context, ch *secureconv.Channel, req ua.Request) ua.Response {
			return s.handle(ctx, l, ch, req)
		},
		Panicked: func(value any, stack []byte) {
			s.log.Error("a request could not be answered", "reason", fmt.Sprint(value), "stack", string(stack))
		},
	})
	if err != nil {
		s.log.Error("endpoint stopped", "address", bound.Addr().String(), "error", err)
	}
}

func (l *listener) set(e part12.Endpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endpoint, l.removed = e, false
}

func (l *listener) isStopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// current is the endpoint as it is configured now; the zero Endpoint offers nothing.
func (l *listener) current() part12.Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removed {
		return part12.Endpoint{}
	}
	return l.endpoint
}

// enter notes a channel until its connection ends.
func (l *listener) enter(ctx context.Context, ch *secureconv.Channel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.channels[ch] {
		return
	}
	l.channels[ch] = true
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.channels, ch)
		l.stopWhenEmpty()
	})
}

func (l *listener) stopWhenEmpty() {
	if l.removed && !l.stopped && len(l.channels) == 0 {
		l.stopped = true
		close(l.removal)
	}
}

// remove offers nothing more, and closes the port when the answers that are under
// way, among them that to the Call that removed the endpoint, are sent.
func (l *listener) remove() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removed = true
	for ch := range l.channels {
		ch.CloseAfterResponse()
	}
	l.stopWhenEmpty()
}

// review closes the channels that could not be opened any more: whose certificate
// or policy is not offered now, or whose client is not trusted (OPC 10000-12,
// 7.10.9). They get the answers they wait for.
func (l *listener) review() {
	l.mu.Lock()
	channels := slices.Collect(maps.Keys(l.channels))
	l.mu.Unlock()
	for _, ch := range channels {
		if _, ok := l.offer(ch); !ok && ch.SecurityPolicyURI() != config.PolicyNone {
			ch.CloseAfterResponse()
		}
	}
}

// dropChannels closes all channels, after the answers they wait for.
func (l *listener) dropChannels() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ch := range l.channels {
		ch.CloseAfterResponse()
	}
}

// identity finds the certificate that a client addressed (OPC 10000-6, 6.7.2.3).
func (l *listener) identity(thumbprint []byte) (secureconv.Identity, bool) {
	e := l.current()
	for _, o := range e.Offers {
		if len(o.Chain) == 0 {
			continue
		}
		if sum := sha1.Sum(o.Chain[0]); bytes.Equal(sum[:], thumbprint) {
			return secureconv.Identity{Chain: o.Chain, Key: o.Key}, true
		}
	}
	return secureconv.Identity{}, false
}

// accept decides who may open a channel. SecurityPolicy None is open to everybody,
// for discovery; Sessions need an offer.
func (l *listener) accept(o secureconv.OpenRequest) error {
	if o.SecurityPolicyURI == config.PolicyNone {
		return nil
	}
	e := l.current()
	offers := slices.DeleteFunc(slices.Clone(e.Offers), func(f part12.Offer) bool {
		return f.PolicyURI != o.SecurityPolicyURI || f.Mode != o.SecurityMode
	})
	if !e.Enabled || len(offers) == 0 {
		return ua.StatusBadSecurityPolicyRejected
	}
	status := ua.StatusBadSecurityChecksFailed
	for _, f := range offers {
		if status = l.s.device().Validate(f.Group, o.ClientCertificate); status == ua.StatusOK {
			return nil
		}
	}
	// A stranger learns only that it is not welcome (OPC 10000-4, 6.1.3).
	l.s.log.Warn("client certificate refused", "remote", o.Remote.String(), "reason", status.Error())
	return ua.StatusBadSecurityChecksFailed
}

// offer finds what a channel uses, by policy, mode and certificate, if it is
// still offered to this client.
func (l *listener) offer(ch *secureconv.Channel) (part12.Offer, bool) {
	e := l.current()
	if !e.Enabled {
		return part12.Offer{}, false
	}
	for _, o := range e.Offers {
		if o.PolicyURI != ch.SecurityPolicyURI() || o.Mode != ch.SecurityMode() {
			continue
		}
		if o.PolicyURI == config.PolicyNone {
			return o, true
		}
		if len(o.Chain) > 0 && bytes.Equal(o.Chain[0], ch.Identity().Leaf()) && l.s.device().Validate(o.Group, ch.ClientChain()) == ua.StatusOK {
			return o, true
		}
	}
	return part12.Offer{}, false
}
