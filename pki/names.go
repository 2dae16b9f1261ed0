package pki

import "crypto/x509"

// RequestNames lists the host names and addresses that a PKCS#10 request (DER)
// asks for, without control characters; none where it cannot be read.
func RequestNames(der []byte) []string {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range csr.DNSNames {
		names = append(names, printable(name))
	}
	for _, ip := range csr.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
