package plan

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// Extend returns the TrustList of a group with what the action adds. Nothing is
// lost, except CRLs that a newer one of the same issuer replaces. CRLs go where
// the certificate of their issuer is (OPC 10000-12, 7.8.2.8): among the trusted
// ones, unless only an issuer certificate vouches for them.
//
// A list of the result is nil when the action adds nothing to it: a partial
// update then leaves it alone (7.8.2.5).
func Extend(have TrustList, a TrustListAction) TrustList {
	trustedCRLs, issuerCRLs := splitCRLs(have, a)
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

func splitCRLs(have TrustList, a TrustListAction) (trusted, issuers []Material) {
	all := slices.Clone(have.Issuers)
	for _, m := range a.Issuers {
		all = append(all, m.DER)
	}
	for _, m := range a.CRLs {
		if issuedByAny(m.DER, all) {
			issuers = append(issuers, m)
		} else {
			trusted = append(trusted, m)
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
