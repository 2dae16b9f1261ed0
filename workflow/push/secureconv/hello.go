package secureconv

import (
	"fmt"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
)

// maxEndpointURL is the longest EndpointUrl a Hello may carry, in bytes (OPC 10000-6, 7.1.2.3).
const maxEndpointURL = 4096

// Limits are what one end accepts (OPC 10000-6, 7.1.2.3).
type Limits struct {
	BufferSize     uint32 // bytes of one chunk, 8192 at least
	MaxMessageSize uint32 // bytes of one message's body, over all its chunks
	MaxChunkCount  uint32 // chunks of one message
}

// DefaultLimits are 65535 bytes a chunk, 4 MiB and 512 chunks a message.
func DefaultLimits() Limits {
	return Limits{BufferSize: 65535, MaxMessageSize: 4 << 20, MaxChunkCount: 512}
}

// orDefault fills zero fields, so that nothing is ever without a limit.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.BufferSize == 0 {
		l.BufferSize = d.BufferSize
	}
	if l.MaxMessageSize == 0 {
		l.MaxMessageSize = d.MaxMessageSize
	}
	if l.MaxChunkCount == 0 {
		l.MaxChunkCount = d.MaxChunkCount
	}
	l.BufferSize = max(l.BufferSize, minBuffer)
	return l
}

// agreed is what Hello and Acknowledge settled.
type agreed struct {
	receive Limits // ours: what we refuse to read
	send    Limits // the peer's: what we must not write; 0 is no limit, but for BufferSize
}

// sayHello is the client's half of 7.1.2.3 and 7.1.2.4.
func sayHello(f *frames, url string, own Limits) (agreed, error) {
	if len(url) > maxEndpointURL {
		return agreed{}, fmt.Errorf("endpoint URL of %d bytes: %w", len(url), ua.StatusBadTCPEndpointURLInvalid)
	}
	h := uacp.Hello{
		ReceiveBufSize: own.BufferSize,
		SendBufSize:    own.BufferSize,
		MaxMessageSize: own.MaxMessageSize,
		MaxChunkCount:  own.MaxChunkCount,
		EndpointURL:    url,
	}
	body, err := h.Encode()
	if err != nil {
		return agreed{}, err
	}
	if err := f.control("HEL", body, writeTimeout); err != nil {
		return agreed{}, err
	}
	b, err := f.read(minBuffer)
	if err != nil {
		return agreed{}, err
	}
	switch string(b[:4]) {
	case "ERRF":
		return agreed{}, decodePeerError(b[frameHeader:])
	case "ACKF":
	default:
		return agreed{}, fmt.Errorf("peer does not speak OPC UA TCP: %w", ua.StatusBadTCPMessageTypeInvalid)
	}
	var a uacp.Acknowledge
	if _, err := a.Decode(b[frameHeader:]); err != nil {
		return agreed{}, fmt.Errorf("acknowledge: %w", ua.StatusBadDecodingError)
	}
	if a.ReceiveBufSize < minBuffer || a.SendBufSize < minBuffer {
		return agreed{}, fmt.Errorf("acknowledge: buffers of %d and %d bytes: %w", a.ReceiveBufSize, a.SendBufSize, ua.StatusBadConnectionRejected)
	}
	return agree(own, a.SendBufSize, a.ReceiveBufSize, a.MaxMessageSize, a.MaxChunkCount), nil
}

// hearHello is the server's half.
func hearHello(f *frames, own Limits) (agreed, error) {
	b, err := f.read(minBuffer)
	if err != nil {
		return agreed{}, err
	}
	if string(b[:4]) != "HELF" {
		return agreed{}, ua.StatusBadTCPMessageTypeInvalid
	}
	var h uacp.Hello
	if _, err := h.Decode(b[frameHeader:]); err != nil {
		return agreed{}, ua.StatusBadDecodingError
	}
	switch {
	case len(h.EndpointURL) > maxEndpointURL:
		return agreed{}, ua.StatusBadTCPEndpointURLInvalid
	case h.ReceiveBufSize < minBuffer || h.SendBufSize < minBuffer:
		return agreed{}, ua.StatusBadConnectionRejected
	}
	got := agree(own, h.SendBufSize, h.ReceiveBufSize, h.MaxMessageSize, h.MaxChunkCount)
	a := uacp.Acknowledge{
		ReceiveBufSize: got.receive.BufferSize,
		SendBufSize:    got.send.BufferSize,
		MaxMessageSize: own.MaxMessageSize,
		MaxChunkCount:  own.MaxChunkCount,
	}
	body, err := a.Encode()
	if err != nil {
		return agreed{}, err
	}
	return got, f.control("ACK", body, writeTimeout)
}

// agree combines our limits with what the peer sends in its buffer of
// peerSends bytes, and takes in one of peerReceives bytes.
func agree(own Limits, peerSends, peerReceives, maxMessage, maxChunks uint32) agreed {
	got := agreed{receive: own, send: Limits{
		BufferSize:     min(own.BufferSize, peerReceives),
		MaxMessageSize: maxMessage,
		MaxChunkCount:  maxChunks,
	}}
	got.receive.BufferSize = min(own.BufferSize, peerSends)
	return got
}
