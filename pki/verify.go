package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is what a server's certificate is judged by. The zero value trusts nothing.
type Policy struct {
	Trusted []*x509.Certificate    // leaves, or CAs of leaves, that are trusted
	Issuers []*x509.Certificate    // complete chains, and are not trusted themselves
	CRLs    []*x509.RevocationList // consulted where their issuer is in the chain

	// Pin is a Fingerprint. When it is set the leaf must be exactly this
	// certificate; then it is trusted, and its chain need not be complete.
	Pin string

	Time           time.Time // zero is the system clock
	Host           string    // the name or address the operator connects to; empty is not checked
	ApplicationURI string    // from the endpoint's description; empty is not checked

	// Suppress lists rules, of Suppressible, that a pinned certificate may break.
	// Without a Pin nothing is suppressed. Suppressed is told of each; it may be nil.
	Suppress   []Rule
	Suppressed func(*CertificateError)

	// RequireRevocation makes a missing or outdated CRL of a CA in the chain an error.
	RequireRevocation bool
}

// Verify judges a chain, leaf first, by the steps of OPC 10000-4, 6.1.3 in their
// order. The first rule that is broken, and not suppressed, is returned as a
// *CertificateError.
func (p Policy) Verify(chainDER [][]byte) error {
	if p.Time.IsZero() {
		p.Time = time.Now()
	}
	sent, err := ParseChain(chainDER)
	if err != nil {
		return structureError(chainDER, err)
	}
	j := judgement{Policy: p, leaf: sent[0], sent: sent}
	for _, step := range []func() *CertificateError{
		j.structure, j.pin, j.build, j.algorithms, j.trust, j.validity,
		j.host, j.applicationURI, j.usage, j.revocation,
	} {
		broken := step()
		if broken == nil {
			continue
		}
		broken.SHA256 = Fingerprint(j.leaf.Raw)
		if !p.suppresses(broken.Rule) {
			return broken
		}
		if p.Suppressed != nil {
			p.Suppressed(broken)
		}
	}
	return nil
}

// Suppressible are the rules that an administrator may suppress to reach a server
// that needs another certificate (OPC 10000-4, 6.1.3 allows it for these).
func Suppressible() []Rule { return []Rule{RuleValidity, RuleHostName, RuleUsage} }

func (p Policy) suppresses(r Rule) bool {
	return p.Pin != "" && slices.Contains(p.Suppress, r) && slices.Contains(Suppressible(), r)
}

// judgement is one run of Verify; build writes chain.
type judgement struct {
	Policy
	leaf  *x509.Certificate
	sent  []*x509.Certificate
	chain []*x509.Certificate // leaf to root; under a pin perhaps not to the root
}

func (j *judgement) fail(rule Rule, cert *x509.Certificate, value, expected string) *CertificateError {
	return &CertificateError{
		Rule: rule, Subject: displayName(cert.Subject), Issuer: cert != j.leaf,
		Value: printable(value), Expected: printable(expected),
	}
}

const maxSentKeyBits = 8192

func (j *judgement) structure() *CertificateError {
	for _, cert := range j.sent {
		if cert.Version != 3 {
			return j.fail(RuleStructure, cert, "an X.509 certificate of version 1 or 2", "version 3")
		}
		if len(cert.UnhandledCriticalExtensions) > 0 {
			return j.fail(RuleStructure, cert, "the critical extension "+cert.UnhandledCriticalExtensions[0].String(), "only extensions that are understood")
		}
		// Before any signature is checked: a huge modulus would cost minutes.
		if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxSentKeyBits {
			return j.fail(RulePolicy, cert, "an RSA key of "+strconv.Itoa(key.N.BitLen())+" bits", "at most "+strconv.Itoa(maxSentKeyBits)+" bits")
		}
	}
	return nil
}

func (j *judgement) pin() *CertificateError {
	if seen := Fingerprint(j.leaf.Raw); j.Pin != "" && j.Pin != seen {
		return j.fail(RulePin, j.leaf, "sha256:"+seen, "sha256:"+j.Pin)
	}
	return nil
}

// build looks for an issuer of an issuer of the leaf, up to a self-signed root.
// Of several issuers of the same name only one whose key made the signature
// counts, a root before an intermediate.
func (j *judgement) build() *CertificateError {
	pool := slices.Concat(j.Trusted, j.sent[1:], j.Issuers)
	j.chain = []*x509.Certificate{j.leaf}
	for {
		last := j.chain[len(j.chain)-1]
		if bytes.Equal(last.RawSubject, last.RawIssuer) {
			if signedBy(last, last) == nil {
				return nil
			}
			if broken := j.algorithms(); broken != nil { // x509 refuses to check weak ones
				return broken
			}
			return j.fail(RuleSignature, last, "a signature that its own key did not make", "")
		}
		issuer, named := findIssuer(last, pool, j.chain)
		switch {
		case issuer != nil && len(j.chain) < MaxChainLength:
			j.chain = append(j.chain, issuer)
		case j.Pin != "":
			return nil
		case issuer != nil:
			return j.fail(RuleChain, last, "a chain of more than 10 certificates", "")
		case named:
			return j.fail(RuleSignature, last, "a signature that "+displayName(last.Issuer)+" did not make", "")
		default:
			return j.fail(RuleChain, last, "no certificate of its issuer "+displayName(last.Issuer), "the chain up to a self-signed root")
		}
	}
}

// findIssuer gives the certificate that signed cert; named says that there were
// candidates by name. One in the chain already is never taken again.
func findIssuer(cert *x509.Certificate, pool, chain []*x509.Certificate) (found *x509.Certificate, named bool) {
	tried := 0
	for _, candidate := range pool {
		if !bytes.Equal(candidate.RawSubject, cert.RawIssuer) || slices.ContainsFunc(chain, candidate.Equal) {
			continue
		}
		named = true
		if tried++; tried > 2*MaxChainLength { // a peer chooses what is in the pool
			return found, true
		}
		if signedBy(cert, candidate) != nil && strongSignature(cert.SignatureAlgorithm) {
			continue
		}
		if bytes.Equal(candidate.RawSubject, candidate.RawIssuer) {
			return candidate, true
		}
		if found == nil {
			found = candidate
		}
	}
	return found, named
}

// trust wants the leaf or a CA of its chain in the trusted list.
func (j *judgement) trust() *CertificateError {
	if j.Pin != "" {
		return nil // pin compared it
	}
	for _, cert := range j.chain {
		if slices.ContainsFunc(j.Trusted, cert.Equal) {
			return nil
		}
	}
	return j.fail(RuleUntrusted, j.leaf, "sha256:"+Fingerprint(j.leaf.Raw), "")
}

func (j *judgement) validity() *CertificateError {
	for _, cert := range j.chain {
		if j.Time.Before(cert.NotBefore) {
			return j.fail(RuleValidity, cert, "valid from "+cert.NotBefore.UTC().Format(time.RFC3339), "valid at "+j.Time.UTC().Format(time.RFC3339))
		}
		if j.Time.After(cert.NotAfter) {
			return j.fail(RuleValidity, cert, "expired on "+cert.NotAfter.UTC().Format(time.RFC3339), "valid at "+j.Time.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// ForHost says whether a certificate is for a host name or an address. Several
// stacks write an address as a dNSName.
func ForHost(cert *x509.Certificate, host string) bool {
	return cert.VerifyHostname(host) == nil || net.ParseIP(host) != nil && slices.Contains(cert.DNSNames, host)
}

func (j *judgement) host() *CertificateError {
	host := strings.TrimSuffix(strings.TrimPrefix(j.Host, "["), "]")
	if host == "" || ForHost(j.leaf, host) {
		return nil
	}
	var names []string
	names = append(names, j.leaf.DNSNames...)
	for _, ip := range j.leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return j.fail(RuleHostName, j.leaf, listOrNone(names), host)
}

func (j *judgement) applicationURI() *CertificateError {
	if j.ApplicationURI == "" || ApplicationURI(j.leaf) == j.ApplicationURI {
		return nil
	}
	return j.fail(RuleApplicationURI, j.leaf, listOrNone(sanURIs(j.leaf.Extensions)), j.ApplicationURI)
}

func listOrNone(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	return strings.Join(values, ", ")
}
