package pki

import (
	"context"
	"crypto/x509/pkix"
	"net"
	"strconv"
	"time"
)

// Issuer turns certificate requests into certificates. CA is the built-in one;
// an external signer (a company's CA, an HSM) is another implementation.
//
// Issue checks the request against r before anything is signed: a request that
// breaks a rule is a *RequestError. It returns the chain DER, leaf first, up to
// the root, and only after the issuance has been recorded where it survives a
// crash, because callers promise that every issuance is counted. A call that is
// cancelled or that fails gives no certificate. Implementations are safe for
// concurrent use.
type Issuer interface {
	Issue(ctx context.Context, csrDER []byte, r Request) (chain [][]byte, err error)
}

// Request is what the operator wants certified, beyond the request's own key.
type Request struct {
	ApplicationURI string        // must be the one URI of the CSR; "" with Hosts
	Hosts          bool          // a certificate of hosts for HTTPS or TLS, not of an application
	Subject        pkix.Name     // zero: the CSR's subject
	DNSNames       []string      // added to those of the CSR
	IPAddresses    []net.IP      // added to those of the CSR
	Validity       time.Duration // 0 is DefaultValidity; never beyond the CA's own end
	Server         bool          // serverAuth and clientAuth; otherwise clientAuth alone
	Slot           Slot          // for the ledger

	// Since: an issuance of the very same request for the same slot, at or after
	// Since, is not repeated: its chain is returned, and nothing is recorded. It must
	// be what this Request asks for, and neither revoked nor expired. Zero: never look.
	Since time.Time
}

// checkURI wants an ApplicationUri for an application, and for nothing else.
func (r Request) checkURI() error {
	if r.Hosts {
		if r.ApplicationURI != "" {
			return &RequestError{RequestApplicationURI, strconv.Quote(printable(r.ApplicationURI)), "none in a certificate of hosts"}
		}
		return nil
	}
	if err := checkApplicationURI(r.ApplicationURI); err != nil {
		return &RequestError{RequestApplicationURI, printable(err.Error()), ""}
	}
	return nil
}

// Slot says for which place a certificate is issued. It may be zero.
type Slot struct {
	Server string `json:"server,omitempty"` // discovery URL
	Group  string `json:"group,omitempty"`
	Type   string `json:"type,omitempty"` // short name of the CertificateType
}

func (s Slot) orNil() *Slot {
	if s == (Slot{}) {
		return nil
	}
	return &s
}

// DefaultValidity is how long an issued certificate is valid.
const DefaultValidity = 365 * 24 * time.Hour
