package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// KeyKind is a kind of key that a CA can have.
type KeyKind string

// The kinds.
const (
	KeyRSA2048 KeyKind = "rsa2048"
	KeyRSA3072 KeyKind = "rsa3072"
	KeyRSA4096 KeyKind = "rsa4096"
	KeyP256    KeyKind = "p256" // nistP256
	KeyP384    KeyKind = "p384" // nistP384
)

var keyKinds = []struct {
	kind      KeyKind
	bits      int // of RSA; else 0
	curve     elliptic.Curve
	signature x509.SignatureAlgorithm // what it signs certificates and CRLs with
}{
	{KeyRSA2048, 2048, nil, x509.SHA256WithRSA},
	{KeyRSA3072, 3072, nil, x509.SHA256WithRSA},
	{KeyRSA4096, 4096, nil, x509.SHA256WithRSA},
	{KeyP256, 0, elliptic.P256(), x509.ECDSAWithSHA256},
	{KeyP384, 0, elliptic.P384(), x509.ECDSAWithSHA384},
}

// KeyKinds lists the names of the kinds.
func KeyKinds() []string {
	var names []string
	for _, k := range keyKinds {
		names = append(names, string(k.kind))
	}
	return names
}

// KeyKindOf is the kind of a public key, or "" where it is none of these.
func KeyKindOf(public crypto.PublicKey) KeyKind {
	for _, k := range keyKinds {
		switch key := public.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() == k.bits {
				return k.kind
			}
		case *ecdsa.PublicKey:
			if key.Curve == k.curve {
				return k.kind
			}
		}
	}
	return ""
}

// Parameters gives the length of an RSA key, or the curve of another one; neither
// where there is no such kind.
func (k KeyKind) Parameters() (bits int, curve elliptic.Curve) {
	for _, known := range keyKinds {
		if known.kind == k {
			return known.bits, known.curve
		}
	}
	return 0, nil
}

func (k KeyKind) generate() (crypto.Signer, error) {
	bits, curve := k.Parameters()
	switch {
	case bits > 0:
		return GenerateKey(bits)
	case curve != nil:
		return ecdsa.GenerateKey(curve, rand.Reader)
	}
	return nil, fmt.Errorf("there is no kind of key %q: give one of %s", k, strings.Join(KeyKinds(), ", "))
}

// signatureOf is the algorithm that a CA's key signs with.
func signatureOf(public crypto.PublicKey) x509.SignatureAlgorithm {
	kind := KeyKindOf(public)
	for _, known := range keyKinds {
		if known.kind == kind {
			return known.signature
		}
	}
	return x509.UnknownSignatureAlgorithm
}

// checkSlotKey wants a key that the CertificateType of the slot takes (OPC
// 10000-12, 7.8.4), where that is known.
func checkSlotKey(csr *x509.CertificateRequest, slot Slot) error {
	takes := map[string][]KeyKind{
		"RsaSha256":   {KeyRSA2048, KeyRSA3072, KeyRSA4096},
		"RsaMin":      {KeyRSA2048}, // RSA 1024 is not certified
		"EccNistP256": {KeyP256},
		"EccNistP384": {KeyP384},
	}[slot.Type]
	if takes == nil || slices.Contains(takes, KeyKindOf(csr.PublicKey)) {
		return nil
	}
	var names []string
	for _, kind := range takes {
		names = append(names, string(kind))
	}
	return &RequestError{RequestKey, keyName(csr.PublicKey, csr.PublicKeyAlgorithm), strings.Join(names, ", ") + " for the type " + slot.Type}
}

// checkIssuerKey wants a key that a CA may vouch for: for RSA, the least length of
// the SecurityPolicy counts for the whole chain, and no key is longer than its
// issuer's (OPC 10000-6, 6.2.2). What an RSA key may sign on curves stays open there.
func checkIssuerKey(csr *x509.CertificateRequest, ca *x509.Certificate) error {
	switch issuer := ca.PublicKey.(type) {
	case *rsa.PublicKey:
		if key, ok := csr.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > issuer.N.BitLen() {
			return &RequestError{RequestKey, keyName(csr.PublicKey, csr.PublicKeyAlgorithm), "at most the CA's own " + strconv.Itoa(issuer.N.BitLen()) + " bits"}
		}
	case *ecdsa.PublicKey:
		key, ok := csr.PublicKey.(*ecdsa.PublicKey)
		if !ok || key.Curve.Params().BitSize > issuer.Curve.Params().BitSize {
			return &RequestError{RequestKey, keyName(csr.PublicKey, csr.PublicKeyAlgorithm), "a key on a curve of at most the CA's own " + strconv.Itoa(issuer.Curve.Params().BitSize) + " bits"}
		}
	}
	return nil
}
