package pki_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/uapush/uapush/pki"
)

const plcURL = "opc.tcp://plc1:4840"

func TestPins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins.json")
	pins := pki.NewPins(path, nil)
	if _, found, err := pins.Lookup(plcURL); found || err != nil {
		t.Fatalf("before the first: %v, %v", found, err)
	}
	first := must(pins.Add(t.Context(), plcURL, "urn:plc1", []byte("one")))
	if again := must(pins.Add(t.Context(), plcURL, "urn:plc1", []byte("one"))); again != first {
		t.Errorf("the same again: got %+v, want %+v", again, first)
	}
	if found, err := pins.Check(plcURL, []byte("one")); !found || err != nil {
		t.Errorf("the same certificate: %v, %v", found, err)
	}
	_, addErr := pins.Add(t.Context(), plcURL, "urn:plc1", []byte("two"))
	_, checkErr := pins.Check(plcURL, []byte("two"))
	for _, err := range []error{addErr, checkErr} {
		var mismatch *pki.PinMismatchError
		if !errors.As(err, &mismatch) || mismatch.Pinned != first.SHA256 || mismatch.Seen != pki.Fingerprint([]byte("two")) || mismatch.Hint() == "" {
			t.Errorf("another certificate: got %v", err)
		}
	}
	if err := pins.Replace(t.Context(), plcURL, "urn:plc1", []byte("two")); err != nil {
		t.Fatal(err)
	}
	if pin, _, _ := pki.NewPins(path, nil).Lookup(plcURL); pin.SHA256 != pki.Fingerprint([]byte("two")) {
		t.Errorf("after Replace: got %+v", pin)
	}
	wantPrivate(t, path)
}

// The folder of the state need not be there yet.
func TestPinsMakeTheirFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "pins.json")
	if _, err := pki.NewPins(path, nil).Add(t.Context(), plcURL, "urn:plc1", []byte("one")); err != nil {
		t.Fatal(err)
	}
	wantPrivate(t, path)
}

func TestPinsConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins.json")
	var wait sync.WaitGroup
	for _, server := range strings.Fields("a b c d e f") {
		wait.Go(func() {
			if _, err := pki.NewPins(path, nil).Add(t.Context(), server, "", []byte(server)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, server := range strings.Fields("a b c d e f") {
		if found, err := pki.NewPins(path, nil).Check(server, []byte(server)); !found || err != nil {
			t.Errorf("%s was lost: %v", server, err)
		}
	}
}

func TestPinsStrict(t *testing.T) {
	sum := pki.Fingerprint(nil)
	pin := `{"server":"a","sha256":"` + sum + `","added":"2026-01-01T00:00:00Z"}`
	for name, text := range map[string]string{
		"empty":         "",
		"other version": `{"schema":"uapush.pins/2","pins":[]}`,
		"unknown field": `{"schema":"uapush.pins/1","pins":[],"x":1}`,
		"two values":    `{"schema":"uapush.pins/1","pins":[]} {}`,
		"twice":         `{"schema":"uapush.pins/1","pins":[` + pin + `,` + pin + `]}`,
		"short sha256":  `{"schema":"uapush.pins/1","pins":[` + strings.Replace(pin, sum, sum[2:], 1) + `]}`,
		"no server":     `{"schema":"uapush.pins/1","pins":[` + strings.Replace(pin, `"a"`, `""`, 1) + `]}`,
	} {
		path := filepath.Join(t.TempDir(), "pins.json")
		write(t, path, []byte(text))
		if _, _, err := pki.NewPins(path, nil).Lookup("a"); !errors.Is(err, pki.ErrDamaged) {
			t.Errorf("%s: got %v, want %v", name, err, pki.ErrDamaged)
		}
	}
}
