package sim

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	options   Options
	profile   profile
	log       *slog.Logger
	accounts  *accounts
	faults    faults
	listeners listeners
	sessions  sessions
	host      string  // that clients on this machine use
	first     binding // of the endpoint of a new state

	restarting sync.Mutex // held while the server is down; guards closed
	background sync.WaitGroup
	starting   sync.Mutex // of background, against its end
	// wait is for a while; false when the server ended.
	wait func(time.Duration) bool
	// begin starts another life, which stop ends, and Close for good.
	begin func()
	kill  context.CancelFunc

	mu     sync.RWMutex // guards what a restart replaces
	dev    *part12.Device
	nodes  *space.Space
	spawn  func(f func(ctx context.Context)) // runs f in this life
	stop   context.CancelFunc
	closed bool
	down   time.Time // when an announced restart comes; zero: none is
}

// Start loads or makes the state and listens. The server runs until ctx ends or
// Close is called; Close must be called in either case.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	p, err := profileOf(o.Profile)
	if err != nil {
		return nil, err
	}
	users, err := newAccounts(o)
	if err != nil {
		return nil, fmt.Errorf("set up users: %w", err)
	}
	s := &Server{options: o, profile: p, log: o.Log, accounts: users}
	s.faults.add(o.Faults...)
	ctx, s.kill = context.WithCancel(ctx)
	s.wait = func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return ctx.Err() == nil
	}
	s.begin = func() {
		life, stop := context.WithCancel(ctx)
		s.stop = stop
		s.spawn = func(f func(ctx context.Context)) { s.listeners.running.Go(func() { f(life) }) }
	}
	if err := s.start(); err != nil {
		s.kill()
		s.listeners.running.Wait()
		if s.dev != nil {
			s.dev.Close()
		}
		return nil, err
	}
	return s, nil
}

// start binds the first endpoint before the state is made: its port is part of it.
func (s *Server) start() error {
	host, _, err := net.SplitHostPort(s.options.Address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	first, err := bind(s.options.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.host = hostnames(host)[0]
	bound := first.Addr().(*net.TCPAddr)
	key := binding{port: uint16(bound.Port)}
	if !bound.IP.IsUnspecified() { // also of a host name: it must not listen everywhere after a restart
		key.network = bound.IP.String()
	}
	s.first = key
	s.listeners.serving = map[binding]*listener{}
	s.listeners.prepared = map[binding]net.Listener{key: first}
	err = s.open(host, key, nil)
	if err != nil {
		s.listeners.closePrepared()
	}
	return err
}

// open makes the AddressSpace, for a new device where there is none, and serves
// the endpoints.
func (s *Server) open(host string, first binding, dev *part12.Device) error {
	if dev == nil {
		var err error
		if dev, err = part12.Open(s.deviceOptions(host, first)); err != nil {
			return err
		}
		dev.OnChange(s.changed)
	}
	nodes := space.New()
	dev.Attach(nodes)
	s.describe(nodes, time.Now().UTC())
	s.mu.Lock()
	s.dev, s.nodes, s.down = dev, nodes, time.Time{}
	s.begin()
	s.mu.Unlock()
	s.sessions.mu.Lock()
	s.sessions.byToken = map[string]*session{}
	s.sessions.mu.Unlock()
	s.listeners.keep(dev.Endpoints())
	s.listeners.order.Lock()
	s.listeners.down = false
	s.listeners.order.Unlock()
	return s.reconcile()
}

func (s *Server) deviceOptions(host string, first binding) part12.Options {
	names := s.options.Hostnames
	if len(names) == 0 {
		names = hostnames(host)
	}
	var urls []string
	for _, name := range hostnames(host) {
		urls = append(urls, "opc.tcp://"+net.JoinHostPort(name, strconv.Itoa(int(first.port))))
	}
	behaviour := s.profile.device
	if s.options.PrivateKeyFormats != nil {
		behaviour.PrivateKeyFormats = s.options.PrivateKeyFormats
	}
	limits := s.options.Limits
	return part12.Options{
		Audit:          s.logAudit,
		Unadministered: !s.accounts.anyAdmin() && len(s.options.AdminClients) == 0,
		Dir:            s.options.Dir, AcceptClients: s.options.AcceptClients, HTTPSGroup: s.options.HTTPSGroup, Behaviour: behaviour, Capabilities: s.profile.capabilities,
		Prepare: s.listeners.prepare, GenerateKey: s.options.GenerateKey, MaxTrustListSize: limits.MaxTrustListSize, MaxByteStringLength: maxByteString, ActivityTimeout: limits.ActivityTimeout,
		First: part12.FirstStart{
			ApplicationURI: s.options.ApplicationURI, Hostnames: names, NetworkName: first.network, Port: first.port,
			EndpointURLs: urls, TrustClients: s.options.TrustClients, ProductURI: productURI,
		},
	}
}

// changed follows a change of the configuration, certificates or TrustLists.
func (s *Server) changed(c part12.Change) {
	if c.Reset {
		s.mu.Lock()
		s.down = time.Now().Add(s.options.Limits.ShutdownDelay)
		s.mu.Unlock()
		s.later(s.restartAfterReset)
		return
	}
	if down := cmp.Or(s.options.Downtime, s.profile.downtime); c.Updated && down > 0 {
		s.later(func() error { return s.goAway(down) })
		return
	}
	if err := s.reconcile(); err != nil {
		s.log.Error("endpoints do not follow the configuration", "error", err)
	}
	if c.Applied && s.profile.dropSessions {
		s.dropSessions()
	}
	for _, l := range s.listeners.all() {
		l.review()
	}
	s.reviewUsers()
	if c.Setup || c.Roles {
		s.reviewRoles()
	}
}

func (s *Server) device() *part12.Device {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.dev
}

func (s *Server) space() *space.Space {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.nodes
}

// URL is the first enabled endpoint, as a client on this machine reaches it.
func (s *Server) URL() string {
	for _, e := range s.device().Endpoints() {
		if e.Enabled {
			return "opc.tcp://" + net.JoinHostPort(s.host, strconv.Itoa(int(e.Port)))
		}
	}
	return ""
}

// Certificate is the leaf that the first enabled endpoint shows, DER.
func (s *Server) Certificate() []byte {
	for _, e := range s.device().Endpoints() {
		for _, o := range e.Offers {
			if len(o.Chain) > 0 {
				return bytes.Clone(o.Chain[0])
			}
		}
	}
	return nil
}

// ApplicationURI is that of the current configuration.
func (s *Server) ApplicationURI() string { return s.device().ApplicationDescription().ApplicationURI }

// AddFault disturbs further calls.
func (s *Server) AddFault(f Fault) { s.faults.add(f) }

// shut ends the listeners with their connections, and the Sessions.
func (s *Server) shut() {
	s.listeners.order.Lock()
	s.listeners.down = true
	s.listeners.order.Unlock()
	s.mu.RLock()
	stop := s.stop
	s.mu.RUnlock()
	stop()
	s.listeners.running.Wait()
	s.listeners.mu.Lock()
	clear(s.listeners.serving)
	s.listeners.mu.Unlock()
	s.listeners.closePrepared()
	for _, sess := range s.sessions.all() {
		s.end(sess)
	}
}

// Close ends everything and waits for it.
func (s *Server) Close() error {
	s.kill()
	s.starting.Lock() // whoever did not start anything now never will
	//lint:ignore SA2001 it waits for who holds it
	s.starting.Unlock()
	s.background.Wait()
	s.restarting.Lock()
	defer s.restarting.Unlock()
	s.closed = true
	s.shut()
	s.device().Close()
	return nil
}
