package part12

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// typeHTTPS is HttpsCertificateType, a Purpose and a CertificateType (7.8.4).
const typeHTTPS config.NodeID = "i=12558"

const day = 24 * time.Hour

// selfSignedRequest are the arguments of CreateSelfSignedCertificate (7.10.6).
type selfSignedRequest struct {
	Group       string
	Type        config.NodeID
	Subject     string // "" takes one made of the application's identity
	DNSNames    []string
	IPAddresses []string
	Days        uint16
	KeyBits     uint16 // 0 is a suitable default
}

// createSelfSigned fills an empty slot. Whether it is empty is judged with what
// the transaction did to it before (7.10.6).
func (a *Application) createSelfSigned(acc *space.Access, r selfSignedRequest) ([]byte, error) {
	content, err := a.selfSignedContent(acc, r)
	if err != nil {
		return nil, err
	}
	key, err := a.d.generate(r.Type, int(r.KeyBits)) // takes long: not under the lock
	if err != nil {
		return nil, ua.StatusBadNotSupported
	}
	der, err := content.sign(key)
	if err != nil {
		return nil, ua.StatusBadNotSupported
	}
	a.d.mu.Lock()
	defer a.d.unlock()
	old, err := a.vacant(acc, r)
	if err != nil {
		return nil, err
	}
	_, err = a.change(acc, func(tx *transaction) {
		tx.stage(slotKey{r.Group, r.Type}, staged{slot: slot{Chain: [][]byte{der}, Key: key}, made: true, discard: old.Pending})
	})
	return der, err
}

// selfSignedContent judges the arguments.
func (a *Application) selfSignedContent(acc *space.Access, r selfSignedRequest) (content, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	if _, err := a.slot(r.Group, r.Type); err != nil {
		return content{}, err
	}
	if len(keySizes(r.Type)) == 0 { // no key of ours is for it
		return content{}, ua.StatusBadNotSupported
	}
	var c content
	for _, name := range r.DNSNames {
		if len(name) > 253 || !dnsName.MatchString(name) {
			return c, badArgument(4)
		}
		c.names.dns = append(c.names.dns, name)
	}
	for _, text := range r.IPAddresses {
		ip := net.ParseIP(text)
		if ip == nil {
			return c, badArgument(5)
		}
		c.names.ips = append(c.names.ips, ip)
	}
	switch {
	case len(r.DNSNames)+len(r.IPAddresses) == 0:
		return c, badArgument(4)
	case r.Days == 0:
		return c, badArgument(6)
	case r.KeyBits != 0 && !slices.Contains(keySizes(r.Type), int(r.KeyBits)):
		return c, ua.StatusBadOutOfRange
	}
	c.from = a.d.opt.Clock().Add(-day)
	c.to = c.from.Add(time.Duration(r.Days) * day)
	if err := a.identify(&c, r); err != nil {
		return c, err
	}
	_, err := a.vacant(acc, r)
	return c, err
}

var dnsName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// identify gives a certificate its subject and usages. That of HTTPS must be asked
// for, with a DNS name or an IP address as its CN; that of an application comes
// from its identity when nobody asks (7.10.6).
func (a *Application) identify(c *content, r selfSignedRequest) error {
	if a.state.record(r.Group).Purpose == typeHTTPS {
		subject, err := parseSubject(r.Subject)
		if err != nil || net.ParseIP(subject.CommonName) == nil && !dnsName.MatchString(subject.CommonName) {
			return badArgument(3)
		}
		c.subject, c.extended = subject, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		return nil
	}
	subject, err := a.subject(slot{}, r.Subject)
	if err != nil {
		return badArgument(3)
	}
	uri, err := url.Parse(a.state.config.Identity.ApplicationURI)
	if err != nil {
		return err
	}
	c.subject, c.names.uri, c.extended = subject, uri, a.usages()
	return nil
}

// usages are the extendedKeyUsages of an application (OPC 10000-6, 6.2.2).
func (a *Application) usages() []x509.ExtKeyUsage {
	if a.kind == config.ApplicationClient {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

// vacant finds the slot in force if it holds nothing, or will hold nothing.
func (a *Application) vacant(acc *space.Access, r selfSignedRequest) (slot, error) {
	old, err := a.slot(r.Group, r.Type)
	if err == nil {
		err = a.mayStage(acc)
	}
	if err == nil && len(a.net(slotKey{r.Group, r.Type}).Chain) > 0 {
		err = ua.StatusBadInvalidState
	}
	return old, err
}

// net is a slot as the transaction under way leaves it.
func (a *Application) net(k slotKey) slot {
	if tx := a.d.tx; tx != nil && tx.app == a {
		if s, ok := tx.slots[k]; ok {
			return s.slot
		}
	}
	return a.state.groups[k.group].Slots[k.kind]
}

// deleteCertificate empties a slot. That no endpoint needs it is for ApplyChanges
// to see, since another certificate may follow (7.10.7).
func (a *Application) deleteCertificate(acc *space.Access, group string, kind config.NodeID) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	old, err := a.slot(group, kind)
	if err != nil {
		return err
	}
	if err := a.mayStage(acc); err != nil {
		return err
	}
	k := slotKey{group, kind}
	if len(a.net(k).Chain) == 0 {
		return ua.StatusBadInvalidState
	}
	_, err = a.change(acc, func(tx *transaction) { tx.stage(k, staged{discard: old.Pending}) })
	return err
}

// needed says whether an EndpointDescription shows a certificate (7.10.7).
func (a *Application) needed(s slot) bool {
	if a != a.d.server || len(s.Chain) == 0 {
		return false
	}
	for _, e := range endpointsOf(a.state) {
		if slices.ContainsFunc(e.Offers, func(o Offer) bool { return len(o.Chain) > 0 && slices.Equal(o.Chain[0], s.Chain[0]) }) {
			return true
		}
	}
	return false
}

// content is what a self-signed certificate says.
type content struct {
	subject  pkix.Name
	names    names // without uri for others than applications
	extended []x509.ExtKeyUsage
	from, to time.Time
}

// sign makes the certificate (OPC 10000-6, 6.2.2).
func (c content) sign(key privateKey) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: c.subject, NotBefore: c.from, NotAfter: c.to,
		KeyUsage:    usageOf(key.Public()) | x509.KeyUsageCertSign,
		ExtKeyUsage: c.extended, BasicConstraintsValid: true, SubjectKeyId: id, AuthorityKeyId: id,
		DNSNames: c.names.dns, IPAddresses: c.names.ips,
	}
	if c.names.uri != nil {
		t.URIs = []*url.URL{c.names.uri}
	}
	return x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

// firstCertificate is the content of the certificate of a first start.
func (a *Application) firstCertificate(group string) (content, error) {
	subject, err := a.subject(slot{}, "")
	if err != nil {
		return content{}, err
	}
	n, err := a.names(slot{})
	if err != nil {
		return content{}, err
	}
	from := a.d.opt.Clock().Add(-day)
	c := content{subject: subject, names: n, extended: a.usages(), from: from, to: from.Add(selfSignedValidity)}
	if group == config.DefaultHTTPSGroup {
		c.subject.CommonName, c.names.uri, c.extended = a.d.opt.First.Hostnames[0], nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return c, nil
}
