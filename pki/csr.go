package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strconv"
)

const maxRequest = 64 << 10 // bytes of a certificate request

// RequestRule names what a certificate request must fulfil (OPC 10000-12, 7.9.3;
// OPC 10000-6, 6.2.2).
type RequestRule string

// The rules, in the order of checking.
const (
	RequestStructure      RequestRule = "structure"
	RequestSignature      RequestRule = "signature"
	RequestKey            RequestRule = "key"
	RequestApplicationURI RequestRule = "applicationUri"
	RequestConstraints    RequestRule = "nameConstraints" // of the CA (RFC 5280, 4.2.1.10)
	RequestHosts          RequestRule = "names"
)

// RequestError says which rule a certificate request breaks.
type RequestError struct {
	Rule     RequestRule
	Value    string // what the request has
	Expected string // what it should have
}

func (e *RequestError) Error() string {
	text := fmt.Sprintf("the certificate request breaks the rule %s: %s", e.Rule, e.Value)
	if e.Expected != "" {
		text += ", expected " + e.Expected
	}
	return text
}

// Hint tells the operator what to do.
func (e *RequestError) Hint() string {
	switch e.Rule {
	case RequestApplicationURI:
		return "the request was made by another application, or the server's ApplicationUri changed; nothing was signed"
	case RequestKey:
		return "have the server make another key (RSA of 2048 to 4096 bits, nistP256 or nistP384), or use a CA whose key suits it"
	case RequestConstraints:
		return "give the certificate other names, or have it signed by a CA that may certify these; nothing was signed"
	case RequestHosts:
		return "the request says nothing of how clients reach the server: add names with ca sign --dns or --ip, cert renew --name, or dnsNames and ipAddresses in the manifest"
	default:
		return "the request was damaged, or was not made by the owner of the key; nothing was signed"
	}
}

// CheckRequest parses a PKCS#10 request, DER, and checks that its own key signed
// it, that the key is RSA of 2048 to 4096 bits, and that subjectAltName has
// exactly one URI, equal to applicationURI; "" wants none. Errors are *RequestError.
func CheckRequest(der []byte, applicationURI string) (*x509.CertificateRequest, error) {
	csr, err := parseRequest(der)
	if err != nil {
		return nil, err
	}
	if err := checkRequestKey(csr.PublicKey, csr.PublicKeyAlgorithm); err != nil {
		return nil, err
	}
	if err := checkRequest(csr, applicationURI); err != nil {
		return nil, err
	}
	return csr, nil
}

func parseRequest(der []byte) (*x509.CertificateRequest, error) {
	if len(der) > maxRequest {
		return nil, &RequestError{RequestStructure, strconv.Itoa(len(der)) + " bytes", "at most " + strconv.Itoa(maxRequest)}
	}
	csr, err := x509.ParseCertificateRequest(der)
	if curve := otherCurve(der); err != nil && curve != "" {
		return nil, &RequestError{RequestKey, curve, "RSA, nistP256 or nistP384"}
	}
	if err != nil {
		return nil, &RequestError{RequestStructure, printable(err.Error()), "a PKCS#10 request in DER"}
	}
	return csr, nil
}

// checkRequest checks what does not depend on the kind of key.
func checkRequest(csr *x509.CertificateRequest, applicationURI string) error {
	if !strongSignature(csr.SignatureAlgorithm) {
		return &RequestError{RequestSignature, csr.SignatureAlgorithm.String(), "a signature with SHA-256 or better"}
	}
	if key, ok := csr.PublicKey.(*rsa.PublicKey); ok && (key.N.BitLen() < MinKeyBits || key.N.BitLen() > MaxKeyBits) {
		return &RequestError{RequestKey, strconv.Itoa(key.N.BitLen()) + " bits", "2048 to 4096 bits"}
	}
	if err := csr.CheckSignature(); err != nil {
		return &RequestError{RequestSignature, printable(err.Error()), "a signature by the request's own key"}
	}
	uris := sanURIs(csr.Extensions)
	if applicationURI == "" {
		return nil
	}
	if len(uris) != 1 {
		return &RequestError{RequestApplicationURI, fmt.Sprintf("%d URIs", len(uris)), "one URI, " + strconv.Quote(applicationURI)}
	}
	if uris[0] != applicationURI {
		return &RequestError{RequestApplicationURI, strconv.Quote(uris[0]), strconv.Quote(applicationURI)}
	}
	return nil
}

// checkRequestKey takes the keys of the certificate types that the standard library
// knows (OPC 10000-12, 7.8.4): RSA, nistP256 and nistP384.
func checkRequestKey(public any, algorithm x509.PublicKeyAlgorithm) error {
	switch key := public.(type) {
	case *rsa.PublicKey: // checkRequest judges its length
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return &RequestError{RequestKey, key.Curve.Params().Name, "nistP256 or nistP384"}
		}
	default:
		return &RequestError{RequestKey, algorithm.String(), "RSA, nistP256 or nistP384"}
	}
	return nil
}

func strongSignature(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return true
	}
	return false
}
