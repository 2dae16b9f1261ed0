package secureconv

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// deafConn reads from a buffer and swallows what is written.
type deafConn struct{ r *bytes.Reader }

func (c deafConn) Read(b []byte) (int, error)       { return c.r.Read(b) }
func (c deafConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c deafConn) Close() error                     { return nil }
func (c deafConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c deafConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c deafConn) SetDeadline(time.Time) error      { return nil }
func (c deafConn) SetReadDeadline(time.Time) error  { return nil }
func (c deafConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzFrame: whatever arrives on a connection, a server's conversation ends
// with an error, within its limits.
func FuzzFrame(f *testing.F) {
	hello := append([]byte("HELF\x20\x00\x00\x00"), bytes.Repeat([]byte{0, 0, 1, 0}, 6)...)
	chunk := append([]byte("MSGF\x18\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"), 1, 0, 0, 0, 1, 0, 0, 0)
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), chunk...))
	f.Add(append(bytes.Clone(hello), bytes.Replace(chunk, []byte("MSGF"), []byte("MSGC"), 1)...))
	f.Add(append(bytes.Clone(hello), bytes.Replace(chunk, []byte("MSGF"), []byte("MSGA"), 1)...))
	f.Add(append(bytes.Clone(hello), errFrame(ua.StatusBad, "reason")...))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := Limits{BufferSize: 8192, MaxMessageSize: 16384, MaxChunkCount: 4}
		c := &conversation{frames: newFrames(deafConn{bytes.NewReader(data)}, nil), id: 1}
		var err error
		if c.agreed, err = hearHello(c.frames, limits); err != nil {
			return
		}
		c.pieces.limits = c.agreed.receive
		k, err := newToken(1, ua.SecurityPolicyURINone, ua.MessageSecurityModeNone, nil, nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c.tokens.add(k, true)
		for {
			m, err := c.receive()
			if err != nil {
				return
			}
			if len(m.body) > 16384 || c.pieces.bytes > 16384 || c.pieces.chunks > 4 {
				t.Fatalf("%d bytes taken, %d kept", len(m.body), c.pieces.bytes)
			}
		}
	})
}

// FuzzScan: a message that the scan lets through is decoded without a panic,
// and without an error.
func FuzzScan(f *testing.F) {
	header := encoded(&ua.CancelRequest{})
	for _, b := range hostileBodies(id.CallRequest_Encoding_DefaultBinary, header[4:len(header)-4]) {
		if len(b) < 70_000 {
			f.Add(b)
		}
	}
	for _, v := range []any{
		&ua.CreateSessionRequest{}, &ua.CreateSessionResponse{}, &ua.ActivateSessionRequest{},
		&ua.GetEndpointsResponse{Endpoints: []*ua.EndpointDescription{{}}},
		&ua.BrowseResponse{Results: []*ua.BrowseResult{{References: []*ua.ReferenceDescription{{}}}}},
		&ua.ReadResponse{Results: []*ua.DataValue{{EncodingMask: 0x3F, Value: ua.MustVariant("x")}}},
		&ua.TranslateBrowsePathsToNodeIDsResponse{}, &ua.ServiceFault{},
		&ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{}}},
		&CallRequest{Methods: []MethodCall{{Inputs: []any{[][]byte{{1}}, [][]uint32{{1, 2}}, []UpdateTarget{{Path: "x"}}, []string{"a"}, &ua.GUID{Data4: make([]byte, 8)}}}}},
	} {
		f.Add(encoded(v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := scanService(b); v != nil || err != nil {
			return
		}
		_, v, err := ua.DecodeService(b)
		if err != nil {
			t.Fatalf("the scan let through what does not decode: %v", err)
		}
		if _, err := encodeService(v); err != nil {
			t.Logf("encode again: %v", err) // an unknown ExtensionObject has lost its body
		}
	})
}

// FuzzSecureChunk: a chunk that was not made with the keys is refused, whatever
// is in it.
func FuzzSecureChunk(f *testing.F) {
	local, remote := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	for i, policy := range policies {
		for _, mode := range modes {
			k, err := newToken(1, policy, mode, remote, local, time.Hour)
			if err != nil {
				f.Fatal(err)
			}
			b := append([]byte("MSGF\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"), make([]byte, 8+i)...)
			if b, err = k.keys.seal(b, symmetricHeader); err != nil {
				f.Fatal(err)
			}
			f.Add(b, uint8(i), mode == ua.MessageSecurityModeSignAndEncrypt)
			f.Add(b[:16], uint8(i), mode == ua.MessageSecurityModeSignAndEncrypt)
			f.Add(b[:len(b)-1], uint8(i), mode == ua.MessageSecurityModeSignAndEncrypt)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, policy uint8, encrypt bool) {
		_, _ = decodeOpenHeader(b)
		if len(b) < symmetricHeader {
			return
		}
		mode := ua.MessageSecurityModeSign
		if encrypt {
			mode = ua.MessageSecurityModeSignAndEncrypt
		}
		k, err := newToken(1, policies[int(policy)%len(policies)], mode, local, remote, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := k.keys.open(b, symmetricHeader)
		if err != nil {
			return
		}
		back, err := newToken(1, policies[int(policy)%len(policies)], mode, remote, local, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.keys.seal(append(bytes.Clone(b[:symmetricHeader]), plain...), symmetricHeader)
		if err != nil || binary.LittleEndian.Uint32(again[4:]) != uint32(len(again)) {
			t.Fatalf("seal: %v", err)
		}
	})
}
