//go:build pkcs11

package hsm_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/hsm"
	"github.com/uapush/uapush/pki/pkitest"
)

const pin = "314159"

// module is where Debian and others keep SoftHSM2; "" is nowhere.
func module() string {
	for _, path := range []string{
		os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
	} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	return ""
}

// TestMain makes one folder of tokens: the module reads its configuration once.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uapush-hsm-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		configuration := filepath.Join(dir, "softhsm2.conf")
		text := "directories.tokendir = " + dir + "\nobjectstore.backend = file\nlog.level = ERROR\n"
		if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
			panic(err)
		}
		os.Setenv("SOFTHSM2_CONF", configuration)
		return m.Run()
	}())
}

// token makes a token and gives the URI of a key in it that is not there yet.
func token(t *testing.T, label string) (uri string) {
	t.Helper()
	path := module()
	program, err := exec.LookPath("softhsm2-util")
	if path == "" || err != nil {
		if os.Getenv("UAPUSH_REQUIRE_PEERS") != "" {
			t.Fatal("SoftHSM2 is required and not installed: apt-get install softhsm2")
		}
		t.Skip("SoftHSM2 is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), program, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "27182818").CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
	return "pkcs11:token=" + url.PathEscape(label) + ";object=ca?module-path=" + path
}

func options(uri string, kind pki.KeyKind) pki.CAOptions {
	subject, err := pki.ParseSubject("CN=Plant CA/O=Plant")
	if err != nil {
		panic(err)
	}
	return pki.CAOptions{Subject: subject, Key: kind, TokenURI: uri, Passphrase: []byte(pin), Token: hsm.Key}
}

func TestCAInToken(t *testing.T) {
	for _, kind := range []pki.KeyKind{pki.KeyRSA2048, pki.KeyP256, pki.KeyP384} {
		t.Run(string(kind), func(t *testing.T) {
			uri := token(t, "plant "+string(kind))
			dir := filepath.Join(t.TempDir(), "ca")
			o := options(uri, kind)
			made, err := pki.InitCA(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			made.Close()
			wantNoSecret(t, dir)

			ca, err := pki.OpenCA(dir, pki.CAOptions{Passphrase: []byte(pin), Token: hsm.Key})
			if err != nil {
				t.Fatal(err)
			}
			request := pki.Request{ApplicationURI: "urn:plc1", DNSNames: []string{"plc1"}, Server: true, Subject: o.Subject}
			request.Subject.CommonName = "PLC1"
			key, err := pki.GenerateCurveKey("P-256")
			if err != nil {
				t.Fatal(err)
			}
			csr, err := pki.NewRequest(key, request)
			if err != nil {
				t.Fatal(err)
			}
			chain, err := ca.Issue(t.Context(), csr, request)
			if err != nil {
				t.Fatal(err)
			}
			leaf := pkitest.Parse(t, chain[0])
			if err := leaf.CheckSignatureFrom(pkitest.Parse(t, chain[1])); err != nil {
				t.Error(err)
			}
			if err := ca.Revoke(t.Context(), leaf.SerialNumber.Text(16)); err != nil {
				t.Fatal(err)
			}
			crl, err := ca.CRL(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			list := pkitest.ParseCRL(t, crl)
			if err := list.CheckSignatureFrom(ca.Certificate()); err != nil || len(list.RevokedCertificateEntries) != 1 {
				t.Errorf("CRL: %v, %d entries", err, len(list.RevokedCertificateEntries))
			}
			ca.Close()

			// The key that is there serves again, and no other kind in its place.
			second, err := pki.InitCA(t.Context(), filepath.Join(t.TempDir(), "ca"), options(uri, ""))
			if err != nil {
				t.Fatal(err)
			}
			if pki.KeyKindOf(second.Certificate().PublicKey) != kind || second.Certificate().CheckSignature(ca.Certificate().SignatureAlgorithm, ca.Certificate().RawTBSCertificate, ca.Certificate().Signature) != nil {
				t.Error("the key in the token was not used")
			}
			second.Close()
			if _, err := pki.InitCA(t.Context(), filepath.Join(t.TempDir(), "ca"), options(uri, pki.KeyRSA3072)); !errors.Is(err, pki.ErrMismatch) {
				t.Errorf("another kind: got %v, want %v", err, pki.ErrMismatch)
			}
		})
	}
}

// wantNoSecret wants neither a key nor the PIN in a CA's directory.
func wantNoSecret(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), pin) || strings.Contains(string(data), "PRIVATE KEY") || e.Name() == pki.CAEncryptedKeyFile {
			t.Errorf("%s holds a secret", e.Name())
		}
	}
}

func TestIntermediateInToken(t *testing.T) {
	o := options(token(t, "line"), pki.KeyRSA2048)
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := pki.InitIntermediate(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	wantNoSecret(t, dir)
	text, err := pki.ReadCARequest(dir)
	if err != nil {
		t.Fatal(err)
	}
	der, err := pki.ParseRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil || request.CheckSignature() != nil {
		t.Errorf("the request: %v, %v", err, request.CheckSignature())
	}
}

func TestTokenRefuses(t *testing.T) {
	uri := token(t, "refusing")
	for name, c := range map[string]struct {
		uri, pin string
		want     error
	}{
		"a wrong PIN":      {uri, "999999", pki.ErrPassphrase},
		"no such key":      {uri, pin, hsm.ErrNoKey},
		"no such token":    {strings.Replace(uri, "refusing", "absent", 1), pin, nil},
		"no such module":   {"pkcs11:token=refusing;object=ca?module-path=/nowhere.so", pin, nil},
		"no PKCS#11 at it": {"pkcs11:token=refusing;object=ca?module-path=/etc/passwd", pin, nil},
	} {
		_, err := hsm.Key(c.uri, []byte(c.pin), "")
		var refused *hsm.Error
		if !errors.As(err, &refused) || refused.Hint() == "" || c.want != nil && !errors.Is(err, c.want) || strings.Contains(err.Error(), c.pin) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := pki.InitCA(t.Context(), filepath.Join(t.TempDir(), "ca"), pki.CAOptions{Subject: options("", "").Subject, TokenURI: uri, Token: hsm.Key}); !errors.Is(err, pki.ErrPassphraseNeeded) {
		t.Errorf("no PIN: got %v", err)
	}
}
