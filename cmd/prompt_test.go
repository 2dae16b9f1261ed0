package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uapush/uapush/cmd"
	"github.com/uapush/uapush/pki"
	manifests "github.com/uapush/uapush/testdata/manifest"
	"github.com/uapush/uapush/workflow/push/sim"
)

// TestApplyAsks: at a terminal, only yes applies.
func TestApplyAsks(t *testing.T) {
	own, shared := prepareOwn(t), &supply{}
	identity, err := pki.LoadIdentity(own.identity, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, answer string
		flags        []string
		code         int
		asked        bool
		stderr       string
	}{
		{name: "yes", answer: "yes\n", code: 0, asked: true, stderr: "✓ confirm"},
		{name: "y is not yes", answer: "y\n", code: 1, asked: true, stderr: "not approved; nothing was changed"},
		{name: "no", answer: "no\n", code: 1, asked: true, stderr: "not approved; nothing was changed"},
		{name: "end of input", answer: "", code: 1, asked: true, stderr: "not approved; nothing was changed"},
		{name: "no-input", answer: "yes\n", flags: []string{"--no-input"}, code: 3, stderr: "give --yes"},
		{name: "approved beforehand", answer: "", flags: []string{"--yes"}, code: 0, stderr: "✓ confirm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, err := sim.Start(t.Context(), sim.Options{
				Admin: sim.User{Name: "admin", Password: adminPassword}, TrustClients: identity.Chain[:1], GenerateKey: shared.keys(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			dir := t.TempDir()
			args := append([]string{
				"apply", "-f", writeFile(t, dir, "m.yaml", promptManifest(t, shared)), server.URL(),
				"--pin", "sha256:" + pki.Fingerprint(server.Certificate()), "--identity", own.identity,
				"--color", "never", "--user", "admin", "--password-file", writeFile(t, dir, "pw", adminPassword), "--skip-certificates",
			}, tt.flags...)
			var out, errs bytes.Buffer
			code := cmd.Main(args, cmd.Environment{
				In: strings.NewReader(tt.answer), Out: &out, Err: &errs, Interactive: true,
				Getenv: func(name string) string { return map[string]string{"UAPUSH_STATE": filepath.Dir(own.identity)}[name] },
			})
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d\n%s", code, tt.code, &errs)
			}
			if got := strings.Contains(errs.String(), "Apply this plan? Only yes applies it: "); got != tt.asked {
				t.Errorf("asked: got %v, want %v\n%s", got, tt.asked, &errs)
			}
			if !strings.Contains(errs.String(), tt.stderr) {
				t.Errorf("stderr: got\n%s\nwant it to hold %q", &errs, tt.stderr)
			}
			if !strings.Contains(out.String(), "Plan: ") {
				t.Errorf("the plan was not shown before the question:\n%s", &out)
			}
		})
	}
}

// TestApplyUnread: a terminal that is closed, or a tee that an interrupt has ended,
// is no reason to leave a server half done. The plan itself has to be shown.
func TestApplyUnread(t *testing.T) {
	own, shared := prepareOwn(t), &supply{}
	identity, err := pki.LoadIdentity(own.identity, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.Start(t.Context(), sim.Options{
		Admin: sim.User{Name: "admin", Password: adminPassword}, TrustClients: identity.Chain[:1], GenerateKey: shared.keys(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	args := []string{
		"apply", "-f", writeFile(t, dir, "m.yaml", promptManifest(t, shared)), server.URL(),
		"--pin", "sha256:" + pki.Fingerprint(server.Certificate()), "--identity", own.identity,
		"--user", "admin", "--password-file", writeFile(t, dir, "pw", adminPassword), "--skip-certificates", "--yes",
	}
	env := cmd.Environment{
		In: strings.NewReader(""), Out: gone{}, Err: gone{},
		Getenv: func(name string) string { return map[string]string{"UAPUSH_STATE": filepath.Dir(own.identity)}[name] },
	}
	if code := cmd.Main(args, env); code != 1 {
		t.Errorf("with a plan that nobody could see: got exit code %d, want 1", code)
	}
	var out bytes.Buffer
	env.Out = &out
	if code := cmd.Main(args, env); code != 0 {
		t.Errorf("with progress that nobody reads: got exit code %d, want 0", code)
	}
	if !strings.Contains(out.String(), "is confirmed: 4 inserted") {
		t.Errorf("the first run changed something, or the second one did not:\n%s", &out)
	}
}

// gone is an output whose reader has gone away.
type gone struct{}

func (gone) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func promptManifest(t *testing.T, shared *supply) string {
	t.Helper()
	port, err := shared.port()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(manifests.LineA), "4843", port)
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
