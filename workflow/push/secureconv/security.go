package secureconv

import (
	"encoding/binary"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
)

// sequenceHeader is SequenceNumber and RequestId, in bytes (OPC 10000-6, 6.7.2.4).
const sequenceHeader = 8

// protection secures chunks one way each (OPC 10000-6, 6.7.2.5 and 6.7.4 to
// 6.7.6): with RSA keys for OPN, with a token's keys for the rest. The zero
// value is SecurityPolicy None.
type protection struct {
	alg       *uapolicy.EncryptionAlgorithm
	encrypt   bool
	openExtra bool // received chunks have an ExtraPaddingSize: our RSA key is longer than 2048 bits
}

// sealExtra: the peer's RSA key is longer than 2048 bits.
func (p protection) sealExtra() bool { return p.alg.BlockSize() > 256 }

// room is how much body fits into a chunk of size bytes, after a header of
// header bytes.
func (p protection) room(size, header int) int {
	plain := size - header
	if p.alg == nil {
		return plain - sequenceHeader
	}
	plain -= p.alg.SignatureLength()
	if !p.encrypt {
		return plain - sequenceHeader
	}
	blocks := (size - header) / p.alg.BlockSize()
	plain = blocks*p.alg.PlaintextBlockSize() - p.alg.SignatureLength() - 1
	if p.sealExtra() {
		plain--
	}
	return plain - sequenceHeader
}

// seal completes a chunk: b is its header, header bytes long, then sequence
// header and body. Size, padding, signature and encryption are added here.
func (p protection) seal(b []byte, header int) ([]byte, error) {
	if p.alg == nil {
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
		return b, nil
	}
	size := len(b) + p.alg.SignatureLength()
	if p.encrypt {
		b = p.pad(b, header)
		blocks := (len(b) - header + p.alg.SignatureLength()) / p.alg.PlaintextBlockSize()
		size = header + blocks*p.alg.BlockSize()
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(size)) // of the encrypted chunk, and signed
	sig, err := p.alg.Signature(b)
	if err != nil {
		return nil, err
	}
	b = append(b, sig...)
	if !p.encrypt {
		return b, nil
	}
	secret, err := p.alg.Encrypt(b[header:])
	if err != nil {
		return nil, err
	}
	return append(b[:header:header], secret...), nil
}

func (p protection) pad(b []byte, header int) []byte {
	sizes := 1
	if p.sealExtra() {
		sizes = 2
	}
	block := p.alg.PlaintextBlockSize()
	pad := (block - (len(b)-header+sizes+p.alg.SignatureLength())%block) % block
	for range pad + 1 { // PaddingSize, and every padding byte, is the low byte of the size
		b = append(b, byte(pad))
	}
	if sizes == 2 {
		b = append(b, byte(pad>>8))
	}
	return b
}

// open checks a chunk whose header is header bytes long and returns sequence
// header and body. Whatever is wrong, the error is Bad_SecurityChecksFailed:
// the peer must not learn whether decryption or verification failed.
func (p protection) open(b []byte, header int) ([]byte, error) {
	plain := b[header:]
	if p.alg == nil {
		if len(plain) < sequenceHeader {
			return nil, ua.StatusBadSecurityChecksFailed
		}
		return plain, nil
	}
	failed := false
	if p.encrypt {
		clear, err := p.alg.Decrypt(plain)
		if failed = err != nil; failed {
			clear = make([]byte, len(plain)) // verified like any other, in vain
		}
		plain = clear
	}
	n := p.alg.RemoteSignatureLength()
	if len(plain) < n+sequenceHeader {
		return nil, ua.StatusBadSecurityChecksFailed
	}
	plain, sig := plain[:len(plain)-n], plain[len(plain)-n:]
	signed := make([]byte, 0, header+len(plain))
	signed = append(append(signed, b[:header]...), plain...)
	if p.alg.VerifySignature(signed, sig) != nil || failed {
		return nil, ua.StatusBadSecurityChecksFailed
	}
	if p.encrypt {
		return p.unpad(plain)
	}
	return plain, nil
}

// unpad removes the padding, which the signature has covered.
func (p protection) unpad(b []byte) ([]byte, error) {
	pad, sizes := int(b[len(b)-1]), 1
	if p.openExtra {
		pad, sizes = pad<<8|int(b[len(b)-2]), 2
	}
	if pad+sizes > len(b)-sequenceHeader {
		return nil, ua.StatusBadSecurityChecksFailed
	}
	return b[:len(b)-pad-sizes], nil
}
