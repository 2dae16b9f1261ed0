package pki_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

var longAgo = time.Unix(0, 0)

func issuances(records []pki.LedgerRecord) int {
	n := 0
	for _, r := range records {
		if r.Event == pki.EventIssued {
			n++
		}
	}
	return n
}

// A caller that died between the ledger's line and the return simply calls again.
func TestIssueSince(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC)
	o := plainOptions()
	o.Now = func() time.Time { return now }
	ca, dir := newCA(t, o)
	csr := pkitest.Request(t, pkitest.Options{})
	slot := pki.Slot{Server: "opc.tcp://plc1:4840", Group: "G", Type: "RsaSha256"}
	base := pki.Request{ApplicationURI: signerURI, Server: true, Slot: slot}
	first := must(ca.Issue(t.Context(), csr, base))
	issued := now
	now = now.Add(time.Hour)
	again := must(pki.OpenCA(dir, o)) // another process

	with := func(change func(*pki.Request)) pki.Request {
		r := base
		r.Since = issued
		change(&r)
		return r
	}
	for _, c := range []struct {
		name string
		csr  []byte
		r    pki.Request
		same bool
	}{
		{"since then", csr, with(func(*pki.Request) {}), true},
		{"since ever", csr, with(func(r *pki.Request) { r.Since = longAgo }), true},
		{"never looking", csr, with(func(r *pki.Request) { r.Since = time.Time{} }), false},
		{"since later", csr, with(func(r *pki.Request) { r.Since = issued.Add(2 * time.Hour) }), false},
		{"another slot", csr, with(func(r *pki.Request) { r.Slot.Group = "H" }), false},
		{"no slot", csr, with(func(r *pki.Request) { r.Slot = pki.Slot{} }), false},
		{"another name", csr, with(func(r *pki.Request) { r.DNSNames = []string{"plc1"} }), false},
		{"another address", csr, with(func(r *pki.Request) { r.IPAddresses = []net.IP{net.IPv6loopback} }), false},
		{"another subject", csr, with(func(r *pki.Request) { r.Subject.CommonName = "other" }), false},
		{"another usage", csr, with(func(r *pki.Request) { r.Server = false }), false},
		{"another validity", csr, with(func(r *pki.Request) { r.Validity = time.Hour }), false},
		{"another request of the same key", pkitest.Request(t, pkitest.Options{Name: "other"}), with(func(*pki.Request) {}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := issuances(must(again.Records()))
			chain, err := again.Issue(t.Context(), c.csr, c.r)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Equal(chain[0], first[0]); got != c.same || len(chain) != len(first) {
				t.Errorf("it is the same certificate: %v, want %v", got, c.same)
			}
			if added := issuances(must(again.Records())) - before; (added == 0) != c.same {
				t.Errorf("the ledger has %d more", added)
			}
		})
	}

	r := with(func(*pki.Request) {})
	if err := ca.Revoke(t.Context(), pkitest.Parse(t, must(ca.Issue(t.Context(), csr, r))[0]).SerialNumber.Text(16)); err != nil {
		t.Fatal(err)
	}
	fresh := must(ca.Issue(t.Context(), csr, r))
	if bytes.Equal(fresh[0], first[0]) {
		t.Error("a revoked certificate is returned")
	}
	now = now.Add(pki.DefaultValidity)
	if bytes.Equal(must(ca.Issue(t.Context(), csr, r))[0], fresh[0]) {
		t.Error("an expired certificate is returned")
	}
}

// Lines of before the certificate was kept have none to return.
func TestIssueSinceOldLedger(t *testing.T) {
	ca, dir := newCA(t, plainOptions())
	csr := pkitest.Request(t, pkitest.Options{})
	r := pki.Request{ApplicationURI: signerURI, Since: longAgo}
	must(ca.Issue(t.Context(), csr, r))
	var text []byte
	for _, record := range must(ca.Records()) {
		record.Certificate = nil
		text = append(append(text, must(json.Marshal(record))...), '\n')
	}
	write(t, filepath.Join(dir, pki.CALedgerFile), text)
	for range 2 {
		must(ca.Issue(t.Context(), csr, r))
	}
	if got := issuances(must(ca.Records())); got != 2 {
		t.Errorf("the ledger has %d issuances, want the old one and one more", got)
	}
}

func TestExecSignerSince(t *testing.T) {
	dir := t.TempDir()
	root := pkitest.NewAuthority(t, pkitest.Key(1), "root", nil)
	middle := root.Intermediate(t, pkitest.Key(2), "middle", nil)
	chain := filepath.Join(dir, "chain.pem")
	runs := filepath.Join(dir, "runs")
	answer := func() [][]byte {
		id := middle.Issue(t, pkitest.Options{})
		write(t, chain, pki.EncodeCertificates(id.Chain))
		return id.Chain
	}
	first := answer()
	s := &pki.ExecSigner{Command: program(t, "echo >> "+runs+"; cat "+chain), Ledger: filepath.Join(dir, "issued.ndjson")}
	csr := pkitest.Request(t, pkitest.Options{})
	r := pki.Request{ApplicationURI: signerURI, Server: true, Since: longAgo}
	must(s.Issue(t.Context(), csr, r))
	second := answer()
	got := must(s.Issue(t.Context(), csr, r))
	if len(got) != 3 || !bytes.Equal(pki.JoinChain(got), pki.JoinChain(first)) {
		t.Error("the chain on record is not returned")
	}
	if n := len(must(os.ReadFile(runs))); n != 1 {
		t.Errorf("the program ran %d times, want once", n)
	}
	for name, change := range map[string]func(*pki.Request){
		"another name":    func(r *pki.Request) { r.DNSNames = []string{"plc1"} },
		"another subject": func(r *pki.Request) { r.Subject.CommonName = "plc1" },
		"another address": func(r *pki.Request) { r.IPAddresses = []net.IP{net.IPv6loopback} },
		"never looking":   func(r *pki.Request) { r.Since = time.Time{} },
	} {
		other := r
		change(&other)
		if got := must(s.Issue(t.Context(), csr, other)); !bytes.Equal(got[0], second[0]) {
			t.Errorf("%s: the certificate on record is returned", name)
		}
	}
}
