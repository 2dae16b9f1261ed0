package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // OPC UA names certificates by it; nothing is protected with it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// Backdate is how long before its issue a certificate begins to be valid, for
// peers whose clock is behind.
const Backdate = time.Hour

const applicationKeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment |
	x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment

// Application says what an application instance certificate certifies (OPC 10000-6, 6.2.2).
type Application struct {
	ApplicationURI string
	Subject        pkix.Name     // a missing CN is "uapush"; a missing O is the CN
	DNSNames       []string      // a server shall have at least one name or address
	IPAddresses    []net.IP      //
	Validity       time.Duration // 0 is DefaultIdentityValidity
	Now            time.Time     // zero is the system clock
}

// DefaultIdentityValidity is how long a self-signed certificate is valid.
const DefaultIdentityValidity = 5 * 365 * 24 * time.Hour

// SelfSigned makes an application instance certificate, DER, that its own key
// signs with SHA-256. It serves as a client's and as a server's.
func SelfSigned(key *rsa.PrivateKey, app Application) ([]byte, error) {
	if err := checkApplicationURI(app.ApplicationURI); err != nil {
		return nil, err
	}
	san, err := subjectAltName(app.ApplicationURI, app.DNSNames, app.IPAddresses)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	if app.Now.IsZero() {
		app.Now = time.Now()
	}
	if app.Validity <= 0 {
		app.Validity = DefaultIdentityValidity
	}
	id := keyID(&key.PublicKey)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               applicationSubject(app.Subject),
		NotBefore:             app.Now.Add(-Backdate).UTC(),
		NotAfter:              app.Now.Add(app.Validity).UTC(),
		SignatureAlgorithm:    x509.SHA256WithRSA,
		KeyUsage:              applicationKeyUsage | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, // present, with cA FALSE
		SubjectKeyId:          id,
		AuthorityKeyId:        id,
		ExtraExtensions:       []pkix.Extension{san},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	return der, nil
}

func applicationSubject(name pkix.Name) pkix.Name {
	if name.CommonName == "" {
		name.CommonName = "uapush"
	}
	if len(name.Organization) == 0 && !hasDomainComponent(name) {
		name.Organization = []string{name.CommonName}
	}
	return name
}

// ApplicationURI is the first URI of subjectAltName, byte for byte, or empty.
func ApplicationURI(cert *x509.Certificate) string {
	if uris := sanURIs(cert.Extensions); len(uris) > 0 {
		return uris[0]
	}
	return ""
}

// Thumbprint names a certificate the way OPC UA does: SHA-1 of the DER, upper
// case hex without separators.
func Thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Fingerprint is SHA-256 of the DER in lower case hex: what pins hold.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// ParsePin reads a fingerprint as operators write it: 64 hex digits in either
// case, with or without "sha256:" and with or without colons between the bytes.
func ParsePin(text string) (sha256Hex string, err error) {
	s := strings.ToLower(strings.TrimSpace(text))
	s = strings.ReplaceAll(strings.TrimPrefix(s, "sha256:"), ":", "")
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != sha256.Size {
		return "", errors.New("a pin is sha256: and 64 hexadecimal digits")
	}
	return s, nil
}

// newSerial makes a random positive serial number of at most 128 bits.
func newSerial() (*big.Int, error) {
	for {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
		if err != nil {
			return nil, fmt.Errorf("make a serial number: %w", err)
		}
		if n.Sign() > 0 {
			return n, nil
		}
	}
}

// selfSigned reports whether subject and issuer are the same name and the
// certificate's own key made the signature.
func selfSigned(cert *x509.Certificate) bool {
	return string(cert.RawSubject) == string(cert.RawIssuer) && signedBy(cert, cert) == nil
}

// signedBy checks the signature alone: x509's CheckSignatureFrom refuses issuers
// that are no CA, which a self-signed application certificate is not.
func signedBy(cert, issuer *x509.Certificate) error {
	return issuer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
}
