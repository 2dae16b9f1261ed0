package pki_test

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// openssl judges from outside what this package makes and reads.
type openssl struct {
	t       *testing.T
	program string
	dir     string
}

func newOpenSSL(t *testing.T) openssl {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed:", err)
	}
	return openssl{t, program, t.TempDir()}
}

func (o openssl) file(name string, data []byte) string {
	o.t.Helper()
	path := filepath.Join(o.dir, name)
	write(o.t, path, data)
	return path
}

// run gives standard output and error together, and whether the program is content.
func (o openssl) run(arguments ...string) (output string, content bool) {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), o.program, arguments...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

func (o openssl) wants(fragment string, arguments ...string) {
	o.t.Helper()
	output, content := o.run(arguments...)
	if !content || !strings.Contains(output, fragment) {
		o.t.Errorf("openssl %s: got %q, want %q", strings.Join(arguments, " "), output, fragment)
	}
}

func crlPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }

func TestOpenSSLJudgesTheCA(t *testing.T) {
	o := newOpenSSL(t)
	ca, _ := newCA(t, plainOptions())
	csr := o.request("/CN=plc1/O=Plant", "URI:urn:plc1,DNS:plc1")
	chain, err := ca.Issue(t.Context(), csr, pki.Request{ApplicationURI: "urn:plc1", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	root := o.file("ca.pem", pki.EncodeCertificates(chain[1:]))
	leaf := o.file("leaf.pem", pki.EncodeCertificates(chain[:1]))
	crl := o.file("crl.pem", crlPEM(must(ca.CRL(t.Context()))))
	o.wants("OK", "verify", "-x509_strict", "-crl_check", "-purpose", "sslserver", "-CAfile", root, "-CRLfile", crl, leaf)
	o.wants("verify OK", "crl", "-in", crl, "-CAfile", root, "-noout")
	o.wants("URI:urn:plc1, DNS:plc1", "x509", "-in", leaf, "-noout", "-text")
	o.wants("Non Repudiation", "x509", "-in", leaf, "-noout", "-text")

	if err := ca.Revoke(t.Context(), pkitest.Parse(t, chain[0]).SerialNumber.Text(16)); err != nil {
		t.Fatal(err)
	}
	crl = o.file("crl.pem", crlPEM(must(ca.CRL(t.Context()))))
	output, content := o.run("verify", "-crl_check", "-CAfile", root, "-CRLfile", crl, leaf)
	if content || !strings.Contains(output, "revoked") {
		t.Errorf("after Revoke: got %q", output)
	}
}

// What a request asks for beside its names is not heard (OPC 10000-12, 7.9.3); names
// go in as they are.
func TestOpenSSLSeesTheProfile(t *testing.T) {
	o := newOpenSSL(t)
	ca, _ := newCA(t, plainOptions())
	csr := o.request("/CN=plc1/O=Plant", "URI:urn:plc1,DNS:plc1,IP:10.0.0.1",
		"basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign", "extendedKeyUsage=codeSigning")
	chain, err := ca.Issue(t.Context(), csr, pki.Request{ApplicationURI: "urn:plc1", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := o.run("x509", "-in", o.file("leaf.pem", pki.EncodeCertificates(chain[:1])), "-noout", "-text")
	for _, fragment := range []string{
		"URI:urn:plc1, DNS:plc1, IP Address:10.0.0.1", "CA:FALSE", "TLS Web Server Authentication, TLS Web Client Authentication\n",
		"Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment\n", "Authority Key Identifier", "Subject Key Identifier", "sha256WithRSAEncryption",
	} {
		if !strings.Contains(text, fragment) {
			t.Errorf("%q is missing in\n%s", fragment, text)
		}
	}
	if strings.Contains(text, "Code Signing") || strings.Contains(text, "Certificate Sign") {
		t.Errorf("the request's wishes were heard:\n%s", text)
	}
}

// RFC 5280, 5.2.3 and 5.3.1: number, nextUpdate, authorityKeyIdentifier, reasons.
func TestOpenSSLReadsTheCRL(t *testing.T) {
	o := newOpenSSL(t)
	options := plainOptions()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	options.Now = func() time.Time { return now }
	ca, _ := newCA(t, options)
	reasons := append(pki.RevocationReasons(), "")
	for _, reason := range reasons {
		chain := must(ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), pki.Request{ApplicationURI: signerURI, Server: true}))
		if err := ca.RevokeFor(t.Context(), pkitest.Parse(t, chain[0]).SerialNumber.Text(16), reason); err != nil {
			t.Fatal(err)
		}
	}
	if err := ca.RevokeFor(t.Context(), "1", "certificateHold"); err == nil {
		t.Error("a reason that can be taken back is taken")
	}
	text, _ := o.run("crl", "-in", o.file("crl.pem", crlPEM(must(ca.CRL(t.Context())))), "-noout", "-text")
	for _, fragment := range []string{
		"Version 2", "sha256WithRSAEncryption", "Next Update: Apr  2 03:04:05 2026 GMT", "X509v3 CRL Number: \n                7\n", "Authority Key Identifier",
		"Key Compromise", "Affiliation Changed", "Superseded", "Cessation Of Operation", "Privilege Withdrawn",
	} {
		if !strings.Contains(text, fragment) {
			t.Errorf("%q is missing in\n%s", fragment, text)
		}
	}
	if got := strings.Count(text, "Serial Number:"); got != len(reasons) {
		t.Errorf("%d certificates are revoked, want %d", got, len(reasons))
	}
}

// request has openssl make a key and a certificate request, DER, with further
// extensions where they are given.
func (o openssl) request(subject, names string, extensions ...string) []byte {
	o.t.Helper()
	path := filepath.Join(o.dir, "request.der")
	config := o.file("request.cnf", []byte("[req]\ndistinguished_name=dn\n[dn]\n"))
	arguments := []string{"req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", config, "-keyout", filepath.Join(o.dir, "request.key"),
		"-subj", subject, "-addext", "subjectAltName=" + names, "-outform", "DER", "-out", path}
	for _, extension := range extensions {
		arguments = append(arguments, "-addext", extension)
	}
	output, content := o.run(arguments...)
	if !content {
		o.t.Fatal("openssl req:", output)
	}
	return must(os.ReadFile(path))
}

func TestOpenSSLReadsTheIdentity(t *testing.T) {
	o := newOpenSSL(t)
	dir := filepath.Join(t.TempDir(), "identity")
	id, _, err := pki.LoadOrCreateIdentity(dir, pki.Application{ApplicationURI: "urn:bench:uapush", DNSNames: []string{"bench"}})
	if err != nil {
		t.Fatal(err)
	}
	certificate := o.file("cert.pem", pki.EncodeCertificates(id.Chain))
	o.wants("OK", "verify", "-check_ss_sig", "-CAfile", certificate, certificate)
	o.wants("Key is valid", "pkey", "-in", filepath.Join(dir, pki.IdentityKeyFile), "-noout", "-check")
	text, _ := o.run("x509", "-in", certificate, "-noout", "-text", "-fingerprint", "-sha1")
	for _, fragment := range []string{
		"Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment, Certificate Sign",
		"TLS Web Server Authentication, TLS Web Client Authentication", "CA:FALSE", "Authority Key Identifier",
		"sha256WithRSAEncryption", "URI:urn:bench:uapush, DNS:bench",
	} {
		if !strings.Contains(text, fragment) {
			t.Errorf("%q is missing in\n%s", fragment, text)
		}
	}
	if print := pki.Thumbprint(id.Chain[0]); !strings.Contains(strings.ReplaceAll(text, ":", ""), print) {
		t.Errorf("openssl has another SHA-1 than %s", print)
	}
}

func TestOpenSSLReadsTheEncryptedCA(t *testing.T) {
	o := newOpenSSL(t)
	options := plainOptions()
	options.NoPassphrase, options.Passphrase = false, []byte("correct horse")
	_, dir := newCA(t, options)
	p12 := filepath.Join(dir, pki.CAEncryptedKeyFile)
	o.wants("PBES2", "pkcs12", "-in", p12, "-info", "-noout", "-passin", "pass:correct horse")
	if output, content := o.run("pkcs12", "-in", p12, "-noout", "-passin", "pass:wrong"); content {
		t.Errorf("a wrong passphrase opens it: %q", output)
	}
}
