package pki_test

import (
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func network(text string) *net.IPNet {
	_, n, err := net.ParseCIDR(text)
	if err != nil {
		panic(err)
	}
	return n
}

// RFC 5280, 4.2.1.10. Verify, Issue's check and openssl agree on every row, but for
// the two where openssl looks at less.
func TestNameConstraints(t *testing.T) {
	type change = func(*x509.Certificate)
	permitDNS := func(domains ...string) change { return func(c *x509.Certificate) { c.PermittedDNSDomains = domains } }
	excludeDNS := func(domains ...string) change { return func(c *x509.Certificate) { c.ExcludedDNSDomains = domains } }
	permitIP := func(networks ...string) change {
		return func(c *x509.Certificate) {
			for _, n := range networks {
				c.PermittedIPRanges = append(c.PermittedIPRanges, network(n))
			}
		}
	}
	excludeIP := func(n string) change {
		return func(c *x509.Certificate) { c.ExcludedIPRanges = []*net.IPNet{network(n)} }
	}
	permitURI := func(hosts ...string) change { return func(c *x509.Certificate) { c.PermittedURIDomains = hosts } }
	excludeURI := func(hosts ...string) change { return func(c *x509.Certificate) { c.ExcludedURIDomains = hosts } }
	mail := func(addresses ...string) change { return func(c *x509.Certificate) { c.EmailAddresses = addresses } }
	permitMail := func(constraints ...string) change {
		return func(c *x509.Certificate) { c.PermittedEmailAddresses = constraints }
	}
	dir, request := awaiting(t, plainOptions())
	const urn, url = "urn:plant:plc1", "http://plc1.plant.example/opc"
	for _, c := range []struct {
		name     string
		ca       change
		uri      string
		hosts    []string
		leaf     change // what Issue would not write
		refused  string // part of the value
		stricter bool   // than openssl
	}{
		{name: "no constraint", ca: func(*x509.Certificate) {}, uri: urn, hosts: []string{"plc1", "10.0.0.1"}},

		{name: "the domain", ca: permitDNS("plant.example"), uri: urn, hosts: []string{"plant.example"}},
		{name: "below it", ca: permitDNS("other", "plant.example"), uri: urn, hosts: []string{"PLC1.line-a.Plant.Example"}},
		{name: "beside it", ca: permitDNS("plant.example"), uri: urn, hosts: []string{"plc1.plant.example", "plc1.other"}, refused: "the DNS name plc1.other"},
		{name: "only its end", ca: permitDNS("plant.example"), uri: urn, hosts: []string{"notplant.example"}, refused: "notplant.example"},
		{name: "only a part", ca: permitDNS("plant.example"), uri: urn, hosts: []string{"plant"}, refused: "plant"},
		{name: "addresses stay free", ca: permitDNS("plant.example"), uri: urn, hosts: []string{"10.0.0.1"}},
		{name: "excluded", ca: excludeDNS("office.example"), uri: urn, hosts: []string{"pc.office.example"}, refused: "pc.office.example"},
		{name: "not excluded", ca: excludeDNS("office.example"), uri: urn, hosts: []string{"plc1.example"}},
		{name: "a wildcard over what is excluded", ca: excludeDNS("office.example"), uri: urn, hosts: []string{"*.example"}, refused: "*.example", stricter: true},

		{name: "the network", ca: permitIP("10.1.0.0/16"), uri: urn, hosts: []string{"10.1.2.3"}},
		{name: "another network", ca: permitIP("10.1.0.0/16"), uri: urn, hosts: []string{"10.2.0.1"}, refused: "the address 10.2.0.1"},
		{name: "another version", ca: permitIP("10.1.0.0/16"), uri: urn, hosts: []string{"fd00::1"}, refused: "the address fd00::1"},
		{name: "both versions", ca: permitIP("10.1.0.0/16", "fd00::/8"), uri: urn, hosts: []string{"10.1.0.1", "fd00::1"}},
		{name: "an excluded network", ca: excludeIP("192.168.0.0/16"), uri: urn, hosts: []string{"192.168.1.1"}, refused: "192.168.1.1"},
		{name: "names stay free", ca: permitIP("10.1.0.0/16"), uri: urn, hosts: []string{"plc1"}},
		{name: "an address written as a name", ca: permitIP("10.1.0.0/16"), uri: urn, hosts: []string{"plc1"},
			leaf: func(c *x509.Certificate) { c.DNSNames = []string{"10.2.0.1"} }, refused: "10.2.0.1", stricter: true},

		// A constraint on URIs binds their host, which a urn does not have.
		{name: "a urn where hosts are permitted", ca: permitURI("plc1.plant.example"), uri: urn, hosts: []string{"plc1"}, refused: "the URI " + urn + ", which has no host name"},
		{name: "a urn where a host is excluded", ca: excludeURI("office.example"), uri: urn, hosts: []string{"plc1"}, refused: urn},
		{name: "the host", ca: permitURI("plc1.plant.example"), uri: url, hosts: []string{"plc1"}},
		{name: "below a host", ca: permitURI("plant.example"), uri: url, hosts: []string{"plc1"}, refused: url},
		{name: "below a domain", ca: permitURI(".plant.example"), uri: url, hosts: []string{"plc1"}},
		{name: "the domain itself", ca: permitURI(".plc1.plant.example"), uri: url, hosts: []string{"plc1"}, refused: url},
		{name: "an excluded host", ca: excludeURI("plc1.plant.example"), uri: url, hosts: []string{"plc1"}, refused: url},
		{name: "a host below an excluded one", ca: excludeURI("plant.example"), uri: url, hosts: []string{"plc1"}},
		{name: "a URI at an address", ca: permitURI(".example"), uri: "http://10.0.0.1/opc", hosts: []string{"plc1"}, refused: "10.0.0.1"},

		{name: "the mailbox", ca: permitMail("ops@plant.example"), uri: urn, hosts: []string{"plc1"}, leaf: mail("ops@Plant.example")},
		{name: "another mailbox", ca: permitMail("ops@plant.example"), uri: urn, hosts: []string{"plc1"}, leaf: mail("me@plant.example"), refused: "me@plant.example"},
		{name: "the mail host", ca: permitMail("plant.example"), uri: urn, hosts: []string{"plc1"}, leaf: mail("me@plant.example")},
		{name: "below the mail host", ca: permitMail("plant.example"), uri: urn, hosts: []string{"plc1"}, leaf: mail("me@a.plant.example"), refused: "me@a.plant.example"},
		{name: "below the mail domain", ca: permitMail(".plant.example"), uri: urn, hosts: []string{"plc1"}, leaf: mail("me@a.plant.example")},
	} {
		t.Run(c.name, func(t *testing.T) {
			critical := func(cert *x509.Certificate) { c.ca(cert); cert.PermittedDNSDomainsCritical = true }
			root := pkitest.NewAuthority(t, pkitest.Key(1), "root", critical)
			middle := root.Intermediate(t, pkitest.Key(2), "middle", nil)
			options := pkitest.Options{URI: c.uri, Hosts: c.hosts, Change: c.leaf}
			for name, id := range map[string]pkitest.Identity{"root": root.Issue(t, options), "below": middle.Issue(t, options)} {
				err := pki.Policy{Trusted: certs(root.Certificate)}.Verify(id.Chain)
				var refused *pki.CertificateError
				switch {
				case c.refused == "" && err != nil:
					t.Errorf("%s: got %v, want accepted", name, err)
				case c.refused != "" && (!errors.As(err, &refused) || refused.Rule != pki.RuleUsage || !strings.Contains(refused.Value, c.refused)):
					t.Errorf("%s: got %v, want %q refused", name, err, c.refused)
				}
				o := newOpenSSL(t)
				output, content := o.run("verify", "-CAfile", o.file("root.pem", pki.EncodeCertificates([][]byte{root.Certificate.Raw})),
					"-untrusted", o.file("middle.pem", pki.EncodeCertificates(id.Chain[1:])), o.file("leaf.pem", pki.EncodeCertificates(id.Chain[:1])))
				if content != (c.refused == "") && !c.stricter {
					t.Errorf("%s: openssl says %s", name, output)
				}
			}
			if c.leaf == nil {
				issueUnder(t, dir, request, root, c.uri, c.hosts, c.refused)
			}
		})
	}
}

// issueUnder has an intermediate of ours issue the names, below a root with constraints.
func issueUnder(t *testing.T, dir string, request *x509.CertificateRequest, root *pkitest.Authority, uri string, hosts []string, refused string) {
	t.Helper()
	must(pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: certs(certify(t, root, request, nil), root.Certificate)}, plainOptions()))
	ca := must(pki.OpenCA(dir, plainOptions()))
	before := issuances(must(ca.Records()))
	r := pki.Request{ApplicationURI: uri, Server: true}
	_, err := ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{URI: uri, Hosts: hosts}), r)
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			r.IPAddresses = append(r.IPAddresses, ip)
		} else {
			r.DNSNames = append(r.DNSNames, host)
		}
	}
	for what, err := range map[string]error{"issue": err, "foresee": ca.Foresee(r)} {
		var broken *pki.RequestError
		switch {
		case refused == "" && err != nil:
			t.Errorf("%s: got %v", what, err)
		case refused != "" && (!errors.As(err, &broken) || broken.Rule != pki.RequestConstraints || !strings.Contains(broken.Value, refused) || broken.Hint() == ""):
			t.Errorf("%s: got %v, want %q refused", what, err, refused)
		}
	}
	if n := issuances(must(ca.Records())) - before; (n == 0) != (refused != "") {
		t.Errorf("the ledger has %d more", n)
	}
}

// What ca init writes is what x509 reads, in a root and in a request; openssl shows it.
func TestInitWritesNameConstraints(t *testing.T) {
	o := plainOptions()
	o.PermitDNS, o.PermitIP = []string{"plant.example"}, []*net.IPNet{network("10.1.0.0/16"), network("fd00::/8")}
	ca, _ := newCA(t, o)
	cert := ca.Certificate()
	if !cert.PermittedDNSDomainsCritical || strings.Join(cert.PermittedDNSDomains, " ") != "plant.example" || len(cert.PermittedIPRanges) != 2 || cert.PermittedIPRanges[0].String() != "10.1.0.0/16" {
		t.Errorf("got %q, %v, critical %v", cert.PermittedDNSDomains, cert.PermittedIPRanges, cert.PermittedDNSDomainsCritical)
	}
	want := "only DNS names in plant.example, only addresses in 10.1.0.0/16, fd00::/8"
	if got := strings.Join(pki.Describe(cert).NameConstraints, ", "); got != want {
		t.Errorf("described as %q, want %q", got, want)
	}
	dir, request := awaiting(t, o)
	text := string(must(pki.ReadCARequest(dir)))
	ssl := newOpenSSL(t)
	for _, fragment := range []string{"Name Constraints: critical", "DNS:plant.example", "IP:10.1.0.0/255.255.0.0", "CA:TRUE, pathlen:0"} {
		ssl.wants(fragment, "req", "-in", ssl.file("ca.csr", []byte(text)), "-noout", "-text", "-verify")
	}

	// The root must not forget them.
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	var refused *pki.InstallError
	if _, err := pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: certs(certify(t, root, request, nil), root.Certificate)}, o); !errors.As(err, &refused) || refused.Rule != pki.RuleUsage {
		t.Errorf("without them: got %v", err)
	}
	kept := certify(t, root, request, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"line-a.plant.example"} })
	must(pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: certs(kept, root.Certificate)}, o))

	for name, bad := range map[string]pki.CAOptions{
		"an empty domain": {PermitDNS: []string{""}}, "a period in front": {PermitDNS: []string{".plant.example"}}, "a wildcard": {PermitDNS: []string{"*.plant"}},
		"everything": {PermitIP: []*net.IPNet{network("0.0.0.0/0")}},
	} {
		bad.Subject, bad.NoPassphrase, bad.Key = caSubject, true, pki.KeyP256
		if _, err := pki.InitCA(t.Context(), filepath.Join(t.TempDir(), "ca"), bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A signer's chain whose CA may not certify the names is not used.
func TestCheckIssuedKeepsNameConstraints(t *testing.T) {
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"plant.example"} })
	id := root.Issue(t, pkitest.Options{})
	err := pki.CheckIssued(id.Chain, pkitest.Request(t, pkitest.Options{}), signerURI, id.Certificate(t).NotBefore)
	var refused *pki.IssuedError
	if !errors.As(err, &refused) || refused.Rule != pki.RequestConstraints {
		t.Errorf("got %v, want the rule %s", err, pki.RequestConstraints)
	}
}
