package upkeep

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Reason is why a slot needs a certificate.
type Reason string

// The reasons, in the order of Needs.
const (
	Missing             Reason = "missing"
	Unreadable          Reason = "unreadable"
	Expired             Reason = "expired"
	Expiring            Reason = "expiring"
	Revoked             Reason = "revoked"
	WrongApplicationURI Reason = "applicationUri"
	WrongNames          Reason = "names"
	WeakKey             Reason = "key"
	IssuerGone          Reason = "issuer"
	Asked               Reason = "asked" // the operator insists
)

// Need is one reason with its words.
type Need struct {
	Reason Reason `json:"reason"`
	Text   string `json:"text"`
}

// Threshold says how near its end a certificate has to be to be renewed: within
// Percent of its whole life, or within Before. The zero value means expired.
type Threshold struct {
	Percent int
	Before  time.Duration
}

// ParseThreshold reads "20%", "30d" or a Go duration such as "72h".
func ParseThreshold(text string) (Threshold, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 100 {
			return Threshold{}, fmt.Errorf("%q is no percentage from 0%% to 100%%", text)
		}
		return Threshold{Percent: n}, nil
	}
	if number, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 36500 {
			return Threshold{}, fmt.Errorf("%q is no number of days", text)
		}
		return Threshold{Before: time.Duration(n) * 24 * time.Hour}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return Threshold{}, fmt.Errorf("%q is neither a percentage (20%%), nor days (30d), nor a duration (72h)", text)
	}
	return Threshold{Before: d}, nil
}

// reached says whether a certificate is that near its end.
func (t Threshold) reached(c *x509.Certificate, now time.Time) bool {
	before := t.Before
	if t.Percent > 0 {
		before = c.NotAfter.Sub(c.NotBefore) / 100 * time.Duration(t.Percent)
	}
	return !now.Before(c.NotAfter.Add(-before))
}

// Criteria are what a certificate is judged by.
type Criteria struct {
	Threshold      Threshold
	ApplicationURI string   // "" is not checked
	NeedsName      bool     // at least one host name or address, as a server has
	Names          []string // DNS names and addresses that must be there
	MinBits        int      // of an RSA key; 0 is what OPC 10000-7 allows at least
	Trust          *plan.TrustList
	CRLs           [][]byte // beside those of Trust
	Now            time.Time
}

// Needs lists why a slot needs another certificate; nil is that it does not. der
// is the leaf, nil for an empty slot.
func Needs(der []byte, c Criteria) []Need {
	if len(der) == 0 {
		return []Need{{Missing, "the slot is empty"}}
	}
	cert, err := pki.ReadCertificate(der)
	if err != nil {
		return []Need{{Unreadable, "it is no certificate in DER"}}
	}
	var needs []Need
	add := func(r Reason, format string, args ...any) {
		needs = append(needs, Need{r, fmt.Sprintf(format, args...)})
	}
	switch {
	case c.Now.After(cert.NotAfter):
		add(Expired, "expired on %s", cert.NotAfter.UTC().Format(time.DateOnly))
	case c.Threshold.reached(cert, c.Now):
		add(Expiring, "expires on %s", cert.NotAfter.UTC().Format(time.DateOnly))
	}
	if c.revokes(cert) {
		add(Revoked, "its issuer has revoked it")
	}
	if uri := pki.ApplicationURI(cert); c.ApplicationURI != "" && uri != c.ApplicationURI {
		add(WrongApplicationURI, "its ApplicationUri is %q, the server's is %q", uri, c.ApplicationURI)
	}
	if lacking := lackingNames(cert, c.Names); len(lacking) > 0 {
		add(WrongNames, "it is not for %s", strings.Join(lacking, ", "))
	} else if c.NeedsName && len(cert.DNSNames)+len(cert.IPAddresses) == 0 {
		add(WrongNames, "it has no host name and no address")
	}
	if weak := weakness(cert, c.MinBits); weak != "" {
		add(WeakKey, "%s", weak)
	}
	if c.Trust != nil && !bytes.Equal(cert.RawSubject, cert.RawIssuer) && issuersIn(c.Trust.Trusted, c.Trust.Issuers).of(cert) == nil {
		add(IssuerGone, "its issuer is not in the trust list")
	}
	return needs
}

func lackingNames(cert *x509.Certificate, names []string) []string {
	var lacking []string
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			if !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
				lacking = append(lacking, n)
			}
		} else if !slices.ContainsFunc(cert.DNSNames, func(d string) bool { return strings.EqualFold(d, n) }) {
			lacking = append(lacking, n)
		}
	}
	return lacking
}

// weakness judges key and signature by what current policies take.
func weakness(cert *x509.Certificate, minBits int) string {
	least := max(minBits, pki.MinKeyBits)
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < least {
			return fmt.Sprintf("its RSA key has %d bits, fewer than %d", key.N.BitLen(), least)
		}
	case *ecdsa.PublicKey:
	default:
		return "" // a curve that this program does not know is not called weak
	}
	switch cert.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.MD5WithRSA, x509.ECDSAWithSHA1:
		return "it is signed with " + cert.SignatureAlgorithm.String()
	}
	return ""
}

// revokes says whether a CRL of the certificate's issuer names it.
func (c Criteria) revokes(cert *x509.Certificate) bool {
	all := slices.Clone(c.CRLs)
	if c.Trust != nil {
		all = slices.Concat(all, c.Trust.TrustedCRLs, c.Trust.IssuerCRLs)
	}
	for _, der := range all {
		crl, err := x509.ParseRevocationList(der)
		if err != nil || !bytes.Equal(crl.RawIssuer, cert.RawIssuer) {
			continue
		}
		if !sameKeyID(crl.AuthorityKeyId, cert.AuthorityKeyId) {
			continue
		}
		if slices.ContainsFunc(crl.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(cert.SerialNumber) == 0
		}) {
			return true
		}
	}
	return false
}

// issuers finds issuers by name, so that large lists are parsed once.
type issuers map[string][]*x509.Certificate // by RawSubject

func issuersIn(lists ...[][]byte) issuers {
	found := issuers{}
	for _, ders := range lists {
		for _, der := range ders {
			if c, err := pki.ReadCertificate(der); err == nil {
				found[string(c.RawSubject)] = append(found[string(c.RawSubject)], c)
			}
		}
	}
	return found
}

// of finds the certificate whose key signed cert; nil where there is none.
func (i issuers) of(cert *x509.Certificate) *x509.Certificate {
	for _, ca := range i[string(cert.RawIssuer)] {
		if ca.PublicKey == nil && sameKeyID(cert.AuthorityKeyId, ca.SubjectKeyId) {
			return ca // its curve is none of ours: the name has to do, and the server will see
		}
		if ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil {
			return ca
		}
	}
	return nil
}

// sameKeyID compares where both are there.
func sameKeyID(a, b []byte) bool { return len(a) == 0 || len(b) == 0 || bytes.Equal(a, b) }

// missing names the first issuer up to a self-signed root that is not there; ""
// is none.
func (i issuers) missing(cert *x509.Certificate) string {
	for range pki.MaxChainLength {
		issuer := i.of(cert)
		if bytes.Equal(cert.RawSubject, cert.RawIssuer) && (cert.PublicKey == nil || cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil) {
			issuer = cert
		}
		if issuer == nil {
			return pki.Describe(cert).Issuer
		}
		if issuer.Equal(cert) {
			return ""
		}
		cert = issuer
	}
	return pki.Describe(cert).Issuer
}
