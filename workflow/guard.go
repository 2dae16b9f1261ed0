package workflow

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Guarded says who must still be able to administer the server after the update.
type Guarded struct {
	Token     config.TokenType
	Policies  []string // SecurityPolicyUris that this client supports
	Confirmed []string // names that override the guard; see plan.LockOutError
	// OneWay says that the Target comes by the endpoint of the session at hand
	// alone, which therefore has to stay: the confirmation goes through it.
	OneWay bool
}

// foresee judges the configuration that the plan leads to: what would stop working,
// and whether an endpoint remains that this operator can use (OPC 10000-12,
// 7.10.20). It refuses nothing, so that a plan can be looked at.
type foresee struct{}

func (foresee) Name() string { return "look at what would stop working" }

func (foresee) Skip(s *State) string {
	switch {
	case s.Guard == nil || s.Session.ServerIdentity().Application != "":
		return "it is not this server's endpoints that change"
	case !slices.ContainsFunc(s.Plan.Changes, func(c plan.Change) bool { return c.Before != nil }):
		return "nothing that exists is changed"
	}
	return ""
}

func (foresee) Run(ctx context.Context, s *State) error {
	f, err := s.foreseen(ctx)
	s.Foreseen = f
	return err
}

// Foreseen is what a plan would take away.
type Foreseen struct {
	Base    config.VersionTime // the version it was judged for
	Refusal error              // why guard refuses the plan, *plan.LockOutError or *SeveredError; nil where it does not
}

func (s *State) foreseen(ctx context.Context) (*Foreseen, error) {
	op, err := s.operator(ctx)
	if err != nil {
		return nil, err
	}
	stops, refusal := plan.LockOut(s.Base, s.Plan.Changes, op)
	for _, stop := range stops {
		s.note("afterwards: %s %s", stop.Name, stop.Why)
	}
	var locked *plan.LockOutError
	switch {
	case errors.As(refusal, &locked) && slices.Contains(s.Guard.Confirmed, locked.Name):
		s.note("%v; --confirm %s overrides this", refusal, locked.Name)
		refusal = nil
	case refusal == nil:
		refusal = s.severed()
	}
	return &Foreseen{Base: s.Base.Version, Refusal: refusal}, nil
}

// guard refuses what was foreseen, before anybody is asked to approve it.
type guard struct{}

func (guard) Name() string { return "guard against lock-out" }

func (guard) Skip(s *State) string {
	if s.updateSeen() {
		return "the server has the update already"
	}
	return foresee{}.Skip(s)
}

func (guard) Run(ctx context.Context, s *State) error {
	f := s.Foreseen
	if f == nil || f.Base != s.Base.Version { // a run that is gone on with, or a version that moved
		var err error
		if f, err = s.foreseen(ctx); err != nil {
			return err
		}
	}
	return f.Refusal
}

// severed looks for the endpoint of the session at hand where there is no other way.
// Without it nobody would confirm the update, and the server would take it back
// after an outage.
func (s *State) severed() error {
	if !s.Guard.OneWay {
		return nil
	}
	result, err := plan.Result(s.Base, s.Plan.Changes)
	if err != nil {
		return err
	}
	port := portOf(s.Session.ServerIdentity().EndpointURL)
	at := func(e config.ServerEndpoint) bool { return e.Port == port }
	i := slices.IndexFunc(s.Base.ServerEndpoints, at)
	if i < 0 || slices.ContainsFunc(result.ServerEndpoints, at) {
		return nil
	}
	e := &SeveredError{Name: s.Base.ServerEndpoints[i].Name}
	for _, r := range result.ServerEndpoints {
		e.Others = append(e.Others, r.EndpointURLs...)
	}
	return e
}

// operator reads what the guard has to know: TrustLists and certificates of the
// groups behind the endpoints that there are.
func (s *State) operator(ctx context.Context) (plan.Operator, error) {
	var groups []string
	for _, settings := range s.Base.SecuritySettings {
		if g := settings.CertificateGroupName; g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	o, err := s.Session.Observe(ctx, groups)
	if err != nil {
		return plan.Operator{}, err
	}
	id := s.Session.ServerIdentity()
	op := plan.Operator{
		Token: s.Guard.Token, Policies: s.Guard.Policies, Port: portOf(id.EndpointURL), ServerTypes: fittingTypes(id.Certificate),
	}
	find := func(name string) *GroupObservation {
		i := slices.IndexFunc(o.Groups, func(g GroupObservation) bool { return g.Name == name })
		if i < 0 {
			return nil
		}
		return &o.Groups[i]
	}
	op.Trusts = func(group string) plan.Answer { return s.trusts(find(group)) }
	op.Filled = func(group string, t config.NodeID) plan.Answer { return s.filled(group, t, find(group)) }
	return op, nil
}

// trusts says whether the TrustList of a group trusts this client's certificate.
func (s *State) trusts(g *GroupObservation) plan.Answer {
	if g == nil || len(s.Materials.Self) == 0 {
		return plan.Unknown
	}
	if len(s.Session.ServerIdentity().Certificate) > 0 && g.holds(s.Session.ServerIdentity().Certificate) {
		return plan.Yes // the session at hand came about through this group
	}
	if !g.Inspected {
		return plan.Unknown
	}
	if slices.ContainsFunc(g.TrustList.TrustedCertificates, func(der []byte) bool { return bytes.Equal(der, s.Materials.Self[0]) }) {
		return plan.Yes
	}
	policy := pki.Policy{Time: s.now()}
	for _, der := range g.TrustList.TrustedCertificates {
		if c, err := x509.ParseCertificate(der); err == nil {
			policy.Trusted = append(policy.Trusted, c)
		}
	}
	for _, der := range g.TrustList.IssuerCertificates {
		if c, err := x509.ParseCertificate(der); err == nil {
			policy.Issuers = append(policy.Issuers, c)
		}
	}
	for _, der := range slices.Concat(g.TrustList.TrustedCRLs, g.TrustList.IssuerCRLs) {
		if l, err := x509.ParseRevocationList(der); err == nil {
			policy.CRLs = append(policy.CRLs, l)
		}
	}
	if policy.Verify(s.Materials.Self) != nil {
		return plan.No
	}
	return plan.Yes
}

// holds says that a slot of the group has the certificate (DER).
func (g *GroupObservation) holds(certificate []byte) bool {
	for _, der := range g.Certificates {
		if bytes.Equal(der, certificate) {
			return true
		}
	}
	return false
}

func (s *State) filled(group string, t config.NodeID, g *GroupObservation) plan.Answer {
	if g != nil && g.CertificatesKnown {
		if len(g.Certificates[t]) > 0 {
			return plan.Yes
		}
		return plan.No
	}
	i := slices.IndexFunc(s.Base.CertificateGroups, func(r config.CertificateGroup) bool { return r.Name == group })
	if i < 0 {
		return plan.Unknown
	}
	r := s.Base.CertificateGroups[i]
	for k, kind := range r.CertificateTypes {
		if kind == t && k < len(r.CertificateAssigned) && r.CertificateAssigned[k] {
			return plan.Yes
		}
	}
	return plan.No
}

// fittingTypes are the CertificateTypes that a certificate would be valid for
// (OPC 10000-12, 7.8.4.5 and 7.8.4.6).
func fittingTypes(der []byte) []config.NodeID {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	var out []config.NodeID
	if bits := key.N.BitLen(); bits <= 2048 {
		out = append(out, config.TypeRsaMin)
	}
	if bits := key.N.BitLen(); bits >= 2048 {
		out = append(out, config.TypeRsaSha256)
	}
	return out
}

// portOf is 4840 where the URL leaves it out (OPC 10000-6, 7.2), and 0 where it is
// no URL.
func portOf(endpointURL string) uint16 {
	u, err := url.Parse(endpointURL)
	if err != nil || u.Host == "" {
		return 0
	}
	if u.Port() == "" {
		return 4840
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}
