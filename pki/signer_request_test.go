package pki_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

// A request that breaks a rule never reaches the program: what it has signed
// cannot be taken back.
func TestExecSignerChecksTheRequest(t *testing.T) {
	const uri = "urn:test:application"
	csr := pkitest.Request(t, pkitest.Options{})
	forged := append([]byte(nil), csr...)
	forged[len(forged)-1] ^= 1
	good := pki.Request{ApplicationURI: uri, Slot: pki.Slot{Group: "G"}}
	for name, c := range map[string]struct {
		csr  []byte
		r    pki.Request
		rule pki.RequestRule
	}{
		"another application": {csr, pki.Request{ApplicationURI: "urn:other"}, pki.RequestApplicationURI},
		"forged":              {forged, good, pki.RequestSignature},
		"no request":          {[]byte{0x30}, good, pki.RequestStructure},
		"a name with escapes": {csr, pki.Request{ApplicationURI: uri, Slot: pki.Slot{Group: "G\x1b[2J"}}, pki.RequestStructure},
	} {
		ran := filepath.Join(t.TempDir(), "ran")
		s := &pki.ExecSigner{Command: "touch " + ran, Ledger: filepath.Join(t.TempDir(), "issued.ndjson")}
		_, err := s.Issue(t.Context(), c.csr, c.r)
		var refused *pki.RequestError
		if !errors.As(err, &refused) || refused.Rule != c.rule {
			t.Errorf("%s: got %v, want the rule %s", name, err, c.rule)
		}
		if _, err := os.Stat(ran); err == nil {
			t.Errorf("%s: the program has run", name)
		}
	}
}
