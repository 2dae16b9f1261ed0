package workflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"github.com/uapush/uapush/config/plan"
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
	deadline := s.now().Add(s.reconnectWithin())
	var probe Probe
	err := s.retry(ctx, deadline, "the endpoint to open", func() error {
		var err error
		if probe, err = s.probeAny(ctx); err != nil && ClassOf(err) != ClassNetwork {
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
func (s *State) probeAny(ctx context.Context) (Probe, error) {
	var errs []error
	for _, k := range s.slotsIssued() {
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
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	left, err := s.remaining(ctx)
	if err != nil {
		return err
	}
	s.Remaining, s.VersionAfter = &left, s.Observation.CurrentVersion
	s.rejoined()
	if !left.Empty() {
		return &VerifyError{What: "the server accepted the plan, and yet it does not show what was asked for: " + summary(left)}
	}
	return nil
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
