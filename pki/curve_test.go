package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/uapush/uapush/pki"
)

// OPC 10000-6, 6.2.2: a certificate of an ECC type has digitalSignature alone. Our
// judge of servers takes RSA leaves only, so openssl judges the chain.
func TestIssueOnCurves(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.InitCA(t.Context(), dir, pki.CAOptions{Subject: must(pki.ParseSubject("CN=Plant CA/O=Plant")), NoPassphrase: true, Key: pki.KeyRSA2048})
	if err != nil {
		t.Fatal(err)
	}
	for _, curve := range []string{"P-256", "P-384"} {
		key := must(pki.GenerateCurveKey(curve))
		r := pki.Request{ApplicationURI: "urn:plc1", Subject: must(pki.ParseSubject("CN=PLC1/O=Plant")), DNSNames: []string{"plc1"}, Server: true}
		csr := must(pki.NewRequest(key, r))
		chain, err := ca.Issue(t.Context(), csr, r)
		if err != nil {
			t.Fatalf("%s: %v", curve, err)
		}
		leaf := must(x509.ParseCertificate(chain[0]))
		public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
		if !ok || !public.Equal(key.Public()) || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.SubjectKeyId) != 20 {
			t.Errorf("%s: got %T, keyUsage %b, key id %x", curve, leaf.PublicKey, leaf.KeyUsage, leaf.SubjectKeyId)
		}
		for _, p := range pki.Describe(leaf).Problems {
			t.Errorf("%s: %s: %s", curve, p.Rule, p.Text)
		}
		if err := pki.CheckIssued(chain, csr, "urn:plc1", leaf.NotBefore); err != nil {
			t.Errorf("%s: %v", curve, err)
		}
		verifiesWithOpenSSL(t, chain)
		for _, format := range pki.PrivateKeyFormats() {
			data := must(pki.EncodePrivateKey(format, key, chain))
			if format == pki.FormatPFX {
				continue
			}
			if back, err := pki.ParseAnyKey(data); err != nil || !back.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
				t.Errorf("%s as %s: %v", curve, format, err)
			}
		}
	}
}

func verifiesWithOpenSSL(t *testing.T, chain [][]byte) {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if errors.Is(err, exec.ErrNotFound) {
		return // the rest of the test has judged it
	}
	dir := t.TempDir()
	leaf, root := filepath.Join(dir, "leaf.pem"), filepath.Join(dir, "root.pem")
	for path, der := range map[string][]byte{leaf: chain[0], root: chain[1]} {
		if err := os.WriteFile(path, pki.EncodeCertificates([][]byte{der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(openssl, "verify", "-x509_strict", "-CAfile", root, leaf).CombinedOutput(); err != nil {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
}

// A certificate of hosts, for HTTPS, has no ApplicationUri and serves servers alone;
// one of an application is never made without.
func TestIssueForHosts(t *testing.T) {
	ca, err := pki.InitCA(t.Context(), t.TempDir(), pki.CAOptions{Subject: must(pki.ParseSubject("CN=Plant CA/O=Plant")), NoPassphrase: true, Key: pki.KeyRSA2048})
	if err != nil {
		t.Fatal(err)
	}
	r := pki.Request{Hosts: true, Subject: must(pki.ParseSubject("CN=plc1/O=Plant")), DNSNames: []string{"plc1"}, Server: true}
	csr := must(pki.NewRequest(must(pki.GenerateCurveKey("P-256")), r))
	chain, err := ca.Issue(t.Context(), csr, r)
	if err != nil {
		t.Fatal(err)
	}
	leaf := must(x509.ParseCertificate(chain[0]))
	if len(leaf.URIs) != 0 || len(leaf.DNSNames) != 1 || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("got %v, %v, %v", leaf.URIs, leaf.DNSNames, leaf.ExtKeyUsage)
	}
	var broken *pki.RequestError
	for name, other := range map[string]pki.Request{
		"an application without its ApplicationUri": {DNSNames: []string{"plc1"}, Server: true},
		"hosts with one": {Hosts: true, ApplicationURI: "urn:plc1", DNSNames: []string{"plc1"}, Server: true},
	} {
		if _, err := ca.Issue(t.Context(), csr, other); !errors.As(err, &broken) || broken.Rule != pki.RequestApplicationURI {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
