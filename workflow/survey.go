package workflow

import (
	"context"
	"errors"
	"slices"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

var errNoRoles = errors.New("this kind of session has no certificate management")

// survey reads the groups, and of them what the run depends on.
type survey struct{}

func (survey) Name() string { return "read the groups" }

func (survey) Run(ctx context.Context, s *State) error {
	o, in, err := s.situation(ctx)
	if err != nil {
		return err
	}
	s.Observation, s.Situation = o, in
	if session, err := s.certificates(); err == nil {
		s.Endpoints = session.Endpoints()
	}
	return nil
}

// partsOf says what to read of a group: what Decide depends on, or, of a run that
// goes on, what its Work changes.
func (s *State) partsOf(g upkeep.Group) Parts {
	if s.Reads != nil {
		return s.Reads(g)
	}
	w := s.Promised()
	switch {
	case slices.ContainsFunc(w.Certificates, func(c upkeep.SlotChange) bool { return c.Group == g.Name }):
		return PartTrustList | PartCertificates
	case slices.ContainsFunc(w.TrustLists, func(l upkeep.ListChange) bool { return l.Group == g.Name }):
		return PartTrustList
	}
	return 0
}

// situation surveys over the Session at hand.
func (s *State) situation(ctx context.Context) (Observation, upkeep.Situation, error) {
	session, err := s.certificates()
	if err != nil {
		return Observation{}, upkeep.Situation{}, err
	}
	o, err := session.Survey(ctx, func(g GroupObservation) Parts { return s.partsOf(groupOf(g)) })
	if err != nil {
		return Observation{}, upkeep.Situation{}, err
	}
	id := session.ServerIdentity()
	in := upkeep.Situation{
		Server: s.planServer(), Application: id.Application, ApplicationURI: o.ApplicationURI,
		IsServer:         o.Capabilities.ApplicationType != config.ApplicationClient,
		MaxTrustListSize: o.MaxTrustListSize, KeyFormats: o.PrivateKeyFormats, Self: s.Materials.Self, Now: s.now(),
	}
	for _, g := range o.Groups {
		in.Groups = append(in.Groups, groupOf(g))
	}
	if id.Application == "" {
		inferSlots(in.Groups, session.Endpoints())
	}
	return o, in, nil
}

func groupOf(g GroupObservation) upkeep.Group {
	return upkeep.Group{
		Name: g.Name, Purpose: g.Purpose, Types: g.Types,
		Trust: content(g), TrustRead: g.Inspected, Unread: g.TrustListError, Updated: g.TrustListUpdated,
		Certificates: g.Certificates, Complete: g.CertificatesKnown,
		Rejected: g.Rejected, RejectedKnown: g.RejectedKnown,
	}
}

// inferSlots fills in, for servers without GetCertificates, what the endpoints
// show. That is possible where one group alone can be meant.
func inferSlots(groups []upkeep.Group, endpoints []EndpointCertificate) {
	var only *upkeep.Group
	for i := range groups {
		if !groups[i].ForApplications() {
			continue
		}
		if only != nil || groups[i].Complete {
			return
		}
		only = &groups[i]
	}
	if only == nil {
		return
	}
	only.Certificates = map[config.NodeID][]byte{}
	for _, e := range endpoints {
		if t, ok := typeShown(e, only.Types); ok {
			only.Certificates[t] = e.Certificate
		}
	}
}

// typeShown says which of the types of a group the certificate of an endpoint is of.
// Where the group has RsaMin beside others, it is that of the old policies alone (OPC
// 10000-12, 7.8.4), which open62541 may have with another certificate.
func typeShown(e EndpointCertificate, types []config.NodeID) (config.NodeID, bool) {
	cert, err := pki.ReadCertificate(e.Certificate)
	if err != nil || !e.Secured() {
		return "", false
	}
	old := config.PolicyName(e.SecurityPolicyURI) == "Basic256" || config.PolicyName(e.SecurityPolicyURI) == "Basic128Rsa15"
	i := slices.IndexFunc(types, func(t config.NodeID) bool { return old == (t == config.TypeRsaMin) && upkeep.Fits(cert, t) })
	if i < 0 {
		i = slices.IndexFunc(types, func(t config.NodeID) bool { return upkeep.Fits(cert, t) })
	}
	if i < 0 {
		return "", false
	}
	return types[i], true
}

// decide turns what was read into Work, and checks what can be checked before
// anything is sent.
type decide struct{}

func (decide) Name() string { return "decide" }

func (decide) Run(_ context.Context, s *State) error {
	w, err := s.Decide(s.Situation)
	if err != nil {
		return err
	}
	for _, n := range w.Notes {
		s.note("%s", n)
	}
	s.Work = w
	return nil
}

// consent shows the Work to whoever has to agree.
type consent struct{}

func (consent) Name() string { return "approve" }

func (consent) Skip(s *State) string {
	if s.Work.Empty() {
		return "there is nothing to do"
	}
	return ""
}

func (consent) Run(ctx context.Context, s *State) error {
	record, err := upkeep.Recorded(s.Work)
	if err != nil {
		return err
	}
	if s.Consent != nil { // else approved beforehand
		if err := s.Consent(ctx, s.Work); err != nil {
			return err
		}
	}
	return s.record(Fact{Work: record}, "")
}

// written turns a list into the partial update that was decided on.
func written(c upkeep.ListChange) TrustList {
	return TrustList{
		Lists: TrustListMask(c.Mask), TrustedCertificates: masked(c.After.Trusted, c.Mask&1), TrustedCRLs: masked(c.After.TrustedCRLs, c.Mask&2),
		IssuerCertificates: masked(c.After.Issuers, c.Mask&4), IssuerCRLs: masked(c.After.IssuerCRLs, c.Mask&8),
	}
}

func masked(ders [][]byte, bit uint32) [][]byte {
	if bit == 0 {
		return nil
	}
	return ders
}

// groupIn finds a group of a Situation.
func groupIn(in upkeep.Situation, name string) upkeep.Group {
	i := slices.IndexFunc(in.Groups, func(g upkeep.Group) bool { return g.Name == name })
	if i < 0 {
		return upkeep.Group{Trust: plan.TrustList{Group: name}}
	}
	return in.Groups[i]
}
