package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
)

var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
)

// authorityRequest asks for the certificate of a CA, PEM, with the extensions that
// it should have (OPC 10000-6, 6.2.2).
func authorityRequest(key crypto.Signer, subject pkix.Name, extra ...pkix.Extension) ([]byte, error) {
	template := &x509.CertificateRequest{Subject: subject, SignatureAlgorithm: signatureOf(key.Public()), ExtraExtensions: extra}
	for _, e := range []struct {
		id       asn1.ObjectIdentifier
		critical bool
		value    any
	}{
		{oidBasicConstraints, true, struct {
			CA      bool
			PathLen int
		}{true, 0}},
		{oidKeyUsage, true, asn1.BitString{Bytes: []byte{0x06}, BitLength: 7}}, // keyCertSign, cRLSign
		{oidSubjectKeyID, false, publicKeyID(key.Public())},
	} {
		der, err := asn1.Marshal(e.value)
		if err != nil {
			return nil, fmt.Errorf("encode the CA's request: %w", err)
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: e.id, Critical: e.critical, Value: der})
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}
