package secureconv

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
)

// The RSA keys that all supported policies accept (OPC 10000-7, 6.6.161 ff.), in bytes.
const (
	minKeySize = 2048 / 8
	maxKeySize = 4096 / 8
)

// rsaPolicy reports whether uri is one of the three policies that protect a
// channel here. Basic128Rsa15 and Basic256 are broken and not among them.
func rsaPolicy(uri string) bool {
	switch uri {
	case ua.SecurityPolicyURIBasic256Sha256,
		ua.SecurityPolicyURIAes128Sha256RsaOaep,
		ua.SecurityPolicyURIAes256Sha256RsaPss:
		return true
	}
	return false
}

// checkSecurity refuses policies that are not supported and modes that do not
// fit the policy.
func checkSecurity(policyURI string, mode ua.MessageSecurityMode) error {
	switch {
	case policyURI == ua.SecurityPolicyURINone:
		if mode != ua.MessageSecurityModeNone {
			return ua.StatusBadSecurityModeRejected
		}
	case !rsaPolicy(policyURI):
		return ua.StatusBadSecurityPolicyRejected
	case mode != ua.MessageSecurityModeSign && mode != ua.MessageSecurityModeSignAndEncrypt:
		return ua.StatusBadSecurityModeRejected
	}
	return nil
}

// asymmetric is the policy's algorithm for OPN messages, signatures and
// secrets. Either key may be nil when only the other one is needed.
func asymmetric(policyURI string, local *rsa.PrivateKey, remote *rsa.PublicKey) (*uapolicy.EncryptionAlgorithm, error) {
	if !rsaPolicy(policyURI) {
		return nil, ua.StatusBadSecurityPolicyRejected
	}
	if local != nil && (local.Size() < minKeySize || local.Size() > maxKeySize) {
		return nil, fmt.Errorf("own key of %d bits: want 2048 to 4096", local.N.BitLen())
	}
	return uapolicy.Asymmetric(policyURI, local, remote)
}

// firstCertificate returns the leaf of a certificate chain as a message carries
// it: DER certificates in a row, leaf first (OPC 10000-6, 6.7.2.3). Nothing
// but the leaf is parsed.
func firstCertificate(chain []byte) ([]byte, error) {
	var leaf asn1.RawValue
	if _, err := asn1.Unmarshal(chain, &leaf); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return leaf.FullBytes, nil
}

// publicKey returns the RSA key of a certificate, 2048 to 4096 bits.
func publicKey(der []byte) (*rsa.PublicKey, error) {
	leaf, err := firstCertificate(der)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("certificate has no RSA key")
	}
	if key.Size() < minKeySize || key.Size() > maxKeySize {
		return nil, fmt.Errorf("certificate key of %d bits: want 2048 to 4096", key.N.BitLen())
	}
	return key, nil
}

// thumbprint identifies a certificate in OPN headers (OPC 10000-6, 6.7.2.3).
func thumbprint(leaf []byte) []byte {
	sum := sha1.Sum(leaf)
	return sum[:]
}
