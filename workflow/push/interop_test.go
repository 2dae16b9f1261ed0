package push_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/testdata/tables"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

var update = flag.Bool("update", false, "write the tables of interoperability instead of comparing them")

// TestInterop runs both ends of uapush against stacks that nobody here wrote:
// the programs below testdata/peers, and tshark. make peers installs what they
// need; without it the tests are skipped, or fail when UAPUSH_REQUIRE_PEERS is 1.
func TestInterop(t *testing.T) {
	if testing.Short() {
		t.Skip("peers take seconds to start")
	}
	dir := t.TempDir()
	p := peers{binary: sync.OnceValues(func() (string, error) { return buildBinary(dir) }), table: &tables.Interop{}}
	var skipped atomic.Bool
	t.Cleanup(func() {
		part := strings.Contains(flag.Lookup("test.run").Value.String(), "/")
		if !skipped.Load() && !part {
			p.compareTables(t)
		}
	})
	for name, test := range map[string]func(*testing.T, peers){
		"server":            testNodeServer,
		"newest server":     testNewestServer,
		"client":            testNodeClient,
		"ConfigurationFile": testNodeConfigurationFile,
		"vectors":           testNodeVectors,
		"wire":              testWire,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					skipped.Store(true)
				}
			})
			test(t, p)
		})
	}
}

// peers is what the tests share: the real binary, built when it is first needed,
// and the table.
type peers struct {
	binary func() (string, error)
	table  *tables.Interop
}

// cell is one line of the table; the test that reports it says whether it holds.
type cell = tables.Cell

// report puts a cell into the table, with what becomes of the running test.
func (p peers) report(t *testing.T, c cell) {
	t.Helper()
	ended := p.table.Add(c)
	t.Cleanup(func() { ended(!t.Failed() && !t.Skipped()) })
}

// compareTables holds the published tables against what the tests have found, or
// writes them with -update.
func (p peers) compareTables(t *testing.T) {
	root := filepath.Join("..", "..")
	long, readme := filepath.Join(root, "testdata", "peers", "INTEROP.md"), filepath.Join(root, "README.md")
	before, _, after, err := tables.Section(string(must(os.ReadFile(readme))), "interop")
	if err != nil {
		t.Fatalf("%s: %v", readme, err)
	}
	if features := p.table.Unplaced(); len(features) > 0 {
		t.Errorf("no row of the short table has %q", features)
	}
	for path, want := range map[string]string{long: p.table.Long(), readme: before + p.table.Short() + after} {
		switch {
		case *update:
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
		case string(must(os.ReadFile(path))) != want:
			t.Errorf("%s does not say what the tests have found; see make interop", path)
		}
	}
}

func buildBinary(dir string) (string, error) {
	path := filepath.Join(dir, "uapush")
	out, err := exec.Command("go", "build", "-o", path, "github.com/uapush/uapush/cmd/uapush").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build uapush: %w\n%s", err, out)
	}
	return path, nil
}

// absent skips for want of a peer, or fails where the peers are required.
func absent(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("UAPUSH_REQUIRE_PEERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// node is an installed folder of testdata/peers.
type node struct {
	dir     string
	version string // of node-opcua
}

func nodePeer(t *testing.T, folder string) node {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		absent(t, "no node: %v", err)
	}
	dir := must(filepath.Abs(filepath.Join("..", "..", "testdata", "peers", folder)))
	data, err := os.ReadFile(filepath.Join(dir, "node_modules", "node-opcua", "package.json"))
	if err != nil {
		absent(t, "%s is not installed, see make peers: %v", folder, err)
	}
	var about struct{ Version string }
	if err := json.Unmarshal(data, &about); err != nil {
		t.Fatal(err)
	}
	return node{dir: dir, version: about.Version}
}

// peerTime bounds everything that one program does; starting node takes seconds.
const peerTime = 2 * time.Minute

// start runs a program of the peer that serves until it is stopped.
func (n node) start(t *testing.T, args ...string) (url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = n.dir
	return serve(t, cmd)
}

// serve starts a server and returns the URL after the word READY, which it prints.
// The server lives as long as the test, and as its standard input.
func serve(t *testing.T, cmd *exec.Cmd) (url string) {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.WaitDelay = 5 * time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	var printed bytes.Buffer
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(io.TeeReader(stdout, &printed))
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- url
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s%s", cmd, &printed, &errs)
		}
	})
	select {
	case url = <-ready:
	case <-ended:
		t.Fatalf("%s ended before it was ready", cmd)
	case <-time.After(peerTime):
		t.Fatalf("%s is not ready after %v", cmd, peerTime)
	}
	return url
}

// step is one line of a peer's client.
type step struct {
	Step   string          `json:"step"`
	OK     bool            `json:"ok"`
	Detail json.RawMessage `json:"detail"`
}

// run has a program of the peer do its steps.
func (n node) run(t *testing.T, args ...string) map[string]step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir, cmd.WaitDelay = n.dir, 5*time.Second
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	steps := map[string]step{}
	for line := range strings.Lines(string(out)) {
		var s step
		if json.Unmarshal([]byte(line), &s) == nil && s.Step != "" {
			steps[s.Step] = s
		}
	}
	if err != nil {
		t.Errorf("%s: %v\n%s%s", cmd, err, out, &errs)
	}
	return steps
}

// holds reports a step of a peer's client as a subtest.
func (p peers) holds(t *testing.T, s step, name string, c cell) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		p.report(t, c)
		switch {
		case s.Step == "":
			t.Error("the peer did not get as far")
		case !s.OK:
			t.Errorf("the peer says: %s", s.Detail)
		}
	})
}

// outcome is how a run of the binary ended.
type outcome struct {
	code        int
	out, errors string
}

// uapush runs the binary with its state in dir.
func (p peers) uapush(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path(t), args...)
	cmd.Env = append(os.Environ(), "UAPUSH_STATE="+dir, "NO_COLOR=1")
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (p peers) path(t *testing.T) string {
	t.Helper()
	path, err := p.binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// sim starts the embedded server as a process of its own; see the users in start.
func (p peers) sim(t *testing.T, trusted []byte, flags ...string) (url string) {
	t.Helper()
	dir := t.TempDir()
	secret := write(t, filepath.Join(dir, "password"), []byte(password))
	trust := write(t, filepath.Join(dir, "client.der"), trusted)
	args := append([]string{"sim", "--port", "0", "--state", filepath.Join(dir, "state"),
		"--admin", "admin", "--admin-password-file", secret, "--trust", trust}, flags...)
	cmd := exec.CommandContext(t.Context(), p.path(t), args...)
	return serve(t, cmd)
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeIdentity puts a certificate and its key into a folder, as PEM files.
func writeIdentity(t *testing.T, dir string, id secureconv.Identity) (certificate, key string) {
	t.Helper()
	certificate = write(t, filepath.Join(dir, "client.pem"), pki.EncodeCertificates(id.Chain[:1]))
	key = write(t, filepath.Join(dir, "client.key"), must(pki.EncodeKey(id.Key)))
	return certificate, key
}
