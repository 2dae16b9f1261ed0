package pki_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// awaiting is an intermediate that has made its request.
func awaiting(t *testing.T, o pki.CAOptions) (dir string, request *x509.CertificateRequest) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ca")
	text := must(pki.InitIntermediate(t.Context(), dir, o))
	block, _ := pem.Decode(text)
	return dir, must(x509.ParseCertificateRequest(block.Bytes))
}

// certify is what the owner of a CA above makes of a request. Change edits it.
func certify(t *testing.T, above *pkitest.Authority, request *x509.CertificateRequest, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), RawSubject: request.RawSubject, SubjectKeyId: []byte{1, 2, 3},
		NotBefore: time.Now().AddDate(0, 0, -1), NotAfter: time.Now().AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	if change != nil {
		change(template)
	}
	return pkitest.Parse(t, must(x509.CreateCertificate(rand.Reader, template, above.Certificate, request.PublicKey, above.Key)))
}

func TestInstallCA(t *testing.T) {
	o := plainOptions()
	dir, request := awaiting(t, o)
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 20) })
	middle := root.Intermediate(t, pkitest.Key(2), "middle", nil)
	own := certify(t, middle, request, nil)
	rootCRL, middleCRL := pkitest.ParseCRL(t, root.CRL(t)), pkitest.ParseCRL(t, middle.CRL(t))
	bundle := pki.Bundle{Certificates: certs(root.Certificate, own, middle.Certificate), CRLs: []*x509.RevocationList{rootCRL, middleCRL}}
	if _, err := pki.OpenCA(dir, o); !errors.Is(err, pki.ErrAwaiting) {
		t.Errorf("before: got %v, want %v", err, pki.ErrAwaiting)
	}
	a, err := pki.InstallCA(t.Context(), dir, bundle, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Current(time.Now()); err != nil || len(a.Certificates()) != 3 || len(a.RevocationLists()) != 3 {
		t.Errorf("got %d certificates, %d CRLs, %v", len(a.Certificates()), len(a.RevocationLists()), err)
	}
	if a.CRLs[0].Number.Int64() != 1 || a.CRLs[0].CheckSignatureFrom(own) != nil {
		t.Errorf("its own first CRL is number %v", a.CRLs[0].Number)
	}
	ca := must(pki.OpenCA(dir, o))
	chain := must(ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), pki.Request{ApplicationURI: signerURI, Server: true}))
	if len(chain) != 4 {
		t.Fatalf("got a chain of %d, want leaf, two intermediates, root", len(chain))
	}
	if got, want := pkitest.Parse(t, chain[0]).NotAfter, root.Certificate.NotAfter; !got.Equal(want) {
		t.Errorf("the leaf ends on %s, want with the root on %s", got, want)
	}
	policy := pki.Policy{Trusted: certs(own), Issuers: certs(root.Certificate), CRLs: a.CRLs, RequireRevocation: true}
	if err := policy.Verify(chain[:3]); err != nil {
		t.Error(err)
	}
	again := must(ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), pki.Request{ApplicationURI: signerURI, Server: true, Since: longAgo}))
	if len(again) != 4 {
		t.Errorf("from the ledger: got a chain of %d", len(again))
	}

	// A root, and a directory with nothing in it, take no certificate.
	_, rootDir := newCA(t, o)
	if _, err := pki.InstallCA(t.Context(), rootDir, bundle, o); !errors.Is(err, pki.ErrInitialised) {
		t.Errorf("a root: got %v", err)
	}
	if _, err := pki.InstallCA(t.Context(), t.TempDir(), bundle, o); !errors.Is(err, pki.ErrNotInitialised) {
		t.Errorf("nothing there: got %v", err)
	}
	if _, err := pki.ReadCARequest(rootDir); !errors.Is(err, pki.ErrInitialised) {
		t.Errorf("the request of a root: got %v", err)
	}

	// Newer CRLs alone; the middle revokes this CA.
	fresh := pkitest.ParseCRL(t, middle.CRL(t, own))
	if a, err = pki.InstallCA(t.Context(), dir, pki.Bundle{CRLs: []*x509.RevocationList{fresh}}, pki.CAOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Current(time.Now()); !errors.Is(err, pki.ErrRevoked) {
		t.Errorf("revoked: got %v", err)
	}
	if _, err := ca.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), pki.Request{ApplicationURI: signerURI}); !errors.Is(err, pki.ErrRevoked) {
		t.Errorf("issue although revoked: got %v", err)
	}
}

func TestAuthorityCurrent(t *testing.T) {
	o := plainOptions()
	dir, request := awaiting(t, o)
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	a := must(pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: certs(certify(t, root, request, nil), root.Certificate)}, o))
	if err := a.Current(time.Now()); !errors.Is(err, pki.ErrNoCRL) {
		t.Errorf("no CRL of the root: got %v", err)
	}
	a = must(pki.InstallCA(t.Context(), dir, pki.Bundle{CRLs: []*x509.RevocationList{pkitest.ParseCRL(t, root.CRL(t))}}, o))
	own := filepath.Join(dir, pki.CARevocationFile)
	saved := must(os.ReadFile(own))
	if err := os.Remove(own); err != nil { // as after a crash while it was installed
		t.Fatal(err)
	}
	if err := must(pki.ReadAuthority(dir)).Current(time.Now()); !errors.Is(err, pki.ErrNoCRL) {
		t.Errorf("no CRL of its own: got %v", err)
	}
	write(t, own, saved)
	for days, want := range map[int]error{0: nil, 40: pki.ErrOutdatedCRL, 100: pki.ErrOutdatedCRL, 6 * 365: pki.ErrExpired} {
		err := a.Current(time.Now().AddDate(0, 0, days))
		var file *pki.FileError
		if !errors.Is(err, want) || err != nil && (!errors.As(err, &file) || file.Hint() == "") {
			t.Errorf("in %d days: got %v, want %v with a hint", days, err, want)
		}
	}
}

func TestInstallCARefuses(t *testing.T) {
	o := plainOptions()
	dir, request := awaiting(t, o)
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	impostor := pkitest.NewAuthority(t, pkitest.Key(2), "root", nil)
	flat := pkitest.NewAuthority(t, pkitest.Key(1), "flat", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	expired := pkitest.NewAuthority(t, pkitest.Key(1), "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	noCRLs := pkitest.NewAuthority(t, pkitest.Key(1), "no CRLs", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	weak := pkitest.NewAuthority(t, pkitest.ShortKey(), "weak", nil)
	signed := func(above *pkitest.Authority, change func(*x509.Certificate)) []*x509.Certificate {
		return certs(certify(t, above, request, change), above.Certificate)
	}
	crl := func(change func(*x509.RevocationList)) []*x509.RevocationList {
		list := &x509.RevocationList{Number: big.NewInt(5), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
		change(list)
		return []*x509.RevocationList{pkitest.ParseCRL(t, must(x509.CreateRevocationList(rand.Reader, list, root.Certificate, root.Key)))}
	}
	good := signed(root, nil)
	for name, c := range map[string]struct {
		certs []*x509.Certificate
		crls  []*x509.RevocationList
		rule  pki.Rule
	}{
		"another key":         {certs: certs(root.Certificate), rule: pki.RuleKey},
		"no root":             {certs: good[:1], rule: pki.RuleChain},
		"one too many":        {certs: append(certs(flat.Certificate), good...), rule: pki.RuleChain},
		"an impostor's root":  {certs: certs(good[0], impostor.Certificate), rule: pki.RuleSignature},
		"a root with pathLen": {certs: signed(flat, nil), rule: pki.RuleUsage},
		"no cA":               {certs: signed(root, func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }), rule: pki.RuleUsage},
		"no keyCertSign":      {certs: signed(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), rule: pki.RuleUsage},
		"no cRLSign":          {certs: signed(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }), rule: pki.RuleUsage},
		"no keyUsage":         {certs: signed(root, func(c *x509.Certificate) { c.KeyUsage = 0 }), rule: pki.RuleUsage},
		"a root without CRLs": {certs: signed(noCRLs, nil), rule: pki.RuleUsage},
		"expired":             {certs: signed(root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }), rule: pki.RuleValidity},
		"not yet valid":       {certs: signed(root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), rule: pki.RuleValidity},
		"an expired root":     {certs: signed(expired, nil), rule: pki.RuleValidity},
		"a weak root":         {certs: signed(weak, nil), rule: pki.RulePolicy},
		"no name":             {certs: signed(root, func(c *x509.Certificate) { c.RawSubject, c.Subject = nil, pkix.Name{Organization: []string{"x"}} }), rule: pki.RuleStructure},
		"an unknown extension": {certs: signed(root, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), rule: pki.RuleStructure},

		"a stranger's CRL":  {certs: good, crls: []*x509.RevocationList{pkitest.ParseCRL(t, impostor.CRL(t))}, rule: pki.RuleCRL},
		"an outdated CRL":   {certs: good, crls: crl(func(l *x509.RevocationList) { l.NextUpdate = time.Now().Add(-time.Minute) }), rule: pki.RuleCRL},
		"a CRL of tomorrow": {certs: good, crls: crl(func(l *x509.RevocationList) { l.ThisUpdate = time.Now().Add(time.Minute) }), rule: pki.RuleCRL},
		"a delta CRL": {certs: good, crls: crl(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}), rule: pki.RuleCRL},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: c.certs, CRLs: c.crls}, o)
			var refused *pki.InstallError
			if !errors.As(err, &refused) || refused.Rule != c.rule || refused.Hint() == "" {
				t.Errorf("got %v, want the rule %s", err, c.rule)
			}
			if _, err := pki.ReadAuthority(dir); !errors.Is(err, pki.ErrAwaiting) {
				t.Errorf("afterwards: got %v, want %v", err, pki.ErrAwaiting)
			}
		})
	}

	// What it has issued under stays its name, and no CRL is older than the last.
	must(pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: good, CRLs: crl(func(*x509.RevocationList) {})}, o))
	renamed := signed(root, func(c *x509.Certificate) { c.RawSubject, c.Subject = nil, pkix.Name{CommonName: "other"} })
	var refused *pki.InstallError
	if _, err := pki.InstallCA(t.Context(), dir, pki.Bundle{Certificates: renamed}, o); !errors.As(err, &refused) || refused.Rule != pki.RuleStructure {
		t.Errorf("another name: got %v", err)
	}
	older := crl(func(l *x509.RevocationList) { l.Number = big.NewInt(4) })
	if _, err := pki.InstallCA(t.Context(), dir, pki.Bundle{CRLs: older}, o); !errors.As(err, &refused) || refused.Rule != pki.RuleCRL {
		t.Errorf("an older CRL: got %v", err)
	}
}
