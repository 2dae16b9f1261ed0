package pki

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// Description is a certificate for views. All text is free of control characters.
type Description struct {
	Subject          string    `json:"subject"` // syntax of ParseSubject
	Issuer           string    `json:"issuer"`
	SelfSigned       bool      `json:"selfSigned"`
	CA               bool      `json:"ca"`
	ApplicationURI   string    `json:"applicationUri,omitempty"`
	DNSNames         []string  `json:"dnsNames,omitempty"`
	IPAddresses      []string  `json:"ipAddresses,omitempty"`
	NameConstraints  []string  `json:"nameConstraints,omitempty"` // of a CA, in words
	Key              string    `json:"key"`                       // "RSA 2048", "EC P-256"
	Signature        string    `json:"signature"`
	KeyUsage         []string  `json:"keyUsage,omitempty"`
	ExtendedKeyUsage []string  `json:"extendedKeyUsage,omitempty"`
	NotBefore        time.Time `json:"notBefore"` // UTC
	NotAfter         time.Time `json:"notAfter"`
	Serial           string    `json:"serial"`     // lower case hex
	Thumbprint       string    `json:"thumbprint"` // SHA-1, upper case hex
	SHA256           string    `json:"sha256"`     // lower case hex
	Problems         []Problem `json:"problems,omitempty"`
}

// Problem is a deviation from the profile of OPC 10000-6, 6.2.2.
type Problem struct {
	Rule Rule   `json:"rule"` // what Verify calls the area
	Text string `json:"text"`
}

// Describe reads a certificate for people. Problems are deviations from the
// profile of an application instance certificate or, with cA TRUE, of a CA; the
// time does not count.
func Describe(cert *x509.Certificate) Description {
	d := Description{
		Subject:          displayName(cert.Subject),
		Issuer:           displayName(cert.Issuer),
		SelfSigned:       selfSigned(cert),
		CA:               cert.IsCA,
		ApplicationURI:   printable(ApplicationURI(cert)),
		NameConstraints:  constraintTexts(cert),
		Key:              certifiedKey(cert),
		Signature:        cert.SignatureAlgorithm.String(),
		KeyUsage:         keyUsageNames(cert.KeyUsage),
		ExtendedKeyUsage: extendedKeyUsageNames(cert),
		NotBefore:        cert.NotBefore.UTC(),
		NotAfter:         cert.NotAfter.UTC(),
		Serial:           formatSerial(cert.SerialNumber),
		Thumbprint:       Thumbprint(cert.Raw),
		SHA256:           Fingerprint(cert.Raw),
	}
	for _, name := range cert.DNSNames {
		d.DNSNames = append(d.DNSNames, printable(name))
	}
	for _, ip := range cert.IPAddresses {
		d.IPAddresses = append(d.IPAddresses, ip.String())
	}
	d.Problems = problems(cert, d.SelfSigned)
	return d
}

// certifiedKey names the key of a certificate, also one that cannot be read.
func certifiedKey(cert *x509.Certificate) string {
	_, isRSA := cert.PublicKey.(*rsa.PublicKey)
	if name := Curve(cert); !isRSA && name != "" {
		return "EC " + name
	}
	return keyName(cert.PublicKey, cert.PublicKeyAlgorithm)
}

func keyName(public any, algorithm x509.PublicKeyAlgorithm) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + key.Curve.Params().Name
	}
	return algorithm.String()
}

var keyUsages = []struct { // RFC 5280, 4.2.1.3
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature"},
	{x509.KeyUsageContentCommitment, "nonRepudiation"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment"},
	{x509.KeyUsageDataEncipherment, "dataEncipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement"},
	{x509.KeyUsageCertSign, "keyCertSign"},
	{x509.KeyUsageCRLSign, "cRLSign"},
	{x509.KeyUsageEncipherOnly, "encipherOnly"},
	{x509.KeyUsageDecipherOnly, "decipherOnly"},
}

func keyUsageNames(usage x509.KeyUsage) []string {
	var names []string
	for _, u := range keyUsages {
		if usage&u.bit != 0 {
			names = append(names, u.name)
		}
	}
	return names
}

func extendedKeyUsageNames(cert *x509.Certificate) []string {
	var names []string
	for _, usage := range cert.ExtKeyUsage {
		switch usage {
		case x509.ExtKeyUsageServerAuth:
			names = append(names, "serverAuth")
		case x509.ExtKeyUsageClientAuth:
			names = append(names, "clientAuth")
		case x509.ExtKeyUsageAny:
			names = append(names, "any")
		default:
			names = append(names, fmt.Sprintf("other %d", usage))
		}
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return names
}

type finding struct {
	broken bool
	rule   Rule
	text   string
}

func problems(cert *x509.Certificate, isSelfSigned bool) []Problem {
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	findings := []finding{
		{cert.Version != 3, RuleStructure, "the version is not 3"},
		{cert.Subject.CommonName == "", RuleStructure, "the subject has no CN"},
		{len(cert.Subject.Organization) == 0 && !hasDomainComponent(cert.Subject), RuleStructure, "the subject has no O"},
		{!cert.BasicConstraintsValid, RuleStructure, "basicConstraints is missing"},
		{len(cert.AuthorityKeyId) == 0, RuleStructure, "authorityKeyIdentifier is missing"},
		{!strongSignature(cert.SignatureAlgorithm), RulePolicy, "the signature is weaker than SHA-256"},
		{isRSA && (key.N.BitLen() < MinKeyBits || key.N.BitLen() > MaxKeyBits), RulePolicy, "the key has not 2048 to 4096 bits"},
	}
	if cert.IsCA && !isSelfSigned || cert.IsCA && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		findings = append(findings, authorityFindings(cert)...)
	} else {
		findings = append(findings, applicationFindings(cert, isSelfSigned, isRSA)...)
	}
	var found []Problem
	for _, f := range findings {
		if f.broken {
			found = append(found, Problem{f.rule, f.text})
		}
	}
	return found
}

func authorityFindings(cert *x509.Certificate) []finding {
	return []finding{
		{cert.KeyUsage&x509.KeyUsageCertSign == 0, RuleUsage, "keyUsage has no keyCertSign"},
		{cert.KeyUsage&x509.KeyUsageCRLSign == 0, RuleUsage, "keyUsage has no cRLSign"},
	}
}

func applicationFindings(cert *x509.Certificate, isSelfSigned, isRSA bool) []finding {
	uris := sanURIs(cert.Extensions)
	required := x509.KeyUsageDigitalSignature
	if isRSA {
		required = applicationKeyUsage
	}
	if isSelfSigned {
		required |= x509.KeyUsageCertSign
	}
	neither := !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	return []finding{
		{len(uris) != 1, RuleApplicationURI, fmt.Sprintf("subjectAltName has %d URIs, expected one", len(uris))},
		{len(uris) == 1 && checkApplicationURI(uris[0]) != nil, RuleApplicationURI, "the ApplicationUri is neither a URL nor a URN"},
		{len(cert.DNSNames)+len(cert.IPAddresses) == 0, RuleHostName, "subjectAltName has no host name and no address"},
		{cert.KeyUsage&required != required, RuleUsage, fmt.Sprintf("keyUsage lacks %v", keyUsageNames(required&^cert.KeyUsage))},
		{isRSA && neither, RuleUsage, "extendedKeyUsage has neither serverAuth nor clientAuth"},
		{cert.IsCA, RuleUsage, "basicConstraints says cA TRUE"},
	}
}
