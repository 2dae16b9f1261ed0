package secureconv

import (
	"crypto/rsa"
	"errors"

	"github.com/gopcua/opcua/ua"
)

// Sign signs data with the policy's asymmetric signature algorithm.
func Sign(policyURI string, key *rsa.PrivateKey, remoteLeaf []byte, data ...[]byte) (*ua.SignatureData, error) {
	return nil, errors.ErrUnsupported
}

// VerifySignature checks a signature that the owner of remoteLeaf made.
func VerifySignature(policyURI string, remoteLeaf []byte, sig *ua.SignatureData, data ...[]byte) error {
	return errors.ErrUnsupported
}

// EncryptSecret encrypts a user token secret for the owner of remoteLeaf.
func EncryptSecret(policyURI string, remoteLeaf []byte, secret, nonce []byte) (data []byte, algorithm string, err error) {
	return nil, "", errors.ErrUnsupported
}

// DecryptSecret is the inverse of EncryptSecret.
func DecryptSecret(policyURI string, key *rsa.PrivateKey, data, nonce []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}
