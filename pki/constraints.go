package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// certified are the names of a certificate that name constraints apply to.
type certified struct {
	dns    []string
	ips    []net.IP
	uris   []string
	emails []string
}

func namesOf(cert *x509.Certificate) certified {
	return certified{cert.DNSNames, cert.IPAddresses, sanURIs(cert.Extensions), cert.EmailAddresses}
}

// outside finds a name that a CA may not certify (RFC 5280, 4.2.1.10), and says what
// the CA allows. A kind of name that the CA says nothing of is free; an address that
// is written as a DNS name counts as both.
//
// A constraint on URIs is one on their host: a URI without a host name, as every urn
// is, satisfies none and is refused as soon as there is one. x509 takes the host of
// such a constraint for a whole domain, which is why it is not asked.
func (n certified) outside(ca *x509.Certificate) (name, expected string) {
	ips := slices.Clone(n.ips)
	for _, dns := range n.dns {
		expected := lacking(ca.PermittedDNSDomains, ca.ExcludedDNSDomains,
			func(domain string) bool { return withinDomain(dns, domain) },
			func(domain string) bool { return withinDomain(dns, domain) || wildcardReaches(dns, domain) })
		if expected != "" {
			return "the DNS name " + dns, expected
		}
		if ip := net.ParseIP(dns); ip != nil {
			ips = append(ips, ip)
		}
	}
	for _, ip := range ips {
		within := func(network *net.IPNet) bool { return network.Contains(ip) }
		if expected := lacking(ca.PermittedIPRanges, ca.ExcludedIPRanges, within, within); expected != "" {
			return "the address " + ip.String(), expected
		}
	}
	for _, uri := range n.uris {
		host, named := uriHost(uri)
		expected := lacking(ca.PermittedURIDomains, ca.ExcludedURIDomains,
			func(domain string) bool { return named && withinHost(host, domain) },
			func(domain string) bool { return !named || withinHost(host, domain) })
		if expected != "" && !named {
			return "the URI " + uri + ", which has no host name", expected
		}
		if expected != "" {
			return "the URI " + uri, expected
		}
	}
	for _, email := range n.emails {
		within := func(constraint string) bool { return withinMailbox(email, constraint) }
		if expected := lacking(ca.PermittedEmailAddresses, ca.ExcludedEmailAddresses, within, within); expected != "" {
			return "the mail address " + email, expected
		}
	}
	return "", ""
}

// lacking says what a name would have to be; "" is that it is.
func lacking[T any](permitted, excluded []T, within, hit func(T) bool) (expected string) {
	if len(permitted) > 0 && !slices.ContainsFunc(permitted, within) {
		return "one of " + listed(permitted)
	}
	if slices.ContainsFunc(excluded, hit) {
		return "none of " + listed(excluded)
	}
	return ""
}

func listed[T any](constraints []T) string {
	var texts []string
	for _, c := range constraints {
		texts = append(texts, fmt.Sprint(c))
	}
	return strings.Join(texts, ", ")
}

func normalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// withinDomain says whether a DNS name is a domain or below it; a constraint that
// begins with a period wants it below.
func withinDomain(name, domain string) bool {
	name, domain = normalHost(name), normalHost(domain)
	return domain == "" || name == domain || strings.HasSuffix(name, "."+strings.TrimPrefix(domain, "."))
}

// wildcardReaches says whether a wildcard stands for names below an excluded domain.
func wildcardReaches(name, domain string) bool {
	base, isWildcard := strings.CutPrefix(normalHost(name), "*.")
	return isWildcard && strings.HasSuffix("."+strings.TrimPrefix(normalHost(domain), "."), "."+base)
}

// withinHost is withinDomain for URIs: without a period the host itself is meant.
func withinHost(host, domain string) bool {
	host, domain = normalHost(host), normalHost(domain)
	if strings.HasPrefix(domain, ".") {
		return strings.HasSuffix(host, domain) && len(host) > len(domain)
	}
	return domain == "" || host == domain
}

// uriHost gives the host name of a URI; addresses are none.
func uriHost(uri string) (host string, named bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
		return "", false
	}
	return u.Hostname(), true
}

func withinMailbox(email, constraint string) bool {
	local, host, _ := strings.Cut(email, "@")
	if wantLocal, wantHost, isMailbox := strings.Cut(constraint, "@"); isMailbox {
		return local == wantLocal && strings.EqualFold(host, wantHost)
	}
	return withinHost(host, constraint)
}

// nameConstraints asks every CA of a chain about the certificates below it. One that
// a CA has issued to itself, to change its key, is no name of its own.
func (j *judgement) nameConstraints() *CertificateError {
	for i, ca := range j.chain {
		for k, cert := range j.chain[:i] {
			if k > 0 && bytes.Equal(cert.RawSubject, cert.RawIssuer) {
				continue
			}
			if name, expected := namesOf(cert).outside(ca); name != "" {
				return j.fail(RuleUsage, cert, name, expected+", which is what "+displayName(ca.Subject)+" may certify")
			}
		}
	}
	return nil
}

// permit refuses names that a CA of the chain may not certify.
func (ca *CA) permit(names certified) error {
	for _, cert := range ca.chain {
		if name, expected := names.outside(cert); name != "" {
			return &RequestError{RequestConstraints, printable(name), printable(expected + ", which is what " + displayName(cert.Subject) + " may certify")}
		}
	}
	return nil
}

// constraints writes the extension of a CA that may certify only these domains and
// networks; none of both is none.
func (o CAOptions) constraints() ([]pkix.Extension, error) {
	type subtree struct{ Base asn1.RawValue }
	var permitted []subtree
	for _, domain := range o.PermitDNS {
		if err := CheckDomain(domain); err != nil {
			return nil, err
		}
		permitted = append(permitted, subtree{generalName(tagDNSName, []byte(domain))})
	}
	for _, network := range o.PermitIP {
		if ones, bits := network.Mask.Size(); bits != 8*len(network.IP) || ones == 0 {
			return nil, fmt.Errorf("%s is no network: write it like 10.1.0.0/16", network)
		}
		permitted = append(permitted, subtree{generalName(tagIPAddress, slices.Concat([]byte(network.IP), []byte(network.Mask)))})
	}
	if len(permitted) == 0 {
		return nil, nil
	}
	der, err := asn1.Marshal(struct {
		Permitted []subtree `asn1:"tag:0"`
	}{permitted})
	if err != nil {
		return nil, fmt.Errorf("encode the name constraints: %w", err)
	}
	return []pkix.Extension{{Id: oidNameConstraints, Critical: true, Value: der}}, nil
}

// CheckDomain wants labels of letters, digits and hyphens between single periods.
func CheckDomain(name string) error {
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		if label == "" || len(label) > 63 || len(name) > 253 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("%q is no domain", printable(name))
		}
	}
	return nil
}

func constrains(extensions []pkix.Extension) bool {
	return slices.ContainsFunc(extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) })
}

// constraintTexts says what a CA may certify, a line for each kind of name.
func constraintTexts(cert *x509.Certificate) []string {
	var texts []string
	add := func(what, list string) {
		if list != "" {
			texts = append(texts, printable(what+" "+list))
		}
	}
	add("only DNS names in", listed(cert.PermittedDNSDomains))
	add("no DNS names in", listed(cert.ExcludedDNSDomains))
	add("only addresses in", listed(cert.PermittedIPRanges))
	add("no addresses in", listed(cert.ExcludedIPRanges))
	add("only URIs at", listed(cert.PermittedURIDomains))
	add("no URIs at", listed(cert.ExcludedURIDomains))
	add("only mail addresses at", listed(cert.PermittedEmailAddresses))
	add("no mail addresses at", listed(cert.ExcludedEmailAddresses))
	return texts
}
