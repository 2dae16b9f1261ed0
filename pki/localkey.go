package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// The formats of SupportedPrivateKeyFormats (OPC 10000-12, 7.10.3).
const (
	FormatPEM   = "PEM"   // PKCS#8 as PEM text (RFC 5958)
	FormatPFX   = "PFX"   // PKCS#12 with certificate and key, without a password
	FormatPKCS8 = "PKCS8" // PKCS#8 in DER
)

// PrivateKeyFormats lists the formats, the one that most servers take first.
func PrivateKeyFormats() []string { return []string{FormatPEM, FormatPFX, FormatPKCS8} }

// EncodePrivateKey writes a key for UpdateCertificate, which has no argument for a
// password: the channel protects it.
func EncodePrivateKey(format string, key crypto.Signer, chain [][]byte) ([]byte, error) {
	if strings.EqualFold(format, FormatPFX) {
		certs, err := ParseChain(chain)
		if err != nil {
			return nil, err
		}
		return pkcs12.Passwordless.Encode(key, certs[0], certs[1:], "")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	switch strings.ToUpper(format) {
	case FormatPKCS8:
		return der, nil
	case FormatPEM:
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	}
	return nil, fmt.Errorf("there is no private key format %q", format)
}

// GenerateCurveKey makes a key on a NIST curve: "P-256" or "P-384". The other
// curves of OPC 10000-7 are not in the standard library.
func GenerateCurveKey(curve string) (*ecdsa.PrivateKey, error) {
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		if c.Params().Name == curve {
			return ecdsa.GenerateKey(c, rand.Reader)
		}
	}
	return nil, fmt.Errorf("this program makes keys for nistP256 and nistP384, not for %s", curve)
}

// NewRequest makes a PKCS#10 request, DER, for a key of this process, with the
// names of r in subjectAltName.
func NewRequest(key crypto.Signer, r Request) ([]byte, error) {
	if r.Subject.CommonName == "" {
		return nil, errors.New("a certificate request needs a subject with a CN")
	}
	if err := r.checkURI(); err != nil {
		return nil, err
	}
	san, err := subjectAltName(r.ApplicationURI, r.DNSNames, r.IPAddresses)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{Subject: r.Subject, ExtraExtensions: []pkix.Extension{san}}
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		template.SignatureAlgorithm = x509.SHA256WithRSA
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return der, nil
}

// ParseAnyKey reads an unencrypted private key of any kind, PKCS#8, PKCS#1 or
// SEC 1, in PEM or DER. No error quotes any of the input.
func ParseAnyKey(data []byte) (crypto.Signer, error) {
	if block, _ := pem.Decode(data); block != nil && block.Type == "EC PRIVATE KEY" {
		data = block.Bytes
	} else if der, err := keyDER(data); err == nil {
		data = der
	} else {
		return nil, err
	}
	if key, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(data); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(data); err == nil {
		return key, nil
	}
	return nil, errors.New("this is no private key in PKCS#8, PKCS#1 or SEC 1")
}

// CheckPair says whether a key belongs to a certificate (DER); else ErrMismatch.
func CheckPair(certificate []byte, key crypto.Signer) error {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return err
	}
	if public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		return ErrMismatch
	}
	return nil
}
