package hostile

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
	"github.com/gopcua/opcua/uapolicy"
	"github.com/gopcua/opcua/uasc"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

var le = binary.LittleEndian

const (
	plainHeader  = 12 // bytes: frame header, SecureChannelId
	secureHeader = 16 // and TokenId
	chunkBody    = 60000
)

// link is the server end of one connection.
type link struct {
	net.Conn
	s        *server
	in       *bufio.Reader
	id       uint32
	policy   string
	token    uint32
	keys     map[uint32]*uapolicy.EncryptionAlgorithm // by token; nil under SecurityPolicy None
	sequence uint32
	client   []byte // its certificate
	parts    map[uint32][]byte
}

// serve talks until the client goes, or the script has had enough.
func (c *link) serve() {
	for {
		frame, err := c.read()
		if err != nil {
			return
		}
		switch string(frame[:3]) {
		case "HEL":
			err = c.hello()
		case "OPN":
			err = c.open(frame)
		case "MSG":
			err = c.message(frame)
		default:
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *link) read() ([]byte, error) {
	var h [8]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return nil, err
	}
	n := le.Uint32(h[4:])
	if n < 8 || n > 1<<20 {
		return nil, fmt.Errorf("frame of %d bytes", n)
	}
	b := append(h[:], make([]byte, n-8)...)
	_, err := io.ReadFull(c.in, b[8:])
	c.s.heard(b)
	return b, err
}

// frame completes a message of type kind, such as "ACKF".
func frame(kind string, body []byte) []byte {
	b := append([]byte(kind), 0, 0, 0, 0)
	le.PutUint32(b[4:], uint32(8+len(body)))
	return append(b, body...)
}

func acknowledge(a uacp.Acknowledge) []byte {
	body, err := a.Encode()
	if err != nil {
		panic(err)
	}
	return frame("ACKF", body)
}

func honestAck() uacp.Acknowledge {
	return uacp.Acknowledge{ReceiveBufSize: 65535, SendBufSize: 65535, MaxMessageSize: 4 << 20, MaxChunkCount: 512}
}

// errMessage is an ERR.
func errMessage(status ua.StatusCode, reason string) []byte {
	m := uacp.Error{ErrorCode: uint32(status), Reason: reason}
	body, err := m.Encode()
	if err != nil {
		panic(err)
	}
	return frame("ERRF", body)
}

func (c *link) hello() error {
	if f := c.s.script.hello; f != nil {
		return f(c)
	}
	return c.write(acknowledge(honestAck()))
}

func (c *link) write(b []byte) error {
	if f := c.s.script.write; f != nil {
		return f(c, b)
	}
	_, err := c.Write(b)
	return err
}

// opening is an OPN that is being answered, and what may be changed about it.
type opening struct {
	c         *link
	resp      *ua.OpenSecureChannelResponse
	renew     bool
	requestID uint32
	channel   uint32 // in the header
	policy    string
	shown     []byte   // the certificate in the header
	signer    identity // whose key signs
	receiver  []byte   // whose certificate the answer is for
}

func (c *link) open(b []byte) error {
	var h uasc.AsymmetricSecurityHeader
	n, err := h.Decode(b[plainHeader:])
	if err != nil {
		return err
	}
	head := plainHeader + n
	plain := b[head:]
	if h.SecurityPolicyURI != ua.SecurityPolicyURINone {
		if c.client, err = leafOf(h.SenderCertificate); err != nil {
			return err
		}
		alg, err := asymmetric(h.SecurityPolicyURI, c.s.owner(h.ReceiverCertificateThumbprint), c.client)
		if err != nil {
			return err
		}
		if plain, err = unseal(alg, plain); err != nil {
			return err
		}
	}
	c.s.heard(plain)
	_, v, err := ua.DecodeService(plain[8:])
	if err != nil {
		return err
	}
	req, ok := v.(*ua.OpenSecureChannelRequest)
	if !ok {
		return errors.New("no OpenSecureChannel")
	}
	o := &opening{
		c: c, renew: c.id != 0, requestID: le.Uint32(plain[4:]), policy: h.SecurityPolicyURI,
		shown: c.s.id.Leaf(), signer: c.s.id, receiver: c.client,
	}
	c.policy = h.SecurityPolicyURI
	if c.id == 0 {
		c.id = c.s.number()
	}
	c.token, o.channel = c.s.number(), c.id
	o.resp = &ua.OpenSecureChannelResponse{
		ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK),
		SecurityToken:  &ua.ChannelSecurityToken{ChannelID: c.id, TokenID: c.token, RevisedLifetime: 600_000},
	}
	if c.policy != ua.SecurityPolicyURINone {
		o.resp.ServerNonce = random(32)
	}
	stage := "open"
	if c.policy == ua.SecurityPolicyURINone {
		stage = "open for discovery"
	}
	answer := c.s.script.open[stage]
	if answer == nil {
		answer = func(o *opening) error { return o.send() }
	}
	local := o.resp.ServerNonce
	if err := answer(o); err != nil {
		return err
	}
	if len(local) == 0 {
		return nil
	}
	keys, err := uapolicy.Symmetric(c.policy, local, req.ClientNonce)
	c.keys[c.token] = keys
	return err
}

// send answers as the fields say.
func (o *opening) send() error {
	b, err := o.frame()
	if err != nil {
		return err
	}
	return o.c.write(b)
}

func (o *opening) frame() ([]byte, error) {
	head := uasc.NewAsymmetricSecurityHeader(o.policy, nil, nil)
	if o.policy != ua.SecurityPolicyURINone {
		sum := sha1.Sum(o.receiver)
		head = uasc.NewAsymmetricSecurityHeader(o.policy, o.shown, sum[:])
	}
	security, err := head.Encode()
	if err != nil {
		return nil, err
	}
	b := append([]byte("OPNF\x00\x00\x00\x00"), le.AppendUint32(nil, o.channel)...)
	b = append(b, security...)
	n := len(b)
	o.c.sequence++
	b = le.AppendUint32(b, o.c.sequence)
	b = le.AppendUint32(b, o.requestID)
	b = append(b, encode(o.resp)...)
	if o.policy == ua.SecurityPolicyURINone {
		le.PutUint32(b[4:], uint32(len(b)))
		return b, nil
	}
	alg, err := asymmetric(o.policy, o.signer.Key, o.receiver)
	if err != nil {
		return nil, err
	}
	return seal(alg, b, n)
}

func (c *link) message(b []byte) error {
	plain := b[secureHeader:]
	if c.policy != ua.SecurityPolicyURINone {
		keys := c.keys[le.Uint32(b[12:])]
		if keys == nil {
			return errors.New("unknown token")
		}
		var err error
		if plain, err = unseal(keys, plain); err != nil {
			return err
		}
	}
	c.s.heard(plain)
	id := le.Uint32(plain[4:])
	c.parts[id] = append(c.parts[id], plain[8:]...)
	if b[3] != 'F' {
		return nil
	}
	whole := c.parts[id]
	delete(c.parts, id)
	_, v, err := ua.DecodeService(whole)
	if err != nil {
		return err
	}
	req, ok := v.(ua.Request)
	if !ok {
		return errors.New("no request")
	}
	return c.s.answer(&exchange{c: c, req: req, id: id})
}

// chunks are the frames of a message of type kind.
func (c *link) chunks(kind string, requestID uint32, body []byte) [][]byte {
	var frames [][]byte
	for {
		n := min(len(body), chunkBody)
		last := byte('F')
		if n < len(body) {
			last = 'C'
		}
		frames = append(frames, c.chunk(kind, last, requestID, body[:n]))
		if body = body[n:]; len(body) == 0 {
			return frames
		}
	}
}

func (c *link) chunk(kind string, last byte, requestID uint32, body []byte) []byte {
	b := append([]byte(kind), last, 0, 0, 0, 0)
	b = le.AppendUint32(b, c.id)
	b = le.AppendUint32(b, c.token)
	c.sequence++
	b = le.AppendUint32(b, c.sequence)
	b = le.AppendUint32(b, requestID)
	b = append(b, body...)
	if c.policy == ua.SecurityPolicyURINone {
		le.PutUint32(b[4:], uint32(len(b)))
		return b
	}
	b, err := seal(c.keys[c.token], b, secureHeader)
	if err != nil {
		panic(err)
	}
	return b
}

// encode is the body of a message, with its encoding id.
func encode(v any) []byte {
	body, err := ua.Encode(v)
	if err != nil {
		panic(err)
	}
	return append(le.AppendUint16([]byte{1, 0}, ua.ServiceTypeID(v)), body...)
}

func asymmetric(policy string, key *rsa.PrivateKey, remote []byte) (*uapolicy.EncryptionAlgorithm, error) {
	cert, err := x509.ParseCertificate(remote)
	if err != nil {
		return nil, err
	}
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("no RSA key")
	}
	return uapolicy.Asymmetric(policy, key, public)
}

// unseal does not verify: the client under test is who it is.
func unseal(alg *uapolicy.EncryptionAlgorithm, b []byte) ([]byte, error) {
	plain, err := alg.Decrypt(b)
	if err != nil {
		return nil, err
	}
	plain = plain[:len(plain)-alg.RemoteSignatureLength()]
	return plain[:len(plain)-int(plain[len(plain)-1])-1], nil
}

func seal(alg *uapolicy.EncryptionAlgorithm, b []byte, header int) ([]byte, error) {
	extra := 0
	if alg.BlockSize() > 256 {
		extra = 1
	}
	block := alg.PlaintextBlockSize()
	used := len(b) - header + 1 + extra + alg.SignatureLength()
	pad := (block - used%block) % block
	b = append(b, bytes.Repeat([]byte{byte(pad)}, pad+1)...)
	b = append(b, bytes.Repeat([]byte{byte(pad >> 8)}, extra)...)
	blocks := (len(b) - header + alg.SignatureLength()) / block
	le.PutUint32(b[4:], uint32(header+blocks*alg.BlockSize()))
	sig, err := alg.Signature(b)
	if err != nil {
		return nil, err
	}
	secret, err := alg.Encrypt(append(b[header:len(b):len(b)], sig...))
	return append(b[:header:header], secret...), err
}

func leafOf(chain []byte) ([]byte, error) {
	var leaf asn1.RawValue
	_, err := asn1.Unmarshal(chain, &leaf)
	return leaf.FullBytes, err
}
