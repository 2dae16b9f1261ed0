package upkeep

import (
	"cmp"
	"crypto/x509"
	"fmt"
	neturl "net/url"
	"slices"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Installation puts a certificate into a slot that was signed elsewhere.
type Installation struct {
	Selection
	Chain         [][]byte // leaf first
	HasKey        bool     // its key is sent along
	Issuers, CRLs []plan.Material
	// Asked is the key of the request that the certificate answers (pki.KeyID), where
	// the operator gave it; else OnRecord finds that of the latest request for a slot.
	Asked       string
	OnRecord    func(applicationURI, group string, t config.NodeID) (key string, err error)
	TrustIssuer bool // put the CA that issued it among the trusted certificates
}

// Decide checks that the certificate can be meant for the slot.
func (i Installation) Decide(in Situation) (Work, error) {
	g, t, err := i.One(in)
	if err != nil {
		return Work{}, err
	}
	if err := CanMake(t); err != nil {
		return Work{}, err
	}
	cert, err := x509.ParseCertificate(i.Chain[0])
	if err != nil {
		return Work{}, &UnfitError{Rule: "structure", Value: "bytes that are no certificate", Want: "a certificate in DER or PEM"}
	}
	if err := i.check(in, g, t, cert); err != nil {
		return Work{}, err
	}
	if err := outlived(append(ders(i.Issuers), slices.Concat(g.Trust.Trusted, g.Trust.Issuers)...), []*x509.Certificate{cert}, in.Now); err != nil {
		return Work{}, err
	}
	if err := i.checkKey(in, g, t, cert); err != nil {
		return Work{}, err
	}
	if err := g.unread(); err != nil {
		return Work{}, err
	}
	w := start(in)
	old := g.Certificates[t]
	if slices.Equal(old, i.Chain[0]) {
		w.Kept = append(w.Kept, SlotKept{g.Name, t, "the certificate is there already"})
		return w, nil
	}
	want := plan.TrustListAction{Group: g.Name, Issuers: i.Issuers, CRLs: i.CRLs}
	if i.TrustIssuer {
		want.Trusted = issuerAmong(cert, i.Issuers, g.Trust)
		w.noteTrusted(g.Name, g.Trust, want.Trusted)
	}
	after := Sync(g.Trust, want, Union, in.Now)
	if err := w.change(in, g, after, Guard{}); err != nil {
		return Work{}, err
	}
	if g.ForApplications() && issuersIn(after.Trusted, after.Issuers).missing(cert) != "" {
		return Work{}, &UnfitError{Rule: "chain", Value: "an issuer that the trust list of " + g.Name + " does not have", Want: "its CAs up to the root; give them with --issuers FILE, with their CRLs"}
	}
	c := SlotChange{
		Group: g.Name, Type: t, Action: Install, Given: i.Chain, Old: old, Before: Brief(old), After: Brief(i.Chain[0]), Key: SameKey,
	}
	if i.HasKey {
		c.Key = LocalKey
		if c.KeyFormat, err = KeyFormat(in.KeyFormats); err != nil {
			return Work{}, err
		}
	}
	w.Certificates = append(w.Certificates, c)
	return w, nil
}

func (i Installation) check(in Situation, g Group, t config.NodeID, cert *x509.Certificate) error {
	switch {
	case !Fits(cert, t):
		return &UnfitError{Rule: "type", Value: pki.Describe(cert).Key, Want: "a key for " + config.CertificateTypeName(t)}
	case in.Now.After(cert.NotAfter):
		return &UnfitError{Rule: "validity", Value: "expired on " + until(cert.Raw), Want: "a certificate that is valid"}
	case in.Now.Before(cert.NotBefore):
		return &UnfitError{Rule: "validity", Value: "valid from " + cert.NotBefore.UTC().Format(time.RFC3339), Want: "a certificate that is valid"}
	case g.ForApplications() && pki.ApplicationURI(cert) != in.ApplicationURI:
		return &UnfitError{Rule: "applicationUri", Value: pki.ApplicationURI(cert), Want: in.ApplicationURI}
	}
	if host := lost(in.Server.URL, g.Certificates[t], cert); g.ForApplications() && host != "" {
		return &UnfitError{Rule: "hostName", Value: cmp.Or(strings.Join(names(cert), ", "), "no host name"),
			Want: host + ", by which this client reaches the server and which the certificate there has"}
	}
	return nil
}

// checkKey sees that the server can have the certificate's key. Not every server
// does (7.10.5): one that takes another key cannot be reached any more.
func (i Installation) checkKey(in Situation, g Group, t config.NodeID, cert *x509.Certificate) error {
	if i.HasKey {
		return nil
	}
	key := pki.KeyID(cert.RawSubjectPublicKeyInfo)
	if i.Asked != "" {
		if key != i.Asked {
			return &UnfitError{Rule: "key", Value: "another key than the request", Want: "the certificate that answers the request"}
		}
		return nil
	}
	if old, err := x509.ParseCertificate(g.Certificates[t]); err == nil && key == pki.KeyID(old.RawSubjectPublicKeyInfo) {
		return nil
	}
	if i.OnRecord == nil {
		return nil
	}
	asked, err := i.OnRecord(in.ApplicationURI, g.Name, t)
	switch {
	case err != nil:
		return err
	case asked == "":
		return &UnfitError{Rule: "key", Value: "a key that the server is not known to have",
			Want: "the key in use, or that of a request made from here; if it was made elsewhere, give it with --request FILE"}
	case asked != key:
		return &UnfitError{Rule: "key", Value: "a key that is neither in use nor that of the latest request from here",
			Want: "the certificate that answers the latest request; if a later one was made elsewhere, give it with --request FILE"}
	}
	return nil
}

// lost is the host of a URL that a certificate is for, and that another one in its
// place is not: this client would not get in any more.
func lost(url string, old []byte, cert *x509.Certificate) string {
	u, err := neturl.Parse(url)
	if err != nil {
		return ""
	}
	before, err := pki.ReadCertificate(old)
	if err != nil || !pki.ForHost(before, u.Hostname()) || pki.ForHost(cert, u.Hostname()) {
		return ""
	}
	return u.Hostname()
}

func names(cert *x509.Certificate) []string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// MissingIssuer names the first issuer of a chain's leaf that a list lacks; "" is
// none. A server judges by its list, not by the chain it is given (7.10.5).
func MissingIssuer(chain [][]byte, l plan.TrustList) string {
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return "nobody"
	}
	return issuersIn(l.Trusted, l.Issuers).missing(cert)
}

// UnfitError says that a certificate does not suit the slot.
type UnfitError struct{ Rule, Value, Want string }

func (e *UnfitError) Error() string {
	return fmt.Sprintf("the certificate does not fit, by the rule %s: it has %s, needed is %s", e.Rule, e.Value, e.Want)
}

// Hint tells how to go on.
func (e *UnfitError) Hint() string {
	return "nothing was sent; sign the request that uapush cert csr writes for this slot"
}
