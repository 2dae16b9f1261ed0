package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"strconv"
	"time"
)

// IssuedError says why a certificate that an issuer returned is not used.
type IssuedError struct {
	Rule     RequestRule
	Value    string // what it has
	Expected string // what it should have
}

func (e *IssuedError) Error() string {
	return fmt.Sprintf("the issued certificate breaks the rule %s: %s, expected %s", e.Rule, e.Value, e.Expected)
}

// Hint tells the operator what to do.
func (e *IssuedError) Hint() string {
	switch e.Rule {
	case RequestKey:
		return "the signer answered another request; nothing was sent to the server"
	case RequestApplicationURI:
		return "have the signer copy subjectAltName from the request (OPC 10000-12, 7.9.3); nothing was sent to the server"
	default:
		return "look at what the signer returns; nothing was sent to the server"
	}
}

// CheckIssued checks that a chain, leaf first, answers a request: it certifies the
// request's key and the ApplicationUri, is valid at now, and each certificate is
// signed by the one that follows, which may certify its names. No ApplicationUri is
// wanted where it is "". Errors are *IssuedError.
func CheckIssued(chain [][]byte, csrDER []byte, applicationURI string, now time.Time) error {
	certs, err := ParseChain(chain)
	if err != nil {
		return &IssuedError{RequestStructure, printable(err.Error()), "certificates, the new one first"}
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return &RequestError{RequestStructure, printable(err.Error()), "a PKCS#10 request in DER"}
	}
	leaf := certs[0]
	switch key, ok := csr.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); {
	case !ok || !key.Equal(leaf.PublicKey):
		return &IssuedError{RequestKey, "another key", "the key of the request"}
	case applicationURI != "" && (ApplicationURI(leaf) != applicationURI || len(sanURIs(leaf.Extensions)) != 1):
		return &IssuedError{RequestApplicationURI, strconv.Quote(printable(ApplicationURI(leaf))), strconv.Quote(applicationURI)}
	case now.After(leaf.NotAfter):
		return &IssuedError{RequestStructure, "expired on " + leaf.NotAfter.UTC().Format(time.RFC3339), "a certificate that is valid"}
	}
	for i, c := range certs[:len(certs)-1] {
		if issuer := certs[i+1]; !bytes.Equal(c.RawIssuer, issuer.RawSubject) || signedBy(c, issuer) != nil {
			return &IssuedError{RequestSignature, displayName(issuer.Subject), "the certificate of " + displayName(c.Issuer)}
		}
	}
	if broken := (&judgement{leaf: leaf, chain: certs}).nameConstraints(); broken != nil {
		return &IssuedError{RequestConstraints, broken.Value, broken.Expected}
	}
	return nil
}
