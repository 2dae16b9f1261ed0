package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"time"
)

// algorithms is the security policy check: RSA of 2048 bits or more, SHA-256 or
// better, for the whole chain. A CA of the chain may have another strong key.
func (j *judgement) algorithms() *CertificateError {
	for _, cert := range j.chain {
		if !strongSignature(cert.SignatureAlgorithm) {
			return j.fail(RulePolicy, cert, "signed with "+cert.SignatureAlgorithm.String(), "SHA-256 or better")
		}
		key, isRSA := cert.PublicKey.(*rsa.PublicKey)
		if !isRSA && cert == j.leaf {
			return j.fail(RulePolicy, cert, "a key for "+cert.PublicKeyAlgorithm.String(), "RSA")
		}
		if isRSA && key.N.BitLen() < MinKeyBits {
			return j.fail(RulePolicy, cert, "an RSA key of "+strconv.Itoa(key.N.BitLen())+" bits", "at least 2048 bits")
		}
	}
	return nil
}

// usage checks what the certificates may be used for. A leaf with cA TRUE is
// tolerated, and so is a missing extended key usage, which restricts nothing
// (RFC 5280, 4.2.1.12); Describe reports both.
func (j *judgement) usage() *CertificateError {
	const encipher = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	leaf := j.leaf
	switch {
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return j.fail(RuleUsage, leaf, "a keyUsage without digitalSignature", "digitalSignature and keyEncipherment")
	case leaf.KeyUsage&encipher == 0:
		return j.fail(RuleUsage, leaf, "a keyUsage without keyEncipherment and dataEncipherment", "digitalSignature and keyEncipherment")
	case !servesServers(leaf):
		return j.fail(RuleUsage, leaf, "an extendedKeyUsage without serverAuth", "serverAuth")
	}
	for i, issuer := range j.chain[1:] {
		if broken := j.issuerUsage(issuer, i); broken != nil {
			return broken
		}
	}
	return j.nameConstraints()
}

func servesServers(leaf *x509.Certificate) bool {
	return len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// issuerUsage wants a CA that may sign certificates, with below CAs between it
// and the leaf.
func (j *judgement) issuerUsage(issuer *x509.Certificate, below int) *CertificateError {
	limited := issuer.MaxPathLen > 0 || issuer.MaxPathLenZero
	switch {
	case len(issuer.UnhandledCriticalExtensions) > 0:
		return j.fail(RuleUsage, issuer, "the critical extension "+issuer.UnhandledCriticalExtensions[0].String(), "only extensions that are understood")
	case !issuer.BasicConstraintsValid || !issuer.IsCA:
		return j.fail(RuleUsage, issuer, "basicConstraints without cA", "a certification authority")
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCertSign == 0:
		return j.fail(RuleUsage, issuer, "a keyUsage without keyCertSign", "keyCertSign")
	case limited && below > issuer.MaxPathLen:
		return j.fail(RuleUsage, issuer, "pathLen "+strconv.Itoa(issuer.MaxPathLen), "at least "+strconv.Itoa(below))
	}
	return nil
}

// revocation looks every certificate up in the CRLs of its issuer. A revoked
// entry counts even in an outdated CRL; RequireRevocation wants a current one. A CRL
// that was given and cannot be checked is not passed over: it may name the very
// certificate.
func (j *judgement) revocation() *CertificateError {
	for i, cert := range j.chain[:len(j.chain)-1] {
		issuer := j.chain[i+1]
		current := false
		var useless error
		for _, crl := range j.CRLs {
			if !bytes.Equal(crl.RawIssuer, issuer.RawSubject) {
				continue
			}
			if err := crl.CheckSignatureFrom(issuer); err != nil {
				if useless == nil && mayBeOf(crl, issuer, err) {
					useless = err
				}
				continue
			}
			current = current || (!j.Time.Before(crl.ThisUpdate) && (crl.NextUpdate.IsZero() || !j.Time.After(crl.NextUpdate)))
			for _, entry := range crl.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
					return j.fail(RuleRevoked, cert, "revoked on "+entry.RevocationTime.UTC().Format(time.RFC3339), "")
				}
			}
		}
		if useless != nil && !current {
			return j.fail(RuleRevocationUnknown, cert, "a CRL of "+displayName(issuer.Subject)+" that cannot be checked ("+useless.Error()+")", "")
		}
		if j.RequireRevocation && !current {
			return j.fail(RuleRevocationUnknown, cert, "no current CRL of "+displayName(issuer.Subject), "")
		}
	}
	return nil
}

// mayBeOf tells a CRL that the issuer may not sign, or not in that way, from one of
// another CA of the same name.
func mayBeOf(crl *x509.RevocationList, issuer *x509.Certificate, err error) bool {
	if len(crl.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(crl.AuthorityKeyId, issuer.SubjectKeyId) {
		return false
	}
	var constraint x509.ConstraintViolationError
	var insecure x509.InsecureAlgorithmError
	return errors.As(err, &constraint) || errors.As(err, &insecure) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}
