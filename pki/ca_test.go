package pki_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

var caSubject = pkix.Name{CommonName: "Plant CA", Organization: []string{"Plant"}}

func plainOptions() pki.CAOptions {
	return pki.CAOptions{NoPassphrase: true, Subject: caSubject, Key: pki.KeyRSA2048}
}

func newCA(t testing.TB, o pki.CAOptions) (*pki.CA, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.InitCA(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func TestCAProfile(t *testing.T) { // OPC 10000-6, 6.2.2
	ca, dir := newCA(t, plainOptions())
	cert := ca.Certificate()
	if !cert.IsCA || !cert.MaxPathLenZero || cert.MaxPathLen != 0 {
		t.Errorf("basicConstraints: cA %v, pathLen %d", cert.IsCA, cert.MaxPathLen)
	}
	if got, want := cert.KeyUsage, x509.KeyUsageCertSign|x509.KeyUsageCRLSign; got != want {
		t.Errorf("key usage: got %v, want %v", got, want)
	}
	if len(cert.AuthorityKeyId) == 0 || !slices.Equal(cert.AuthorityKeyId, cert.SubjectKeyId) {
		t.Errorf("key identifiers: authority %x, subject %x", cert.AuthorityKeyId, cert.SubjectKeyId)
	}
	crl := pkitest.ParseCRL(t, must(ca.CRL(t.Context())))
	if err := crl.CheckSignatureFrom(cert); err != nil || crl.Number.Int64() != 1 || len(crl.AuthorityKeyId) == 0 {
		t.Errorf("first CRL: signature %v, number %v, AKI %x", err, crl.Number, crl.AuthorityKeyId)
	}
	wantPrivate(t, filepath.Join(dir, pki.CAPlainKeyFile))
}

// wantPrivate wants a file of mode 0600 where there are modes.
func wantPrivate(t *testing.T, path string) {
	t.Helper()
	info := must(os.Stat(path))
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s: got mode %v, want 0600", path, info.Mode())
	}
}

func TestIssue(t *testing.T) {
	ca, _ := newCA(t, plainOptions())
	csr := pkitest.RequestFrom(t, pkitest.Key(1), &x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: "plc", Organization: []string{"Maker"}},
		URIs:        []*url.URL{{Scheme: "urn", Opaque: "plc1"}},
		DNSNames:    []string{"plc1"},
		IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
		ExtraExtensions: []pkix.Extension{ // cA TRUE, which must not be heard
			{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xFF}},
		},
	})
	chain, err := ca.Issue(t.Context(), csr, pki.Request{
		ApplicationURI: "urn:plc1", DNSNames: []string{"PLC1", "plc1.plant"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1), net.IPv6loopback}, Server: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := pkitest.Parse(t, chain[0])
	if len(chain) != 2 || leaf.CheckSignatureFrom(pkitest.Parse(t, chain[1])) != nil {
		t.Errorf("chain of %d does not verify", len(chain))
	}
	if leaf.IsCA || !leaf.BasicConstraintsValid {
		t.Errorf("basicConstraints: valid %v, cA %v", leaf.BasicConstraintsValid, leaf.IsCA)
	}
	if got, want := leaf.DNSNames, []string{"plc1", "plc1.plant"}; !slices.Equal(got, want) {
		t.Errorf("DNS names: got %q, want %q", got, want)
	}
	if got := len(leaf.IPAddresses); got != 2 {
		t.Errorf("addresses: got %v", leaf.IPAddresses)
	}
	if got, want := pki.FormatSubject(leaf.Subject), "CN=plc/O=Maker"; got != want {
		t.Errorf("subject: got %q, want %q", got, want)
	}
	if got, want := leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}; !slices.Equal(got, want) {
		t.Errorf("extended key usage: got %v, want %v", got, want)
	}
	if !slices.Equal(leaf.AuthorityKeyId, ca.Certificate().SubjectKeyId) {
		t.Error("authorityKeyIdentifier is not the CA's")
	}
	policy := pki.Policy{Trusted: []*x509.Certificate{ca.Certificate()}, Host: "plc1", ApplicationURI: "urn:plc1",
		CRLs: []*x509.RevocationList{pkitest.ParseCRL(t, must(ca.CRL(t.Context())))}, RequireRevocation: true}
	if err := policy.Verify(chain); err != nil {
		t.Error(err)
	}
	records := must(ca.Records())
	last := records[len(records)-1]
	if last.Event != pki.EventIssued || last.SHA256 != pki.Fingerprint(chain[0]) || last.RequestSHA256 != pki.Fingerprint(csr) {
		t.Errorf("ledger: got %+v", last)
	}
	if problems := pki.Describe(leaf).Problems; len(problems) > 0 {
		t.Errorf("problems of an issued certificate: %v", problems)
	}
}

func TestIssueRefuses(t *testing.T) {
	ca, _ := newCA(t, plainOptions())
	tests := []struct {
		name    string
		csr     []byte
		request pki.Request
		rule    pki.RequestRule
	}{
		{"other application", pkitest.Request(t, pkitest.Options{URI: "urn:other"}), pki.Request{ApplicationURI: "urn:plc1"}, pki.RequestApplicationURI},
		{"key longer than the CA's", pkitest.Request(t, pkitest.Options{URI: "urn:plc1", Key: pkitest.LongKey()}), pki.Request{ApplicationURI: "urn:plc1"}, pki.RequestKey},
		{"server without a name", pkitest.Request(t, pkitest.Options{URI: "urn:plc1", Hosts: []string{}}), pki.Request{ApplicationURI: "urn:plc1", Server: true}, pki.RequestHosts},
		{"the CA's own name", pkitest.Request(t, pkitest.Options{URI: "urn:plc1"}), pki.Request{ApplicationURI: "urn:plc1", Subject: caSubject}, pki.RequestStructure},
		{"no CN", pkitest.Request(t, pkitest.Options{URI: "urn:plc1"}), pki.Request{ApplicationURI: "urn:plc1", Subject: pkix.Name{Country: []string{"AT"}}}, pki.RequestStructure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ca.Issue(t.Context(), tt.csr, tt.request)
			var refused *pki.RequestError
			if !errors.As(err, &refused) || refused.Rule != tt.rule {
				t.Errorf("got %v, want rule %s", err, tt.rule)
			}
		})
	}
	for _, r := range must(ca.Records()) {
		if r.Event == pki.EventIssued {
			t.Errorf("a refused request is in the ledger: %+v", r)
		}
	}
}

func TestIssueEndsWithCA(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := plainOptions()
	o.Validity, o.Now = 100*24*time.Hour, func() time.Time { return now }
	ca, dir := newCA(t, o)
	csr := pkitest.Request(t, pkitest.Options{})
	request := pki.Request{ApplicationURI: "urn:test:application"}
	leaf := pkitest.Parse(t, must(ca.Issue(t.Context(), csr, request))[0])
	if got, want := leaf.NotAfter, ca.Certificate().NotAfter; !got.Equal(want) {
		t.Errorf("notAfter: got %s, want the CA's %s", got, want)
	}
	if got, want := leaf.NotBefore, now.Add(-pki.Backdate); !got.Equal(want) {
		t.Errorf("notBefore: got %s, want %s", got, want)
	}
	now = now.AddDate(1, 0, 0)
	expired, err := pki.OpenCA(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := expired.Issue(t.Context(), csr, request); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("got %v, want %v", err, pki.ErrExpired)
	}
}

func TestOpenCA(t *testing.T) {
	o := plainOptions()
	o.NoPassphrase, o.Passphrase = false, []byte("correct horse")
	ca, dir := newCA(t, o)
	reopened, err := pki.OpenCA(dir, pki.CAOptions{Passphrase: []byte("correct horse")})
	if err != nil || !reopened.Certificate().Equal(ca.Certificate()) {
		t.Fatalf("reopen: %v", err)
	}
	if !pki.CANeedsPassphrase(dir) {
		t.Error("the key is not encrypted")
	}
	_, plain := newCA(t, plainOptions())
	if err := os.Chmod(filepath.Join(plain, pki.CAPlainKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func() error
		want error
	}{
		{"wrong passphrase", func() error { return second(pki.OpenCA(dir, pki.CAOptions{Passphrase: []byte("wrong")})) }, pki.ErrPassphrase},
		{"no passphrase", func() error { return second(pki.OpenCA(dir, pki.CAOptions{})) }, pki.ErrPassphraseNeeded},
		{"nothing there", func() error { return second(pki.OpenCA(t.TempDir(), pki.CAOptions{})) }, pki.ErrNotInitialised},
		{"init again", func() error { return second(pki.InitCA(t.Context(), dir, o)) }, pki.ErrInitialised},
		{"init without a word on the key", func() error {
			return second(pki.InitCA(t.Context(), t.TempDir(), pki.CAOptions{Subject: caSubject}))
		}, pki.ErrPassphraseNeeded},
		{"exposed key", func() error { return second(pki.OpenCA(plain, pki.CAOptions{})) }, pki.ErrExposed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			skipWithoutModes(t, tt.want)
			err := tt.do()
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			var file *pki.FileError
			if !errors.As(err, &file) || file.Hint() == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

func TestRevoke(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := plainOptions()
	o.Now = func() time.Time { return now }
	ca, dir := newCA(t, o)
	chain := must(ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), pki.Request{ApplicationURI: "urn:test:application", Server: true}))
	leaf := pkitest.Parse(t, chain[0])
	if err := ca.Revoke(t.Context(), "abcdef"); !errors.Is(err, pki.ErrUnknownSerial) {
		t.Errorf("unknown serial: got %v", err)
	}
	for range 2 { // the second time changes nothing
		if err := ca.Revoke(t.Context(), leaf.SerialNumber.Text(16)); err != nil {
			t.Fatal(err)
		}
	}
	crl := pkitest.ParseCRL(t, must(ca.CRL(t.Context())))
	if crl.Number.Int64() != 2 || len(crl.RevokedCertificateEntries) != 1 {
		t.Errorf("CRL %v has %d entries, want number 2 with 1", crl.Number, len(crl.RevokedCertificateEntries))
	}
	err := pki.Policy{Trusted: []*x509.Certificate{ca.Certificate()}, CRLs: []*x509.RevocationList{crl}, Time: now}.Verify(chain)
	var refused *pki.CertificateError
	if !errors.As(err, &refused) || refused.Rule != pki.RuleRevoked {
		t.Errorf("got %v, want rule %s", err, pki.RuleRevoked)
	}
	now = now.AddDate(0, 0, 30)
	if got := pkitest.ParseCRL(t, must(ca.CRL(t.Context()))).Number.Int64(); got != 2 {
		t.Errorf("before half its validity: number %d, want 2", got)
	}
	now = now.AddDate(0, 0, 30)
	if got := pkitest.ParseCRL(t, must(ca.CRL(t.Context()))).Number.Int64(); got != 3 {
		t.Errorf("after half its validity: number %d, want 3", got)
	}
	if err := os.Remove(filepath.Join(dir, pki.CARevocationFile)); err != nil { // a lost file repeats no number
		t.Fatal(err)
	}
	if got := pkitest.ParseCRL(t, must(ca.CRL(t.Context()))); got.Number.Int64() != 4 || len(got.RevokedCertificateEntries) != 1 {
		t.Errorf("after the file was lost: number %v, %d entries", got.Number, len(got.RevokedCertificateEntries))
	}
}

func TestIssueConcurrently(t *testing.T) {
	ca, dir := newCA(t, plainOptions())
	other := must(pki.OpenCA(dir, pki.CAOptions{NoPassphrase: true}))
	csr := pkitest.Request(t, pkitest.Options{})
	const each = 5
	var wait sync.WaitGroup
	for _, issuer := range []pki.Issuer{ca, other} {
		for range each {
			wait.Go(func() {
				if _, err := issuer.Issue(context.Background(), csr, pki.Request{ApplicationURI: "urn:test:application"}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	serials := map[string]bool{}
	for _, r := range must(ca.Records()) {
		if r.Event == pki.EventIssued {
			serials[r.Serial] = true
		}
	}
	if len(serials) != 2*each {
		t.Errorf("the ledger has %d serials, want %d", len(serials), 2*each)
	}
}

func TestLedgerTornLine(t *testing.T) {
	ca, dir := newCA(t, plainOptions())
	csr := pkitest.Request(t, pkitest.Options{})
	ledger := filepath.Join(dir, pki.CALedgerFile)
	f := must(os.OpenFile(ledger, os.O_APPEND|os.O_WRONLY, 0))
	if _, err := f.WriteString(`{"event":"issu`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := ca.Issue(t.Context(), csr, pki.Request{ApplicationURI: "urn:test:application"}); err != nil {
		t.Fatal("after a torn line:", err)
	}
	if got := len(must(ca.Records())); got != 2 { // the first CRL and this certificate
		t.Errorf("got %d records, want 2", got)
	}
	if err := os.WriteFile(ledger, []byte("{\"event\":\"invented\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(t.Context(), csr, pki.Request{ApplicationURI: "urn:test:application"}); !errors.Is(err, pki.ErrDamaged) {
		t.Errorf("damaged ledger: got %v", err)
	}
}

func skipWithoutModes(t *testing.T, want error) {
	t.Helper()
	if runtime.GOOS == "windows" && errors.Is(want, pki.ErrExposed) {
		t.Skip("Windows has no file modes")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func second[T any](_ T, err error) error { return err }
