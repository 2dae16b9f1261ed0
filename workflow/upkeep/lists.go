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

// SyncMode says what becomes of what a TrustList has and nobody named.
type SyncMode string

// The modes.
const (
	Union   SyncMode = "union"   // it stays
	Replace SyncMode = "replace" // it goes
	Prune   SyncMode = "prune"   // it goes when it is dead: expired, or a CRL without its CA or with a newer one
)

// SyncModes lists the modes, the default first.
func SyncModes() []string { return []string{string(Union), string(Replace), string(Prune)} }

// Sync gives the list that a group should have. CRLs go where the certificate of
// their issuer is.
func Sync(have plan.TrustList, want plan.TrustListAction, mode SyncMode, now time.Time) plan.TrustList {
	if mode == Replace {
		have = plan.TrustList{Group: have.Group}
	}
	want.Group = have.Group
	out := have
	if missing := plan.TrustListActions([]plan.TrustListAction{want}, []plan.TrustList{have}); len(missing) > 0 {
		out = Filled(have, plan.Extend(have, missing[0]))
	}
	if mode == Prune {
		out = pruned(out, now)
	}
	return out
}

// Filled takes from have what a partial update leaves alone.
func Filled(have, update plan.TrustList) plan.TrustList {
	for _, l := range []struct{ to, from *[][]byte }{
		{&update.Trusted, &have.Trusted}, {&update.TrustedCRLs, &have.TrustedCRLs},
		{&update.Issuers, &have.Issuers}, {&update.IssuerCRLs, &have.IssuerCRLs},
	} {
		if *l.to == nil {
			*l.to = *l.from
		}
	}
	return update
}

func pruned(l plan.TrustList, now time.Time) plan.TrustList {
	expired := func(der []byte) bool {
		c, err := pki.ReadCertificate(der)
		return err == nil && now.After(c.NotAfter)
	}
	l.Trusted = without(l.Trusted, expired)
	l.Issuers = without(l.Issuers, expired)
	all := parsedCRLs(slices.Concat(l.TrustedCRLs, l.IssuerCRLs))
	dead := func(der []byte) bool {
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			return false // what cannot be read is not called dead
		}
		return crlIssuer(crl, slices.Concat(l.Trusted, l.Issuers)) == nil ||
			slices.ContainsFunc(all, func(o *x509.RevocationList) bool { return supersedes(o, crl) })
	}
	l.TrustedCRLs, l.IssuerCRLs = without(l.TrustedCRLs, dead), without(l.IssuerCRLs, dead)
	return l
}

func supersedes(a, b *x509.RevocationList) bool {
	if !bytes.Equal(a.RawIssuer, b.RawIssuer) || !bytes.Equal(a.AuthorityKeyId, b.AuthorityKeyId) {
		return false
	}
	if a.Number != nil && b.Number != nil {
		return a.Number.Cmp(b.Number) > 0
	}
	return a.ThisUpdate.After(b.ThisUpdate)
}

func without(ders [][]byte, gone func([]byte) bool) [][]byte {
	return slices.DeleteFunc(slices.Clone(ders), gone)
}

func parsedCRLs(ders [][]byte) []*x509.RevocationList {
	var out []*x509.RevocationList
	for _, der := range ders {
		if l, err := x509.ParseRevocationList(der); err == nil {
			out = append(out, l)
		}
	}
	return out
}

// crlIssuer finds the CA that signed a CRL.
func crlIssuer(crl *x509.RevocationList, ders [][]byte) *x509.Certificate {
	for _, der := range ders {
		ca, err := pki.ReadCertificate(der)
		if err != nil || !bytes.Equal(ca.RawSubject, crl.RawIssuer) {
			continue
		}
		if ca.PublicKey == nil && sameKeyID(crl.AuthorityKeyId, ca.SubjectKeyId) || crl.CheckSignatureFrom(ca) == nil {
			return ca // with a key on a curve that is none of ours the name has to do
		}
	}
	return nil
}

// Remove takes what the names mean out of a list: thumbprints (SHA-1) or
// fingerprints (SHA-256, with or without "sha256:"), in hex, of certificates or of
// CRLs. A CA goes together with its CRLs, as in RemoveCertificate (OPC 10000-12,
// 7.8.2.7). A name that means nothing is an *UnknownError.
func Remove(have plan.TrustList, names []string) (plan.TrustList, error) {
	out := have
	for _, name := range names {
		found := false
		for _, list := range []*[][]byte{&out.Trusted, &out.Issuers, &out.TrustedCRLs, &out.IssuerCRLs} {
			*list = without(*list, func(der []byte) bool {
				hit := Named(der, name)
				found = found || hit
				return hit
			})
		}
		if !found {
			return have, &UnknownError{What: "certificate or CRL", TrustList: have.Group, Name: name, Known: fingerprints(have)}
		}
	}
	orphan := func(der []byte) bool {
		crl, err := x509.ParseRevocationList(der)
		return err == nil && crlIssuer(crl, slices.Concat(have.Trusted, have.Issuers)) != nil &&
			crlIssuer(crl, slices.Concat(out.Trusted, out.Issuers)) == nil
	}
	out.TrustedCRLs, out.IssuerCRLs = without(out.TrustedCRLs, orphan), without(out.IssuerCRLs, orphan)
	return out, nil
}

// Named says whether a text is the thumbprint or the fingerprint of der. A prefix
// of at least 16 digits will do.
func Named(der []byte, text string) bool {
	text = normalHex(text)
	if len(text) < 16 {
		return false
	}
	return hasPrefixFold(pki.Fingerprint(der), text) || hasPrefixFold(pki.Thumbprint(der), text)
}

func fingerprints(l plan.TrustList) []string {
	var out []string
	for _, der := range slices.Concat(l.Trusted, l.TrustedCRLs, l.Issuers, l.IssuerCRLs) {
		if short := pki.Fingerprint(der)[:16] + "…"; !slices.Contains(out, short) { // a CA may be in two lists
			out = append(out, short)
		}
	}
	return out
}

// Member is a certificate or a CRL of a TrustList.
type Member struct {
	List       string    `json:"list"` // of ListNames
	Subject    string    `json:"subject"`
	SHA256     string    `json:"sha256"`
	Thumbprint string    `json:"thumbprint"` // SHA-1, as RemoveCertificate takes it
	Until      time.Time `json:"until"`      // notAfter, or nextUpdate of a CRL
	DER        []byte    `json:"-"`
}

// The lists of a TrustList, in the order of their masks (OPC 10000-12, 7.8.2.9).
const (
	ListTrusted     = "trusted"
	ListTrustedCRLs = "trustedCrls"
	ListIssuers     = "issuers"
	ListIssuerCRLs  = "issuerCrls"
)

// part is one of the four lists.
type part struct {
	name string
	mask uint32
	ders [][]byte
}

func parts(l plan.TrustList) []part {
	return []part{{ListTrusted, 1, l.Trusted}, {ListTrustedCRLs, 2, l.TrustedCRLs}, {ListIssuers, 4, l.Issuers}, {ListIssuerCRLs, 8, l.IssuerCRLs}}
}

// Members lists a TrustList.
func Members(l plan.TrustList) []Member {
	var out []Member
	for _, p := range parts(l) {
		for _, der := range p.ders {
			out = append(out, member(p.name, der))
		}
	}
	return out
}

func member(list string, der []byte) Member {
	m := Member{List: list, SHA256: pki.Fingerprint(der), Thumbprint: pki.Thumbprint(der), DER: der, Subject: "not readable"}
	if c, err := pki.ReadCertificate(der); err == nil {
		m.Subject, m.Until = pki.Describe(c).Subject, c.NotAfter.UTC()
	} else if l, err := x509.ParseRevocationList(der); err == nil {
		m.Subject, m.Until = pki.FormatSubject(issuerName(l)), l.NextUpdate.UTC()
	}
	return m
}

// Difference says what leads from one list to the other, and the mask of the
// lists that differ: a partial update writes only those (7.8.2.5).
func Difference(before, after plan.TrustList) (added, removed []Member, mask uint32) {
	was := parts(before)
	for i, p := range parts(after) {
		plus, minus := missingIn(p.ders, was[i].ders), missingIn(was[i].ders, p.ders)
		for _, der := range plus {
			added = append(added, member(p.name, der))
		}
		for _, der := range minus {
			removed = append(removed, member(p.name, der))
		}
		if len(plus)+len(minus) > 0 {
			mask |= p.mask
		}
	}
	return added, removed, mask
}

// Within keeps the members of the lists that a mask names.
func Within(members []Member, mask uint32) []Member {
	masks := map[string]uint32{ListTrusted: 1, ListTrustedCRLs: 2, ListIssuers: 4, ListIssuerCRLs: 8}
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return masks[m.List]&mask == 0 })
}

func missingIn(ders, in [][]byte) [][]byte {
	return without(ders, func(der []byte) bool { return containsDER(in, der) })
}

func containsDER(ders [][]byte, der []byte) bool {
	return slices.ContainsFunc(ders, func(o []byte) bool { return bytes.Equal(o, der) })
}

// Size is how many bytes a list takes as a TrustListDataType (7.8.2.8).
func Size(l plan.TrustList) int {
	n := 4
	for _, p := range parts(l) {
		n += 4
		for _, der := range p.ders {
			n += 4 + len(der)
		}
	}
	return n
}

// Vouches says whether a list trusts a certificate chain: the leaf or a CA above
// it is among the trusted.
func Vouches(l plan.TrustList, chain [][]byte) bool {
	if len(chain) == 0 {
		return false
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return false
	}
	known := issuersIn(l.Trusted, l.Issuers, chain)
	for range pki.MaxChainLength {
		if containsDER(l.Trusted, cert.Raw) {
			return true
		}
		issuer := known.of(cert)
		if issuer == nil || issuer.Equal(cert) {
			return false
		}
		cert = issuer
	}
	return false
}

// WithoutCRL lists the CAs of a list for which it has no CRL. Servers refuse what
// such a CA issued, sooner or later (OPC 10000-4, 6.1.3).
func WithoutCRL(l plan.TrustList) []Member {
	crls := parsedCRLs(slices.Concat(l.TrustedCRLs, l.IssuerCRLs))
	var out []Member
	for _, m := range Members(l) {
		c, err := pki.ReadCertificate(m.DER)
		if err != nil || !c.IsCA {
			continue
		}
		if !slices.ContainsFunc(crls, func(crl *x509.RevocationList) bool { return crlIssuer(crl, [][]byte{c.Raw}) != nil }) {
			out = append(out, m)
		}
	}
	return out
}

// Stale lists the CRLs of a list whose nextUpdate is over.
func Stale(l plan.TrustList, now time.Time) []Member {
	var out []Member
	for _, m := range Members(l) {
		if (m.List == ListTrustedCRLs || m.List == ListIssuerCRLs) && !m.Until.IsZero() && now.After(m.Until) {
			out = append(out, m)
		}
	}
	return out
}

// String tells a member in a message.
func (m Member) String() string { return fmt.Sprintf("%s (sha256:%.16s…)", m.Subject, m.SHA256) }
