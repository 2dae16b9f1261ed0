package pki_test

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestSelfSigned(t *testing.T) { // OPC 10000-6, 6.2.2
	const uri = "urn:host:My Application%ZZ" // no url.URL gives this back
	der, err := pki.SelfSigned(pkitest.Key(0), pki.Application{ApplicationURI: uri, DNSNames: []string{"host"}})
	if err != nil {
		t.Fatal(err)
	}
	cert := pkitest.Parse(t, der)
	if got := pki.ApplicationURI(cert); got != uri {
		t.Errorf("ApplicationUri: got %q, want %q", got, uri)
	}
	want := x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment |
		x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign
	if cert.KeyUsage != want {
		t.Errorf("key usage: got %b, want %b", cert.KeyUsage, want)
	}
	if cert.IsCA || !cert.BasicConstraintsValid || len(cert.AuthorityKeyId) == 0 || !slices.Equal(cert.AuthorityKeyId, cert.SubjectKeyId) {
		t.Errorf("cA %v, present %v, AKI %x, SKI %x", cert.IsCA, cert.BasicConstraintsValid, cert.AuthorityKeyId, cert.SubjectKeyId)
	}
	if !cert.NotBefore.Before(time.Now().Add(-pki.Backdate + time.Minute)) {
		t.Errorf("notBefore %s is not backdated", cert.NotBefore)
	}
	if d := pki.Describe(cert); len(d.Problems) > 0 || !d.SelfSigned {
		t.Errorf("got %+v", d)
	}
	for _, bad := range []pki.Application{{ApplicationURI: ""}, {ApplicationURI: "no scheme"}, {ApplicationURI: "urn:ü"},
		{ApplicationURI: "urn:a", DNSNames: []string{"hööst"}}} {
		if _, err := pki.SelfSigned(pkitest.Key(0), bad); err == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
}

func TestLoadOrCreateIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "identity")
	app := pki.Application{ApplicationURI: pki.DefaultApplicationURI("Bench-1")}
	const processes = 4
	var made [processes]bool
	var identities [processes]pki.Identity
	var wait sync.WaitGroup
	for i := range processes {
		wait.Go(func() {
			var err error
			if identities[i], made[i], err = pki.LoadOrCreateIdentity(dir, app); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if winners := len(slices.DeleteFunc(made[:], func(created bool) bool { return !created })); winners != 1 {
		t.Errorf("%d created it, want 1", winners)
	}
	for _, id := range identities {
		if len(id.Chain) != 1 || !slices.Equal(id.Chain[0], identities[0].Chain[0]) {
			t.Fatal("they do not see the same identity")
		}
	}
	cert := must(identities[0].Certificate())
	if got, want := pki.ApplicationURI(cert), "urn:bench-1:uapush"; got != want {
		t.Errorf("ApplicationUri: got %q, want %q", got, want)
	}
	wantPrivate(t, filepath.Join(dir, pki.IdentityKeyFile))
	if left := must(os.ReadDir(filepath.Dir(dir))); len(left) != 1 {
		t.Errorf("drafts stayed behind: %v", left)
	}
}

func writeIdentity(t *testing.T, id pkitest.Identity) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, pki.IdentityCertificateFile), pki.JoinChain(id.Chain))
	write(t, filepath.Join(dir, pki.IdentityKeyFile), must(pki.EncodeKey(id.Key)))
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := pki.WriteFileAtomic(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoadIdentityRefuses(t *testing.T) {
	good := pkitest.Application(t, pkitest.Options{})
	exposed := writeIdentity(t, good)
	if err := os.Chmod(filepath.Join(exposed, pki.IdentityKeyFile), 0o640); err != nil {
		t.Fatal(err)
	}
	half := writeIdentity(t, good)
	if err := os.Remove(filepath.Join(half, pki.IdentityKeyFile)); err != nil {
		t.Fatal(err)
	}
	garbled := writeIdentity(t, good)
	write(t, filepath.Join(garbled, pki.IdentityCertificateFile), []byte("hello"))
	occupied := t.TempDir()
	write(t, filepath.Join(occupied, "notes.txt"), []byte("mine"))
	tests := []struct {
		name string
		dir  string
		want error
	}{
		{"exposed", exposed, pki.ErrExposed},
		{"half", half, pki.ErrDamaged},
		{"garbled", garbled, pki.ErrDamaged},
		{"other key", writeIdentity(t, pkitest.Identity{Chain: good.Chain, Key: pkitest.Key(1)}), pki.ErrMismatch},
		{"expired", writeIdentity(t, pkitest.Expired(t, pkitest.Options{})), pki.ErrExpired},
		{"directory with something else", occupied, fs.ErrExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			skipWithoutModes(t, tt.want)
			id, created, err := pki.LoadOrCreateIdentity(tt.dir, pki.Application{ApplicationURI: "urn:test"})
			var file *pki.FileError
			if !errors.Is(err, tt.want) || !errors.As(err, &file) || file.Hint() == "" || created {
				t.Fatalf("got %v (created %v), want %v with a hint", err, created, tt.want)
			}
			if shown := len(id.Chain) > 0; shown != (tt.want == pki.ErrExpired) {
				t.Errorf("identity returned: %v", shown)
			}
		})
	}
}

func TestLoadKeyPair(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	id := ca.Issue(t, pkitest.Options{})
	dir := t.TempDir()
	path := func(name string, data []byte) string {
		write(t, filepath.Join(dir, name), data)
		return filepath.Join(dir, name)
	}
	keyPEM := must(pki.EncodeKey(id.Key))
	certPEM := pki.EncodeCertificates(id.Chain)
	p12 := path("user.p12", must(pkcs12.Modern2023.Encode(id.Key, id.Certificate(t), []*x509.Certificate{ca.Certificate}, "secret")))
	tests := []struct {
		name, cert, key, password string
		chain                     int
		want                      error
	}{
		{"PEM", path("a.pem", certPEM), path("a.key", keyPEM), "", 2, nil},
		{"DER", path("b.der", id.Leaf()), path("b.key", x509.MarshalPKCS1PrivateKey(id.Key)), "", 1, nil},
		{"both in one file", path("c.pem", append(slices.Clone(keyPEM), certPEM...)), "", "", 2, nil},
		{"PKCS#12", p12, "", "secret", 2, nil},
		{"PKCS#12, wrong password", p12, "", "Secret", 0, pki.ErrPassphrase},
		{"key of another", path("a.pem", certPEM), path("d.key", must(pki.EncodeKey(pkitest.Key(3)))), "", 0, pki.ErrMismatch},
		{"certificate as the key", path("a.pem", certPEM), path("a.pem", certPEM), "", 0, pki.ErrDamaged},
		{"no such file", filepath.Join(dir, "none"), "", "", 0, fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pki.LoadKeyPair(tt.cert, tt.key, []byte(tt.password))
			if !errors.Is(err, tt.want) || len(got.Chain) != tt.chain {
				t.Errorf("got %d certificates, %v; want %d, %v", len(got.Chain), err, tt.chain, tt.want)
			}
		})
	}
}

func TestReadBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, make([]byte, 10))
	if data, err := pki.ReadBounded(path, 10); err != nil || len(data) != 10 {
		t.Errorf("exactly the limit: %d bytes, %v", len(data), err)
	}
	if _, err := pki.ReadBounded(path, 9); !errors.Is(err, pki.ErrTooLarge) {
		t.Errorf("over the limit: got %v", err)
	}
}
