package cmd_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

// upkeepRun is a command whose process is killed. Run again, it has nothing to do.
type upkeepRun struct {
	profile string // of the server
	args    []string
	issues  int // certificates in the ledger afterwards
}

// command is the whole command line, with what more is given.
func (r upkeepRun) command(p *plant, more ...string) []string {
	return slices.Concat(r.args, []string{p.server.URL()}, more)
}

// TestRenewalKilledAtEveryEvent is TestKilledAtEveryEvent for cert renew. The server
// makes the key, and its own endpoint has the certificate.
func TestRenewalKilledAtEveryEvent(t *testing.T) {
	killUpkeep(t, upkeepRun{args: []string{"cert", "renew", "--name", "plant.example"}, issues: 1})
}

// TestRenewalKilledWithoutTransactions is the same on servers where each change is in
// force by itself, with ApplyChanges or without.
func TestRenewalKilledWithoutTransactions(t *testing.T) {
	for _, profile := range []string{"no-transactions", "delays-changes"} {
		t.Run(profile, func(t *testing.T) {
			killUpkeep(t, upkeepRun{profile: profile, args: []string{"cert", "renew", "--name", "plant.example"}, issues: 1})
		})
	}
}

// TestTrustListKilledAtEveryEvent is TestKilledAtEveryEvent for trust sync.
func TestTrustListKilledAtEveryEvent(t *testing.T) {
	killUpkeep(t, upkeepRun{args: []string{"trust", "sync", "ops.pem", "--server"}})
}

// killUpkeep kills a real process at every line of a run's record, resumes it, and
// looks at the server in between and afterwards: list and slot are old or new, and
// all that shows the certificate says the same.
func killUpkeep(t *testing.T, run upkeepRun) {
	o, shared := prepareOwn(t), &supply{}
	ops := pkitest.NewAuthority(t, pkitest.Key(3), "Ops CA", nil)
	bundle := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ops.Certificate.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: ops.CRL(t)})...)
	fresh := func(t *testing.T) *plant {
		p := newPlant(t, o, shared, run.profile)
		p.trust = []string{"--tofu"} // its pin has to follow the certificates
		if err := os.WriteFile(filepath.Join(p.dir, "ops.pem"), bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole := fresh(t)
	was := whole.trustList()
	if _, stderr, code := whole.run("uapush", 0, run.command(whole, "--yes")...); code != 0 {
		t.Fatalf("the whole run exits with %d: %s", code, stderr)
	}
	lists := []string{was, whole.trustList()}
	record := whole.runs()[0]
	if state := record.Progress(workflow.Mutates).State(false); state != journal.StateDone || lists[0] == lists[1] {
		t.Fatalf("the whole run is %s, and has changed the list: %v", state, lists[0] != lists[1])
	}
	var lines []int
	if run.issues > 0 {
		lines = append(lines, atIssue)
	}
	every := 1
	switch {
	case testing.Short():
		every = 5
	case run.profile != "": // the lines are much the same
		every = 3
	}
	for at := every; at <= 1+len(record.Entries); at += every {
		lines = append(lines, at)
	}
	for _, at := range lines {
		t.Run(fmt.Sprintf("line %d of %d", at, 1+len(record.Entries)), func(t *testing.T) {
			t.Parallel()
			fresh(t).killAndResumeUpkeep(run, at, lists)
		})
	}
}

func (p *plant) killAndResumeUpkeep(run upkeepRun, at int, lists []string) {
	t := p.t
	old := p.server.Certificate()
	if _, stderr, code := p.run("uapush-killed", at, run.command(p, "--yes")...); code != -1 {
		t.Fatalf("the process ends with %d, want it killed: %s", code, stderr)
	}
	runs := p.runs()
	if len(runs) != 1 {
		t.Fatalf("%d runs are on record, want the one that was killed", len(runs))
	}
	progress := runs[0].Progress(workflow.Mutates)
	leaves := [][]byte{old}
	for _, f := range progress.Facts {
		if f.Issued != nil {
			leaves = append(leaves, f.Issued.Chain[0])
		}
	}
	if now := p.server.Certificate(); !slices.ContainsFunc(leaves, func(der []byte) bool { return string(der) == string(now) }) {
		t.Error("the server shows a certificate that is neither the old one nor the one on record")
	}
	if !slices.Contains(lists, p.trustList()) {
		t.Error("the trust list is neither the old nor the new one")
	}
	if state := progress.State(false); state == journal.StateHarmless || state == journal.StateDone {
		if _, stderr, code := p.run("uapush", 0, run.command(p, "--yes")...); code != 0 {
			t.Fatalf("after a run that is %s, the command exits with %d: %s", state, code, stderr)
		}
	} else {
		if _, stderr, code := p.run("uapush", 0, run.command(p, "--yes")...); code != 6 {
			t.Errorf("while a run is %s, the command exits with %d, want a conflict: %s", state, code, stderr)
		}
		if _, stderr, code := p.run("uapush", 0, "resume"); code != 0 {
			t.Fatalf("resume exits with %d: %s", code, stderr)
		}
	}
	if now := p.trustList(); now != lists[1] {
		t.Error("the trust list is not the new one")
	}
	p.agrees()
	if out, stderr, code := p.run("uapush", 0, run.command(p, "--dry-run", "--detailed-exitcode")...); code != 0 {
		t.Errorf("the command once more exits with %d, want nothing left to do: %s%s", code, out, stderr)
	}
	if n := p.issued(); n != run.issues {
		t.Errorf("%d certificates were issued, want %d", n, run.issues)
	}
}

// trustList is what the server has, whatever certificate it shows.
func (p *plant) trustList() string {
	p.t.Helper()
	stranger := *p
	stranger.trust = []string{"--pin", "sha256:" + pki.Fingerprint(p.server.Certificate())}
	out, stderr, code := stranger.run("uapush", 0, "trust", "export", p.server.URL())
	if code != 0 {
		p.t.Fatalf("trust export exits with %d: %s", code, stderr)
	}
	return out
}

// agrees demands that the slot, the endpoints and the channel, which is pinned, have
// one certificate.
func (p *plant) agrees() {
	p.t.Helper()
	out, stderr, code := p.run("uapush", 0, "cert", "show", p.server.URL(), "-o", "json")
	var slots []struct {
		Certificate struct{ SHA256 string }
		Endpoints   []string
		Needs       []any
	}
	if code != 0 || json.Unmarshal([]byte(out), &slots) != nil {
		p.t.Fatalf("cert show exits with %d: %s", code, stderr)
	}
	for _, s := range slots {
		if s.Certificate.SHA256 != pki.Fingerprint(p.server.Certificate()) || len(s.Endpoints) == 0 || len(s.Needs) > 0 {
			p.t.Errorf("the slot is %+v, and the endpoint shows %s", s, pki.Fingerprint(p.server.Certificate()))
		}
	}
}
