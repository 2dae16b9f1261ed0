package pkitest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// Authority is a certification authority in memory.
type Authority struct {
	Certificate *x509.Certificate
	Key         *rsa.PrivateKey
	above       *Authority // nil for a root
	crlNumber   int64
}

// NewAuthority makes a root CA. Change, if not nil, edits its template.
func NewAuthority(t testing.TB, key *rsa.PrivateKey, name string, change func(*x509.Certificate)) *Authority {
	t.Helper()
	template := authorityTemplate(t, key, name)
	template.AuthorityKeyId = template.SubjectKeyId
	if change != nil {
		change(template)
	}
	return &Authority{Certificate: Parse(t, sign(t, template, template, &key.PublicKey, key)), Key: key}
}

// Intermediate makes a CA below this one.
func (a *Authority) Intermediate(t testing.TB, key *rsa.PrivateKey, name string, change func(*x509.Certificate)) *Authority {
	t.Helper()
	template := authorityTemplate(t, key, name)
	if change != nil {
		change(template)
	}
	return &Authority{Certificate: Parse(t, sign(t, template, a.Certificate, &key.PublicKey, a.Key)), Key: key, above: a}
}

func authorityTemplate(t testing.TB, key *rsa.PrivateKey, name string) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Test"}},
		NotBefore:             time.Now().AddDate(0, 0, -2),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SubjectKeyId:          key.N.Bytes()[:20],
	}
}

// Issue makes an application certificate below this CA; the chain goes up to
// the root.
func (a *Authority) Issue(t testing.TB, o Options) Identity {
	t.Helper()
	o = o.withDefaults()
	template := o.template(t)
	if o.Change != nil {
		o.Change(template)
	}
	chain := [][]byte{sign(t, template, a.Certificate, &o.Key.PublicKey, a.Key)}
	for up := a; up != nil; up = up.above {
		chain = append(chain, up.Certificate.Raw)
	}
	return Identity{Chain: chain, Key: o.Key}
}

// CRL makes a revocation list, DER, with these certificates in it, valid for
// a month from yesterday.
func (a *Authority) CRL(t testing.TB, revoked ...*x509.Certificate) []byte {
	t.Helper()
	return a.CRLAt(t, time.Now().AddDate(0, 0, -1), revoked...)
}

// CRLAt is CRL with its beginning.
func (a *Authority) CRLAt(t testing.TB, thisUpdate time.Time, revoked ...*x509.Certificate) []byte {
	t.Helper()
	a.crlNumber++
	list := &x509.RevocationList{Number: big.NewInt(a.crlNumber), ThisUpdate: thisUpdate, NextUpdate: thisUpdate.AddDate(0, 1, 0)}
	for _, cert := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: cert.SerialNumber, RevocationTime: thisUpdate,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Certificate, a.Key)
	if err != nil {
		t.Fatal("make the CRL:", err)
	}
	return der
}

// ParseCRL parses a revocation list.
func ParseCRL(t testing.TB, der []byte) *x509.RevocationList {
	t.Helper()
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal("parse the CRL:", err)
	}
	return crl
}
