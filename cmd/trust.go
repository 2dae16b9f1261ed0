package cmd

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"time"

	"github.com/uapush/uapush/pki"
)

// judge decides on a server's certificate, before anything secret is sent. An
// explicit pin decides alone; then what was pinned earlier; then the trust list.
type judge struct {
	server          string // what pins go by
	trusted         []*x509.Certificate
	crls            []*x509.RevocationList
	pin             string
	trustOnFirstUse bool
	pins            *pki.Pins
	tell            func(format string, args ...any)
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
			return nil, usage("write it as sha256: and 64 hexadecimal digits", "--pin: %w", err)
		}
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
	policy := pki.Policy{Trusted: j.trusted, CRLs: j.crls, Pin: j.pin, Host: host, ApplicationURI: applicationURI}
	if policy.Pin == "" && len(chain) > 0 {
		found, err := j.pins.Check(j.server, chain[0])
		switch {
		case found && err == nil:
			policy.Pin = pki.Fingerprint(chain[0])
		case err != nil && len(j.trusted) == 0:
			return err // another certificate than the pinned one, and nothing else vouches for it
		case err == nil && len(j.trusted) == 0 && j.trustOnFirstUse:
			return j.firstUse(policy, chain, applicationURI)
		}
	}
	return policy.Verify(chain)
}

// firstUse accepts a certificate that nothing vouches for, once, when it is
// right in every other respect.
func (j *judge) firstUse(policy pki.Policy, chain [][]byte, applicationURI string) error {
	policy.Pin = pki.Fingerprint(chain[0])
	if err := policy.Verify(chain); err != nil {
		return err
	}
	if _, err := j.pins.Add(context.Background(), j.server, applicationURI, chain[0]); err != nil {
		return err
	}
	j.tell("trusting %s on first use; pinned its certificate, SHA-256 %s", j.server, policy.Pin)
	return nil
}
