package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestDescribe(t *testing.T) {
	id := pkitest.Application(t, pkitest.Options{Name: "plc1"})
	d := pki.Describe(id.Certificate(t))
	if d.Subject != "CN=plc1/O=Test" || d.Issuer != d.Subject || !d.SelfSigned || d.CA || d.Key != "RSA 2048" ||
		d.ApplicationURI != "urn:test:application" || len(d.DNSNames) != 1 || len(d.IPAddresses) != 1 ||
		d.SHA256 != pki.Fingerprint(id.Leaf()) || d.Thumbprint != pki.Thumbprint(id.Leaf()) || len(d.Problems) != 0 {
		t.Errorf("got %+v", d)
	}
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	if d := pki.Describe(ca.Certificate); !d.CA || len(d.Problems) != 0 {
		t.Errorf("CA: got %+v", d)
	}
}

func TestDescribeProblems(t *testing.T) { // OPC 10000-6, 6.2.2
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		rule   pki.Rule
	}{
		{"no CN", func(c *x509.Certificate) { c.Subject.CommonName = "" }, pki.RuleStructure},
		{"no O", func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "x"} }, pki.RuleStructure},
		{"no basicConstraints", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, pki.RuleStructure},
		{"no AKI", func(c *x509.Certificate) { c.AuthorityKeyId = nil }, pki.RuleStructure},
		{"no URI", func(c *x509.Certificate) { c.URIs = nil }, pki.RuleApplicationURI},
		{"two URIs", func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }, pki.RuleApplicationURI},
		{"no host", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }, pki.RuleHostName},
		{"no nonRepudiation", func(c *x509.Certificate) { c.KeyUsage &^= x509.KeyUsageContentCommitment }, pki.RuleUsage},
		{"no keyCertSign on a self-signed one", func(c *x509.Certificate) { c.KeyUsage &^= x509.KeyUsageCertSign }, pki.RuleUsage},
		{"no extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, pki.RuleUsage},
		{"cA TRUE", func(c *x509.Certificate) { c.IsCA = true }, pki.RuleUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := pkitest.Application(t, pkitest.Options{Change: tt.change})
			d := pki.Describe(id.Certificate(t))
			if len(d.Problems) != 1 || d.Problems[0].Rule != tt.rule {
				t.Errorf("got %v, want one of rule %s", d.Problems, tt.rule)
			}
		})
	}
	short := pkitest.Application(t, pkitest.Options{Key: pkitest.ShortKey()})
	if got := pki.Describe(short.Certificate(t)).Problems; len(got) != 1 || got[0].Rule != pki.RulePolicy {
		t.Errorf("short key: got %v", got)
	}
}
