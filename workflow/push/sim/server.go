package sim

import (
	"bytes"
	"context"
	"errors"
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
	log       *slog.Logger
	accounts  *accounts
	faults    faults
	listeners listeners
	sessions  sessions
	host      string // that clients on this machine use

	restarting sync.Mutex // held while the server is down; guards closed
	background sync.WaitGroup
	// begin starts another life, which stop ends, and Close for good.
	begin func()
	kill  context.CancelFunc

	mu     sync.RWMutex // guards what a restart replaces
	dev    *part12.Device
	nodes  *space.Space
	spawn  func(f func(ctx context.Context)) // runs f in this life
	stop   context.CancelFunc
	closed bool
}

// Start loads or makes the state and listens. The server runs until ctx ends or
// Close is called; Close must be called in either case.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	users, err := newAccounts(o)
	if err != nil {
		return nil, fmt.Errorf("set up users: %w", err)
	}
	s := &Server{options: o, log: o.Log, accounts: users}
	s.faults.add(o.Faults...)
	ctx, s.kill = context.WithCancel(ctx)
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
	first, err := net.Listen("tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.host = hostnames(host)[0]
	bound := first.Addr().(*net.TCPAddr)
	key := binding{port: uint16(bound.Port)}
	if !bound.IP.IsUnspecified() { // also of a host name: it must not listen everywhere after a restart
		key.network = bound.IP.String()
	}
	s.listeners.serving = map[binding]*listener{}
	s.listeners.prepared = map[binding]net.Listener{key: first}
	err = s.open(host, key)
	if err != nil {
		s.listeners.closePrepared()
	}
	return err
}

// open makes the device and its AddressSpace, and serves its endpoints.
func (s *Server) open(host string, first binding) error {
	dev := s.dev
	if dev == nil || s.options.Dir != "" {
		var err error
		if dev, err = part12.Open(s.deviceOptions(host, first)); err != nil {
			return err
		}
		dev.OnChange(func(part12.Change) { s.changed() })
	}
	nodes := space.New()
	dev.Attach(nodes)
	s.adapt(nodes)
	s.describe(nodes, time.Now().UTC())
	s.mu.Lock()
	s.dev, s.nodes = dev, nodes
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
	limits := s.options.Limits
	return part12.Options{
		Dir: s.options.Dir, AcceptClients: s.options.AcceptClients, RenameRecords: s.options.Profile == profileRenaming,
		Prepare: s.listeners.prepare, GenerateKey: s.options.GenerateKey, MaxTrustListSize: limits.MaxTrustListSize, MaxByteStringLength: maxByteString, ActivityTimeout: limits.ActivityTimeout,
		First: part12.FirstStart{
			ApplicationURI: s.options.ApplicationURI, Hostnames: names, NetworkName: first.network, Port: first.port,
			EndpointURLs: urls, TrustClients: s.options.TrustClients, ProductURI: productURI,
		},
	}
}

// adapt takes away what the profile does not have.
func (s *Server) adapt(nodes *space.Space) {
	if s.options.Profile == profileCertificates {
		nodes.Tree(serverConfiguration).Omit("ConfigurationFile")
	}
}

// changed follows a change of the configuration, certificates or TrustLists.
func (s *Server) changed() {
	if err := s.reconcile(); err != nil {
		s.log.Error("endpoints do not follow the configuration", "error", err)
	}
	s.listeners.mu.Lock()
	var all []*listener
	for _, l := range s.listeners.serving {
		all = append(all, l)
	}
	s.listeners.mu.Unlock()
	for _, l := range all {
		l.review()
	}
	s.reviewUsers()
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

// Restart ends all connections and Sessions, as a crash would, and starts again
// with the stored state. A state in memory outlives it, with updates that are
// not confirmed.
func (s *Server) Restart() error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	if s.closed {
		return errors.New("server is closed")
	}
	s.shut()
	if s.options.Dir != "" {
		s.device().Close()
	}
	host, _, err := net.SplitHostPort(s.options.Address)
	if err != nil {
		return err
	}
	return s.open(host, binding{})
}

// restartLater is Restart from within a call.
func (s *Server) restartLater() {
	s.background.Go(func() {
		if err := s.Restart(); err != nil {
			s.log.Error("restart failed", "error", err)
		}
	})
}

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
	s.background.Wait()
	s.restarting.Lock()
	defer s.restarting.Unlock()
	s.closed = true
	s.shut()
	s.device().Close()
	return nil
}
