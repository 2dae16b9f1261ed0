package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/cmd"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	manifests "github.com/uapush/uapush/testdata/manifest"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/push/sim"
)

const killAt = "UAPUSH_TEST_KILL_AT"

// atIssue is where a certificate is in the ledger, and not yet in the run's record.
const atIssue = -1

// killed runs uapush, and kills the process when that line of the run's record is
// on the disk: no deferred function runs, nothing is said to the server.
func killed() {
	at, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		panic(err)
	}
	die := func() {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // until the signal arrives
	}
	env := cmd.Process()
	env.Recorded = func(line int) {
		if line == at {
			die()
		}
	}
	env.Issued = func() {
		if at == atIssue {
			die()
		}
	}
	os.Exit(cmd.Main(os.Args[1:], env))
}

// plant is a server and a client's state, for processes to be killed.
type plant struct {
	t      *testing.T
	dir    string
	server *sim.Server
	trust  []string // the flags that say how the server is trusted
}

func newPlant(t *testing.T, o own, shared *supply, profile string) *plant {
	t.Helper()
	p := &plant{t: t, dir: t.TempDir()}
	for from, to := range map[string]string{o.identity: "identity", o.ca: "ca"} {
		if err := copyDir(from, filepath.Join(p.dir, "state", to)); err != nil {
			t.Fatal(err)
		}
	}
	identity, err := pki.LoadIdentity(o.identity, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	port, err := shared.port()
	if err != nil {
		t.Fatal(err)
	}
	manifest := strings.ReplaceAll(string(manifests.LineA), "4843", port)
	for name, text := range map[string]string{"line-a.yaml": manifest, "admin.pw": adminPassword + "\n"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.server, err = sim.Start(ctx, sim.Options{
		Admin: sim.User{Name: "admin", Password: adminPassword}, TrustClients: identity.Chain[:1], GenerateKey: shared.keys(), Profile: profile,
		// A Session that nobody closes holds its transaction until it times out.
		Limits: sim.Limits{MinSessionTimeout: time.Second, MaxSessionTimeout: time.Second, ActivityTimeout: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = p.server.Close() // it has served
	})
	p.trust = []string{"--pin", "sha256:" + pki.Fingerprint(p.server.Certificate())}
	return p
}

// run returns what a program printed, and how it ended; -1 is a signal.
func (p *plant) run(program string, at int, args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		p.t.Fatal(err)
	}
	args = append(append(args, "--user", "admin", "--password-file", "admin.pw"), p.trust...)
	c := exec.Command(path, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), killAt+"="+strconv.Itoa(at), "UAPUSH_STATE="+filepath.Join(p.dir, "state"), "HOME="+p.dir, "GORACE=atexit_sleep_ms=0")
	var out, diagnostics bytes.Buffer
	c.Stdout, c.Stderr = &out, &diagnostics
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return out.String(), diagnostics.String(), c.ProcessState.ExitCode()
}

func (p *plant) apply(program string, at int) (string, int) {
	_, stderr, code := p.run(program, at, "apply", "-f", "line-a.yaml", "--yes", p.server.URL())
	return stderr, code
}

// configuration is what the server shows.
func (p *plant) configuration() config.Application {
	p.t.Helper()
	out, stderr, code := p.run("uapush", 0, "config", "get", p.server.URL(), "-o", "json")
	var app config.Application
	if code != 0 || json.Unmarshal([]byte(out), &app) != nil {
		p.t.Fatalf("config get exits with %d: %s", code, stderr)
	}
	return app
}

func (p *plant) runs() []journal.Run {
	p.t.Helper()
	runs, err := journal.List(filepath.Join(p.dir, "state", "runs"))
	if err != nil {
		p.t.Fatal(err)
	}
	return runs
}

// issued counts the certificates in the ledger.
func (p *plant) issued() int {
	p.t.Helper()
	records, err := pki.ReadCALedger(filepath.Join(p.dir, "state", "ca"))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(slices.DeleteFunc(records, func(r pki.LedgerRecord) bool { return r.Event != pki.EventIssued }))
}

// TestKilledAtEveryEvent kills a real process at every line of a run's record,
// resumes it, and looks at the server in between and afterwards: it has the old
// configuration or the new one, and one certificate was issued.
func TestKilledAtEveryEvent(t *testing.T) {
	o, shared := prepareOwn(t), &supply{}
	whole := newPlant(t, o, shared, "")
	if stderr, code := whole.apply("uapush", 0); code != 0 {
		t.Fatalf("the whole run exits with %d: %s", code, stderr)
	}
	run := whole.runs()[0]
	if state := run.Progress(workflow.Mutates).State(false); state != journal.StateDone {
		t.Fatalf("the whole run is %s", state)
	}
	for at := 1; at <= 1+len(run.Entries); at++ {
		if testing.Short() && at%5 != 0 {
			continue
		}
		t.Run(fmt.Sprintf("line %d of %d", at, 1+len(run.Entries)), func(t *testing.T) {
			t.Parallel()
			newPlant(t, o, shared, "").killAndResume(at)
		})
	}
	t.Run("between the ledger and the record", func(t *testing.T) {
		t.Parallel()
		newPlant(t, o, shared, "").killAndResume(atIssue)
	})
}

func (p *plant) killAndResume(at int) {
	t := p.t
	if stderr, code := p.apply("uapush-killed", at); code != -1 {
		t.Fatalf("the process ends with %d, want it killed: %s", code, stderr)
	}
	runs := p.runs()
	if len(runs) != 1 {
		t.Fatalf("%d runs are on record, want the one that was killed", len(runs))
	}
	before := runs[0].Progress(workflow.Mutates)
	approved := slices.IndexFunc(before.Facts, func(f workflow.Fact) bool { return f.Approved != nil })
	if approved >= 0 {
		p.oldOrNew(*before.Facts[approved].Approved)
	}
	if state := before.State(false); state == journal.StateHarmless || state == journal.StateDone {
		if stderr, code := p.apply("uapush", 0); code != 0 {
			t.Fatalf("after a run that is %s, apply exits with %d: %s", state, code, stderr)
		}
	} else if _, stderr, code := p.run("uapush", 0, "resume"); code != 0 {
		t.Fatalf("resume exits with %d: %s", code, stderr)
	}
	if out, stderr, code := p.run("uapush", 0, "plan", "-f", "line-a.yaml", "--detailed-exitcode", p.server.URL()); code != 0 {
		t.Errorf("a plan afterwards exits with %d, want nothing left to do: %s%s", code, out, stderr)
	}
	if n := p.issued(); n != 1 {
		t.Errorf("%d certificates were issued for one slot, want 1", n)
	}
}

// oldOrNew: nothing between the configuration before the run and the planned one.
func (p *plant) oldOrNew(a workflow.Approved) {
	p.t.Helper()
	want, err := plan.Result(a.Base, a.Plan.Changes)
	if err != nil {
		p.t.Fatal(err)
	}
	got := p.configuration()
	if o, n := plan.Compute(a.Base, got), plan.Compute(want, got); len(o) > 0 && len(n) > 0 {
		p.t.Errorf("the server differs from the old configuration by %d changes, and from the new one by %d", len(o), len(n))
	}
}
