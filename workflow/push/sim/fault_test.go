package sim_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

func TestParseFault(t *testing.T) {
	tests := []struct {
		text string
		want sim.Fault
	}{
		{"CloseAndUpdate:drop-after", sim.Fault{Method: "CloseAndUpdate", Kind: sim.DropAfter, Times: 1}},
		{"TrustList/Open:drop-before*3", sim.Fault{Method: "TrustList/Open", Kind: sim.DropBefore, Times: 3}},
		{"ApplyChanges:refuse=0x80AF0000", sim.Fault{Method: "ApplyChanges", Kind: sim.Refuse, Status: ua.StatusBadInvalidState, Times: 1}},
		{"CloseAndUpdate:delay=2s", sim.Fault{Method: "CloseAndUpdate", Kind: sim.Delay, Delay: 2 * time.Second, Times: 1}},
		{"CreateSession:restart", sim.Fault{Method: "CreateSession", Kind: sim.Restart, Times: 1}},
		{"Read:never", sim.Fault{Method: "Read", Kind: sim.Never, Times: 1}},
	}
	for _, tt := range tests {
		if got, err := sim.ParseFault(tt.text); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "Read", ":never", "Read:sometimes", "Read:never=1", "Read:delay", "Read:delay=-1s", "Read:refuse=0", "Read:refuse=1e9", "Read:never*0", "Read:never*x"} {
		if f, err := sim.ParseFault(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, f)
		}
	}
}

// Each kind of fault, on one Method with an effect that shows: an open file.
func TestFaults(t *testing.T) {
	s := startServer(t)
	open := &secureconv.CallRequest{Methods: []secureconv.MethodCall{{ObjectID: ns0(configurationFile), MethodID: ns0(fileOpen), Inputs: []any{byte(1)}}}}
	tests := []struct {
		fault sim.Fault
		want  func(ua.Response, error) bool
		done  bool // whether the call was carried out
		cut   bool
	}{
		{sim.Fault{Kind: sim.DropBefore}, lost, false, true},
		{sim.Fault{Kind: sim.DropAfter}, lost, true, true},
		{sim.Fault{Kind: sim.Delay, Delay: time.Millisecond}, answered(ua.StatusOK), true, false},
		{sim.Fault{Kind: sim.Refuse, Status: ua.StatusBadInvalidState}, answered(ua.StatusBadInvalidState), false, false},
		{sim.Fault{Kind: sim.Refuse, Status: ua.StatusBadInvalidState, Method: "Call"}, faulted(ua.StatusBadInvalidState), false, false},
	}
	watcher := admin(t, secure(s))
	for _, tt := range tests {
		if tt.fault.Method == "" {
			tt.fault.Method = "ConfigurationFile/Open"
		}
		t.Run(tt.fault.Method+" "+tt.fault.Kind.String(), func(t *testing.T) {
			p := admin(t, secure(s))
			s.AddFault(tt.fault)
			open.RequestHeader = nil
			if resp, err := p.send(open); !tt.want(resp, err) {
				t.Errorf("got %v, %v", resp, err)
			}
			if got := watcher.read(15938).Value.Value().(uint16) == 1; got != tt.done {
				t.Errorf("carried out: got %v, want %v", got, tt.done)
			}
			if tt.cut {
				q := dial(t, secure(s))
				q.session, q.nonce = p.session, p.nonce
				if err := q.login(adminName, adminPass); err != nil {
					t.Fatalf("the Session did not survive its connection: %v", err)
				}
				p = q
			}
			if _, err := p.send(&ua.CloseSessionRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func lost(_ ua.Response, err error) bool { return errors.Is(err, secureconv.ErrConnectionLost) }

func answered(status ua.StatusCode) func(ua.Response, error) bool {
	return func(resp ua.Response, err error) bool {
		return err == nil && resp.(*ua.CallResponse).Results[0].StatusCode == status
	}
}

func faulted(status ua.StatusCode) func(ua.Response, error) bool {
	return func(_ ua.Response, err error) bool { return statusOf(err) == status }
}

// A restart ends Sessions; the stored state stays, and the port too.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, func(o *sim.Options) { o.Dir = dir })
	url, certificate := s.URL(), s.Certificate()
	p := admin(t, secure(s))
	version := p.read(16306).Value.Value()
	s.AddFault(sim.Fault{Method: "Read", Kind: sim.Restart})
	if _, err := p.send(&ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue}}}); !errors.Is(err, secureconv.ErrConnectionLost) {
		t.Errorf("got %v, want a lost connection", err)
	}
	<-p.c.Done()
	q := comeBack(t, s)
	if got := q.read(16306).Value.Value(); got != version {
		t.Errorf("CurrentVersion: got %v, want %v", got, version)
	}
	if s.URL() != url || string(s.Certificate()) != string(certificate) {
		t.Error("the server came back as another")
	}
	second := dial(t, secure(s))
	second.session, second.nonce = p.session, p.nonce
	if err := second.login(adminName, adminPass); statusOf(err) != ua.StatusBadSessionIDInvalid {
		t.Errorf("a Session from before the restart: got %v", err)
	}
}

// comeBack connects to a server that is restarting.
func comeBack(t *testing.T, s *sim.Server) *peer {
	t.Helper()
	ctx := testContext(t)
	for ctx.Err() == nil {
		c, err := secureconv.Dial(ctx, secure(s))
		if err != nil {
			continue
		}
		t.Cleanup(func() { c.Close() })
		p := &peer{t: t, c: c, cfg: secure(s)}
		if resp, err := p.send(p.createRequest()); err == nil {
			p.session = resp.(*ua.CreateSessionResponse)
			p.nonce = p.session.ServerNonce
			if p.login(adminName, adminPass) == nil {
				return p
			}
		}
	}
	t.Fatal("the server did not come back")
	return nil
}

// What a garbled call answers is other bytes of the same length.
func TestGarble(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	csr := func() []byte {
		out, status := p.call(ns0(serverConfiguration), ns0(12737), ns0(14156), ns0(12560), "", false, []byte(nil))
		if status != ua.StatusOK {
			t.Fatal(status)
		}
		return out[0].([]byte)
	}
	s.AddFault(must(sim.ParseFault("CreateSigningRequest:garble")))
	for _, good := range []bool{false, true} {
		req, err := x509.ParseCertificateRequest(csr())
		if err != nil {
			t.Fatal(err)
		}
		if got := req.CheckSignature() == nil; got != good {
			t.Errorf("the signature is good: %v, want %v", got, good)
		}
	}
}
