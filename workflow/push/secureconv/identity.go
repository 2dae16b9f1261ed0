package secureconv

import (
	"bytes"
	"crypto/rsa"
	"slices"
)

// Identity is an application instance certificate with its key. The zero value
// is for SecurityPolicy None.
type Identity struct {
	Chain [][]byte // DER, leaf first, then the issuers it is sent with
	Key   *rsa.PrivateKey
}

// Leaf is the certificate itself, DER; nil for the zero Identity.
func (i Identity) Leaf() []byte {
	if len(i.Chain) == 0 {
		return nil
	}
	return i.Chain[0]
}

// blob is the chain as a message carries it (OPC 10000-6, 6.7.2.3).
func (i Identity) blob() []byte { return slices.Clip(bytes.Join(i.Chain, nil)) }
