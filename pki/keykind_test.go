package pki_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// requestOf makes a request of a key of a kind.
func requestOf(t *testing.T, kind pki.KeyKind) []byte {
	t.Helper()
	key := crypto.Signer(pkitest.Key(0))
	if _, curve := kind.Parameters(); curve != nil {
		key = must(pki.GenerateCurveKey(curve.Params().Name))
	}
	return must(pki.NewRequest(key, pki.Request{
		ApplicationURI: signerURI, Subject: must(pki.ParseSubject("CN=PLC1/O=Plant")), DNSNames: []string{"plc1"},
	}))
}

func TestCAKeyKinds(t *testing.T) {
	for _, c := range []struct {
		ca, leaf  pki.KeyKind
		encrypted bool
		refused   bool
	}{
		{ca: pki.KeyRSA2048, leaf: pki.KeyRSA2048},
		{ca: pki.KeyRSA2048, leaf: pki.KeyP384},
		{ca: pki.KeyP256, leaf: pki.KeyP256, encrypted: true},
		{ca: pki.KeyP256, leaf: pki.KeyP384, refused: true},    // longer than its issuer's
		{ca: pki.KeyP384, leaf: pki.KeyRSA2048, refused: true}, // RSA in the whole chain
		{ca: pki.KeyP384, leaf: pki.KeyP256},
		{ca: pki.KeyP384, leaf: pki.KeyP384, encrypted: true},
	} {
		t.Run(string(c.ca+" signs "+c.leaf), func(t *testing.T) {
			o := pki.CAOptions{Subject: caSubject, Key: c.ca, NoPassphrase: !c.encrypted}
			if c.encrypted {
				o.Passphrase = []byte("correct horse")
			}
			_, dir := newCA(t, o)
			ca, err := pki.OpenCA(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := pki.KeyKindOf(ca.Certificate().PublicKey); got != c.ca {
				t.Errorf("the key is %s", got)
			}
			chain, err := ca.Issue(t.Context(), requestOf(t, c.leaf), pki.Request{ApplicationURI: signerURI, Server: true})
			if c.refused {
				var refused *pki.RequestError
				if !errors.As(err, &refused) || refused.Rule != pki.RequestKey {
					t.Errorf("got %v, want the rule %s", err, pki.RequestKey)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o2 := newOpenSSL(t)
			root := o2.file("ca.pem", pki.EncodeCertificates(chain[1:]))
			crl := o2.file("crl.pem", crlPEM(must(ca.CRL(t.Context()))))
			o2.wants("OK", "verify", "-x509_strict", "-crl_check", "-purpose", "sslserver", "-CAfile", root, "-CRLfile", crl, o2.file("leaf.pem", pki.EncodeCertificates(chain[:1])))
			want := map[pki.KeyKind]x509.SignatureAlgorithm{pki.KeyP256: x509.ECDSAWithSHA256, pki.KeyP384: x509.ECDSAWithSHA384}[c.ca]
			for _, der := range chain {
				if got := pkitest.Parse(t, der).SignatureAlgorithm; want != 0 && got != want {
					t.Errorf("signed with %v, want %v", got, want)
				}
			}
		})
	}
	_, err := pki.InitCA(t.Context(), filepath.Join(t.TempDir(), "ca"), pki.CAOptions{Subject: caSubject, Key: "ed25519", NoPassphrase: true})
	if err == nil || !strings.Contains(err.Error(), "p384") {
		t.Errorf("another kind: got %v", err)
	}
}

// OPC 10000-12, 7.8.4: the type of a slot says which keys it takes.
func TestIssueChecksTheSlotsKey(t *testing.T) {
	ca, _ := newCA(t, plainOptions())
	for slot, takes := range map[string][]pki.KeyKind{
		"RsaSha256": {pki.KeyRSA2048}, "EccNistP256": {pki.KeyP256}, "EccNistP384": {pki.KeyP384}, "": {pki.KeyRSA2048, pki.KeyP256, pki.KeyP384},
	} {
		for _, kind := range []pki.KeyKind{pki.KeyRSA2048, pki.KeyP256, pki.KeyP384} {
			want := slices.Contains(takes, kind)
			_, err := ca.Issue(t.Context(), requestOf(t, kind), pki.Request{ApplicationURI: signerURI, Server: true, Slot: pki.Slot{Type: slot}})
			var refused *pki.RequestError
			if (err == nil) != want || err != nil && (!errors.As(err, &refused) || refused.Rule != pki.RequestKey) {
				t.Errorf("%s in a slot %q: got %v", kind, slot, err)
			}
		}
	}
}
