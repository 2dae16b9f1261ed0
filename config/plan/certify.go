package plan

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/uapush/uapush/config"
)

// Certificate describes a certificate (DER) for a TrustList. Source is the
// manifest's word for it.
func Certificate(source string, der []byte) (Material, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return Material{}, fmt.Errorf("no certificate in DER: %w", err)
	}
	return material(source, c.Subject.String(), der), nil
}

// CRL describes a certificate revocation list (DER); its subject is its issuer.
func CRL(source string, der []byte) (Material, error) {
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return Material{}, fmt.Errorf("no CRL in DER: %w", err)
	}
	return material(source, l.Issuer.String(), der), nil
}

func material(source, subject string, der []byte) Material {
	sum := sha256.Sum256(der)
	return Material{Source: source, Subject: subject, SHA256: hex.EncodeToString(sum[:]), DER: slices.Clone(der)}
}

// TrustList is what the TrustList of a group holds; all members are DER.
type TrustList struct {
	Group                                     string
	Trusted, TrustedCRLs, Issuers, IssuerCRLs [][]byte
}

// TrustListActions leaves of wants what the TrustLists lack. Certificates are
// the same when their bytes are; an issuer that is trusted need not be listed as
// an issuer as well. A CRL is not needed where one of the same issuer is there, in
// the list that has the issuer, that is as new: by CRL number, else by thisUpdate. A
// group without a TrustList
// in have lacks everything. Wants for one group are put together.
func TrustListActions(wants []TrustListAction, have []TrustList) []TrustListAction {
	var out []TrustListAction
	for _, group := range groupsOf(wants) {
		var list TrustList
		if i := slices.IndexFunc(have, func(t TrustList) bool { return t.Group == group }); i >= 0 {
			list = have[i]
		}
		a := TrustListAction{Group: group}
		var wanted []Material
		for _, w := range wants {
			if w.Group != group {
				continue
			}
			a.Trusted = addMissing(a.Trusted, w.Trusted, list.Trusted)
			a.Issuers = addMissing(a.Issuers, w.Issuers, slices.Concat(list.Issuers, list.Trusted))
			wanted = addMissing(wanted, w.CRLs, nil)
		}
		a.Issuers = slices.DeleteFunc(a.Issuers, func(m Material) bool { return contains(a.Trusted, m.DER) })
		for i, m := range wanted {
			others := slices.Delete(slices.Clone(wanted), i, i+1)
			trusted, issuers := missingCRLs(list, a, []Material{m})
			if len(trusted)+len(issuers) > 0 && !replacedByNewer(m.DER, others) {
				a.CRLs = append(a.CRLs, m)
			}
		}
		if len(a.Trusted)+len(a.Issuers)+len(a.CRLs) > 0 {
			out = append(out, a)
		}
	}
	return out
}

func groupsOf(wants []TrustListAction) []string {
	var groups []string
	for _, w := range wants {
		if !slices.Contains(groups, w.Group) {
			groups = append(groups, w.Group)
		}
	}
	return groups
}

func addMissing(to, wanted []Material, have [][]byte) []Material {
	for _, m := range wanted {
		there := slices.ContainsFunc(have, func(der []byte) bool { return bytes.Equal(der, m.DER) })
		if !there && !contains(to, m.DER) {
			to = append(to, m)
		}
	}
	return to
}

func contains(all []Material, der []byte) bool {
	return slices.ContainsFunc(all, func(m Material) bool { return bytes.Equal(m.DER, der) })
}

func parseCRLs(ders [][]byte) []*x509.RevocationList {
	var out []*x509.RevocationList
	for _, der := range ders {
		if l, err := x509.ParseRevocationList(der); err == nil { // one we cannot read supersedes nothing
			out = append(out, l)
		}
	}
	return out
}

func superseded(der []byte, by []*x509.RevocationList) bool {
	l, err := x509.ParseRevocationList(der)
	return err == nil && slices.ContainsFunc(by, func(o *x509.RevocationList) bool { return sameIssuer(l, o) && age(o, l) >= 0 })
}

// replacedByNewer says that another wanted CRL makes this one pointless.
func replacedByNewer(der []byte, others []Material) bool {
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return false
	}
	for _, m := range others {
		if o, err := x509.ParseRevocationList(m.DER); err == nil && sameIssuer(l, o) && age(o, l) > 0 {
			return true
		}
	}
	return false
}

// sameIssuer compares names and, where both say it, keys: a CA that got a new
// key under its old name issues CRLs of its own.
func sameIssuer(a, b *x509.RevocationList) bool {
	if !bytes.Equal(a.RawIssuer, b.RawIssuer) {
		return false
	}
	return len(a.AuthorityKeyId) == 0 || len(b.AuthorityKeyId) == 0 || bytes.Equal(a.AuthorityKeyId, b.AuthorityKeyId)
}

// age is positive when a is newer than b.
func age(a, b *x509.RevocationList) int {
	if a.Number != nil && b.Number != nil {
		if c := a.Number.Cmp(b.Number); c != 0 {
			return c
		}
	}
	return a.ThisUpdate.Compare(b.ThisUpdate)
}

// CertificateSlots is what is known of the certificates of a group that exists.
type CertificateSlots struct {
	Group string
	Types []config.NodeID
	// Assigned are the types whose slot the ConfigurationFile says is filled
	// (IsCertificateAssigned, OPC 10000-12, 7.8.3.4).
	Assigned []config.NodeID
	// Certificates are the certificates read from the server, DER by type.
	Certificates map[config.NodeID][]byte
	// Unfit says in words why a certificate that is there serves no longer: it has
	// expired, its issuer has revoked it, it is for another ApplicationUri.
	Unfit map[config.NodeID]string
}

// CertificateActions lists the slots that need a certificate because they have
// none, or one that serves no longer, in the order of desired. A slot counts as
// filled when either source says so: a certificate that may be there, and of which
// nothing bad is known, is never issued again.
func CertificateActions(desired []config.DesiredCertificate, groups []CertificateSlots) []CertificateAction {
	var out []CertificateAction
	for _, d := range desired {
		reason := whyIssue(d, groups)
		twice := slices.ContainsFunc(out, func(a CertificateAction) bool { return a.Group == d.Group && a.Type == d.Type })
		if reason == "" || twice {
			continue
		}
		out = append(out, CertificateAction{
			Group: d.Group, Type: d.Type, Action: Issue, Reason: reason, Replaces: FoundIn(groups, d.Group, d.Type), Subject: d.Subject,
			DNSNames: slices.Clone(d.DNSNames), IPAddresses: slices.Clone(d.IPAddresses), Validity: d.Validity,
		})
	}
	return out
}

// FoundIn is the SHA-256 (lower-case hex) of the certificate that a slot was read
// to have, or "" where none was.
func FoundIn(groups []CertificateSlots, group string, typ config.NodeID) string {
	i := slices.IndexFunc(groups, func(g CertificateSlots) bool { return g.Group == group })
	if i < 0 || len(groups[i].Certificates[typ]) == 0 {
		return ""
	}
	sum := sha256.Sum256(groups[i].Certificates[typ])
	return hex.EncodeToString(sum[:])
}

// whyIssue gives the reason in words, or "" for a slot that is filled.
func whyIssue(d config.DesiredCertificate, groups []CertificateSlots) string {
	i := slices.IndexFunc(groups, func(g CertificateSlots) bool { return g.Group == d.Group })
	switch {
	case i < 0:
		return "the group is new"
	case groups[i].Unfit[d.Type] != "":
		return groups[i].Unfit[d.Type]
	case len(groups[i].Certificates[d.Type]) > 0 || slices.Contains(groups[i].Assigned, d.Type):
		return ""
	case !slices.Contains(groups[i].Types, d.Type):
		return "the certificate type is new to the group"
	}
	return "no certificate yet"
}
