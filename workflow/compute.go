package workflow

import (
	"cmp"
	"context"
	"fmt"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

// compute makes the plan (7.7.5, steps 3 to 7) and judges it by the server's
// limits, so that what cannot work is said before anything is sent.
type compute struct{}

func (compute) Name() string { return "compare" }

func (compute) Run(ctx context.Context, s *State) (err error) {
	s.bound = plan.Bind(s.Base, s.Desired)
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
	for _, c := range p.Certificates {
		if err := upkeep.CanMake(c.Type); err != nil {
			return plan.Plan{}, fmt.Errorf("certificate of %s: %w", c.Group, err)
		}
	}
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
	return plan.Merge(s.Base, s.bound, s.Observation.Capabilities.ApplicationType)
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
			known.Unfit = s.unfit(*o)
		}
		out = append(out, known)
	}
	return out
}

// unfit says which certificates of a group serve no longer. What merely comes to
// its end is left to cert renew: applying a manifest twice changes nothing.
func (s *State) unfit(g GroupObservation) map[config.NodeID]string {
	list := content(g)
	judge := upkeep.Criteria{ApplicationURI: s.applicationURI(), Now: s.now()}
	if g.Inspected {
		judge.Trust = &list
	}
	for _, wanted := range s.lists { // its CRLs may be newer than those of the server
		for _, crl := range wanted.CRLs {
			judge.CRLs = append(judge.CRLs, crl.DER)
		}
	}
	out := map[config.NodeID]string{}
	for typ, der := range g.Certificates {
		if why := s.insists(g, typ); why != "" {
			out[typ] = why
		}
		for _, n := range upkeep.Needs(der, judge) {
			switch n.Reason {
			case upkeep.Expired, upkeep.Revoked, upkeep.WrongApplicationURI:
				out[typ] = n.Text
			}
		}
	}
	return out
}

// insists gives the reason for another certificate that the one in the slot does
// not show: what Insist says, or a saved plan that was made to replace this very one.
func (s *State) insists(g GroupObservation, typ config.NodeID) string {
	if s.slotsFilled[slot{g.Name, typ}] != 0 {
		return ""
	}
	if s.Saved != nil {
		found := pki.Fingerprint(g.Certificates[typ])
		for _, c := range s.Saved.Certificates {
			if c.Group == g.Name && c.Type == typ && c.Replaces == found {
				return c.Reason
			}
		}
	}
	if s.Insist == nil {
		return ""
	}
	return s.Insist(g.Name, typ)
}

// applicationURI is that of the application whose configuration was read.
func (s *State) applicationURI() string {
	return cmp.Or(s.Base.Identity.ApplicationURI, s.Observation.ApplicationURI)
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
		if err := s.Materials.resolve(d, &a); err != nil {
			return nil, fmt.Errorf("trust list of %s: %w", d.Group, err)
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
	known := s.slots()
	for _, c := range s.Saved.Certificates {
		if found := plan.FoundIn(known, c.Group, c.Type); found != c.Replaces {
			what := "the certificate " + config.CertificateTypeName(c.Type) + " of " + c.Group
			return &StaleError{What: what, Planned: cmp.Or(c.Replaces, "none"), Found: cmp.Or(found, "none")}
		}
	}
	s.Plan = *s.Saved
	return nil
}
