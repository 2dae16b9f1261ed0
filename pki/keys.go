package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Key lengths in bits that the RSA security policies of OPC 10000-7 allow.
const (
	MinKeyBits = 2048
	MaxKeyBits = 4096
)

// GenerateKey makes an RSA key of 2048, 3072 or 4096 bits.
func GenerateKey(bits int) (*rsa.PrivateKey, error) {
	switch bits {
	case 2048, 3072, 4096:
	default:
		return nil, fmt.Errorf("an RSA key has 2048, 3072 or 4096 bits, not %d", bits)
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return key, nil
}

// EncodeKey writes a private key as unencrypted PKCS#8 PEM.
func EncodeKey(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseKey reads an unencrypted RSA private key: PKCS#8 or PKCS#1, PEM or DER.
// Other PEM blocks before the key are passed over. The key's own consistency is
// checked. No error quotes any of the input.
func ParseKey(data []byte) (*rsa.PrivateKey, error) {
	der, err := keyDER(data)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, key.Validate()
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("this is no private key in PKCS#8 or PKCS#1")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("an RSA private key is needed, not %T", parsed)
	}
	return key, key.Validate()
}

func keyDER(data []byte) ([]byte, error) {
	if !looksLikePEM(data) {
		return data, nil
	}
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil:
			return nil, errors.New("the file has no private key")
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the private key is encrypted; give it as PKCS#12 (.p12 or .pfx) with its password")
		case block.Type == "PRIVATE KEY" || block.Type == "RSA PRIVATE KEY":
			return block.Bytes, nil
		}
	}
}

func looksLikePEM(data []byte) bool { return bytes.Contains(data, []byte("-----BEGIN ")) }

// keyID is the subject key identifier: the first 160 bits of SHA-256 over the
// public key (RFC 7093, 2, method 1).
func keyID(key *rsa.PublicKey) []byte {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(key))
	return sum[:20]
}

// sameKey reports whether a certificate's key is this one.
func sameKey(certified crypto.PublicKey, key *rsa.PublicKey) bool {
	k, ok := certified.(*rsa.PublicKey)
	return ok && k.Equal(key)
}
