package part12

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// maxChain bounds how many certificates a chain may have, and a ByteString that
// carries one (OPC 10000-6, 6.2.6).
const maxChain = 8

// pool is a parsed TrustList.
type pool struct {
	trusted, issuers []*x509.Certificate
	crls             []*x509.RevocationList
}

// parsePool reads a TrustList; every element must be exactly one certificate or CRL.
func parsePool(l trustList) (pool, error) {
	var p pool
	for _, part := range []struct {
		der [][]byte
		to  *[]*x509.Certificate
	}{{l.Trusted, &p.trusted}, {l.Issuers, &p.issuers}} {
		for _, der := range part.der {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return p, err
			}
			*part.to = append(*part.to, c)
		}
	}
	for _, der := range slices.Concat(l.TrustedCRLs, l.IssuerCRLs) {
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			return p, err
		}
		p.crls = append(p.crls, crl)
	}
	return p, nil
}

func (p pool) certificates() []*x509.Certificate { return slices.Concat(p.trusted, p.issuers) }

// buildChain builds the chain of a certificate up to a self-signed one, the
// certificate first. It is the steps "build chain" and "signature" of OPC 10000-4,
// 6.1.3.
func buildChain(leaf *x509.Certificate, from []*x509.Certificate) ([]*x509.Certificate, ua.StatusCode) {
	chain := []*x509.Certificate{leaf}
	for len(chain) <= maxChain {
		c := chain[len(chain)-1]
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			if !signedBy(c, c) {
				return chain, ua.StatusBadCertificateInvalid
			}
			return chain, ua.StatusOK
		}
		issuer, found := issuerOf(c, from)
		switch {
		case issuer == nil && found:
			return chain, ua.StatusBadCertificateInvalid
		case issuer == nil:
			return chain, ua.StatusBadCertificateChainIncomplete
		}
		chain = append(chain, issuer)
	}
	return chain, ua.StatusBadCertificateChainIncomplete
}

// issuerOf finds the certificate whose key signed c. found says whether one has
// the right name, even if it did not sign.
func issuerOf(c *x509.Certificate, from []*x509.Certificate) (issuer *x509.Certificate, found bool) {
	for _, i := range from {
		if !bytes.Equal(i.RawSubject, c.RawIssuer) {
			continue
		}
		if len(i.SubjectKeyId) > 0 && len(c.AuthorityKeyId) > 0 && !bytes.Equal(i.SubjectKeyId, c.AuthorityKeyId) {
			continue
		}
		found = true
		if signedBy(c, i) {
			return i, true
		}
	}
	return nil, found
}

func signedBy(c, issuer *x509.Certificate) bool {
	return issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// revocation looks for a CRL of the issuer that is in force at an instant (the
// zero time: any) and says whether it names the certificate.
func (p pool) revocation(c, issuer *x509.Certificate, at time.Time) (revoked, known bool) {
	for _, crl := range p.crls {
		if !bytes.Equal(crl.RawIssuer, issuer.RawSubject) || crl.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if slices.ContainsFunc(crl.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(c.SerialNumber) == 0
		}) {
			return true, true
		}
		if at.IsZero() || crl.NextUpdate.IsZero() || at.Before(crl.NextUpdate) {
			known = true
		}
	}
	return false, known
}

// without removes a certificate and, when none with the same name and key is
// left, the CRLs of that CA. Bad_CertificateChainIncomplete: another one needs it.
func (l trustList) without(der []byte, trusted bool) (trustList, error) {
	gone, err := x509.ParseCertificate(der)
	if err != nil {
		return l, err
	}
	next := l
	drop := func(list [][]byte) [][]byte {
		return slices.DeleteFunc(slices.Clone(list), func(b []byte) bool { return bytes.Equal(b, der) })
	}
	if trusted {
		next.Trusted = drop(l.Trusted)
	} else {
		next.Issuers = drop(l.Issuers)
	}
	p, err := parsePool(next)
	if err != nil {
		return l, err
	}
	for _, c := range p.certificates() {
		if _, status := buildChain(c, p.certificates()); status != ua.StatusOK {
			return l, ua.StatusBadCertificateChainIncomplete
		}
	}
	if slices.ContainsFunc(p.certificates(), func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, der) }) {
		return next, nil // still in the other list
	}
	ofGone := func(b []byte) bool {
		crl, err := x509.ParseRevocationList(b)
		return err == nil && crl.CheckSignatureFrom(gone) == nil
	}
	next.TrustedCRLs = slices.DeleteFunc(slices.Clone(next.TrustedCRLs), ofGone)
	next.IssuerCRLs = slices.DeleteFunc(slices.Clone(next.IssuerCRLs), ofGone)
	return next, nil
}

// Validate judges a client's certificate, or a chain with it first, by the
// TrustList of one of the server's groups (OPC 10000-4, 6.1.3). A certificate that
// is merely not trusted enters the group's rejected list. In application setup
// the default group accepts any that is sound.
func (d *Device) Validate(name string, chain []byte) ua.StatusCode {
	certs, err := parseChain(chain)
	if err != nil {
		return ua.StatusBadCertificateInvalid
	}
	d.mu.Lock()
	g, record := d.server.state.groups[name], d.server.state.record(name)
	if g == nil || record == nil {
		d.mu.Unlock()
		return ua.StatusBadCertificateUntrusted
	}
	list, options := g.Trust, record.ValidationOptions
	setup := name == config.DefaultApplicationGroup && d.setup
	d.mu.Unlock()

	now := d.opt.Clock()
	if setup {
		return validateSetup(certs, options, now)
	}
	status, merely := validate(certs, list, options, now)
	if merely {
		d.reject(name, certs[0].Raw)
	}
	return status
}

func (d *Device) reject(name string, der []byte) {
	d.mu.Lock()
	defer d.unlock()
	d.server.everywhere(name, func(g *group) {
		g.Rejected = slices.DeleteFunc(g.Rejected, func(b []byte) bool { return bytes.Equal(b, der) })
		g.Rejected = append(g.Rejected, der)
		g.Rejected = g.Rejected[max(0, len(g.Rejected)-d.opt.MaxRejected):]
	})
}

// validateSetup accepts strangers, not nonsense: there is no TrustList to build a
// chain from.
func validateSetup(certs []*x509.Certificate, options config.ValidationOptions, now time.Time) ua.StatusCode {
	if selfSigned(certs[0]) && !signedBy(certs[0], certs[0]) {
		return ua.StatusBadCertificateInvalid
	}
	return judge(certs[:1], pool{}, options, now, x509.ExtKeyUsageClientAuth)
}

// validate runs the steps in their order. merely says that being untrusted is the
// only error.
func validate(certs []*x509.Certificate, list trustList, options config.ValidationOptions, now time.Time) (status ua.StatusCode, merely bool) {
	p, err := parsePool(list)
	if err != nil {
		return ua.StatusBadCertificateUntrusted, false
	}
	chain, status := buildChain(certs[0], slices.Concat(p.certificates(), certs[1:]))
	if status != ua.StatusOK {
		return status, false
	}
	trusted := slices.ContainsFunc(chain, func(c *x509.Certificate) bool {
		return slices.ContainsFunc(p.trusted, c.Equal)
	})
	status = judge(chain, p, options, now, x509.ExtKeyUsageClientAuth)
	switch {
	case trusted, status == ua.StatusBadCertificatePolicyCheckFailed:
		return status, false
	case status == ua.StatusBadCertificateRevocationUnknown, status == ua.StatusBadCertificateIssuerRevocationUnknown:
		// An unknown CA has no CRL here: that is part of being unknown.
		status = ua.StatusOK
	}
	return ua.StatusBadCertificateUntrusted, status == ua.StatusOK
}

// judge runs the steps that look at single certificates: key length, validity,
// usage, revocation.
func judge(chain []*x509.Certificate, p pool, options config.ValidationOptions, now time.Time, usage x509.ExtKeyUsage) ua.StatusCode {
	if status := judgeTechnically(chain, options, now); status != ua.StatusOK {
		return status
	}
	if !mayAuthenticate(chain[0], usage) {
		return ua.StatusBadCertificateUseNotAllowed
	}
	return judgeIssuers(chain, p, options, now)
}

// judgeTechnically looks at key lengths and validity.
func judgeTechnically(chain []*x509.Certificate, options config.ValidationOptions, now time.Time) ua.StatusCode {
	for _, c := range chain {
		if !strong(c.PublicKey) {
			return ua.StatusBadCertificatePolicyCheckFailed
		}
	}
	has := func(o config.ValidationOptions) bool { return options&o != 0 }
	for i, c := range chain {
		outside := now.Before(c.NotBefore) || now.After(c.NotAfter)
		switch {
		case outside && i == 0 && !has(config.SuppressCertificateExpired):
			return ua.StatusBadCertificateTimeInvalid
		case outside && i > 0 && !has(config.SuppressIssuerCertificateExpired):
			return ua.StatusBadCertificateIssuerTimeInvalid
		}
	}
	return ua.StatusOK
}

// judgeIssuers looks at what the issuers may do, and at what they revoked.
func judgeIssuers(chain []*x509.Certificate, p pool, options config.ValidationOptions, now time.Time) ua.StatusCode {
	for _, c := range chain[1:] {
		if !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return ua.StatusBadCertificateIssuerUseNotAllowed
		}
	}
	return judgeRevocation(chain, p, options, now)
}

// mayAuthenticate checks keyUsage and extendedKeyUsage (OPC 10000-6, 6.2.2).
func mayAuthenticate(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return false
	}
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, usage) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// judgeRevocation uses CRLs. There is no OCSP here: an online check alone finds
// nobody to ask and fails, both together fall back to CRLs (7.8.2.10).
func judgeRevocation(chain []*x509.Certificate, p pool, options config.ValidationOptions, now time.Time) ua.StatusCode {
	if options&(config.CheckRevocationStatusOnline|config.CheckRevocationStatusOffline) == 0 {
		return ua.StatusOK
	}
	if options&config.CheckRevocationStatusOffline == 0 {
		p.crls = nil
	}
	for i, c := range chain[:len(chain)-1] {
		revoked, known := p.revocation(c, chain[i+1], now)
		switch {
		case revoked && i == 0:
			return ua.StatusBadCertificateRevoked
		case revoked:
			return ua.StatusBadCertificateIssuerRevoked
		case !known && i == 0 && options&config.SuppressRevocationStatusUnknown == 0:
			return ua.StatusBadCertificateRevocationUnknown
		case !known && i > 0 && options&config.SuppressIssuerRevocationStatusUnknown == 0:
			return ua.StatusBadCertificateIssuerRevocationUnknown
		}
	}
	return ua.StatusOK
}
