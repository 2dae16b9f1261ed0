package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/uapush/uapush/pki"
)

const (
	mostMemory   = 100 << 20 // bytes
	mostSentence = 16 << 10  // bytes on stderr
)

// hostility is one way of being a bad server, and what uapush has to make of it.
type hostility struct {
	name   string
	args   []string // command; nil is config get
	script script
	exit   int
	says   string   // part of what stderr has to say
	shows  string   // part of what stdout has to show
	trusts bool     // the server is the pinned one, and proved it: it may have the password
	flags  []string // instead of the pin, with the login
	wait   string   // --timeout; "" is 10 s
}

const deadline = 12 * time.Second

// Where timing decides, or one of several answers is as good as another.
const (
	anyFailure = -1 - iota
	anything
)

// state is a folder with the client's certificate, made once, beside the binary.
var state = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(uapush), "state")
	if err != nil {
		return "", err
	}
	_, _, err = pki.LoadOrCreateIdentity(filepath.Join(dir, "identity"), pki.Application{ApplicationURI: "urn:test:client", DNSNames: []string{"localhost"}})
	return dir, err
})

func (h hostility) command(t *testing.T, s *server) order {
	t.Helper()
	made, err := state()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pw"), password+"\n")
	write(t, filepath.Join(dir, "manifest.yaml"), manifest)
	args := h.args
	if args == nil {
		args = []string{"config", "get"}
	}
	wait := h.wait
	if wait == "" {
		wait = "10s"
	}
	flags := h.flags
	if flags == nil {
		flags = []string{"--pin", "sha256:" + pki.Fingerprint(s.id.Leaf())}
	}
	args = append(append([]string{}, args...), s.url(),
		"--state", filepath.Join(dir, "state"), "--identity", filepath.Join(made, "identity"),
		"--user", user, "--password-file", filepath.Join(dir, "pw"),
		"--timeout", wait, "--deadline", deadline.String())
	return order{Args: append(args, flags...), Dir: dir, Env: []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// check runs uapush against the server and judges what must hold of every run.
func (h hostility) check(t *testing.T) {
	s := start(t, h.script)
	r := run(t, h.command(t, s))
	out, stderr := string(r.Out), string(r.Err)
	t.Logf("exit %d after %v, peak %d MiB\n%.2000s%.2000s", r.Exit, r.Took.Round(time.Millisecond), r.Peak>>20, out, stderr)
	if r.Killed || r.Took > deadline+8*time.Second {
		t.Errorf("took %v, the deadline is %v", r.Took, deadline)
	}
	if r.Exit != h.exit && !(h.exit == anyFailure && r.Exit > 0) && !(h.exit == anything && r.Exit >= 0) {
		t.Errorf("exit code: got %d, want %d", r.Exit, h.exit)
	}
	if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic:") {
		t.Error("panicked")
	}
	if r.Peak > mostMemory {
		t.Errorf("peak memory: got %d MiB, want at most %d", r.Peak>>20, mostMemory>>20)
	}
	if !strings.Contains(stderr, h.says) {
		t.Errorf("stderr does not say %q", h.says)
	}
	if !strings.Contains(out, h.shows) {
		t.Errorf("stdout does not show %q", h.shows)
	}
	if len(r.Err) > mostSentence {
		t.Errorf("%d bytes on stderr, want at most %d", len(r.Err), mostSentence)
	}
	if r.Exit != 0 && !strings.Contains(stderr, "uapush: ") {
		t.Error("no sentence on stderr")
	}
	if paints := painted(out + stderr); paints != "" {
		t.Errorf("control characters reach the terminal: %s", paints)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret && !h.trusts {
		t.Error("the password was sent")
	}
	if !s.secret && h.trusts && h.exit == 0 {
		t.Error("the password never arrived, so the test does not see passwords")
	}
	if strings.Contains(out+stderr, password) {
		t.Error("the password is printed")
	}
}

// painted lists characters that change what a terminal shows.
func painted(s string) string {
	var found []string
	for _, r := range s {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			if found = append(found, fmt.Sprintf("%U", r)); len(found) > 5 {
				break
			}
		}
	}
	return strings.Join(found, " ")
}

// places bounds how many run at the same time: their deadlines are real time.
var places = make(chan struct{}, 6)

func all(t *testing.T, cases []hostility) {
	for _, h := range cases {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-t.Context().Done():
				t.Fatal(context.Cause(t.Context()))
			}
			h.check(t)
		})
	}
}

const manifest = `apiVersion: uapush/v1
kind: Endpoint
endpoint:
  name: line-a
  port: 4843
  discoveryUrls: [opc.tcp://localhost:4843]
  endpointUrls:  [opc.tcp://localhost:4843]
  securitySettings: [encrypted]
  userTokens: [users]
securitySettings:
  - {name: encrypted, modes: [SignAndEncrypt], policies: [Basic256Sha256], certificateGroup: DefaultApplicationGroup}
userTokenSettings:
  - {name: users, type: UserName, policy: Basic256Sha256}
certificateGroups:
  - name: DefaultApplicationGroup
    purpose: ApplicationCertificate
    types: [RsaSha256]
    trust: {trusted: [self]}
`
