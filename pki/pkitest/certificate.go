package pkitest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"
)

// Identity is a chain, DER, leaf first, with the leaf's key. It converts to
// pki.Identity and secureconv.Identity.
type Identity struct {
	Chain [][]byte
	Key   *rsa.PrivateKey
}

// Leaf is the first certificate.
func (i Identity) Leaf() []byte { return i.Chain[0] }

// Certificate parses the leaf.
func (i Identity) Certificate(t testing.TB) *x509.Certificate {
	t.Helper()
	return Parse(t, i.Chain[0])
}

// Parse parses a certificate.
func Parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal("parse the certificate:", err)
	}
	return cert
}

// Options describes an application instance certificate. The zero value is
// a good one for urn:test:application at localhost and 127.0.0.1.
type Options struct {
	Key       *rsa.PrivateKey // nil is Key(0)
	URI       string
	Name      string // CN
	Hosts     []string
	NotBefore time.Time // zero is a day ago
	NotAfter  time.Time // zero is in a year

	// Change edits the template before it is signed, to break a rule.
	Change func(*x509.Certificate)
}

// Application makes a self-signed application instance certificate as OPC
// 10000-6, 6.2.2 wants it, for clients and servers.
func Application(t testing.TB, o Options) Identity {
	t.Helper()
	o = o.withDefaults()
	template := o.template(t)
	template.KeyUsage |= x509.KeyUsageCertSign
	template.AuthorityKeyId = template.SubjectKeyId
	if o.Change != nil {
		o.Change(template)
	}
	return Identity{Chain: [][]byte{sign(t, template, template, &o.Key.PublicKey, o.Key)}, Key: o.Key}
}

// Expired is Application with a validity that ended yesterday.
func Expired(t testing.TB, o Options) Identity {
	t.Helper()
	o.NotBefore, o.NotAfter = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, -1)
	return Application(t, o)
}

func (o Options) withDefaults() Options {
	if o.Key == nil {
		o.Key = Key(0)
	}
	if o.URI == "" {
		o.URI = "urn:test:application"
	}
	if o.Name == "" {
		o.Name = "test"
	}
	if o.Hosts == nil {
		o.Hosts = []string{"localhost", "127.0.0.1"}
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = time.Now().AddDate(0, 0, -1)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().AddDate(1, 0, 0)
	}
	return o
}

func (o Options) template(t testing.TB) *x509.Certificate {
	t.Helper()
	uri, names, addresses := o.names(t)
	return &x509.Certificate{
		SerialNumber: serial(t),
		Subject:      pkix.Name{CommonName: o.Name, Organization: []string{"Test"}},
		NotBefore:    o.NotBefore,
		NotAfter:     o.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment |
			x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SubjectKeyId:          []byte(o.Key.N.Bytes()[:20]),
		URIs:                  []*url.URL{uri},
		DNSNames:              names,
		IPAddresses:           addresses,
	}
}

func (o Options) names(t testing.TB) (uri *url.URL, names []string, addresses []net.IP) {
	t.Helper()
	uri, err := url.Parse(o.URI)
	if err != nil {
		t.Fatal("parse the ApplicationUri:", err)
	}
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		names = append(names, host)
	}
	return uri, names, addresses
}

// Request makes a certificate request, PKCS#10 DER. Change of o is not used.
func Request(t testing.TB, o Options) []byte {
	t.Helper()
	o = o.withDefaults()
	uri, names, addresses := o.names(t)
	return RequestFrom(t, o.Key, &x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: o.Name, Organization: []string{"Test"}},
		URIs:        []*url.URL{uri},
		DNSNames:    names,
		IPAddresses: addresses,
	})
}

// RequestFrom signs a request of any content.
func RequestFrom(t testing.TB, key *rsa.PrivateKey, template *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal("make the request:", err)
	}
	return der
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	return n.Add(n, big.NewInt(1))
}

func sign(t testing.TB, template, parent *x509.Certificate, public *rsa.PublicKey, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal("make the certificate:", err)
	}
	return der
}
