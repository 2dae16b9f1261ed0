package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// InstallError says why a certificate, or a CRL, is not taken for a CA.
type InstallError struct {
	Rule     Rule
	Subject  string // of the certificate, or of the CRL's issuer
	Value    string // what it has
	Expected string // what it should have; may be empty
}

func (e *InstallError) Error() string {
	text := fmt.Sprintf("%s cannot be installed by the rule %s: %s", e.Subject, e.Rule, e.Value)
	if e.Expected != "" {
		text += ", expected " + e.Expected
	}
	return text
}

// Hint tells the operator what to do.
func (e *InstallError) Hint() string {
	switch e.Rule {
	case RuleKey:
		return "give the certificate that was made of this CA's request: uapush ca request"
	case RuleChain:
		return "give the CA's certificate with those of its issuers up to the self-signed root, and no others"
	case RuleCRL:
		return "get the current CRL of the CA above from its owner"
	default:
		return "have the root certify the request of uapush ca request as a CA: cA TRUE, keyCertSign, cRLSign, its name constraints and key identifiers"
	}
}

// InstallCA takes what the owner of the root gives an intermediate CA, in any order:
// its certificate with the issuers up to the root (OPC 10000-6, 6.2.2), and CRLs of
// these; or, later, newer CRLs alone. The first time it makes the CA's own CRL.
// Errors are *InstallError, or *FileError as of OpenCA.
func InstallCA(ctx context.Context, dir string, b Bundle, o CAOptions) (Authority, error) {
	if missing(filepath.Join(dir, CARequestFile)) {
		if _, err := readCAChain(dir); err != nil {
			return Authority{}, err
		}
		return Authority{}, &FileError{Path: dir, Err: ErrInitialised, hint: "it is a root; an intermediate is made with uapush ca init --intermediate in another directory"}
	}
	unlock, err := lock(ctx, filepath.Join(dir, caLockFile))
	if err != nil {
		return Authority{}, err
	}
	defer unlock()
	var chain []*x509.Certificate
	ca := &CA{dir: dir, now: o.clock()}
	if len(b.Certificates) == 0 {
		chain, err = readCAChain(dir)
	} else if ca.key, err = loadCAKey(dir, o); err == nil {
		defer ca.Close()
		chain, err = ca.checkChain(b.Certificates)
	}
	if err != nil {
		return Authority{}, err
	}
	kept, err := readIssuerCRLs(dir)
	if err != nil {
		return Authority{}, err
	}
	crls, err := mergeCRLs(kept, b.CRLs, chain, ca.now())
	if err != nil {
		return Authority{}, err
	}
	if len(b.Certificates) > 0 { // CRLs alone are taken even where they revoke this CA
		if err := inForce(dir, chain, crls, ca.now()); err != nil {
			return Authority{}, err
		}
	}
	if err := writeIssuerCRLs(dir, crls); err != nil {
		return Authority{}, err
	}
	if len(b.Certificates) > 0 {
		if err := WriteFileAtomic(ca.path(CACertificateFile), JoinChain(rawChain(chain)), 0o644); err != nil {
			return Authority{}, err
		}
		ca.chain = chain
		if _, err := ca.renewCRL(false); err != nil {
			return Authority{}, err
		}
	}
	return ReadAuthority(dir)
}

// checkChain puts certificates in order, this CA's first, and judges them.
func (ca *CA) checkChain(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	j := judgement{Policy: Policy{Time: ca.now()}, sent: certs} // without a leaf: only CAs are judged
	if broken := j.structure(); broken != nil {                 // before any signature is checked
		return nil, &InstallError{broken.Rule, broken.Subject, broken.Value, broken.Expected}
	}
	chain, err := orderChain(certs, ca.key.Public())
	if err != nil {
		return nil, err
	}
	j.chain = chain
	for _, step := range []func() *CertificateError{j.algorithms, j.validity, j.authorities, j.nameConstraints} {
		if broken := step(); broken != nil {
			return nil, &InstallError{broken.Rule, broken.Subject, broken.Value, broken.Expected}
		}
	}
	if err := ca.checkOwn(chain[0]); err != nil {
		return nil, err
	}
	return chain, nil
}

// authorities wants CAs that may sign certificates and CRLs, and room for leaves.
func (j *judgement) authorities() *CertificateError {
	for i, cert := range j.chain {
		if broken := j.issuerUsage(cert, i); broken != nil {
			return broken
		}
		if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCRLSign == 0 {
			return j.fail(RuleUsage, cert, "a keyUsage without cRLSign", "cRLSign")
		}
	}
	return nil
}

// checkOwn wants of this CA's own certificate what a root's may lack, and the name
// under which it has issued before.
func (ca *CA) checkOwn(cert *x509.Certificate) error {
	fail := func(rule Rule, value, expected string) error {
		return &InstallError{rule, displayName(cert.Subject), value, expected}
	}
	const usage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	request, err := ReadCARequest(ca.dir)
	if err != nil {
		return err
	}
	asked, err := ParseRequest(request)
	if err != nil {
		return damaged(ca.path(CARequestFile), err, "restore the CA's directory from a backup")
	}
	csr, err := x509.ParseCertificateRequest(asked)
	if err != nil {
		return err
	}
	switch earlier, err := readCAChain(ca.dir); {
	case cert.Subject.CommonName == "":
		return fail(RuleStructure, "a subject without CN", "a CN")
	case cert.KeyUsage&usage != usage:
		return fail(RuleUsage, "a keyUsage that is not complete", "keyCertSign and cRLSign")
	case len(cert.SubjectKeyId) == 0 || len(cert.AuthorityKeyId) == 0:
		return fail(RuleStructure, "no key identifiers", "subjectKeyIdentifier and authorityKeyIdentifier")
	case constrains(csr.Extensions) && !constrains(cert.Extensions):
		return fail(RuleUsage, "no name constraints", "those of the request")
	case err == nil && !bytes.Equal(earlier[0].RawSubject, cert.RawSubject):
		return fail(RuleStructure, "another name", displayName(earlier[0].Subject)+", under which it has issued")
	}
	return nil
}

// orderChain gives the certificate of the key, and one issuer after the other up
// to a self-signed root. All certificates must be of use.
func orderChain(certs []*x509.Certificate, key crypto.PublicKey) ([]*x509.Certificate, error) {
	own := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
		public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(key)
	})
	if own < 0 {
		return nil, &InstallError{RuleKey, displayName(certs[0].Subject), "another key", "a certificate of this CA's key"}
	}
	chain := []*x509.Certificate{certs[own]}
	for !selfSigned(chain[len(chain)-1]) {
		last := chain[len(chain)-1]
		issuer, named := findIssuer(last, certs, chain)
		switch {
		case named && (issuer == nil || signedBy(last, issuer) != nil):
			return nil, &InstallError{RuleSignature, displayName(last.Subject), "a signature that " + displayName(last.Issuer) + " did not make", ""}
		case issuer == nil:
			return nil, &InstallError{RuleChain, displayName(last.Subject), "no certificate of its issuer " + displayName(last.Issuer), "the chain up to a self-signed root"}
		case len(chain) == MaxChainLength-1: // a leaf comes before it
			return nil, &InstallError{RuleChain, displayName(last.Subject), "a chain that is too long", ""}
		}
		chain = append(chain, issuer)
	}
	if len(chain) == 1 {
		return nil, &InstallError{RuleChain, displayName(chain[0].Subject), "a self-signed certificate", "one that a root has signed"}
	}
	for _, cert := range certs {
		if !slices.ContainsFunc(chain, cert.Equal) {
			return nil, &InstallError{RuleChain, displayName(cert.Subject), "a certificate that is no issuer of this CA", ""}
		}
	}
	return chain, nil
}

// mergeCRLs keeps the newest CRL of every CA above this one.
func mergeCRLs(kept, given []*x509.RevocationList, chain []*x509.Certificate, now time.Time) ([]*x509.RevocationList, error) {
	for _, crl := range given {
		fail := func(value, expected string) error {
			return &InstallError{RuleCRL, "the CRL of " + displayName(crl.Issuer), value, expected}
		}
		i := slices.IndexFunc(chain[1:], func(ca *x509.Certificate) bool { return madeBy(crl, ca) })
		if i < 0 {
			return nil, fail("it is not by a CA above this one", "a CRL of "+displayName(chain[1].Subject))
		}
		for _, extension := range crl.Extensions {
			if extension.Critical {
				return nil, fail("the critical extension "+extension.Id.String(), "a complete CRL of all that the CA issued")
			}
		}
		have := newestCRL(kept, chain[i+1])
		switch {
		case crl.NextUpdate.IsZero():
			return nil, fail("it does not say when the next one comes", "a nextUpdate")
		case outdated(crl, now):
			return nil, fail("it was to be renewed by "+crl.NextUpdate.UTC().Format(time.DateOnly), "one that is in force")
		case now.Before(crl.ThisUpdate):
			return nil, fail("it is of "+crl.ThisUpdate.UTC().Format(time.RFC3339), "one that is in force; check the clock")
		case have != nil && newer(have, crl):
			return nil, fail("it is older than the one that is there", "one of "+have.ThisUpdate.UTC().Format(time.RFC3339)+" or later")
		}
	}
	var merged []*x509.RevocationList
	for _, ca := range chain[1:] {
		if crl := newestCRL(slices.Concat(given, kept), ca); crl != nil {
			merged = append(merged, crl)
		}
	}
	return merged, nil
}

// ReadCARequest reads the request for an intermediate CA's certificate, PEM. It is
// the same for every renewal.
func ReadCARequest(dir string) ([]byte, error) {
	path := filepath.Join(dir, CARequestFile)
	if missing(path) {
		if _, err := readCAChain(dir); err != nil {
			return nil, err
		}
		return nil, &FileError{Path: dir, Err: ErrInitialised, hint: "it is a root, which certifies itself"}
	}
	text, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, damaged(path, fmt.Errorf("there is no request"), "restore the CA's directory from a backup")
	}
	return text, nil
}
