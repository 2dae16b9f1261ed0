package workflow

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// verify opens a Session through the new endpoint and demands the certificate
// that was issued for it.
type verify struct{}

func (verify) Name() string { return "verify the endpoint" }

func (verify) Skip(s *State) string {
	switch {
	case s.Plan.Empty() && len(s.Issued) == 0:
		return "nothing was changed"
	case len(s.Plan.Endpoints) == 0:
		return "the plan names no endpoint that this client could use"
	case len(s.Issued) == 0:
		return "no certificate was issued, so there is none to expect"
	}
	return ""
}

func (verify) Run(ctx context.Context, s *State) error {
	usable, others := s.byUse()
	if len(others) > 0 {
		held, err := s.holding(ctx, others)
		if err != nil {
			return err
		}
		s.Held = held
	}
	if len(usable) == 0 {
		return nil
	}
	deadline := s.now().Add(s.reconnectWithin())
	var probe Probe
	err := s.retry(ctx, deadline, "the endpoint to open", func() error {
		var err error
		if probe, err = s.probeAny(ctx, usable); err != nil && ClassOf(err) != ClassNetwork {
			return backoff.Permanent(err)
		}
		return err
	})
	if err != nil {
		return &VerifyError{What: "the new endpoint does not work", Err: err}
	}
	s.Probed = &probe
	s.note("a session through %s with %s, certificate %.16s…, server time %s",
		probe.EndpointURL, policyName(probe.SecurityPolicyURI), probe.CertificateSHA256, probe.ServerTime.UTC().Format("15:04:05"))
	return nil
}

// probeAny tries every pair of endpoint URL and issued certificate until one works.
func (s *State) probeAny(ctx context.Context, slots []slot) (Probe, error) {
	var errs []error
	for _, k := range slots {
		chain := s.Issued[k]
		for _, url := range s.Plan.Endpoints {
			p, err := s.Target.Probe(ctx, url, chain[0])
			if err == nil {
				return p, nil
			}
			errs = append(errs, fmt.Errorf("%s: %w", url, err))
		}
	}
	return Probe{}, errors.Join(errs...)
}

// byUse tells the certificates apart that a channel of this program can use, which
// are RSA, from those on curves.
func (s *State) byUse() (usable, others []slot) {
	for _, k := range s.slotsIssued() {
		cert, err := x509.ParseCertificate(s.Issued[k][0])
		if err == nil && cert.PublicKeyAlgorithm != x509.RSA {
			others = append(others, k)
			continue
		}
		usable = append(usable, k)
	}
	return usable, others
}

// holding demands that slots hold what was issued, where no Session can show it. The
// issuer certified the key of the server's request, and the server, which was sent no
// key, took the certificate: the two agree (OPC 10000-12, 7.10.5).
func (s *State) holding(ctx context.Context, slots []slot) ([]HeldSlot, error) {
	if err := s.lookAgain(ctx); err != nil {
		return nil, err
	}
	var held []HeldSlot
	for _, k := range slots {
		name := config.CertificateTypeName(k.typ) + " of " + k.group
		g := s.group(k.group)
		if g == nil || !g.CertificatesKnown {
			s.note("%s: the server took the certificate, and does not tell what the slot holds", name)
			continue
		}
		if !bytes.Equal(g.Certificates[k.typ], s.Issued[k][0]) {
			return nil, &VerifyError{What: "the slot " + name + " has another certificate than the one that was issued for it"}
		}
		held = append(held, HeldSlot{Group: k.group, Type: k.typ})
	}
	return held, nil
}

// slotsIssued has an order, which maps lack.
func (s *State) slotsIssued() []slot {
	return slices.SortedFunc(maps.Keys(s.Issued), func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.typ, b.typ))
	})
}

// recheck plans again: nothing may be left to do.
type recheck struct{}

func (recheck) Name() string { return "plan again" }

func (recheck) Skip(s *State) string {
	if s.Plan.Empty() {
		return "nothing was changed"
	}
	return ""
}

func (recheck) Run(ctx context.Context, s *State) error {
	if s.replacedOwn() {
		s.disconnect(ctx) // only a new Session shows the certificate that the server has now
	}
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	left, err := s.remaining(ctx)
	if err != nil {
		return err
	}
	s.Remaining, s.VersionAfter = &left, s.Observation.CurrentVersion
	if !left.Empty() {
		return &VerifyError{What: "the server accepted the plan, and yet it does not show what was asked for: " + summary(left)}
	}
	return nil
}

// replacedOwn says that the certificate of the Session at hand went out of its slot.
func (s *State) replacedOwn() bool {
	for k := range s.slotsFilled {
		g, chain := s.group(k.group), s.Issued[k]
		if g == nil || len(chain) == 0 {
			continue
		}
		old := g.Certificates[k.typ]
		if !bytes.Equal(old, chain[0]) && pki.Fingerprint(old) == s.Reached.CertificateSHA256 {
			return true
		}
	}
	return false
}

// lookAgain observes over the Session at hand, or a new one where the server has
// cut it: after ApplyChanges both is right (OPC 10000-12, 7.10.9).
func (s *State) lookAgain(ctx context.Context) error {
	if s.Session != nil {
		err := s.look(ctx)
		if err == nil || ClassOf(err) != ClassNetwork {
			return err
		}
	}
	if err := s.reopen(ctx, s.now().Add(s.reconnectWithin())); err != nil {
		return err
	}
	return s.look(ctx)
}

func summary(p plan.Plan) string {
	return fmt.Sprintf("%d records to insert, %d to replace, %d to delete, %d trust lists and %d certificates are still missing",
		p.Summary.Insert, p.Summary.Replace, p.Summary.Delete, len(p.TrustLists), len(p.Certificates))
}
