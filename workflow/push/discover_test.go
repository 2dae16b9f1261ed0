package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

func TestDiscover(t *testing.T) {
	u := newUpcoming()
	d, err := u.target(t, nil).discover(t.Context())
	if err != nil || len(d.Servers) != 1 || len(d.Endpoints) != 2 || len(d.Endpoints[1].Chain) != 1 || len(d.Endpoints[1].Tokens) != 3 {
		t.Errorf("got %+v, %v", d, err)
	}
	u.hook = func(req ua.Request) (ua.Response, error) {
		if _, ok := req.(*ua.FindServersRequest); ok {
			return nil, serviceError(ua.StatusBadServiceUnsupported)
		}
		return u.answer(req)
	}
	if d, err := u.target(t, nil).discover(t.Context()); err != nil || len(d.Endpoints) != 2 {
		t.Errorf("without FindServers: got %+v, %v", d, err)
	}
}

// What answers at a port, or does not.
func TestUnreachable(t *testing.T) {
	listen := func(serve func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				serve(c)
			}
		}()
		return "opc.tcp://" + l.Addr().String()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "opc.tcp://" + closed.Addr().String()
	closed.Close()
	for _, c := range []struct {
		name, url string
		want      ConnectKind
	}{
		{"nothing listens", refused, Refused},
		{"another protocol", listen(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); c.Close() }), NotOPCUA},
		{"cut at once", listen(func(c net.Conn) { c.Close() }), Lost},
		{"silence", listen(func(net.Conn) {}), Timeout},
	} {
		_, err := Discover(t.Context(), c.url, 200*time.Millisecond, nil)
		var e *ConnectError
		if !errors.As(err, &e) || e.Kind != c.want {
			t.Errorf("%s: got %v, want kind %d", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Discover(ctx, refused, time.Second, nil); !errors.Is(err, context.Canceled) || workflow.ClassOf(err) != workflow.ClassOther {
		t.Errorf("interrupted: got %v", err)
	}
	target := &Target{}
	dns := fmt.Errorf("connect: %w", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}})
	var e *ConnectError
	if err := target.connectError(t.Context(), stageDiscover, "opc.tcp://plc", dns); !errors.As(err, &e) || e.Kind != Unreachable {
		t.Errorf("no such host: got %v", err)
	}
	peer := &secureconv.PeerError{Status: ua.StatusBadTCPEndpointURLInvalid}
	if err := target.connectError(t.Context(), stageDiscover, "opc.tcp://plc", peer); !errors.As(err, &e) || e.Kind != WrongURL {
		t.Errorf("wrong URL: got %v", err)
	}
}
