package pki

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(cancelled, path); !errors.Is(err, context.Canceled) {
		t.Errorf("while it is held: got %v, want %v", err, context.Canceled)
	}
	unlock()
	unlock, err = lock(t.Context(), path)
	if err != nil {
		t.Fatal("after it was released:", err)
	}
	unlock()
}

func FuzzDecodePins(f *testing.F) {
	f.Add([]byte(`{"schema":"uapush.pins/1","pins":[]}`))
	f.Add([]byte(`{"schema":"uapush.pins/1","pins":[{"server":"a","sha256":"` + Fingerprint(nil) + `","added":"2026-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{`))
	file := NewPins("", nil).file
	f.Fuzz(func(t *testing.T, data []byte) {
		pins, err := file.decode(data)
		if err != nil {
			return
		}
		text, err := file.encode(pins)
		if err != nil {
			t.Fatal(err)
		}
		again, err := file.decode(text)
		if err != nil || len(again) != len(pins) {
			t.Errorf("got %v, %v; want %v", again, err, pins)
		}
	})
}

func FuzzParseLedger(f *testing.F) {
	f.Add([]byte(`{"event":"crl","time":"2026-01-01T00:00:00Z","number":1}` + "\n"))
	f.Add([]byte(`{"event":"issued","time":"2026-01-01T00:00:00Z","serial":"ab","notAfter":"2027-01-01T00:00:00Z"}` + "\n" + `{"ev`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, whole, err := parseLedger(data)
		if err != nil {
			return
		}
		if whole < 0 || whole > len(data) {
			t.Fatalf("whole is %d of %d bytes", whole, len(data))
		}
		var text []byte
		for _, r := range records {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, line...), '\n')
		}
		again, whole, err := parseLedger(text)
		if err != nil || whole != len(text) || len(again) != len(records) {
			t.Errorf("got %d records, %v; want %d", len(again), err, len(records))
		}
		_, _ = revocations(again)
	})
}

// A full ledger takes no certificate and still takes revocations.
func TestLedgerFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), CALedgerFile)
	err := appendLedger(path, maxIssued-10, LedgerRecord{Event: EventIssued, Serial: "1"})
	var file *FileError
	if !errors.Is(err, ErrLedgerFull) || !errors.As(err, &file) || file.Hint() == "" || !missing(path) {
		t.Errorf("got %v, want %v with a hint and no file", err, ErrLedgerFull)
	}
	if err := appendLedger(path, maxIssued-10, LedgerRecord{Event: EventRevoked, Serial: "1"}); err != nil {
		t.Error("revoke:", err)
	}
	if err := appendLedger(path, maxLedger-10, LedgerRecord{Event: EventRevoked, Serial: "1"}); !errors.Is(err, ErrLedgerFull) {
		t.Errorf("beyond what is read: got %v, want %v", err, ErrLedgerFull)
	}
}

func TestRevocations(t *testing.T) {
	records, _, err := parseLedger([]byte(`{"event":"crl","time":"2026-01-01T00:00:00Z","number":7}
{"event":"revoked","time":"2026-01-01T00:00:00Z","serial":"ff"}
{"event":"crl","time":"2026-01-01T00:00:00Z","number":3}
`))
	if err != nil {
		t.Fatal(err)
	}
	entries, last := revocations(records)
	if last != 7 || len(entries) != 1 || entries[0].SerialNumber.Int64() != 255 {
		t.Errorf("got %v, %d", entries, last)
	}
}

// A serial is written as views show it and read back from either case.
func TestSerial(t *testing.T) {
	for text, want := range map[string]string{"0f": "f", "ABCDEF": "abcdef", "": "", "0": "", "-1": "", "xyz": ""} {
		serial, ok := parseSerial(text)
		got := ""
		if ok {
			got = formatSerial(serial)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
