package cmd

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

// judge decides on a server's certificate, before anything secret is sent. An
// explicit pin decides alone; then what was pinned earlier, where it is still
// shown; then the trust list.
type judge struct {
	server          string // what pins go by
	trusted         []*x509.Certificate
	crls            []*x509.RevocationList
	pin             string
	trustOnFirstUse bool
	pins            *pki.Pins
	tell            func(format string, args ...any)
	accepted        [][]byte // leaves that this run gave the server, DER
	overruled       string   // the fingerprint that vouched has told of
	suppress        []pki.Rule

	mu         sync.Mutex
	suppressed map[string]bool // what was told of suppressed rules
	// after is what follows from certificates that were accepted, by fingerprint,
	// once a server has proven that one is its own.
	after map[string]func() error
}

func (a *app) newJudge(f *connectionFlags, server string) (*judge, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	j := &judge{
		server: server, trustOnFirstUse: f.tofu, tell: a.progress().Line,
		pins: pki.NewPins(filepath.Join(state, "pins.json"), time.Now),
	}
	if f.pin != "" {
		if j.pin, err = pki.ParsePin(f.pin); err != nil {
			return nil, usage("write sha256: and the 64 hexadecimal digits of the certificate's SHA-256", "--pin cannot be %q", f.pin)
		}
	}
	for _, word := range f.suppress {
		if !slices.Contains(pki.Suppressible(), pki.Rule(word)) {
			return nil, usage("one of "+rules(pki.Suppressible())+"; nothing else can be", "--suppress cannot be %q", word)
		}
		j.suppress = append(j.suppress, pki.Rule(word))
	}
	for _, path := range f.trust {
		bundle, err := pki.LoadBundle(path)
		if err != nil {
			return nil, err
		}
		j.trusted = append(j.trusted, bundle.Certificates...)
		j.crls = append(j.crls, bundle.CRLs...)
	}
	return j, nil
}

// judge has the shape that push asks for.
func (j *judge) judge(chain [][]byte, host, applicationURI string) error {
	policy := pki.Policy{
		Trusted: j.trusted, CRLs: j.crls, Pin: j.pin, Host: host, ApplicationURI: applicationURI,
		Suppress: j.suppress, Suppressed: j.tellSuppressed,
	}
	if len(chain) > 0 && slices.ContainsFunc(j.accepted, func(der []byte) bool { return bytes.Equal(der, chain[0]) }) {
		policy.Pin = pki.Fingerprint(chain[0])
	}
	if policy.Pin != "" || len(chain) == 0 {
		return policy.Verify(chain)
	}
	var after func() error
	found, err := j.pins.Check(j.server, chain[0])
	var other *pki.PinMismatchError
	switch {
	case errors.As(err, &other) && len(j.trusted) > 0:
		after = func() error { return j.vouched(other) }
	case err != nil:
		return err // another certificate than the pinned one, or pins that cannot be read
	case found:
		policy.Pin = pki.Fingerprint(chain[0])
	case len(j.trusted) == 0 && j.trustOnFirstUse:
		policy.Pin, policy.Suppress = pki.Fingerprint(chain[0]), nil // it has to be right in every other respect
		after = func() error { return j.firstUse(chain[0], applicationURI) }
	}
	if err := policy.Verify(chain); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.after == nil {
		j.after = map[string]func() error{}
	}
	j.after[pki.Fingerprint(chain[0])] = after
	return nil
}

// tellSuppressed tells once what the operator lets pass.
func (j *judge) tellSuppressed(e *pki.CertificateError) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if text := e.Error(); !j.suppressed[text] {
		if j.suppressed == nil {
			j.suppressed = map[string]bool{}
		}
		j.suppressed[text] = true
		j.tell("suppressed: %s", text)
	}
}

func rules(all []pki.Rule) string {
	var words []string
	for _, r := range all {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

// proven is told by push that the server holds the key of a certificate that was
// accepted: before that, anybody can show it, and nothing is pinned.
func (j *judge) proven(leaf []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	fingerprint := pki.Fingerprint(leaf)
	after := j.after[fingerprint]
	delete(j.after, fingerprint)
	if after == nil {
		return nil
	}
	return after()
}

// firstUse pins a certificate that nothing vouches for.
func (j *judge) firstUse(leaf []byte, applicationURI string) error {
	pin, err := j.pins.Add(context.Background(), j.server, applicationURI, leaf)
	if err != nil {
		return err
	}
	j.tell("trusting %s on first use; pinned its certificate, SHA-256 %s", j.server, pin.SHA256)
	return nil
}

// vouched says that the trust list has overruled an earlier pin, once for each
// certificate that it does so for.
func (j *judge) vouched(other *pki.PinMismatchError) error {
	if j.overruled != other.Seen {
		j.overruled = other.Seen
		j.tell("%v; it is accepted because --trust vouches for it", other)
	}
	return nil
}

// accept takes a certificate (DER) that this run gives the server: it may show it
// from then on, whatever was pinned.
func (j *judge) accept(der []byte) { j.accepted = append(j.accepted, bytes.Clone(der)) }

// repin replaces a pin of earlier by the certificate, of that SHA-256, that this
// run gave the server and that a new Session has seen. Without a pin none is made.
func (j *judge) repin(ctx context.Context, applicationURI, sha256 string) error {
	i := slices.IndexFunc(j.accepted, func(der []byte) bool { return pki.Fingerprint(der) == sha256 })
	if i < 0 {
		return nil
	}
	if j.pin != "" && j.pin != sha256 {
		j.tell("the pin that was given (--pin, or the inventory's) is that of the old certificate; the new one is sha256:%s", sha256)
	}
	pin, found, err := j.pins.Lookup(j.server)
	if err != nil || !found || pin.SHA256 == sha256 {
		return err
	}
	if err := j.pins.Replace(ctx, j.server, applicationURI, j.accepted[i]); err != nil {
		return err
	}
	j.tell("pinned the new certificate of %s, SHA-256 %s", j.server, sha256)
	return nil
}

// repinned pins the certificate that a run gave the server's endpoint, also where
// the run failed after that. It returns the error of the run, or its own.
func (c *connection) repinned(ctx context.Context, s *workflow.State, runErr error) error {
	if s.Reached.URL != c.url { // at another endpoint, which has pins of its own
		return runErr
	}
	if err := c.judge.repin(context.WithoutCancel(ctx), s.Reached.ApplicationURI, s.Reached.CertificateSHA256); runErr == nil {
		return err
	}
	return runErr
}
