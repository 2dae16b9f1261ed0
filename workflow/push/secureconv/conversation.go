package secureconv

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
	"github.com/gopcua/opcua/uasc"
)

const (
	channelHeader   = 12 // bytes: frame header, SecureChannelId
	symmetricHeader = 16 // and TokenId (OPC 10000-6, 6.7.2.3)

	// An OPN holds two certificate chains' worth at most, and its encrypted part
	// costs one private-key operation per block: both are bounded, because
	// anybody can send one.
	maxOpenSize   = 32 << 10
	maxOpenBlocks = 16
)

// conversation is what both ends of a secure channel have in common.
// Receiving is for one goroutine; sending is safe for concurrent use.
type conversation struct {
	*frames
	agreed
	id     uint32
	policy string
	mode   ua.MessageSecurityMode
	tokens ring

	received sequence
	pieces   assembly

	sendMu sync.Mutex
	sent   sequence // guarded by sendMu
}

// message is what arrives: a whole MSG or CLO, an OPN still to be opened, an
// ERR, or the abort of a message.
type message struct {
	kind      string // "MSG", "CLO", "OPN", "ERR"
	requestID uint32
	body      []byte // of an OPN the whole frame, valid until the next receive
	err       error  // *PeerError of an ERR or an abort
}

// receive returns the next message.
func (c *conversation) receive() (message, error) {
	for {
		b, err := c.read(c.agreed.receive.BufferSize)
		if err != nil {
			return message{}, err
		}
		m, done, err := c.chunk(b)
		if err != nil || done {
			return m, err
		}
	}
}

func (c *conversation) chunk(b []byte) (m message, done bool, err error) {
	m.kind = string(b[:3])
	switch m.kind {
	case "ERR":
		m.err = decodePeerError(b[frameHeader:])
		return m, true, nil
	case "OPN":
		m.body = b
		return m, true, nil
	case "MSG", "CLO":
	default:
		return m, false, ua.StatusBadTCPMessageTypeInvalid
	}
	plain, err := c.unsecure(b)
	if err != nil {
		return m, false, err
	}
	m.requestID = binary.LittleEndian.Uint32(plain[4:])
	data := plain[sequenceHeader:]
	switch b[3] {
	case 'A':
		c.pieces.drop(m.requestID)
		m.err = decodePeerError(data)
		return m, true, nil
	case 'C', 'F':
		m.body, done, err = c.pieces.add(m.requestID, b[3] == 'F', data)
		return m, done, err
	}
	return m, false, ua.StatusBadTCPMessageTypeInvalid
}

// unsecure checks a MSG or CLO chunk; it returns sequence header and body.
func (c *conversation) unsecure(b []byte) ([]byte, error) {
	if len(b) < symmetricHeader || c.id == 0 || binary.LittleEndian.Uint32(b[8:]) != c.id {
		return nil, ua.StatusBadTCPSecureChannelUnknown
	}
	t := c.tokens.find(binary.LittleEndian.Uint32(b[12:]))
	if t == nil {
		return nil, ua.StatusBadSecureChannelTokenUnknown
	}
	plain, err := t.keys.open(b, symmetricHeader)
	if err != nil {
		return nil, err
	}
	if err := c.received.accept(binary.LittleEndian.Uint32(plain)); err != nil {
		return nil, err
	}
	c.tokens.used(t)
	return plain, nil
}

// send writes one message in as many chunks as it takes, none of another
// message between them. tooLarge is the status of the *LimitError for a message
// that the peer would not take.
func (c *conversation) send(kind string, requestID uint32, body []byte, tooLarge ua.StatusCode, timeout time.Duration) error {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	t := c.tokens.forSending()
	if t == nil {
		return ua.StatusBadSecureChannelTokenUnknown
	}
	room := t.keys.room(int(c.agreed.send.BufferSize), symmetricHeader)
	chunks := max(1, (len(body)+room-1)/room)
	if most := c.agreed.send.MaxMessageSize; most > 0 && uint64(len(body)) > uint64(most) {
		return &LimitError{Limit: "MaxMessageSize", Got: len(body), Most: int(most), Status: tooLarge}
	}
	if most := c.agreed.send.MaxChunkCount; most > 0 && uint64(chunks) > uint64(most) {
		return &LimitError{Limit: "MaxChunkCount", Got: chunks, Most: int(most), Status: tooLarge}
	}
	for i := range chunks {
		part := body[i*room : min((i+1)*room, len(body))]
		b := make([]byte, symmetricHeader, symmetricHeader+sequenceHeader+len(part)+64)
		copy(b, kind)
		b[3] = 'C'
		if i == chunks-1 {
			b[3] = 'F'
		}
		le := binary.LittleEndian
		le.PutUint32(b[8:], c.id)
		le.PutUint32(b[12:], t.id)
		b = le.AppendUint32(b, c.sent.next())
		b = le.AppendUint32(b, requestID)
		b, err := t.keys.seal(append(b, part...), symmetricHeader)
		if err != nil {
			return err
		}
		if err := c.write(b, timeout); err != nil {
			return err
		}
	}
	return nil
}

// sendOpen writes an OPN message: one chunk, signed and encrypted unless the
// policy is None.
func (c *conversation) sendOpen(keys protection, channelID uint32, own Identity, remoteLeaf []byte, requestID uint32, body []byte) error {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	head := uasc.NewAsymmetricSecurityHeader(c.policy, nil, nil)
	if keys.alg != nil {
		head = uasc.NewAsymmetricSecurityHeader(c.policy, own.blob(), thumbprint(remoteLeaf))
		c.traffic.PrivateKey(1)
	}
	security, err := head.Encode()
	if err != nil {
		return err
	}
	b := make([]byte, channelHeader, channelHeader+len(security)+len(body)+1024)
	copy(b, "OPNF")
	le := binary.LittleEndian
	le.PutUint32(b[8:], channelID)
	b = append(b, security...)
	header := len(b)
	b = le.AppendUint32(b, c.sent.next())
	b = le.AppendUint32(b, requestID)
	if b, err = keys.seal(append(b, body...), header); err != nil {
		return err
	}
	if len(b) > int(c.agreed.send.BufferSize) {
		return &LimitError{Limit: "BufferSize", Got: len(b), Most: int(c.agreed.send.BufferSize), Status: ua.StatusBadTCPMessageTooLarge}
	}
	return c.write(b, writeTimeout)
}

// openHeader is the readable part of an OPN chunk; its slices are copies.
type openHeader struct {
	uasc.AsymmetricSecurityHeader
	channelID uint32
	size      int // bytes before the sequence header
}

func decodeOpenHeader(b []byte) (openHeader, error) {
	if len(b) < channelHeader || len(b) > maxOpenSize || b[3] != 'F' {
		return openHeader{}, ua.StatusBadTCPMessageTooLarge
	}
	b = append([]byte(nil), b...)
	h := openHeader{channelID: binary.LittleEndian.Uint32(b[8:])}
	n, err := h.AsymmetricSecurityHeader.Decode(b[channelHeader:])
	if err != nil {
		return openHeader{}, fmt.Errorf("open message: %w", ua.StatusBadDecodingError)
	}
	h.size = channelHeader + n
	return h, nil
}

// unsecureOpen checks an OPN chunk and decodes its body; keys are what its
// header and our key make.
func (c *conversation) unsecureOpen(b []byte, h openHeader, keys protection, ownKeySize int) (requestID uint32, v any, err error) {
	if keys.alg != nil {
		blocks := (len(b) - h.size) / ownKeySize
		if (len(b)-h.size)%ownKeySize != 0 || blocks > maxOpenBlocks {
			return 0, nil, ua.StatusBadSecurityChecksFailed
		}
		c.traffic.PrivateKey(blocks)
	}
	plain, err := keys.open(b, h.size)
	if err != nil {
		return 0, nil, err
	}
	if err := c.received.accept(binary.LittleEndian.Uint32(plain)); err != nil {
		return 0, nil, err
	}
	v, err = decodeService(plain[sequenceHeader:])
	return binary.LittleEndian.Uint32(plain[4:]), v, err
}

// openProtection is the security of OPN messages between own and remote.
func openProtection(policy string, own Identity, remoteLeaf []byte) (protection, error) {
	if policy == ua.SecurityPolicyURINone {
		return protection{}, nil
	}
	if own.Key == nil {
		return protection{}, fmt.Errorf("no private key: %w", ua.StatusBadSecurityChecksFailed)
	}
	remote, err := publicKey(remoteLeaf)
	if err != nil {
		return protection{}, err
	}
	var alg *uapolicy.EncryptionAlgorithm
	if alg, err = asymmetric(policy, own.Key, remote); err != nil {
		return protection{}, err
	}
	return protection{alg: alg, encrypt: true, openExtra: own.Key.Size() > 256}, nil
}
