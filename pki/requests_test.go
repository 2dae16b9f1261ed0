package pki_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "requests.json")
	r := pki.NewRequests(path, nil)
	expect := func(group, want string) {
		t.Helper()
		if got, err := r.Key("urn:a", group, "RsaSha256"); err != nil || got != want {
			t.Errorf("Key of %s: got %q, %v; want %q", group, got, err, want)
		}
	}
	expect("G", "")
	first := pkitest.Request(t, pkitest.Options{Key: pkitest.Key(1)})
	second := pkitest.Request(t, pkitest.Options{Key: pkitest.Key(2)})
	for _, csr := range [][]byte{first, second} {
		if err := r.Add(t.Context(), "urn:a", "G", "RsaSha256", csr); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Add(t.Context(), "urn:a", "H", "RsaSha256", first); err != nil {
		t.Fatal(err)
	}
	idOf := func(csr []byte) string {
		id, err := pki.RequestKeyID(csr)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	expect("G", idOf(second))
	expect("H", idOf(first))
	if got, err := r.Key("urn:b", "G", "RsaSha256"); got != "" || err != nil {
		t.Errorf("another application: got %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if err := r.Add(t.Context(), "urn:a", "G", "RsaSha256", []byte("no request")); err == nil {
		t.Error("bytes that are no request were put on record")
	}
	expect("G", idOf(second))

	for _, damaged := range []string{"{", `{"schema":"uapush.requests/2","requests":[]}`, `{"schema":"uapush.requests/1","more":1}`, `{"schema":"uapush.requests/1"}{}`} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		var file *pki.FileError
		if _, err := r.Key("urn:a", "G", "RsaSha256"); !errors.Is(err, pki.ErrDamaged) || !errors.As(err, &file) || file.Hint() == "" {
			t.Errorf("%s: got %v", damaged, err)
		}
	}
}
