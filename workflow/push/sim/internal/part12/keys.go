package part12

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// selfSignedValidity is how long a certificate of the first start lasts; it is
// valid from a day before, for clocks that are not in step.
const selfSignedValidity = 5 * 365 * 24 * time.Hour

// decodeKey reads a private key without a password, since UpdateCertificate has no
// argument for one: PEM is PKCS#8 in PEM, PKCS8 the same in DER, PFX is PKCS#12.
func decodeKey(format string, data []byte) (privateKey, error) {
	var key any
	var err error
	switch strings.ToUpper(format) {
	case "PEM":
		block, _ := pem.Decode(data)
		if block == nil || block.Type != "PRIVATE KEY" {
			return nil, errors.New("no PEM block with a PKCS#8 key")
		}
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "PKCS8":
		key, err = x509.ParsePKCS8PrivateKey(data)
	case "PFX":
		key, _, _, err = pkcs12.DecodeChain(data, "")
	default:
		return nil, fmt.Errorf("private key format %q is not supported", format)
	}
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, errors.New("the private key is for neither RSA nor ECDSA")
}

// parseSubject reads a SubjectName such as CN=App/O=Plant (7.9.4). Values that
// hold / or = are quoted. A common name must be there, and an organisation or a
// domain component.
func parseSubject(text string) (pkix.Name, error) {
	var name pkix.Name
	for rest := text; rest != ""; {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return name, fmt.Errorf("subject %q lacks = after %q", text, rest)
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			if value, after, ok = strings.Cut(after[1:], `"`); !ok || after != "" && after[0] != '/' {
				return name, fmt.Errorf("subject %q has an unfinished quotation", text)
			}
			after = strings.TrimPrefix(after, "/")
		} else {
			value, after, _ = strings.Cut(after, "/")
			if strings.Contains(value, "=") {
				return name, fmt.Errorf("subject %q needs quotes around %q", text, value)
			}
		}
		if value == "" || strings.ContainsAny(value, `"`) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
			return name, fmt.Errorf("subject %q has an unusable value for %s", text, key)
		}
		if err := addName(&name, key, value); err != nil {
			return name, err
		}
		rest = after
	}
	if name.CommonName == "" {
		return name, fmt.Errorf("subject %q has no CN", text)
	}
	return name, nil
}

func addName(name *pkix.Name, key, value string) error {
	switch strings.ToUpper(strings.TrimSpace(key)) {
	case "CN":
		name.CommonName = value
	case "O":
		name.Organization = append(name.Organization, value)
	case "OU":
		name.OrganizationalUnit = append(name.OrganizationalUnit, value)
	case "L":
		name.Locality = append(name.Locality, value)
	case "S", "ST":
		name.Province = append(name.Province, value)
	case "C":
		name.Country = append(name.Country, value)
	case "DC":
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{
			Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: value})
	default:
		return fmt.Errorf("%q is no attribute of a subject", key)
	}
	return nil
}

// names are what the subjectAltName of an ApplicationInstance Certificate holds
// (OPC 10000-6, 6.2.2).
type names struct {
	uri *url.URL
	dns []string
	ips []net.IP
}

// names are those of the current certificate, else those of a first start.
func (a *Application) names(old slot) (names, error) {
	uri, err := url.Parse(a.state.config.Identity.ApplicationURI)
	if err != nil {
		return names{}, err
	}
	n := names{uri: uri}
	if len(old.Chain) > 0 {
		if c, err := x509.ParseCertificate(old.Chain[0]); err == nil {
			n.dns, n.ips = c.DNSNames, c.IPAddresses
		}
	}
	if len(n.dns)+len(n.ips) > 0 {
		return n, nil
	}
	for _, h := range a.d.opt.First.Hostnames {
		if ip := net.ParseIP(h); ip != nil {
			n.ips = append(n.ips, ip)
		} else {
			n.dns = append(n.dns, h)
		}
	}
	return n, nil
}

// subject is the one asked for, else the current certificate's, else one made of
// the application's identity.
func (a *Application) subject(old slot, text string) (pkix.Name, error) {
	if text != "" {
		return parseSubject(text)
	}
	if len(old.Chain) > 0 {
		c, err := x509.ParseCertificate(old.Chain[0])
		if err == nil {
			return c.Subject, nil
		}
	}
	name := a.state.config.Identity.ApplicationURI
	if texts := a.state.config.Identity.ApplicationNames; len(texts) > 0 {
		name = texts[0].Text
	}
	return pkix.Name{CommonName: name, Organization: []string{"uapush sim"}}, nil
}

// buildRequest makes a PKCS#10 request with all that Part 6 wants in the certificate.
func (a *Application) buildRequest(group string, old slot, key privateKey, text string) ([]byte, error) {
	subject, err := a.subject(old, text)
	if err != nil {
		return nil, badArgument(3)
	}
	n, err := a.names(old)
	if err != nil {
		return nil, err
	}
	bits := asn1.BitString{Bytes: []byte{0xF0}, BitLength: 4} // digitalSignature to dataEncipherment
	if _, isRSA := key.(*rsa.PrivateKey); !isRSA {
		bits = asn1.BitString{Bytes: []byte{0x80}, BitLength: 1} // digitalSignature
	}
	usage, err := asn1.Marshal(bits)
	if err != nil {
		return nil, err
	}
	extended, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}, {1, 3, 6, 1, 5, 5, 7, 3, 2}}) // serverAuth, clientAuth
	if err != nil {
		return nil, err
	}
	uris := []*url.URL{n.uri}
	if !a.state.applicationPurpose(group) {
		uris = nil
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: subject, URIs: uris, DNSNames: n.dns, IPAddresses: n.ips,
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: usage},
			{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: extended},
		},
	}, key)
}
