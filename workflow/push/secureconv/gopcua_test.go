package secureconv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
	"github.com/gopcua/opcua/uasc"
)

// The tests here let gopcua's own channels, which share no conversation code
// with this package, talk to each of its ends. They share the codec and the
// crypto, so neither is checked here.

func eachSecurity(t *testing.T, f func(t *testing.T, policy string, mode ua.MessageSecurityMode, clientBits, serverBits int)) {
	for _, policy := range policies {
		for _, mode := range modes {
			for _, bits := range [][2]int{{2048, 2048}, {2048, 3072}, {3072, 2048}} {
				name := fmt.Sprintf("%s %v %d-%d", policy[strings.Index(policy, "#")+1:], mode, bits[0], bits[1])
				t.Run(name, func(t *testing.T) { f(t, policy, mode, bits[0], bits[1]) })
			}
		}
	}
}

func TestServerWithGopcuaClient(t *testing.T) {
	eachSecurity(t, func(t *testing.T, policy string, mode ua.MessageSecurityMode, clientBits, serverBits int) {
		cfg := serverConfig()
		cfg.Identity = only(serverID[serverBits]())
		sc := gopcuaClient(t, serve(t, cfg), policy, mode, clientID[clientBits](), serverID[serverBits](), time.Hour)
		for _, n := range []int{1, 1 << 20} {
			gopcuaEcho(t, sc, n)
		}
	})
}

func TestServerRenewsForGopcuaClient(t *testing.T) {
	if raceDetector {
		t.Skip("gopcua's client has a race of its own at renewal (its issue 882)")
	}
	cfg := serverConfig()
	cfg.MaxTokenLifetime = 1400 * time.Millisecond // gopcua renews after whole seconds
	cfg.Traffic = new(Traffic)
	sc := gopcuaClient(t, serve(t, cfg), policies[0], modes[1], clientID[2048](), serverID[2048](), time.Hour)
	for stop := time.Now().Add(2300 * time.Millisecond); time.Now().Before(stop); {
		gopcuaEcho(t, sc, 100)
	}
	if got := cfg.Traffic.Snapshot().Requests["OpenSecureChannel"]; got < 3 {
		t.Errorf("got %d opens, want 3 or more", got)
	}
}

func gopcuaClient(t *testing.T, address, policy string, mode ua.MessageSecurityMode, own, remote Identity, lifetime time.Duration) *uasc.SecureChannel {
	t.Helper()
	ctx := testContext(t)
	url := "opc.tcp://" + address
	ack := *uacp.DefaultClientACK
	ack.MaxMessageSize = 4 << 20
	conn, err := (&uacp.Dialer{ClientACK: &ack}).Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := uasc.NewSecureChannel(url, conn, &uasc.Config{
		SecurityPolicyURI: policy,
		SecurityMode:      mode,
		Certificate:       own.Leaf(),
		LocalKey:          own.Key,
		Thumbprint:        thumbprint(remote.Leaf()),
		RemoteCertificate: remote.Leaf(),
		Lifetime:          uint32(lifetime.Milliseconds()),
		RequestTimeout:    10 * time.Second,
	}, make(chan error, 10))
	if err != nil {
		t.Fatal(err)
	}
	if err := sc.Open(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sc.Close() })
	return sc
}

func gopcuaEcho(t *testing.T, sc *uasc.SecureChannel, n int) {
	t.Helper()
	want := bytes.Repeat([]byte{7}, n)
	req := &ua.CallRequest{MethodsToCall: []*ua.CallMethodRequest{{
		ObjectID: ua.NewNumericNodeID(0, 1), MethodID: ua.NewNumericNodeID(0, 2), InputArguments: []*ua.Variant{ua.MustVariant(want)}}}}
	err := sc.SendRequest(testContext(t), req, nil, func(resp ua.Response) error {
		got := resp.(*ua.CallResponse).Results[0].OutputArguments[0].ByteString()
		if !bytes.Equal(got, want) {
			return fmt.Errorf("got %d other bytes", len(got))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%d bytes: %v", n, err)
	}
}

func TestClientWithGopcuaServer(t *testing.T) {
	eachSecurity(t, func(t *testing.T, policy string, mode ua.MessageSecurityMode, clientBits, serverBits int) {
		cfg := clientConfig(gopcuaServer(t, serverID[serverBits]()))
		cfg.SecurityPolicyURI, cfg.SecurityMode = policy, mode
		cfg.Local, cfg.RemoteCertificate = clientID[clientBits](), serverID[serverBits]().Leaf()
		c := dial(t, cfg)
		for _, n := range []int{1, 1 << 20} {
			want := bytes.Repeat([]byte{9}, n)
			got, err := call(testContext(t), c, want)
			if b, _ := got.([]byte); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("%d bytes: got %d bytes, error %v", n, len(b), err)
			}
		}
	})
}

// gopcuaServer echoes the first argument of calls.
func gopcuaServer(t *testing.T, own Identity) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	ack := *uacp.DefaultServerACK
	ack.MaxMessageSize = 4 << 20
	l, err := uacp.Listen(ctx, "opc.tcp://"+address, &ack)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		conn, err := l.Accept(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		sc, err := uasc.NewServerSecureChannel("", conn, &uasc.Config{SecurityPolicyURI: ua.SecurityPolicyURINone, SecurityMode: ua.MessageSecurityModeNone, Certificate: own.Leaf(), LocalKey: own.Key, Lifetime: 3600_000}, make(chan error, 10), 77, 5, 99)
		if err != nil {
			t.Error(err)
			return
		}
		gopcuaAnswer(ctx, t, sc)
	})
	t.Cleanup(func() { cancel(); l.Close(); work.Wait() })
	return address
}

func gopcuaAnswer(ctx context.Context, t *testing.T, sc *uasc.SecureChannel) {
	for {
		m := sc.Receive(ctx)
		if m.Err != nil {
			if !errors.Is(m.Err, io.EOF) && ctx.Err() == nil {
				t.Errorf("gopcua: %v", m.Err)
			}
			return
		}
		switch req := m.Request().(type) {
		case *ua.CloseSecureChannelRequest:
			return
		case *ua.CallRequest:
			resp := &ua.CallResponse{
				ResponseHeader:  ResponseHeader(req, ua.StatusOK),
				Results:         []*ua.CallMethodResult{{OutputArguments: req.MethodsToCall[0].InputArguments}},
				DiagnosticInfos: []*ua.DiagnosticInfo{},
			}
			if err := sc.SendResponseWithContext(ctx, m.RequestID, resp); err != nil {
				t.Errorf("gopcua: %v", err)
				return
			}
		}
	}
}
