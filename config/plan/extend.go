package plan

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// Extend returns the TrustList of a group with what the action adds. Nothing is
// lost, except CRLs that a newer one of the same issuer replaces. CRLs go where
// the certificate of their issuer is (OPC 10000-12, 7.8.2.8): a server may look for
// the CRL of a trusted CA among the trusted ones alone.
//
// A list of the result is nil when the action adds nothing to it: a partial
// update then leaves it alone (7.8.2.5).
func Extend(have TrustList, a TrustListAction) TrustList {
	trustedCRLs, issuerCRLs := missingCRLs(have, a, a.CRLs)
	return TrustList{
		Group:       a.Group,
		Trusted:     extended(have.Trusted, a.Trusted),
		Issuers:     extended(have.Issuers, a.Issuers),
		TrustedCRLs: extended(withoutOlder(have.TrustedCRLs, trustedCRLs), trustedCRLs),
		IssuerCRLs:  extended(withoutOlder(have.IssuerCRLs, issuerCRLs), issuerCRLs),
	}
}

func extended(have [][]byte, more []Material) [][]byte {
	if len(more) == 0 {
		return nil
	}
	out := slices.Clone(have)
	for _, m := range more {
		out = append(out, m.DER)
	}
	return out
}

// missingCRLs are those of the CRLs that each of the two lists lacks, once the
// certificates of the action are there. A CRL that no certificate vouches for belongs
// to the trusted ones, unless it is there already, wherever.
func missingCRLs(have TrustList, a TrustListAction, crls []Material) (trusted, issuers []Material) {
	trustedCAs, issuerCAs := slices.Clone(have.Trusted), slices.Clone(have.Issuers)
	for _, m := range a.Trusted {
		trustedCAs = append(trustedCAs, m.DER)
	}
	for _, m := range a.Issuers {
		issuerCAs = append(issuerCAs, m.DER)
	}
	trustedThere, issuersThere := parseCRLs(have.TrustedCRLs), parseCRLs(have.IssuerCRLs)
	for _, m := range crls {
		ofTrusted, ofIssuer := issuedByAny(m.DER, trustedCAs), issuedByAny(m.DER, issuerCAs)
		nobodys := !ofTrusted && !ofIssuer && !superseded(m.DER, issuersThere)
		if (ofTrusted || nobodys) && !superseded(m.DER, trustedThere) {
			trusted = append(trusted, m)
		}
		if ofIssuer && !superseded(m.DER, issuersThere) {
			issuers = append(issuers, m)
		}
	}
	return trusted, issuers
}

func issuedByAny(crl []byte, issuers [][]byte) bool {
	l, err := x509.ParseRevocationList(crl)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(issuers, func(der []byte) bool {
		c, err := x509.ParseCertificate(der)
		return err == nil && bytes.Equal(c.RawSubject, l.RawIssuer) && l.CheckSignatureFrom(c) == nil
	})
}

// withoutOlder leaves out the CRLs that one of the new ones replaces.
func withoutOlder(have [][]byte, newer []Material) [][]byte {
	return slices.DeleteFunc(slices.Clone(have), func(der []byte) bool { return replacedByNewer(der, newer) })
}
