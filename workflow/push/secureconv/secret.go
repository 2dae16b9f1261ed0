package secureconv

import (
	"bytes"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/binary"

	"github.com/gopcua/opcua/ua"
)

// maxSecretBlocks bounds the private-key operations one user token may cost.
const maxSecretBlocks = 64

// Sign signs the concatenation of data with the policy's asymmetric signature
// algorithm (OPC 10000-4, 7.37). data is all that is signed, in order: a client
// in ActivateSession passes the server's certificate and then the server's last
// nonce; remoteLeaf is not signed by itself, and may be nil. SecurityPolicy None
// gives an empty signature.
func Sign(policyURI string, key *rsa.PrivateKey, remoteLeaf []byte, data ...[]byte) (*ua.SignatureData, error) {
	if policyURI == ua.SecurityPolicyURINone {
		return &ua.SignatureData{}, nil
	}
	if key == nil {
		return nil, ua.StatusBadSecurityChecksFailed
	}
	alg, err := asymmetric(policyURI, key, nil)
	if err != nil {
		return nil, err
	}
	sig, err := alg.Signature(bytes.Join(data, nil))
	if err != nil {
		return nil, err
	}
	return &ua.SignatureData{Algorithm: alg.SignatureURI(), Signature: sig}, nil
}

// VerifySignature checks that the owner of remoteLeaf signed the concatenation
// of data. Every failure is Bad_ApplicationSignatureInvalid, but for a policy
// that is not supported. Under SecurityPolicy None nothing is checked.
func VerifySignature(policyURI string, remoteLeaf []byte, sig *ua.SignatureData, data ...[]byte) error {
	if policyURI == ua.SecurityPolicyURINone {
		return nil
	}
	if !rsaPolicy(policyURI) {
		return ua.StatusBadSecurityPolicyRejected
	}
	key, err := publicKey(remoteLeaf)
	if err != nil || sig == nil {
		return ua.StatusBadApplicationSignatureInvalid
	}
	alg, err := asymmetric(policyURI, nil, key)
	if err != nil || !names(sig.Algorithm, alg.SignatureURI()) {
		return ua.StatusBadApplicationSignatureInvalid
	}
	if alg.VerifySignature(bytes.Join(data, nil), sig.Signature) != nil {
		return ua.StatusBadApplicationSignatureInvalid
	}
	return nil
}

// names says that a peer's name for a signature algorithm stands for the policy's.
// It may be left out, since the policy decides. node-opcua up to 2.157 calls that
// of Aes256_Sha256_RsaPss after XML signatures.
func names(algorithm, uri string) bool {
	return algorithm == "" || algorithm == uri ||
		uri == "http://opcfoundation.org/UA/security/rsa-pss-sha2-256" && algorithm == "http://www.w3.org/2001/04/xmldsig-more#rsa-pss-sha256"
}

// EncryptSecret encrypts secret and the server's nonce for the owner of
// remoteLeaf, in the legacy format of OPC 10000-4, 7.40.2.2: length, secret,
// nonce, in as many RSA blocks as it takes. algorithm is the EncryptionAlgorithm
// of the user token. SecurityPolicy None is refused: whether a secret may
// travel in clear is not for this package to say.
//
// The caller may zero secret afterwards; no copy of it remains.
func EncryptSecret(policyURI string, remoteLeaf []byte, secret, nonce []byte) (data []byte, algorithm string, err error) {
	key, err := publicKey(remoteLeaf)
	if err != nil {
		return nil, "", err
	}
	alg, err := asymmetric(policyURI, nil, key)
	if err != nil {
		return nil, "", err
	}
	plain := make([]byte, 4, 4+len(secret)+len(nonce))
	binary.LittleEndian.PutUint32(plain, uint32(len(secret)+len(nonce)))
	plain = append(append(plain, secret...), nonce...)
	defer clear(plain)
	if len(plain) > maxSecretBlocks*alg.PlaintextBlockSize() {
		return nil, "", ua.StatusBadEncodingLimitsExceeded
	}
	if data, err = alg.Encrypt(plain); err != nil {
		return nil, "", err
	}
	return data, alg.EncryptionURI(), nil
}

// DecryptSecret undoes EncryptSecret and checks that the secret was encrypted
// for this nonce. Every failure is Bad_IdentityTokenInvalid, so that an answer
// says nothing about what was wrong, but for a policy that is not supported.
// The caller owns the result and may zero it.
func DecryptSecret(policyURI string, key *rsa.PrivateKey, data, nonce []byte) ([]byte, error) {
	alg, err := asymmetric(policyURI, key, nil)
	if err != nil {
		return nil, ua.StatusBadSecurityPolicyRejected
	}
	if key == nil || len(data) == 0 || len(data)%key.Size() != 0 || len(data)/key.Size() > maxSecretBlocks {
		return nil, ua.StatusBadIdentityTokenInvalid
	}
	plain, err := alg.Decrypt(data)
	defer clear(plain)
	if err != nil || len(plain) < 4 {
		return nil, ua.StatusBadIdentityTokenInvalid
	}
	// Some stacks pad the last block: the length counts, not the end.
	n := binary.LittleEndian.Uint32(plain)
	rest := plain[4:]
	if uint64(n) > uint64(len(rest)) || uint64(n) < uint64(len(nonce)) {
		return nil, ua.StatusBadIdentityTokenInvalid
	}
	split := int(n) - len(nonce)
	if subtle.ConstantTimeCompare(rest[split:n], nonce) != 1 {
		return nil, ua.StatusBadIdentityTokenInvalid
	}
	return bytes.Clone(rest[:split]), nil
}
