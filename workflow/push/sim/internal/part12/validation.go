package part12

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// own is a certificate of the application itself, with what it is judged by.
type own struct {
	certificate *x509.Certificate
	pool        pool
	usage       x509.ExtKeyUsage
	options     config.ValidationOptions
	now         time.Time
	application bool // the Purpose is ApplicationCertificateType
	uri         string
}

// own judges a certificate for a slot: the ApplicationUri, then the steps of OPC
// 10000-4, 6.1.3 (7.10.5).
func (v Validation) own(o own) ua.StatusCode {
	if v == Strict106 {
		return inGeneral(o.inFull())
	}
	if !o.application { // the rules for other purposes are not specified
		return ua.StatusOK
	}
	if !o.hasURI() {
		return ua.StatusBadCertificateURIInvalid
	}
	if status := o.pool.essential(o.certificate); status != ua.StatusOK || v == Tolerant {
		return status
	}
	chain, _ := buildChain(o.certificate, o.pool.certificates())
	if !slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return slices.ContainsFunc(o.pool.trusted, c.Equal) }) {
		return ua.StatusBadCertificateUntrusted
	}
	return ua.StatusOK
}

func (o own) hasURI() bool {
	return len(o.certificate.URIs) == 1 && o.certificate.URIs[0].String() == o.uri
}

// inFull runs every step that the ValidationOptions do not suppress. A server need
// not trust itself.
func (o own) inFull() ua.StatusCode {
	if o.application && !o.hasURI() {
		return ua.StatusBadCertificateURIInvalid
	}
	chain, status := buildChain(o.certificate, o.pool.certificates())
	if status != ua.StatusOK {
		return status
	}
	return judge(chain, o.pool, o.options, o.now, o.usage)
}

// inGeneral is the one code that 1.05.06 has for certificates.
func inGeneral(status ua.StatusCode) ua.StatusCode {
	if status == ua.StatusOK {
		return status
	}
	return ua.StatusBadCertificateInvalid
}

// issuers judges IssuerCertificates, which 1.05.07 ignores for application groups.
func (v Validation) issuers(list [][]byte) ua.StatusCode {
	if v != Strict106 {
		return ua.StatusOK
	}
	for _, der := range list {
		if c, err := x509.ParseCertificate(der); err != nil || !c.IsCA {
			return ua.StatusBadCertificateInvalid
		}
	}
	return ua.StatusOK
}

// list judges a whole new TrustList (7.8.2.5). In 1.05.07 the rules for purposes
// other than ApplicationCertificateType are not specified: there, structure is enough.
func (v Validation) list(l trustList, r *config.CertificateGroup, now time.Time) ua.StatusCode {
	p, err := parsePool(l)
	if err != nil {
		return ua.StatusBadCertificateInvalid
	}
	judgeOne := p.essential
	switch {
	case v == Strict106 && r != nil:
		judgeOne = func(c *x509.Certificate) ua.StatusCode { return inGeneral(p.listed(c, r.ValidationOptions, now)) }
	case r == nil || r.Purpose != config.PurposeApplicationCertificate:
		return ua.StatusOK
	}
	for _, c := range p.certificates() {
		if status := judgeOne(c); status != ua.StatusOK {
			return status
		}
	}
	for _, crl := range p.crls {
		if !slices.ContainsFunc(p.certificates(), func(ca *x509.Certificate) bool { return crl.CheckSignatureFrom(ca) == nil }) {
			return ua.StatusBadCertificateInvalid
		}
	}
	return ua.StatusOK
}

// listed runs every step on a member of a TrustList; what it will be used for is
// not known.
func (p pool) listed(c *x509.Certificate, options config.ValidationOptions, now time.Time) ua.StatusCode {
	chain, status := buildChain(c, p.certificates())
	if status != ua.StatusOK {
		return status
	}
	if status := judgeTechnically(chain, options, now); status != ua.StatusOK {
		return status
	}
	return judgeIssuers(chain, p, options, now)
}

// essential runs the steps of OPC 10000-4, 6.1.3 that cannot be suppressed and do
// not depend on who is trusted: chain, signatures, revocation by a CRL at hand.
// Push management reports just these (7.8.2.5, 7.10.5).
func (p pool) essential(leaf *x509.Certificate) ua.StatusCode {
	chain, status := buildChain(leaf, p.certificates())
	if status != ua.StatusOK {
		return status
	}
	for i, c := range chain[:len(chain)-1] {
		if revoked, _ := p.revocation(c, chain[i+1], time.Time{}); revoked {
			if i == 0 {
				return ua.StatusBadCertificateRevoked
			}
			return ua.StatusBadCertificateIssuerRevoked
		}
	}
	return ua.StatusOK
}
