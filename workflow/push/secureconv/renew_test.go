package secureconv

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopcua/opcua/ua"
)

// pipes is a listener without a network, for tests whose clock is not real.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) dial() net.Conn {
	server, client := net.Pipe()
	p.accepted <- server
	return client
}

// bubble runs f with a server and a clock of its own.
func bubble(t *testing.T, server ServerConfig, f func(t *testing.T, p *pipes)) {
	_, _ = clientID[2048](), serverID[2048]() // keys take real time
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Serve(ctx, p, server) }()
		f(t, p)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestRenewalUnderLoad(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = 10 * time.Second
	server.Traffic = new(Traffic)
	bubble(t, server, func(t *testing.T, p *pipes) {
		c, err := newClient(t.Context(), p.dial(), clientConfig("x:1"))
		if err != nil {
			t.Fatal(err)
		}
		var load sync.WaitGroup
		for i := range 4 {
			load.Go(func() {
				for end := time.Now().Add(100 * time.Second); time.Now().Before(end); {
					if _, err := call(t.Context(), c, uint32(i)); err != nil {
						t.Errorf("call: %v", err)
						return
					}
					time.Sleep(time.Duration(i*13+90) * time.Millisecond)
				}
			})
		}
		load.Wait()
		c.Close()
	})
	if got := server.Traffic.Snapshot().Requests["OpenSecureChannel"]; got != 14 { // 1, and one every 7.5 s
		t.Errorf("got %d opens, want 14", got)
	}
}

// TestShortLifetime: keys that would have to be renewed all the time are refused at
// once, not when a renewal comes too late.
func TestShortLifetime(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = 100 * time.Millisecond
	server.Traffic = new(Traffic)
	bubble(t, server, func(t *testing.T, p *pipes) {
		c, err := newClient(t.Context(), p.dial(), clientConfig("x:1"))
		if !errors.Is(err, ua.StatusBadOutOfRange) || !strings.Contains(err.Error(), "100ms") {
			t.Errorf("got %v, want a refusal of 100ms", err)
		}
		if err == nil {
			time.Sleep(time.Minute)
			c.Close()
		}
	})
	if got := server.Traffic.Snapshot().Requests["OpenSecureChannel"]; got != 1 {
		t.Errorf("got %d opens, want 1", got)
	}
}

func TestTokenExpires(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = 10 * time.Second
	bubble(t, server, func(t *testing.T, p *pipes) {
		c, lifetime, err := connect(t.Context(), p.dial(), clientConfig("x:1")) // and nobody renews
		if err != nil || lifetime != 10*time.Second {
			t.Fatalf("got %v, %v", lifetime, err)
		}
		time.Sleep(12400 * time.Millisecond)
		if _, err := call(t.Context(), c, "x"); err != nil {
			t.Errorf("within 125 %% of the lifetime: %v", err)
		}
		time.Sleep(200 * time.Millisecond)
		<-c.Done()
		if !errors.Is(c.Err(), ErrConnectionLost) {
			t.Errorf("after it: got %v, want %v", c.Err(), ErrConnectionLost)
		}
	})
}

func TestServerRefusesExpiredToken(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = 10 * time.Second
	bubble(t, server, func(t *testing.T, p *pipes) {
		c, _, err := connect(t.Context(), p.dial(), clientConfig("x:1"))
		if err != nil {
			t.Fatal(err)
		}
		old := c.conv.tokens.forSending()
		time.Sleep(9 * time.Second)
		if _, err := c.open(t.Context(), ua.SecurityTokenRequestTypeRenew); err != nil {
			t.Fatal(err)
		}
		renewed := c.conv.tokens.forSending()
		c.conv.tokens.sending = old // the server takes either until the new one is used
		if _, err := call(t.Context(), c, "old"); err != nil {
			t.Errorf("old token after the renewal: %v", err)
		}
		if renewed == old || renewed.id == old.id {
			t.Errorf("the renewed token has id %d again", old.id)
		}
		time.Sleep(4 * time.Second)
		c.conv.tokens.sending, old.renew = old, renewed.renew
		_, err = call(t.Context(), c, "expired")
		if !errors.Is(err, ua.StatusBadSecureChannelTokenUnknown) {
			t.Errorf("expired token: got %v, want Bad_SecureChannelTokenUnknown", err)
		}
		c.Close()
	})
}

func TestRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := func(id uint32) *token {
			k, err := newToken(id, ua.SecurityPolicyURINone, ua.MessageSecurityModeNone, nil, nil, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		one, two := fresh(1), fresh(2)
		var r ring
		r.add(one, false)
		r.add(two, false)
		if r.find(1) != one || r.find(2) != two || r.forSending() != one {
			t.Error("after a renewal both tokens count, and the old one sends")
		}
		r.used(one)
		if r.find(1) != one {
			t.Error("the old token ended before the new one was used")
		}
		r.used(two)
		if r.find(1) != nil || r.forSending() != two {
			t.Error("once the new token is used, the old one is over")
		}
		three := fresh(3)
		r.add(three, false)
		time.Sleep(61 * time.Second)
		if r.forSending() != three {
			t.Error("a token past its lifetime is still sent with")
		}
		time.Sleep(15 * time.Second)
		if r.find(2) != nil || r.find(3) != nil {
			t.Error("tokens past 125 % of their lifetime are accepted")
		}
	})
}

func TestSequence(t *testing.T) {
	for _, tc := range []struct {
		last, next uint32
		ok         bool
	}{
		{1, 2, true}, {1, 1, false}, {1, 3, false}, {1, 0, false}, {5, 1, false},
		{sequenceWrap, 1, true}, {sequenceWrap, 1023, true}, {sequenceWrap, 1024, false},
		{sequenceWrap - 1, 1, false}, {sequenceWrap - 1, sequenceWrap, true}, {sequenceWrap, sequenceWrap + 1, true},
		{0xFFFFFFFF, 0, true},
	} {
		s := sequence{last: tc.last, known: true}
		if err := s.accept(tc.next); (err == nil) != tc.ok {
			t.Errorf("%d after %d: got %v, want ok %v", tc.next, tc.last, err, tc.ok)
		}
	}
	s, check := sequence{last: sequenceWrap - 2}, sequence{}
	for range 2000 {
		if err := check.accept(s.next()); err != nil {
			t.Fatalf("our own numbers: %v", err)
		}
	}
	if s.last > 2000 {
		t.Errorf("no wrap: at %d", s.last)
	}
}

func TestHandshakeTimeout(t *testing.T) {
	bubble(t, serverConfig(), func(t *testing.T, p *pipes) {
		idle := p.dial()
		start := time.Now()
		if _, err := idle.Read(make([]byte, 1)); err == nil {
			t.Error("got an answer to nothing")
		}
		if got := time.Since(start); got != defaultHandshake {
			t.Errorf("closed after %v, want %v", got, defaultHandshake)
		}
	})
}

func TestRenewalWithoutAnswer(t *testing.T) {
	server := serverConfig()
	server.MaxTokenLifetime = 10 * time.Second
	opens := 0
	stuck := make(chan struct{})
	server.Accept = func(OpenRequest) error {
		if opens++; opens > 1 {
			<-stuck
		}
		return nil
	}
	synctestStuck := func(t *testing.T, p *pipes) {
		stuck = make(chan struct{})
		start := time.Now()
		c, err := newClient(t.Context(), p.dial(), clientConfig("x:1"))
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if got := time.Since(start); got != 12500*time.Millisecond {
			t.Errorf("ended after %v, want 12.5 s", got)
		}
		if !errors.Is(c.Err(), context.DeadlineExceeded) && !errors.Is(c.Err(), ErrConnectionLost) {
			t.Errorf("got %v", c.Err())
		}
		close(stuck)
		c.Close()
	}
	bubble(t, server, synctestStuck)
}
