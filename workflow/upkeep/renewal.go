package upkeep

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
	neturl "net/url"
	"slices"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Renewal asks for certificates where slots need them (OPC 10000-12, 7.7.2).
type Renewal struct {
	Selection
	Threshold Threshold
	All       bool // renew what needs nothing, too
	Key       KeySource
	Bits      int // of a LocalKey
	MinBits   int // keys below this are too weak
	Subject   string
	Names     []string // DNS names and addresses that the certificates must have
	Validity  time.Duration
	// Issuers are the CAs up to the root that vouch for the new certificates, and
	// CRLs theirs; both go into the TrustLists that lack them.
	Issuers, CRLs []plan.Material
	// TrustIssuer puts the CA that signs among the trusted certificates.
	TrustIssuer bool
}

// Decide says what to do: per group the TrustList first, then every slot that
// needs a certificate.
func (r Renewal) Decide(in Situation) (Work, error) {
	groups, err := r.groups(in)
	if err != nil {
		return Work{}, err
	}
	w := start(in)
	for _, t := range r.Types {
		if err := CanMake(t); err != nil {
			return Work{}, err
		}
	}
	if err := outlived(ders(r.Issuers), parsed(ders(issuing(r.Issuers))), in.Now); err != nil {
		return Work{}, err
	}
	if r.Key == LocalKey {
		if _, err := KeyFormat(in.KeyFormats); err != nil {
			return Work{}, err
		}
	}
	for _, g := range groups {
		changes := r.slots(&w, in, g)
		if len(changes) == 0 {
			continue
		}
		if err := g.unread(); err != nil {
			return Work{}, err
		}
		want := plan.TrustListAction{Group: g.Name, Issuers: r.Issuers, CRLs: r.CRLs}
		if r.TrustIssuer {
			want.Trusted = issuing(r.Issuers)
			w.noteTrusted(g.Name, g.Trust, want.Trusted)
		}
		after := Sync(g.Trust, want, Union, in.Now)
		if err := w.change(in, g, after, Guard{}); err != nil {
			return Work{}, err
		}
		w.Certificates = append(w.Certificates, changes...)
	}
	return w, nil
}

func start(in Situation) Work {
	return Work{
		Schema: Schema, Server: in.Server, Application: in.Application,
		TrustLists: []ListChange{}, Certificates: []SlotChange{},
	}
}

// slots judges every slot of a group.
func (r Renewal) slots(w *Work, in Situation, g Group) []SlotChange {
	var out []SlotChange
	for _, t := range g.Types {
		if !r.takesType(t) {
			continue
		}
		kept := func(why string) { w.Kept = append(w.Kept, SlotKept{g.Name, t, why}) }
		old := g.Certificates[t]
		if len(old) == 0 && !g.Complete && !r.All {
			kept("the server does not tell which certificate is there; --force renews it all the same")
			continue
		}
		needs := r.needs(in, g, t)
		if len(needs) == 0 && !r.All {
			kept("valid until " + until(old))
			continue
		}
		if !Makes(t) { // named slots were refused before
			kept(why(needs) + "; this program cannot make or check such certificates")
			continue
		}
		if len(needs) == 0 {
			needs = []Need{{Asked, "asked for with --force"}}
		}
		out = append(out, r.slot(in, g, t, needs))
	}
	return out
}

func why(needs []Need) string {
	if len(needs) == 0 {
		return "needs nothing"
	}
	return needs[0].Text
}

func (r Renewal) needs(in Situation, g Group, t config.NodeID) []Need {
	old := g.Certificates[t]
	if len(old) == 0 && !g.Complete {
		return nil
	}
	c := Criteria{Threshold: r.Threshold, Names: r.Names, MinBits: r.MinBits, CRLs: ders(r.CRLs), Now: in.Now}
	if g.ForApplications() {
		c.ApplicationURI, c.NeedsName = in.ApplicationURI, in.IsServer
	}
	if g.TrustRead {
		c.Trust = &g.Trust
	}
	return Needs(old, c)
}

// slot keeps the names of the certificate there is: a server that asks for fewer
// of them in its request would not be reached by them any more.
func (r Renewal) slot(in Situation, g Group, t config.NodeID, needs []Need) SlotChange {
	old := g.Certificates[t]
	c := SlotChange{
		Group: g.Name, Type: t, Action: Renew, Reasons: needs, Key: r.Key, Subject: r.Subject, Validity: r.Validity,
		Old: old, Before: Brief(old),
	}
	if c.Key == SameKey && len(old) == 0 {
		c.Key = ServerKey // there is none to keep
	}
	if c.Key == LocalKey {
		if curves[t] == "" {
			c.Bits = r.Bits
		}
		c.KeyFormat, _ = KeyFormat(in.KeyFormats)
	}
	all := slices.Clone(r.Names)
	if cert, err := pki.ReadCertificate(old); err == nil {
		all = append(all, names(cert)...)
		if c.Subject == "" && c.Key == LocalKey {
			c.Subject = pki.FormatSubject(cert.Subject)
		}
	}
	for _, n := range all {
		list := &c.DNSNames
		if net.ParseIP(n) != nil {
			list = &c.IPAddresses
		}
		if !slices.ContainsFunc(*list, func(o string) bool { return strings.EqualFold(o, n) }) {
			*list = append(*list, n)
		}
	}
	return c
}

func until(der []byte) string {
	if b := Brief(der); b != nil {
		return b.NotAfter.UTC().Format(time.DateOnly)
	}
	return "?"
}

func ders(materials []plan.Material) [][]byte {
	var out [][]byte
	for _, m := range materials {
		out = append(out, m.DER)
	}
	return out
}

// KeyFormat picks the format in which a private key is sent, of those the server
// takes (SupportedPrivateKeyFormats, 7.10.3). None is a *KeyFormatError.
func KeyFormat(supported []string) (string, error) {
	for _, f := range pki.PrivateKeyFormats() {
		if slices.ContainsFunc(supported, func(s string) bool { return strings.EqualFold(s, f) }) {
			return f, nil
		}
	}
	return "", &KeyFormatError{Supported: supported}
}

// KeyFormatError says that the server takes no private key that we can send.
type KeyFormatError struct{ Supported []string }

func (e *KeyFormatError) Error() string {
	if len(e.Supported) == 0 {
		return "the server takes no private keys from outside: its SupportedPrivateKeyFormats is empty"
	}
	return "the server takes private keys as " + strings.Join(e.Supported, ", ") + " only"
}

// Hint tells how to go on.
func (e *KeyFormatError) Hint() string { return "let the server make the key: --key server" }

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

// SelfSign lets the server fill an empty slot by itself (7.10.6).
type SelfSign struct {
	Selection
	Subject  string
	Names    []string
	Validity time.Duration
	Bits     int
}

// Decide refuses a slot that is filled, as the server would.
func (s SelfSign) Decide(in Situation) (Work, error) {
	g, t, err := s.One(in)
	if err != nil {
		return Work{}, err
	}
	if err := CanMake(t); err != nil {
		return Work{}, err
	}
	if old := Brief(g.Certificates[t]); old != nil {
		return Work{}, &FilledError{Slot: g.Name + " " + config.CertificateTypeName(t), Subject: old.Subject}
	}
	c := Renewal{Names: s.Names}.slot(in, g, t, []Need{{Missing, "the slot is empty"}})
	c.Action, c.Key, c.Subject, c.Validity, c.Bits = SelfSigned, "", s.Subject, s.Validity, s.Bits
	w := start(in)
	w.Certificates = append(w.Certificates, c)
	return w, nil
}

// FilledError says that a slot has a certificate where it must have none.
type FilledError struct{ Slot, Subject string }

func (e *FilledError) Error() string {
	return fmt.Sprintf("the slot %s has a certificate already: %s", e.Slot, e.Subject)
}

// Hint tells how to go on.
func (e *FilledError) Hint() string {
	return "delete it with uapush cert delete first, or use uapush cert renew"
}

// Deletion empties a slot (7.10.7).
type Deletion struct{ Selection }

// Decide does nothing for a slot that is empty.
func (d Deletion) Decide(in Situation) (Work, error) {
	g, t, err := d.One(in)
	if err != nil {
		return Work{}, err
	}
	w := start(in)
	old := g.Certificates[t]
	if len(old) == 0 && g.Complete {
		w.Kept = append(w.Kept, SlotKept{g.Name, t, "the slot is empty"})
		return w, nil
	}
	w.Certificates = append(w.Certificates, SlotChange{Group: g.Name, Type: t, Action: Delete, Old: old, Before: Brief(old)})
	return w, nil
}

// Judged is a slot with what it needs.
type Judged struct {
	Group Group
	Type  config.NodeID
	Needs []Need
}

// Judge lists the selected slots and what they need, deciding nothing.
func (r Renewal) Judge(in Situation) ([]Judged, error) {
	groups, err := r.groups(in)
	if err != nil {
		return nil, err
	}
	var out []Judged
	for _, g := range groups {
		for _, t := range g.Types {
			if r.takesType(t) {
				out = append(out, Judged{g, t, r.needs(in, g, t)})
			}
		}
	}
	return out, nil
}

// Asking asks for a signing request for one slot.
type Asking struct {
	Selection
	Subject string
	SameKey bool
}

// Decide picks the slot.
func (a Asking) Decide(in Situation) (Work, error) {
	g, t, err := a.One(in)
	if err == nil {
		err = CanMake(t)
	}
	if err != nil {
		return Work{}, err
	}
	c := SlotChange{Group: g.Name, Type: t, Action: Renew, Key: ServerKey, Subject: a.Subject, Old: g.Certificates[t], Before: Brief(g.Certificates[t])}
	if a.SameKey {
		c.Key = SameKey
	}
	w := start(in)
	w.Certificates = append(w.Certificates, c)
	return w, nil
}
