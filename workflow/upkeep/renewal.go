package upkeep

import (
	"net"
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
