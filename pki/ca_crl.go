package pki

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strings"
	"time"
)

const crlValidity = 90 * 24 * time.Hour // thisUpdate to nextUpdate

// Revoke records that an issued certificate is withdrawn, without a reason.
func (ca *CA) Revoke(ctx context.Context, serial string) error {
	return ca.RevokeFor(ctx, serial, "")
}

// The reasons for which a certificate is withdrawn (RFC 5280, 5.3.1). Those that
// concern the CA itself, or that can be taken back, are left out.
var revocationReasons = []struct {
	name string
	code int
}{
	{"keyCompromise", 1}, {"affiliationChanged", 3}, {"superseded", 4}, {"cessationOfOperation", 5}, {"privilegeWithdrawn", 9},
}

// RevocationReasons lists the names of the reasons.
func RevocationReasons() []string {
	var names []string
	for _, r := range revocationReasons {
		names = append(names, r.name)
	}
	return names
}

// reasonCode gives the code of a reason; "" is 0, unspecified.
func reasonCode(name string) (code int, ok bool) {
	for _, r := range revocationReasons {
		if r.name == name {
			return r.code, true
		}
	}
	return 0, name == ""
}

// RevokeFor records that an issued certificate is withdrawn and renews the CRL.
// The serial is hex, in either case, as views show it. One that was never issued
// is ErrUnknownSerial; one that is revoked already changes nothing. The reason is
// one of RevocationReasons, or "".
func (ca *CA) RevokeFor(ctx context.Context, serial, reason string) error {
	if _, ok := reasonCode(reason); !ok {
		return fmt.Errorf("there is no reason %q: give one of %s", reason, strings.Join(RevocationReasons(), ", "))
	}
	unlock, err := lock(ctx, ca.path(caLockFile))
	if err != nil {
		return err
	}
	defer unlock()
	records, whole, err := readLedger(ca.path(CALedgerFile))
	if err != nil {
		return err
	}
	wanted, ok := parseSerial(strings.ReplaceAll(serial, ":", ""))
	if !ok || !recorded(records, EventIssued, wanted) {
		return &FileError{Path: ca.path(CALedgerFile), Err: ErrUnknownSerial, hint: "see uapush ca show for what was issued"}
	}
	if !recorded(records, EventRevoked, wanted) {
		err := appendLedger(ca.path(CALedgerFile), whole, LedgerRecord{Event: EventRevoked, Time: ca.now().UTC(), Serial: formatSerial(wanted), Reason: reason})
		if err != nil {
			return err
		}
	}
	_, err = ca.renewCRL(false)
	return err
}

func recorded(records []LedgerRecord, event LedgerEvent, serial *big.Int) bool {
	text := formatSerial(serial)
	return slices.ContainsFunc(records, func(r LedgerRecord) bool { return r.Event == event && r.Serial == text })
}

// CRL gives the current revocation list, DER. It is made anew when it is
// missing, when it does not say what the ledger says, or when more than half of
// its validity is over.
func (ca *CA) CRL(ctx context.Context) ([]byte, error) {
	unlock, err := lock(ctx, ca.path(caLockFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	return ca.renewCRL(false)
}

// renewCRL needs the lock. The number goes to the ledger before the list goes to
// its file: a crash between the two skips a number and repeats none.
func (ca *CA) renewCRL(always bool) ([]byte, error) {
	records, whole, err := readLedger(ca.path(CALedgerFile))
	if err != nil {
		return nil, err
	}
	entries, last := revocations(records)
	now := ca.now().UTC().Truncate(time.Second)
	current, err := ReadBounded(ca.path(CARevocationFile), MaxFileSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !always && ca.stillGood(current, entries, now) {
		return current, nil
	}
	template := &x509.RevocationList{
		Number:                    big.NewInt(last + 1),
		ThisUpdate:                now.Add(-Backdate),
		NextUpdate:                now.Add(crlValidity),
		RevokedCertificateEntries: entries,
		SignatureAlgorithm:        signatureOf(ca.key.Public()),
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, ca.chain[0], ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign the CRL: %w", err)
	}
	if err := appendLedger(ca.path(CALedgerFile), whole, LedgerRecord{Event: EventCRL, Time: now, Number: last + 1}); err != nil {
		return nil, err
	}
	return der, WriteFileAtomic(ca.path(CARevocationFile), der, 0o644)
}

// revocations gives what the ledger says: the entries of a CRL, and its last number.
func revocations(records []LedgerRecord) (entries []x509.RevocationListEntry, last int64) {
	for _, r := range records {
		switch r.Event {
		case EventCRL:
			last = max(last, r.Number)
		case EventRevoked:
			serial, _ := parseSerial(r.Serial) // checked when it was read
			code, _ := reasonCode(r.Reason)
			entries = append(entries, x509.RevocationListEntry{
				SerialNumber: serial, RevocationTime: r.Time.UTC().Truncate(time.Second), ReasonCode: code,
			})
		}
	}
	return entries, last
}

func (ca *CA) stillGood(der []byte, entries []x509.RevocationListEntry, now time.Time) bool {
	crl, err := x509.ParseRevocationList(der)
	if err != nil || !madeBy(crl, ca.chain[0]) || now.Before(crl.ThisUpdate) {
		return false
	}
	half := crl.ThisUpdate.Add(crl.NextUpdate.Sub(crl.ThisUpdate) / 2)
	return now.Before(half) && slices.EqualFunc(crl.RevokedCertificateEntries, entries, func(a, b x509.RevocationListEntry) bool {
		return a.SerialNumber.Cmp(b.SerialNumber) == 0
	})
}
