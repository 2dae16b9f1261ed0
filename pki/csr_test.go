package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestCheckRequest(t *testing.T) {
	const uri = "urn:plc1"
	good := pkitest.Request(t, pkitest.Options{URI: uri})
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	onCurve := func(c elliptic.Curve) []byte {
		key := must(ecdsa.GenerateKey(c, rand.Reader))
		return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{{Scheme: "urn", Opaque: "plc1"}}}, key))
	}
	two := pkitest.RequestFrom(t, pkitest.Key(0), &x509.CertificateRequest{
		URIs: []*url.URL{{Scheme: "urn", Opaque: "plc1"}, {Scheme: "urn", Opaque: "plc2"}}})
	none := pkitest.RequestFrom(t, pkitest.Key(0), &x509.CertificateRequest{DNSNames: []string{"plc1"}})
	tests := []struct {
		name string
		der  []byte
		want pki.RequestRule // empty: accepted
	}{
		{"good", good, ""},
		{"empty", nil, pki.RequestStructure},
		{"trailing byte", append(append([]byte(nil), good...), 0), pki.RequestStructure},
		{"oversized", make([]byte, 70_000), pki.RequestStructure},
		{"forged signature", forged, pki.RequestSignature},
		{"nistP256", onCurve(elliptic.P256()), ""},
		{"nistP384", onCurve(elliptic.P384()), ""},
		{"another curve", onCurve(elliptic.P521()), pki.RequestKey},
		{"short key", pkitest.Request(t, pkitest.Options{URI: uri, Key: pkitest.ShortKey()}), pki.RequestKey},
		{"other ApplicationUri", pkitest.Request(t, pkitest.Options{URI: "urn:plc2"}), pki.RequestApplicationURI},
		{"two URIs", two, pki.RequestApplicationURI},
		{"no URI", none, pki.RequestApplicationURI},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			csr, err := pki.CheckRequest(tt.der, uri)
			if tt.want == "" {
				if err != nil || csr == nil {
					t.Errorf("got %v, want accepted", err)
				}
				return
			}
			var refused *pki.RequestError
			if !errors.As(err, &refused) || refused.Rule != tt.want || refused.Hint() == "" {
				t.Errorf("got %v, want rule %s with a hint", err, tt.want)
			}
		})
	}
}

func TestParseRequest(t *testing.T) {
	der := pkitest.Request(t, pkitest.Options{})
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for _, data := range [][]byte{der, block("CERTIFICATE REQUEST"), block("NEW CERTIFICATE REQUEST")} {
		if got, err := pki.ParseRequest(data); err != nil || !bytes.Equal(got, der) {
			t.Errorf("got %d bytes, %v; want the request", len(got), err)
		}
	}
	for _, data := range [][]byte{nil, []byte("hello"), block("CERTIFICATE"), pkitest.Application(t, pkitest.Options{}).Leaf()} {
		if got, err := pki.ParseRequest(data); err == nil {
			t.Errorf("got %d bytes of what is no request", len(got))
		}
	}
}

func FuzzCheckRequest(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x30, 0x80})
	f.Add(pkitest.Request(f, pkitest.Options{URI: "urn:plc1"}))
	f.Fuzz(func(t *testing.T, der []byte) {
		csr, err := pki.CheckRequest(der, "urn:plc1")
		var refused *pki.RequestError
		if (err == nil) != (csr != nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("got %v, %v", csr, err)
		}
	})
}
