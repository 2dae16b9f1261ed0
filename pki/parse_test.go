package pki_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestSplitChain(t *testing.T) { // OPC 10000-6, 6.2.6
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	chain := ca.Issue(t, pkitest.Options{}).Chain
	joined := pki.JoinChain(chain)
	got, err := pki.SplitChain(joined)
	if err != nil || !slices.EqualFunc(got, chain, bytes.Equal) {
		t.Errorf("got %d parts, %v; want %d", len(got), err, len(chain))
	}
	for name, bad := range map[string][]byte{
		"empty":                 nil,
		"trailing byte":         append(slices.Clone(joined), 0),
		"cut short":             joined[:len(joined)-1],
		"eleven":                bytes.Repeat([]byte{0x30, 0x00}, 11),
		"no sequence":           {0x04, 0x01, 0x00},
		"length beyond the end": {0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF},
	} {
		if parts, err := pki.SplitChain(bad); err == nil {
			t.Errorf("%s: got %d parts", name, len(parts))
		}
	}
}

func FuzzSplitChain(f *testing.F) {
	f.Add([]byte{0x30, 0x00, 0x30, 0x01, 0x05})
	f.Add([]byte{0x30, 0x80})
	f.Add(pkitest.Application(f, pkitest.Options{}).Leaf())
	f.Fuzz(func(t *testing.T, der []byte) {
		parts, err := pki.SplitChain(der)
		if err != nil {
			return
		}
		if len(parts) == 0 || len(parts) > pki.MaxChainLength || !bytes.Equal(pki.JoinChain(parts), der) {
			t.Errorf("%d parts do not make the input", len(parts))
		}
	})
}

func TestParseBundle(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	leaf := ca.Issue(t, pkitest.Options{})
	crl := ca.CRL(t)
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	key := must(pki.EncodeKey(leaf.Key))
	tests := []struct {
		name        string
		data        []byte
		certs, crls int
		bad         bool
	}{
		{"PEM", append([]byte("a comment\n"), slices.Concat(pki.EncodeCertificates(leaf.Chain), block("X509 CRL", crl))...), 2, 1, false},
		{"DER certificate", leaf.Leaf(), 1, 0, false},
		{"DER chain", pki.JoinChain(leaf.Chain), 2, 0, false},
		{"DER CRL", crl, 0, 1, false},
		{"with a private key", slices.Concat(pki.EncodeCertificates(leaf.Chain), key), 0, 0, true},
		{"text", []byte("hello"), 0, 0, true},
		{"empty", nil, 0, 0, true},
		{"PEM cut short", pki.EncodeCertificates(leaf.Chain)[:100], 0, 0, true},
		{"PEM of nonsense", block("CERTIFICATE", []byte("hello")), 0, 0, true},
		{"DER of nonsense", []byte{0x30, 0x00}, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := pki.ParseBundle(tt.data)
			if (err != nil) != tt.bad || len(b.Certificates) != tt.certs || len(b.CRLs) != tt.crls {
				t.Errorf("got %d certificates, %d CRLs, %v", len(b.Certificates), len(b.CRLs), err)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE KEY-----") {
				t.Error("the error repeats the input")
			}
		})
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, []byte("hello"))
	var file *pki.FileError
	if _, err := pki.LoadBundle(path); !errors.As(err, &file) || file.Hint() == "" {
		t.Errorf("got %v, want a *FileError with a hint", err)
	}
	if _, err := pki.LoadBundle(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFingerprints(t *testing.T) {
	if got, want := pki.Thumbprint([]byte("abc")), "A9993E364706816ABA3E25717850C26C9CD0D89D"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	sum := pki.Fingerprint([]byte("abc"))
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; sum != want {
		t.Errorf("got %s, want %s", sum, want)
	}
	for _, text := range []string{sum, "sha256:" + sum, "SHA256:" + strings.ToUpper(sum), "ba:78" + sum[4:]} {
		if got, err := pki.ParsePin(text); err != nil || got != sum {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "sha256:", sum[2:], "sha1:" + sum, sum[:63] + "g"} {
		if got, err := pki.ParsePin(text); err == nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
