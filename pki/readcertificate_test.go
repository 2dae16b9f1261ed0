package pki_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// A certificate whose key cannot be used is read for all that is not its key.
func TestReadCertificate(t *testing.T) {
	for file, want := range map[string]struct{ curve, key string }{
		"brainpoolP256r1": {pki.CurveBrainpoolP256r1, "EC brainpoolP256r1"}, "brainpoolP384r1": {pki.CurveBrainpoolP384r1, "EC brainpoolP384r1"},
		"ed25519": {pki.Curve25519, "EC Ed25519"}, "ed448": {pki.Curve448, "EC Ed448"},
	} {
		der := must(os.ReadFile(filepath.Join("testdata", file+".der")))
		cert, err := pki.ReadCertificate(der)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		d := pki.Describe(cert)
		if pki.Curve(cert) != want.curve || d.Key != want.key || d.Subject != "CN=PLC1/O=Plant" || d.ApplicationURI != "urn:plc1" || d.NotAfter.Year() < 2040 || d.SHA256 != pki.Fingerprint(der) {
			t.Errorf("%s: got %q, %+v", file, pki.Curve(cert), d)
		}
		if !bytes.Equal(cert.Raw, der) || !bytes.Contains(der, cert.RawTBSCertificate) || !bytes.Contains(der, cert.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: the raw parts are not those of the certificate", file)
		}
		if _, err := x509.ParseCertificate(der); err != nil && cert.PublicKey != nil {
			t.Errorf("%s: it has a key that it was not given", file)
		}
	}
	if _, err := pki.ReadCertificate([]byte("hello")); err == nil {
		t.Error("no certificate at all was read")
	}
}

// A key that stands in for one that cannot be read never vouches for a signature.
func TestReadCertificateVerifiesNothing(t *testing.T) {
	cert := must(pki.ReadCertificate(must(os.ReadFile(filepath.Join("testdata", "brainpoolP256r1.der")))))
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err == nil {
		t.Error("a signature was checked with a key that is not there")
	}
	if err := (pki.Policy{Trusted: []*x509.Certificate{cert}}).Verify([][]byte{cert.Raw}); err == nil {
		t.Error("such a certificate is trusted for a channel")
	}
}

func FuzzReadCertificate(f *testing.F) {
	files := must(filepath.Glob("testdata/*.der"))
	for _, file := range files {
		f.Add(must(os.ReadFile(file)))
	}
	f.Add(pkitest.Application(f, pkitest.Options{Key: pkitest.Key(0)}).Leaf())
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := pki.ReadCertificate(der)
		if err != nil {
			return
		}
		pki.Describe(cert)
		if !bytes.Equal(cert.Raw, der) || !bytes.Contains(der, cert.RawTBSCertificate) {
			t.Error("the certificate that was read is another one")
		}
		if _, err := x509.ParseCertificate(der); err != nil && cert.PublicKey != nil {
			t.Error("a key that cannot be read was made up")
		}
	})
}
