package workflow

import (
	"context"
	"fmt"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow/upkeep"
)

// compute makes the plan (7.7.5, steps 3 to 7) and judges it by the server's
// limits, so that what cannot work is said before anything is sent.
type compute struct{}

func (compute) Name() string { return "compare" }

func (compute) Run(ctx context.Context, s *State) (err error) {
	if s.lists, err = s.wantedTrust(); err != nil {
		return err
	}
	p, err := s.remaining(ctx)
	if err != nil {
		return err
	}
	s.Plan = p
	return nil
}

// remaining is the plan that leads from what was last observed to what is desired.
func (s *State) remaining(_ context.Context) (plan.Plan, error) {
	want, err := s.want()
	if err != nil {
		return plan.Plan{}, err
	}
	p := plan.Plan{
		Schema: plan.Schema, Application: s.Session.ServerIdentity().Application,
		Server: s.planServer(), BaseVersion: s.Base.Version,
		Changes: plan.Compute(s.Base, want), Update: s.Desired.Update,
	}
	if s.Saved != nil {
		p.Update = s.Saved.Update
	}
	if err := plan.Check(want, p.Changes, s.Observation.Capabilities); err != nil {
		return plan.Plan{}, err
	}
	if p.TrustLists, err = s.trustLists(); err != nil {
		return plan.Plan{}, err
	}
	p.Certificates = plan.CertificateActions(s.desiredCertificates(), s.slots())
	p.Endpoints = s.endpointURLs()
	p.Summary = plan.Summarize(p.Changes)
	return p, nil
}

// want is the configuration that should be. A manifest is asked every time; what
// an edit or a saved plan leads to is known once it is uploaded.
func (s *State) want() (config.Application, error) {
	switch {
	case s.Expected != nil && (s.Edit != nil || s.Saved != nil):
		return *s.Expected, nil
	case s.Edit != nil:
		return s.Edit(s.Base)
	case s.Saved != nil:
		return s.Base, nil
	}
	return plan.Merge(s.Base, s.Desired, s.Observation.Capabilities.ApplicationType)
}

func (s *State) planServer() plan.Server {
	id := s.Session.ServerIdentity()
	return plan.Server{URL: s.ServerURL, ApplicationURI: id.ApplicationURI, CertificateSHA256: id.CertificateSHA256}
}

// endpointURLs are where the planned endpoint can be reached; a Client has none.
func (s *State) endpointURLs() []string {
	if s.Saved != nil {
		return s.Saved.Endpoints
	}
	if s.Observation.Capabilities.ApplicationType == config.ApplicationClient || s.Session.ServerIdentity().Application != "" {
		return nil
	}
	var urls []string
	for _, e := range s.Desired.Records.ServerEndpoints {
		urls = append(urls, e.EndpointURLs...)
	}
	return urls
}

func (s *State) desiredCertificates() []config.DesiredCertificate {
	if s.Saved == nil {
		return s.Desired.Certificates
	}
	var out []config.DesiredCertificate
	for _, c := range s.Saved.Certificates {
		out = append(out, config.DesiredCertificate{
			Group: c.Group, Type: c.Type, Subject: c.Subject, DNSNames: c.DNSNames, IPAddresses: c.IPAddresses, Validity: c.Validity,
		})
	}
	return out
}

// slots tells what is known of the certificates of the groups that exist.
func (s *State) slots() []plan.CertificateSlots {
	var out []plan.CertificateSlots
	for _, g := range s.Base.CertificateGroups {
		known := plan.CertificateSlots{Group: g.Name, Types: g.CertificateTypes}
		for i, t := range g.CertificateTypes {
			if i < len(g.CertificateAssigned) && g.CertificateAssigned[i] {
				known.Assigned = append(known.Assigned, t)
			}
		}
		if o := s.group(g.Name); o != nil && o.CertificatesKnown {
			known.Assigned, known.Certificates = nil, o.Certificates // GetCertificates says it best
		}
		out = append(out, known)
	}
	return out
}

// trustLists works out what the TrustLists lack.
func (s *State) trustLists() ([]plan.TrustListAction, error) {
	var have []plan.TrustList
	for _, g := range s.Observation.Groups {
		have = append(have, content(g))
	}
	wanted := s.lists
	if s.Saved != nil {
		wanted = s.Saved.TrustLists
	}
	actions := plan.TrustListActions(wanted, have)
	return actions, s.checkSizes(actions)
}

// checkSizes refuses what MaxTrustListSize forbids before anything is written, or
// a certificate is issued that could not be used.
func (s *State) checkSizes(actions []plan.TrustListAction) error {
	limit := s.Observation.MaxTrustListSize
	for _, a := range actions {
		var have plan.TrustList
		if g := s.group(a.Group); g != nil {
			have = content(*g)
		}
		if size := upkeep.Size(plan.Extend(have, a)); limit > 0 && size > int(limit) {
			return &upkeep.SizeError{Group: a.Group, Size: size, Limit: int(limit)}
		}
	}
	return nil
}

func content(g GroupObservation) plan.TrustList {
	t := g.TrustList
	return plan.TrustList{
		Group: g.Name, Trusted: t.TrustedCertificates, TrustedCRLs: t.TrustedCRLs, Issuers: t.IssuerCertificates, IssuerCRLs: t.IssuerCRLs,
	}
}

func (s *State) wantedTrust() ([]plan.TrustListAction, error) {
	var out []plan.TrustListAction
	for _, d := range s.Desired.TrustLists {
		a := plan.TrustListAction{Group: d.Group}
		for _, part := range []struct {
			sources []string
			resolve func(string) ([]plan.Material, error)
			into    *[]plan.Material
		}{
			{d.Trusted, s.Materials.certificates, &a.Trusted},
			{d.Issuers, s.Materials.certificates, &a.Issuers},
			{d.CRLs, s.Materials.crls, &a.CRLs},
		} {
			for _, source := range part.sources {
				found, err := part.resolve(source)
				if err != nil {
					return nil, fmt.Errorf("trust list of %s: %w", d.Group, err)
				}
				*part.into = append(*part.into, found...)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// match holds a saved plan against the server as it is now.
type match struct{}

func (match) Name() string { return "match the plan" }

func (match) Run(_ context.Context, s *State) error {
	now, then := s.planServer(), s.Saved.Server
	for _, c := range []struct{ what, planned, found string }{
		{"the server's ApplicationUri", then.ApplicationURI, now.ApplicationURI},
		{"the server's certificate", then.CertificateSHA256, now.CertificateSHA256},
		{"the managed application", string(s.Saved.Application), string(s.Session.ServerIdentity().Application)},
		{"the configuration version", s.Saved.BaseVersion.String(), s.Base.Version.String()},
	} {
		if c.planned != c.found {
			return &StaleError{What: c.what, Planned: c.planned, Found: c.found}
		}
	}
	s.Plan = *s.Saved
	return nil
}
