package cmd_test

import (
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uapush/uapush/cmd"
	"github.com/uapush/uapush/pki"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"uapush":        func() { os.Exit(cmd.Main(os.Args[1:], cmd.Process())) },
		"uapush-killed": killed,
	})
}

const (
	scriptDir = "../testdata/script"
	// adminPassword is what no output may ever hold.
	adminPassword = "correct-horse-battery-staple"
)

// TestScripts runs testdata/script/*.txtar: what an operator sees of uapush, on
// servers that live in this process. UPDATE_SCRIPTS=1 rewrites what cmp expects.
func TestScripts(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(scriptDir, "*.txtar"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no script in %s: %v", scriptDir, err)
	}
	testscript.Run(t, scriptParams(prepareOwn(t), &supply{}, ""))
}

// scriptParams are how scripts run; profile is the kind of the servers that a
// script does not choose itself.
func scriptParams(own own, shared *supply, profile string) testscript.Params {
	return testscript.Params{
		Dir:                scriptDir,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		RequireUniqueNames: true,
		Condition:          condition,
		Setup:              func(env *testscript.Env) error { return setup(env, own, shared, profile) },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"contains":   contains,
			"eventually": eventually,
			"exits":      exits,
			"expired":    expiredIdentity,
			"expand":     expand,
			"freeport":   freeport,
			"json":       checkJSON,
			"manifest":   writeManifest,
			"mode":       checkMode,
			"normal":     normal,
			"peer":       startPeer,
			"process":    process,
			"sim":        simulate,
			"strangers":  strangers,
		},
	}
}

// own is what a client has of its own: made once, and copied for every script.
type own struct{ identity, ca string }

func prepareOwn(t *testing.T) own {
	t.Helper()
	dir := t.TempDir()
	o := own{identity: filepath.Join(dir, "identity"), ca: filepath.Join(dir, "ca")}
	app := pki.Application{ApplicationURI: "urn:test:uapush", DNSNames: []string{"localhost"}}
	if _, _, err := pki.LoadOrCreateIdentity(o.identity, app); err != nil {
		t.Fatal("make the client's identity:", err)
	}
	subject, err := pki.ParseSubject("CN=Script CA/O=Plant")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.InitCA(t.Context(), o.ca, pki.CAOptions{Subject: subject, NoPassphrase: true, Key: pki.KeyRSA2048}); err != nil {
		t.Fatal("make the certificate authority:", err)
	}
	return o
}

// setup gives a script a state folder with identity and CA, and an environment
// in which nothing of this machine counts.
func setup(env *testscript.Env, o own, shared *supply, profile string) error {
	state := filepath.Join(env.WorkDir, "state")
	for from, to := range map[string]string{o.identity: "identity", o.ca: "ca"} {
		if err := copyDir(from, filepath.Join(state, to)); err != nil {
			return err
		}
	}
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("UAPUSH_STATE", state)
	env.Setenv("SOFTHSM2_MODULE", softHSM())
	env.Setenv("GORACE", "atexit_sleep_ms=0") // a second per command otherwise
	r := &rig{
		t: testOf(env), identity: filepath.Join(state, "identity"), shared: shared, profile: profile,
		sims: map[string]*simulated{}, processes: map[string]*running{},
	}
	for _, v := range env.Vars {
		name, _, _ := strings.Cut(v, "=")
		r.names = append(r.names, name)
	}
	env.Values[rigKey{}] = r
	env.Defer(r.close)
	return os.WriteFile(filepath.Join(env.WorkDir, "admin.pw"), []byte(adminPassword+"\n"), 0o600)
}

// testOf is the test that a script is.
func testOf(env *testscript.Env) testing.TB {
	if t, ok := env.T().(interface{ TB() testing.TB }); ok {
		return t.TB()
	}
	return env.T().(testing.TB)
}

func copyDir(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// rig is what a script has running in this process.
type rig struct {
	t         testing.TB
	identity  string // folder of the client's identity
	shared    *supply
	profile   string   // of servers for which a script names none
	names     []string // of the variables that processes get
	sims      map[string]*simulated
	processes map[string]*running
	closers   []func()
}

type rigKey struct{}

func rigOf(ts *testscript.TestScript) *rig { return ts.Value(rigKey{}).(*rig) }

// setenv sets a variable for everything that the script runs from now on.
func (r *rig) setenv(ts *testscript.TestScript, name, value string) {
	ts.Setenv(name, value)
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
}

func (r *rig) close() {
	for _, p := range r.processes {
		p.kill()
	}
	for _, s := range r.sims {
		s.stop()
	}
	for _, f := range slices.Backward(r.closers) {
		f()
	}
}

// supply is what all scripts share. It makes RSA keys once per process: a server's
// n-th key is the same as another server's n-th key, which no client can tell.
type supply struct {
	mu       sync.Mutex
	made     map[int][]*rsa.PrivateKey // by bits
	nextPort int
}

// keys returns the generator of one server.
func (p *supply) keys() func(bits int) (*rsa.PrivateKey, error) {
	used := map[int]int{}
	return func(bits int) (*rsa.PrivateKey, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		n := used[bits]
		used[bits]++
		if n < len(p.made[bits]) {
			return p.made[bits][n], nil
		}
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, err
		}
		if p.made == nil {
			p.made = map[int][]*rsa.PrivateKey{}
		}
		p.made[bits] = append(p.made[bits], key)
		return key, nil
	}
}
