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

// slotKinds lists the keys that a CertificateType takes (OPC 10000-12, 7.8.4); nil
// where that is not known.
func slotKinds(slot Slot) []KeyKind {
	switch slot.Type {
	case "RsaSha256":
		return []KeyKind{KeyRSA2048, KeyRSA3072, KeyRSA4096}
	case "RsaMin":
		return []KeyKind{KeyRSA2048} // RSA 1024 is not certified
	case "EccNistP256":
		return []KeyKind{KeyP256}
	case "EccNistP384":
		return []KeyKind{KeyP384}
	}
	return nil
}

// checkSlotKey wants a key that the CertificateType of the slot takes.
func checkSlotKey(csr *x509.CertificateRequest, slot Slot) error {
	takes := slotKinds(slot)
	if takes == nil || slices.Contains(takes, KeyKindOf(csr.PublicKey)) {
		return nil
	}
	var names []string
	for _, kind := range takes {
		names = append(names, string(kind))
	}
	return &RequestError{RequestKey, keyName(csr.PublicKey, csr.PublicKeyAlgorithm), strings.Join(names, ", ") + " for the type " + slot.Type}
}

// strength is the length of a key, and whether it is one of RSA.
type strength struct {
	isRSA bool
	bits  int
}

func strengthOf(public crypto.PublicKey) strength {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return strength{true, key.N.BitLen()}
	case *ecdsa.PublicKey:
		return strength{false, key.Curve.Params().BitSize}
	}
	return strength{}
}

func (k KeyKind) strength() strength {
	bits, curve := k.Parameters()
	if curve != nil {
		return strength{false, curve.Params().BitSize}
	}
	return strength{true, bits}
}

// checkIssuers wants a key that the CAs of a chain may vouch for: for RSA, the least
// length of the SecurityPolicy counts for the whole chain, and no key is longer than
// its issuer's (OPC 10000-6, 6.2.2). What RSA may sign on curves stays open there.
func (s strength) checkIssuers(chain []*x509.Certificate) error {
	for _, cert := range chain {
		issuer := strengthOf(cert.PublicKey)
		if issuer.isRSA && !s.isRSA || issuer.isRSA == s.isRSA && s.bits <= issuer.bits {
			continue
		}
		expected := fmt.Sprintf("at most the %d bits of %s", issuer.bits, displayName(cert.Subject))
		if !issuer.isRSA {
			expected = fmt.Sprintf("a key on a curve, of %s", expected)
		}
		return &RequestError{RequestKey, s.String(), expected}
	}
	return nil
}

func (s strength) String() string {
	if s.isRSA {
		return fmt.Sprintf("RSA %d", s.bits)
	}
	return fmt.Sprintf("a curve of %d bits", s.bits)
}
