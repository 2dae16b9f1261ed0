package secureconv

import (
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and the server at backend. answer sees each
// frame from the server and returns what the client gets instead; nil cuts the
// connection. request, if not nil, does the same the other way.
func proxy(t *testing.T, backend string, request, answer func(frame []byte) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", backend)
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		var pumps sync.WaitGroup
		pumps.Go(func() { pump(client, server, request) })
		pumps.Go(func() { pump(server, client, answer) })
		pumps.Wait()
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return l.Addr().String()
}

func pump(from, to net.Conn, change func([]byte) []byte) {
	defer to.Close()
	defer from.Close()
	f := newFrames(from, nil)
	for {
		b, err := f.read(1 << 20)
		if err != nil {
			return
		}
		if change != nil {
			b = change(b)
		}
		if b == nil {
			return
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}
