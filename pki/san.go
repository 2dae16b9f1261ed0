package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"strings"
)

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// The tags of GeneralName that matter here (RFC 5280, 4.2.1.6).
const (
	tagDNSName   = 2
	tagURI       = 6
	tagIPAddress = 7
)

// subjectAltName writes the extension. It is written here because a url.URL does
// not give every ApplicationUri back as it was, and peers compare the bytes.
func subjectAltName(uri string, dnsNames []string, ips []net.IP) (pkix.Extension, error) {
	var names []asn1.RawValue
	if uri != "" {
		if err := checkApplicationURI(uri); err != nil {
			return pkix.Extension{}, err
		}
		names = append(names, generalName(tagURI, []byte(uri)))
	}
	for _, name := range dnsNames {
		if name == "" || !isPrintable(name) || strings.Contains(name, " ") {
			return pkix.Extension{}, fmt.Errorf("%q is not usable as a DNS name: write it in ASCII (punycode)", name)
		}
		names = append(names, generalName(tagDNSName, []byte(name)))
	}
	for _, ip := range ips {
		raw := ip.To4()
		if raw == nil {
			raw = ip.To16()
		}
		if raw == nil {
			return pkix.Extension{}, fmt.Errorf("%q is not an IP address", ip)
		}
		names = append(names, generalName(tagIPAddress, raw))
	}
	der, err := asn1.Marshal(names)
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode subjectAltName: %w", err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: der}, nil
}

func generalName(tag int, value []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value}
}

// sanURIs gives the URIs of subjectAltName byte for byte. Damaged input gives
// what could be read before the damage; x509 has judged the extension already.
func sanURIs(extensions []pkix.Extension) []string {
	var uris []string
	for _, extension := range extensions {
		if !extension.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
			return uris
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris
}

// checkApplicationURI wants an absolute URL or URN in ASCII (OPC 10000-6, 6.2.2).
func checkApplicationURI(uri string) error {
	if u, err := url.Parse(uri); err != nil || u.Scheme == "" || !isPrintable(uri) || len(uri) > 2048 {
		return fmt.Errorf("%q is not usable as an ApplicationUri: it must be an absolute URL or URN in ASCII", uri)
	}
	return nil
}

// isPrintable reports whether s is printable ASCII, blanks included: deployed
// ApplicationUris have them.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
