package upkeep

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// A server's own certificate needs its issuers in the TrustList (OPC 10000-12,
// 7.10.5). Whether one of them has to be trusted the text leaves open. To trust a CA
// lets in everybody whom it certifies, so that is done when the operator says it.

// issuing keeps the CAs that issued none of the others: those that sign leaves.
func issuing(cas []plan.Material) []plan.Material {
	return slices.DeleteFunc(slices.Clone(cas), func(m plan.Material) bool {
		ca, err := x509.ParseCertificate(m.DER)
		return err != nil || slices.ContainsFunc(cas, func(o plan.Material) bool {
			below, err := x509.ParseCertificate(o.DER)
			return err == nil && !bytes.Equal(o.DER, m.DER) && bytes.Equal(below.RawIssuer, ca.RawSubject)
		})
	})
}

// issuerAmong finds the issuer of a leaf among CAs and in a TrustList.
func issuerAmong(leaf *x509.Certificate, cas []plan.Material, l plan.TrustList) []plan.Material {
	ca := issuersIn(ders(cas), l.Trusted, l.Issuers).of(leaf)
	if ca == nil || ca.Equal(leaf) {
		return nil
	}
	m, err := plan.Certificate("issuer", ca.Raw)
	if err != nil {
		return nil
	}
	return []plan.Material{m}
}

// noteTrusted says what it means that a CA becomes trusted.
func (w *Work) noteTrusted(group string, have plan.TrustList, cas []plan.Material) {
	for _, m := range cas {
		if !containsDER(have.Trusted, m.DER) {
			w.Notes = append(w.Notes, fmt.Sprintf("%s trusts %s then: every client that this CA has certified may connect through the endpoints of the group", group, member("", m.DER)))
		}
	}
}

// IssuerOnly names the issuer of a certificate when a TrustList has the chain of it
// and trusts none of the chain; else it is "".
func IssuerOnly(der []byte, l plan.TrustList) string {
	cert, err := x509.ParseCertificate(der)
	if err != nil || bytes.Equal(cert.RawSubject, cert.RawIssuer) {
		return ""
	}
	if Vouches(l, [][]byte{der}) || issuersIn(l.Trusted, l.Issuers).missing(cert) != "" {
		return ""
	}
	return pki.Describe(cert).Issuer
}

// outlived refuses chains with a certificate that is not valid any more: a server is
// not sent what it can only refuse. The error is an *ExpiredError.
func outlived(cas [][]byte, certs []*x509.Certificate, now time.Time) error {
	known := issuersIn(cas)
	for _, cert := range certs {
		for range pki.MaxChainLength {
			if now.After(cert.NotAfter) {
				return &ExpiredError{CA: pki.Describe(cert).Subject, On: cert.NotAfter}
			}
			issuer := known.of(cert)
			if issuer == nil || issuer.Equal(cert) {
				break
			}
			cert = issuer
		}
	}
	return nil
}

// ExpiredError says that a CA that was to vouch for a certificate is not valid any more.
type ExpiredError struct {
	CA string
	On time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the CA %s has expired on %s, and vouches for nothing", e.CA, e.On.UTC().Format(time.DateOnly))
}

// Hint tells how to go on.
func (e *ExpiredError) Hint() string {
	return "nothing was sent; have the certificate signed by a CA that is valid, and give it with its CRL with --issuers FILE"
}

func parsed(ders [][]byte) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range ders {
		if c, err := pki.ReadCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}
