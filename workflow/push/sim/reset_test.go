package sim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

func (p *peer) reset() {
	p.t.Helper()
	if _, status := p.call(ns0(serverConfiguration), ns0(25709)); status != ua.StatusOK {
		p.t.Fatalf("ResetToServerDefaults: %v", status)
	}
}

// afterReset connects as a client that the server was never told about.
func afterReset(s *sim.Server) secureconv.ClientConfig {
	cfg := secure(s)
	cfg.Local = selfSigned("another client", clientURI)
	return cfg
}

// OPC 10000-12, 7.10.13: whoever resets the server sees when and why it goes; it
// comes back in application setup, with another certificate.
func TestReset(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "stored": t.TempDir()} {
		s := startServer(t, func(o *sim.Options) { o.Dir, o.Limits.ShutdownDelay = dir, time.Hour })
		p, url, certificate := admin(t, secure(s)), s.URL(), s.Certificate()
		p.reset()
		if got := p.read(2259).Value.Value(); got != int32(ua.ServerStateShutdown) {
			t.Errorf("%s: State: got %v, want Shutdown", name, got)
		}
		if got := p.read(2992).Value.Value(); got != uint32(3600) && got != uint32(3599) {
			t.Errorf("%s: SecondsTillShutdown: got %v, want an hour", name, got)
		}
		if got := p.read(2993).Value.Value().(*ua.LocalizedText); got.Text == "" {
			t.Errorf("%s: ShutdownReason is empty", name)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if s.URL() != url || bytes.Equal(s.Certificate(), certificate) {
			t.Errorf("%s: got %s; want %s with another certificate", name, s.URL(), url)
		}
		q := admin(t, afterReset(s))
		if got := q.read(2259).Value.Value(); got != int32(ua.ServerStateNoConfiguration) {
			t.Errorf("%s: State: got %v, want NoConfiguration", name, got)
		}
		if got := q.read(2992).Value.Value(); got != uint32(0) {
			t.Errorf("%s: SecondsTillShutdown: got %v, want 0", name, got)
		}
	}
}

// The restart that was announced happens by itself.
func TestRestartAfterReset(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Limits.ShutdownDelay = time.Millisecond })
	p := admin(t, secure(s))
	p.reset()
	p.waitForClose()
	ctx := testContext(t)
	for {
		c, err := secureconv.Dial(ctx, afterReset(s))
		if err == nil {
			c.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the server does not come back: %v", err)
		}
	}
}
