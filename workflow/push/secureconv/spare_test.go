package secureconv

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
)

// 5.6.2 of OPC 10000-4: where places run out, the connection that Spare picks is
// closed and told so, and the one that wants its place gets it.
func TestSpareMakesRoom(t *testing.T) {
	server := serverConfig()
	server.MaxConnections = 2
	used := make(chan *Channel, 1)
	var kept *Channel
	server.Spare = func(all []*Channel) *Channel {
		if kept == nil {
			kept = <-used
		}
		for _, ch := range all {
			if ch != kept {
				return ch
			}
		}
		return nil
	}
	server.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		select {
		case used <- ch:
		default:
		}
		return echo(ctx, ch, req)
	}
	cfg := clientConfig(serve(t, server))
	first := dial(t, cfg)
	if _, err := call(testContext(t), first, "x"); err != nil {
		t.Fatal(err)
	}
	second := dial(t, cfg)
	third := dial(t, cfg)
	select {
	case <-second.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the second connection was not closed")
	}
	if err := second.Err(); !errors.Is(err, ua.StatusBadTCPServerTooBusy) {
		t.Errorf("the second connection ended with %v, want Bad_TcpServerTooBusy", err)
	}
	for name, c := range map[string]*Client{"first": first, "third": third} {
		if _, err := call(testContext(t), c, name); err != nil {
			t.Errorf("the %s connection: %v", name, err)
		}
	}
}

// Connections that say nothing give way as well, oldest first, and cost no place
// once they are gone.
func TestSpareTakesSilentConnections(t *testing.T) {
	server := serverConfig()
	server.MaxConnections = 4
	server.Spare = func(all []*Channel) *Channel { return all[0] }
	cfg := clientConfig(serve(t, server))
	for range 40 {
		c, err := net.Dial("tcp", strings.TrimPrefix(cfg.EndpointURL, "opc.tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	deadline := time.Now().Add(5 * time.Second) // less than a handshake may take
	for {
		c, err := Dial(testContext(t), cfg)
		if err == nil {
			defer c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
