package pki

import (
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"time"
)

// priorIssuance gives the chain that the ledger holds for the very same request and
// slot: the newest one at or after r.Since that fits. It is nil where there is none,
// where r does not ask for one, and where what would be it has expired, is damaged
// or is revoked: what was revoked is not made good by an older one of the same key.
// In a CA's own ledger the chain is the leaf alone.
func priorIssuance(records []LedgerRecord, csrDER []byte, r Request, now time.Time, fits func(leaf *x509.Certificate) bool) []*x509.Certificate {
	if r.Since.IsZero() {
		return nil
	}
	digest := Fingerprint(csrDER)
	for _, record := range slices.Backward(records) {
		if record.Event != EventIssued || record.RequestSHA256 != digest || record.slot() != r.Slot || record.Time.Before(r.Since) {
			continue
		}
		chain, err := ParseChain(slices.Concat([][]byte{record.Certificate}, record.Issuers))
		switch {
		case slices.ContainsFunc(records, func(other LedgerRecord) bool { return other.Event == EventRevoked && other.Serial == record.Serial }):
			return nil
		case err == nil && Fingerprint(record.Certificate) == record.SHA256 && now.Before(chain[0].NotAfter) && fits(chain[0]):
			return chain
		}
	}
	return nil
}

func (r LedgerRecord) slot() Slot {
	if r.Slot == nil {
		return Slot{}
	}
	return *r.Slot
}

func rawChain(certs []*x509.Certificate) [][]byte {
	chain := make([][]byte, len(certs))
	for i, cert := range certs {
		chain[i] = cert.Raw
	}
	return chain
}

// fits says whether a certificate has the names, the subject and the usage that
// the operator asks for beside the request's own.
func (r Request) fits(leaf *x509.Certificate) bool {
	for _, name := range r.DNSNames {
		if !slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return false
		}
	}
	for _, ip := range r.IPAddresses {
		if !slices.ContainsFunc(leaf.IPAddresses, func(have net.IP) bool { return have.Equal(ip) }) {
			return false
		}
	}
	usage := x509.ExtKeyUsageClientAuth
	if r.Server {
		usage = x509.ExtKeyUsageServerAuth
	}
	wanted := FormatSubject(r.Subject)
	return (wanted == "" || wanted == FormatSubject(leaf.Subject)) &&
		(len(leaf.ExtKeyUsage) == 0 || slices.Contains(leaf.ExtKeyUsage, usage) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny))
}
