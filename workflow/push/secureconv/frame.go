package secureconv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
	"github.com/gopcua/opcua/uasc"
)

const (
	frameHeader  = 8    // bytes: type, chunk type, size (OPC 10000-6, 7.1.2.2)
	minBuffer    = 8192 // bytes, the least a BufferSize may be (7.1.2.3)
	maxReason    = 4096 // bytes of a Reason (7.1.2.5)
	writeTimeout = 30 * time.Second
	lingerTime   = time.Second // for a peer to read the last message before the connection is closed
)

// errTooLarge is a frame beyond what was negotiated.
var errTooLarge = fmt.Errorf("frame size: %w", ua.StatusBadTCPMessageTooLarge)

// frames reads and writes whole UACP messages on one connection. One goroutine
// reads; writers take turns by a lock of their own.
type frames struct {
	conn    net.Conn
	r       *bufio.Reader
	buf     []byte
	traffic *Traffic
}

func newFrames(conn net.Conn, traffic *Traffic) *frames {
	return &frames{conn: conn, r: bufio.NewReaderSize(conn, minBuffer), traffic: traffic}
}

// read returns the next message of at most limit bytes, header included. The
// slice is valid until the next read.
func (f *frames) read(limit uint32) ([]byte, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return nil, lost(err)
	}
	n := binary.LittleEndian.Uint32(h[4:])
	if n < frameHeader || n > limit {
		return nil, errTooLarge
	}
	if cap(f.buf) < int(n) {
		f.buf = make([]byte, n)
	}
	b := f.buf[:n]
	copy(b, h[:])
	if _, err := io.ReadFull(f.r, b[frameHeader:]); err != nil {
		return nil, lost(err)
	}
	f.traffic.in(len(b))
	return b, nil
}

func (f *frames) write(b []byte, timeout time.Duration) error {
	_ = f.conn.SetWriteDeadline(time.Now().Add(timeout))
	n, err := f.conn.Write(b)
	f.traffic.out(n)
	if err != nil {
		return lost(err)
	}
	return nil
}

// control writes a HEL, ACK or ERR message.
func (f *frames) control(kind string, body []byte, timeout time.Duration) error {
	b := make([]byte, frameHeader, frameHeader+len(body))
	copy(b, kind)
	b[3] = 'F'
	binary.LittleEndian.PutUint32(b[4:], uint32(frameHeader+len(body)))
	return f.write(append(b, body...), timeout)
}

// linger lets the peer read what was written last: closing a connection with
// unread data resets it, and what the peer has not read yet is lost.
func (f *frames) linger() {
	half, ok := f.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = f.conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, f.r, 1<<20)
}

// lost wraps what the network says about the end of a connection.
func lost(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return fmt.Errorf("%w: %w", ErrConnectionLost, err)
}

// decodePeerError reads the body of an ERR message or of an abort chunk.
func decodePeerError(body []byte) error {
	var m uacp.Error
	if _, err := m.Decode(body); err != nil {
		return fmt.Errorf("error message: %w", ua.StatusBadDecodingError)
	}
	if fault, ok := faultInError(body); ok {
		return fault
	}
	if len(m.Reason) > maxReason {
		m.Reason = m.Reason[:maxReason]
	}
	return &PeerError{Status: ua.StatusCode(m.ErrorCode), Reason: m.Reason}
}

// faultInError reads an ERR as node-opcua sends it to a client that it does not
// trust: the rest of an OPN in clear text, with a ServiceFault as its body. An ERR
// begins with a Bad status, this with the id of the channel.
func faultInError(body []byte) (*PeerError, bool) {
	if len(body) < 4 || len(body) > maxOpenSize || body[3]&0x80 != 0 {
		return nil, false
	}
	var security uasc.AsymmetricSecurityHeader
	n, err := security.Decode(bytes.Clone(body[4:]))
	if err != nil || len(body) < 4+n+sequenceHeader {
		return nil, false
	}
	v, err := decodeService(body[4+n+sequenceHeader:])
	fault, ok := v.(*ua.ServiceFault)
	if err != nil || !ok || fault.ResponseHeader.ServiceResult&0x80000000 == 0 {
		return nil, false
	}
	reason := strings.Join(fault.ResponseHeader.StringTable, ": ")
	return &PeerError{Status: fault.ResponseHeader.ServiceResult, Reason: reason[:min(len(reason), maxReason)]}, true
}
