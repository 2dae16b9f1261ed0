package push_test

import (
	"encoding/binary"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// recording passes a connection on, and keeps what went through it as packets, as
// if they had been captured: so that no right to capture is needed.
type recording struct {
	listener net.Listener
	conns    sync.WaitGroup

	mu      sync.Mutex
	packets []byte
	client  uint16    // port of the latest client
	next    [2]uint32 // sequence numbers of client and server
}

// record listens for clients of the server at an address.
func record(t *testing.T, server string) *recording {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{listener: l}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				from.Close()
				return
			}
			r.begin(from)
			r.conns.Go(func() { r.pass(to, from, 0) })
			r.conns.Go(func() { r.pass(from, to, 1) })
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-accepting
		r.conns.Wait()
	})
	return r
}

func (r *recording) address() string { return r.listener.Addr().String() }
func (r *recording) url() string     { return "opc.tcp://" + r.address() }

func (r *recording) begin(client net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client, r.next = uint16(client.RemoteAddr().(*net.TCPAddr).Port), [2]uint32{1, 1}
}

// pass copies what one end sends; end is 0 for the client, 1 for the server.
func (r *recording) pass(to, from net.Conn, end int) {
	defer to.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			r.packet(end, buffer[:n])
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// packet keeps data as one IPv4 packet with a TCP segment. Checksums are left out.
func (r *recording) packet(end int, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	const headers = 20 + 20
	ports := [2]uint16{r.client, uint16(r.listener.Addr().(*net.TCPAddr).Port)}
	size := uint32(headers + len(data))

	le, be := binary.LittleEndian, binary.BigEndian
	b := make([]byte, 16, 16+size) // of the record: time, captured length, length
	le.PutUint32(b[8:], size)
	le.PutUint32(b[12:], size)

	b = append(b, 0x45, 0) // IPv4, 5 words
	b = be.AppendUint16(b, uint16(size))
	b = append(b, 0, 0, 0, 0, 64, 6, 0, 0) // 64 hops, TCP
	b = append(b, 127, 0, 0, 1, 127, 0, 0, 1)

	b = be.AppendUint16(b, ports[end])
	b = be.AppendUint16(b, ports[1-end])
	b = be.AppendUint32(b, r.next[end])
	b = be.AppendUint32(b, r.next[1-end])
	b = append(b, 5<<4, 0x18)       // 5 words; PSH, ACK
	b = append(b, 0xff, 0xff, 0, 0) // window, checksum
	b = append(b, 0, 0)             // urgent pointer

	r.next[end] += uint32(len(data))
	r.packets = append(append(r.packets, b...), data...)
}

// save writes a pcap file, and returns it and the server's port in it. The
// clients have closed their connections; the last message may still be on its way.
func (r *recording) save(t *testing.T) (file, port string) {
	t.Helper()
	r.conns.Wait()
	_, port, err := net.SplitHostPort(r.address())
	if err != nil {
		t.Fatal(err)
	}
	const rawIP = 101 // LINKTYPE_RAW
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, 1<<18)
	b = le.AppendUint32(b, rawIP)
	r.mu.Lock()
	defer r.mu.Unlock()
	return write(t, filepath.Join(t.TempDir(), "wire.pcap"), append(b, r.packets...)), port
}
