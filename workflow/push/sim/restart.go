package sim

import (
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
)

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
	dev := s.device()
	if s.options.Dir != "" {
		dev.Close()
		dev = nil
	}
	return s.reopen(dev)
}

func (s *Server) reopen(dev *part12.Device) error {
	host, _, err := net.SplitHostPort(s.options.Address)
	if err != nil {
		return err
	}
	return s.open(host, s.first, dev)
}

// goAway closes all ports, lets what is being answered have its answer, and comes
// back after a while with the same state.
func (s *Server) goAway(downtime time.Duration) error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	if s.closed {
		return nil
	}
	s.listeners.order.Lock()
	s.listeners.down = true
	s.listeners.order.Unlock()
	leaving := s.listeners.all()
	for _, l := range leaving {
		l.remove()
	}
	answered := time.NewTimer(time.Second)
	defer answered.Stop()
	for _, l := range leaving {
		select {
		case <-l.done:
		case <-answered.C:
		}
	}
	s.shut()
	if !s.wait(downtime) {
		return nil
	}
	return s.reopen(s.device())
}

// restartAfterReset restarts at the time that was announced, with the state of a
// first start (OPC 10000-12, 7.10.13).
func (s *Server) restartAfterReset() error {
	s.mu.RLock()
	delay := time.Until(s.down)
	s.mu.RUnlock()
	if !s.wait(delay) {
		return nil
	}
	return s.goAway(0)
}

// later runs a restart from within a call, or from within a change of the state.
func (s *Server) later(restart func() error) {
	s.starting.Lock()
	defer s.starting.Unlock()
	if !s.wait(0) {
		return
	}
	s.background.Go(func() {
		if err := restart(); err != nil {
			s.log.Error("restart failed", "error", err)
		}
	})
}

// dropSessions ends every Session and closes every channel, after the answers that
// are under way.
func (s *Server) dropSessions() {
	for _, sess := range s.sessions.all() {
		s.end(sess)
	}
	for _, l := range s.listeners.all() {
		l.dropChannels()
	}
}

func (ls *listeners) all() []*listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Collect(maps.Values(ls.serving))
}
