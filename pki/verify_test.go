package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// Each rule of OPC 10000-4, 6.1.3, broken alone.
func TestVerify(t *testing.T) {
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", func(c *x509.Certificate) { c.MaxPathLen = 1 })
	impostor := pkitest.NewAuthority(t, pkitest.Key(2), "root", nil)
	middle := root.Intermediate(t, pkitest.Key(3), "middle", nil)
	notCA := root.Intermediate(t, pkitest.Key(3), "no CA", func(c *x509.Certificate) { c.IsCA = false })
	tooDeep := middle.Intermediate(t, pkitest.Key(4), "too deep", nil)
	expiredCA := pkitest.NewAuthority(t, pkitest.Key(1), "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	weakCA := pkitest.NewAuthority(t, pkitest.ShortKey(), "weak", nil)
	narrow := pkitest.NewAuthority(t, pkitest.Key(1), "narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"plant.example"}
	})
	self := pkitest.Application(t, pkitest.Options{})
	leaf := root.Issue(t, pkitest.Options{})
	deep := middle.Issue(t, pkitest.Options{})
	change := func(f func(*x509.Certificate)) pkitest.Identity {
		return pkitest.Application(t, pkitest.Options{Change: f})
	}
	trusting := func(id pkitest.Identity) pki.Policy { return pki.Policy{Trusted: certs(id.Certificate(t))} }
	crls := func(ders ...[]byte) (lists []*x509.RevocationList) {
		for _, der := range ders {
			lists = append(lists, pkitest.ParseCRL(t, der))
		}
		return lists
	}
	rootPolicy := pki.Policy{Trusted: certs(root.Certificate)}
	with := func(p pki.Policy, edit func(*pki.Policy)) pki.Policy { edit(&p); return p }

	withoutUsage := change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	onlySigning := change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	clientOnly := change(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	critical := change(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	})
	short := pkitest.Application(t, pkitest.Options{Key: pkitest.ShortKey()})
	sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }
	sha1Self, sha1Leaf := change(sha1), root.Issue(t, pkitest.Options{Change: sha1})
	tampered := append([]byte(nil), self.Leaf()...)
	tampered[len(tampered)-1] ^= 1
	underSelf := (&pkitest.Authority{Certificate: self.Certificate(t), Key: self.Key}).Issue(t, pkitest.Options{Key: pkitest.Key(5), Name: "below a leaf"})

	// A CA without cRLSign, and what it signs all the same.
	withoutCRLSign := func(key int) (ca, signing *pkitest.Authority) {
		ca = pkitest.NewAuthority(t, pkitest.Key(key), "mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
		may := *ca.Certificate
		may.KeyUsage |= x509.KeyUsageCRLSign
		return ca, &pkitest.Authority{Certificate: &may, Key: ca.Key}
	}
	mute, signing := withoutCRLSign(1)
	_, otherSigning := withoutCRLSign(2)
	muteLeaf := mute.Issue(t, pkitest.Options{})

	tests := []struct {
		name   string
		policy pki.Policy
		chain  [][]byte
		want   pki.Rule // empty: accepted
	}{
		{"self-signed leaf in the list", trusting(self), self.Chain, ""},
		{"leaf of a trusted CA", rootPolicy, leaf.Chain, ""},
		{"leaf of a trusted CA, sent without it", rootPolicy, leaf.Chain[:1], ""},
		{"intermediate sent", rootPolicy, deep.Chain, ""},
		{"trusted intermediate, root among the issuers", pki.Policy{Trusted: certs(middle.Certificate), Issuers: certs(root.Certificate)}, deep.Chain[:1], ""},

		{"no certificate", rootPolicy, nil, pki.RuleStructure},
		{"garbage", rootPolicy, [][]byte{{0x30, 0x03, 1, 2, 3}}, pki.RuleStructure},
		{"critical extension", trusting(critical), critical.Chain, pki.RuleStructure},
		{"eleven certificates", rootPolicy, repeat(leaf.Chain[0], 11), pki.RuleStructure},

		{"intermediate missing", rootPolicy, deep.Chain[:1], pki.RuleChain},
		{"intermediate trusted, root missing", pki.Policy{Trusted: certs(middle.Certificate)}, deep.Chain[:2], pki.RuleChain},
		{"leaf trusted, its CA missing", trusting(leaf), leaf.Chain[:1], pki.RuleChain},
		{"CA of the same name with another key", pki.Policy{Trusted: certs(impostor.Certificate)}, leaf.Chain[:1], pki.RuleSignature},
		{"self-signed leaf tampered with", trusting(self), [][]byte{tampered}, pki.RuleSignature},

		{"short key", trusting(short), short.Chain, pki.RulePolicy},
		{"self-signed with SHA-1", trusting(sha1Self), sha1Self.Chain, pki.RulePolicy},
		{"pinned, self-signed with SHA-1", pki.Policy{Pin: pki.Fingerprint(sha1Self.Leaf())}, sha1Self.Chain, pki.RulePolicy},
		{"signed by the CA with SHA-1", rootPolicy, sha1Leaf.Chain, pki.RulePolicy},
		{"short key of the CA", pki.Policy{Trusted: certs(weakCA.Certificate)}, weakCA.Issue(t, pkitest.Options{}).Chain, pki.RulePolicy},

		{"zero policy", pki.Policy{}, self.Chain, pki.RuleUntrusted},
		{"CA only among the issuers", pki.Policy{Issuers: certs(root.Certificate)}, leaf.Chain, pki.RuleUntrusted},
		{"CA only in what the server sent", trusting(self), leaf.Chain, pki.RuleUntrusted},

		{"pinned", pki.Policy{Pin: pki.Fingerprint(self.Leaf())}, self.Chain, ""},
		{"pinned, its CA missing", pki.Policy{Pin: pki.Fingerprint(leaf.Leaf())}, leaf.Chain[:1], ""},
		{"another one pinned", pki.Policy{Pin: pki.Fingerprint(leaf.Leaf())}, self.Chain, pki.RulePin},
		{"another one pinned, but trusted", with(trusting(self), func(p *pki.Policy) { p.Pin = pki.Fingerprint(leaf.Leaf()) }), self.Chain, pki.RulePin},
		{"pinned, wrong host", pki.Policy{Pin: pki.Fingerprint(self.Leaf()), Host: "elsewhere"}, self.Chain, pki.RuleHostName},

		{"expired", with(trusting(self), func(p *pki.Policy) { p.Time = time.Now().AddDate(2, 0, 0) }), self.Chain, pki.RuleValidity},
		{"pinned, expired", pki.Policy{Pin: pki.Fingerprint(self.Leaf()), Time: time.Now().AddDate(2, 0, 0)}, self.Chain, pki.RuleValidity},
		{"not yet valid", with(trusting(self), func(p *pki.Policy) { p.Time = time.Now().AddDate(-2, 0, 0) }), self.Chain, pki.RuleValidity},
		{"expired CA", pki.Policy{Trusted: certs(expiredCA.Certificate)}, expiredCA.Issue(t, pkitest.Options{}).Chain, pki.RuleValidity},

		{"host", with(trusting(self), func(p *pki.Policy) { p.Host = "LocalHost" }), self.Chain, ""},
		{"address", with(trusting(self), func(p *pki.Policy) { p.Host = "127.0.0.1" }), self.Chain, ""},
		{"other host", with(trusting(self), func(p *pki.Policy) { p.Host = "plc2" }), self.Chain, pki.RuleHostName},
		{"other address", with(trusting(self), func(p *pki.Policy) { p.Host = "[::1]" }), self.Chain, pki.RuleHostName},

		{"ApplicationUri", with(trusting(self), func(p *pki.Policy) { p.ApplicationURI = "urn:test:application" }), self.Chain, ""},
		{"other ApplicationUri", with(trusting(self), func(p *pki.Policy) { p.ApplicationURI = "urn:test:Application" }), self.Chain, pki.RuleApplicationURI},

		{"no digitalSignature", trusting(withoutUsage), withoutUsage.Chain, pki.RuleUsage},
		{"no keyEncipherment", trusting(onlySigning), onlySigning.Chain, pki.RuleUsage},
		{"no serverAuth", trusting(clientOnly), clientOnly.Chain, pki.RuleUsage},
		{"issuer is no CA", rootPolicy, notCA.Issue(t, pkitest.Options{}).Chain, pki.RuleUsage},
		{"signed with a trusted leaf's key", trusting(self), underSelf.Chain, pki.RuleUsage},
		{"below pathLen", rootPolicy, tooDeep.Issue(t, pkitest.Options{}).Chain, pki.RuleUsage},
		{"outside the CA's name constraints", pki.Policy{Trusted: certs(narrow.Certificate)}, narrow.Issue(t, pkitest.Options{}).Chain, pki.RuleUsage},

		{"revoked", with(rootPolicy, func(p *pki.Policy) { p.CRLs = crls(root.CRL(t, leaf.Certificate(t))) }), leaf.Chain, pki.RuleRevoked},
		{"CA revoked", with(rootPolicy, func(p *pki.Policy) { p.CRLs = crls(root.CRL(t, middle.Certificate)) }), deep.Chain, pki.RuleRevoked},
		{"revoked in an outdated list", with(rootPolicy, func(p *pki.Policy) { p.CRLs = crls(root.CRLAt(t, time.Now().AddDate(-1, 0, 0), leaf.Certificate(t))) }), leaf.Chain, pki.RuleRevoked},
		{"list that its CA may not sign", with(pki.Policy{Trusted: certs(mute.Certificate)}, func(p *pki.Policy) { p.CRLs = crls(signing.CRL(t)) }), muteLeaf.Chain, pki.RuleRevocationUnknown},
		{"revoked in such a list", with(pki.Policy{Trusted: certs(mute.Certificate)}, func(p *pki.Policy) { p.CRLs = crls(signing.CRL(t, muteLeaf.Certificate(t))) }), muteLeaf.Chain, pki.RuleRevocationUnknown},
		{"such a list of another key", with(pki.Policy{Trusted: certs(mute.Certificate)}, func(p *pki.Policy) { p.CRLs = crls(otherSigning.CRL(t)) }), muteLeaf.Chain, ""},
		{"list of an impostor", with(rootPolicy, func(p *pki.Policy) { p.CRLs = crls(impostor.CRL(t, leaf.Certificate(t))) }), leaf.Chain, ""},
		{"no list", with(rootPolicy, func(p *pki.Policy) { p.RequireRevocation = true }), leaf.Chain, pki.RuleRevocationUnknown},
		{"outdated list", with(rootPolicy, func(p *pki.Policy) {
			p.RequireRevocation, p.CRLs = true, crls(root.CRLAt(t, time.Now().AddDate(-1, 0, 0)))
		}), leaf.Chain, pki.RuleRevocationUnknown},
		{"current list", with(rootPolicy, func(p *pki.Policy) { p.RequireRevocation, p.CRLs = true, crls(root.CRL(t)) }), leaf.Chain, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Verify(tt.chain)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want accepted", err)
				}
				return
			}
			var refused *pki.CertificateError
			if !errors.As(err, &refused) || refused.Rule != tt.want {
				t.Fatalf("got %v, want rule %s", err, tt.want)
			}
			if refused.Hint() == "" || strings.Contains(refused.Error(), "\n") {
				t.Errorf("error %q, hint %q: want one sentence and a hint", refused, refused.Hint())
			}
			if len(tt.chain) > 0 && refused.SHA256 != pki.Fingerprint(tt.chain[0]) {
				t.Errorf("fingerprint: got %s", refused.SHA256)
			}
		})
	}
}

func TestVerifyTolerates(t *testing.T) {
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		host   string
	}{
		{"cA TRUE on a self-signed leaf", func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = true, true }, ""},
		{"no extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, ""},
		{"address written as a DNS name", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"10.1.2.3"} }, "10.1.2.3"},
		{"IPv6 in brackets", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv6loopback} }, "[::1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := pkitest.Application(t, pkitest.Options{Change: tt.change})
			policy := pki.Policy{Trusted: []*x509.Certificate{id.Certificate(t)}, Host: tt.host}
			if err := policy.Verify(id.Chain); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifyHidesControlCharacters(t *testing.T) {
	id := pkitest.Application(t, pkitest.Options{Name: "plc\x1b[31m\n1"})
	err := pki.Policy{}.Verify(id.Chain)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("got %q", err)
	}
}

func repeat(der []byte, n int) [][]byte {
	var chain [][]byte
	for range n {
		chain = append(chain, der)
	}
	return chain
}

func certs(list ...*x509.Certificate) []*x509.Certificate { return list }
