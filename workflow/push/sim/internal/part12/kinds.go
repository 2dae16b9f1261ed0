package part12

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"slices"

	"github.com/uapush/uapush/config"
)

// The kinds of keys and the CertificateTypes that they are for (7.8.4).

// keySizes are the lengths of keys that a CertificateType allows, in bits, the
// default first. None is for types that this server has no keys for.
func keySizes(kind config.NodeID) []int {
	switch kind {
	case config.TypeRsaMin:
		return []int{2048, 1024}
	case config.TypeRsaSha256, typeHTTPS:
		return []int{2048, 3072, 4096}
	}
	if c := curveOf(kind); c != nil {
		return []int{c.Params().BitSize}
	}
	return nil
}

// curveOf is the curve of a CertificateType; nil is none that this server knows.
func curveOf(kind config.NodeID) elliptic.Curve {
	switch kind {
	case config.TypeEccNistP256:
		return elliptic.P256()
	case config.TypeEccNistP384:
		return elliptic.P384()
	}
	return nil
}

// fits says whether a public key suits a CertificateType.
func fits(key any, kind config.NodeID) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return curveOf(kind) == nil && slices.Contains(keySizes(kind), k.N.BitLen())
	case *ecdsa.PublicKey:
		return k.Curve == curveOf(kind)
	}
	return false
}

// generate makes a key for a slot; 0 bits is the default of its type.
func (d *Device) generate(kind config.NodeID, bits int) (privateKey, error) {
	if c := curveOf(kind); c != nil {
		return ecdsa.GenerateKey(c, rand.Reader)
	}
	if bits == 0 {
		bits = keySizes(kind)[0]
	}
	return d.opt.GenerateKey(bits)
}

// owns says whether a key is that of a certificate.
func owns(key privateKey, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// strong is the check of the key by the policies in use (OPC 10000-7).
func strong(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 4096
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	}
	return false
}

// usageOf is the keyUsage that goes with a key (OPC 10000-6, 6.2.2): one on a
// curve encrypts nothing.
func usageOf(key crypto.PublicKey) x509.KeyUsage {
	if _, isRSA := key.(*rsa.PublicKey); !isRSA {
		return x509.KeyUsageDigitalSignature
	}
	return x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
}

// keyID is a subjectKeyIdentifier.
func keyID(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	id := sha1.Sum(der)
	return id[:], nil
}
