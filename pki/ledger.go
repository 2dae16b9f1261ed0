package pki

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// LedgerEvent says what a line of the ledger records.
type LedgerEvent string

// The events.
const (
	EventIssued  LedgerEvent = "issued"
	EventRevoked LedgerEvent = "revoked"
	EventCRL     LedgerEvent = "crl"
)

// LedgerRecord is one line of issued.ndjson. Lines are only ever added.
type LedgerRecord struct {
	Event         LedgerEvent `json:"event"`
	Time          time.Time   `json:"time"`
	Serial        string      `json:"serial,omitempty"`        // issued, revoked: lower case hex
	Subject       string      `json:"subject,omitempty"`       // issued
	RequestSHA256 string      `json:"requestSha256,omitempty"` // issued: of the CSR
	SHA256        string      `json:"sha256,omitempty"`        // issued: of the certificate
	Certificate   []byte      `json:"certificate,omitempty"`   // issued: DER; lines of older versions have none
	Issuers       [][]byte    `json:"issuers,omitempty"`       // issued: the rest of the chain, where the CA is not the ledger's own
	NotAfter      *time.Time  `json:"notAfter,omitempty"`      // issued
	Reason        string      `json:"reason,omitempty"`        // revoked: of RevocationReasons
	Slot          *Slot       `json:"slot,omitempty"`          // issued: where it goes, if that was known
	Number        int64       `json:"number,omitempty"`        // crl: CRL number
}

// A ledger is read whole, so it is bounded. From maxIssued on nothing is issued any
// more (some 30,000 certificates of RSA 2048); revocations and CRLs go on.
const (
	maxIssued = 64 << 20 // bytes
	maxLedger = maxIssued + 16<<20
)

func (r LedgerRecord) check() error {
	switch r.Event {
	case EventIssued, EventRevoked:
		if serial, ok := parseSerial(r.Serial); !ok || formatSerial(serial) != r.Serial {
			return errors.New("the serial is not lower case hex")
		}
		if _, ok := reasonCode(r.Reason); !ok {
			return errors.New("the reason is unknown")
		}
	case EventCRL:
		if r.Number <= 0 {
			return errors.New("the CRL number is not positive")
		}
	default:
		return fmt.Errorf("the event %q is unknown", r.Event)
	}
	return nil
}

func formatSerial(serial *big.Int) string { return serial.Text(16) }

func parseSerial(text string) (*big.Int, bool) {
	if text == "" || len(text) > 40 { // 20 octets (RFC 5280, 4.1.2.2)
		return nil, false
	}
	serial, ok := new(big.Int).SetString(text, 16)
	return serial, ok && serial.Sign() > 0
}

// parseLedger reads whole lines strictly. A last line without its newline was
// being written when the machine stopped: nothing was handed out for it, and it
// is left out of whole, the length that counts.
func parseLedger(data []byte) (records []LedgerRecord, whole int, err error) {
	for line := 1; ; line++ {
		end := bytes.IndexByte(data[whole:], '\n')
		if end < 0 {
			return records, whole, nil
		}
		d := json.NewDecoder(bytes.NewReader(data[whole : whole+end]))
		d.DisallowUnknownFields()
		var r LedgerRecord
		if err := d.Decode(&r); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", line, err)
		}
		if d.More() {
			return nil, 0, fmt.Errorf("line %d: there is more than one value", line)
		}
		if err := r.check(); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", line, err)
		}
		records = append(records, r)
		whole += end + 1
	}
}

func readLedger(path string) (records []LedgerRecord, whole int, err error) {
	data, err := ReadBounded(path, maxLedger)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	records, whole, err = parseLedger(data)
	if err != nil {
		return nil, 0, damaged(path, err, "restore the ledger from a backup; without it revocations would be lost")
	}
	return records, whole, nil
}

// appendLedger adds a line after the first whole bytes and returns once it is on
// the disk. The caller holds the CA's lock.
func appendLedger(path string, whole int, r LedgerRecord) (err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the ledger's record: %w", err)
	}
	limit := maxLedger
	if r.Event == EventIssued {
		limit = maxIssued
	}
	if whole+len(line)+1 > limit {
		return &FileError{Path: path, Err: ErrLedgerFull, hint: "certificates can still be revoked; issue new ones from a new CA in another directory"}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(int64(whole)); err != nil {
		return fmt.Errorf("append to the ledger: %w", err)
	}
	if _, err := f.WriteAt(append(line, '\n'), int64(whole)); err != nil {
		return fmt.Errorf("append to the ledger: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("append to the ledger: %w", err)
	}
	return nil
}
