package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
)

// Answer is what is known of something that a server may not let us see.
type Answer int

// The answers. The zero value claims nothing.
const (
	Unknown Answer = iota
	Yes
	No
)

// Operator is what the session at hand shows of who is about to change a server:
// what must still work afterwards.
type Operator struct {
	Token    config.TokenType
	Policies []string // SecurityPolicyUris that this client supports
	// Port is where the session's endpoint listens; 0 where that is not known.
	Port uint16
	// ServerTypes are the CertificateTypes that the session's server certificate
	// would fit (OPC 10000-12, 7.8.4).
	ServerTypes []config.NodeID
	// Trusts says whether the TrustList of a group trusts this client, and Filled
	// whether a slot holds a certificate. Both speak of the server as it is: an
	// update does not touch TrustLists and slots. nil knows nothing.
	Trusts func(group string) Answer
	Filled func(group string, t config.NodeID) Answer

	networks []string // beside "", which is all: those that this client is known to reach
}

// Stop is something that works now and will not after the update.
type Stop struct {
	List config.List `json:"list"`
	Name string      `json:"name"`
	Why  string      `json:"why"`
}

// LockOutError says that an update would leave no endpoint through which this
// operator can administer the server (OPC 10000-12, 7.10.19, and the promise of
// uapush beyond it).
type LockOutError struct {
	Name  string   // what --confirm has to name
	Why   []string // what is wrong with each endpoint that remains
	Stops []Stop
}

func (e *LockOutError) Error() string {
	text := "after this update nobody could administer the server in the way that this session does"
	if len(e.Why) > 0 {
		text += ": " + strings.Join(e.Why, "; ")
	}
	return text
}

// Hint names the flag that overrides the guard.
func (e *LockOutError) Hint() string {
	return "keep an endpoint with SignAndEncrypt that this user and this client can use; where locking them out is meant, say --confirm " + e.Name
}

// LockOut judges the configuration that changes make of base, before it is sent.
// It lists what would stop working; the error is a *LockOutError when no endpoint
// with SignAndEncrypt remains whose group trusts this client, has a certificate
// and a slot for the one that the server shows now, and that takes this kind of
// user. What only adds records takes nothing away from the session at hand, and
// is let through without knowing more.
func LockOut(base config.Application, changes []Change, op Operator) ([]Stop, error) {
	if !slices.ContainsFunc(changes, func(c Change) bool { return c.Before != nil }) {
		return nil, nil
	}
	result, err := Result(base, changes)
	if err != nil {
		return nil, err
	}
	op.networks = op.networksIn(base, base)
	now := op.examine(base)
	op.networks = op.networksIn(base, result)
	then := op.examine(result)
	stops := append(deleted(changes), stopped(now, then)...)
	stops = append(stops, withoutTrust(base, result)...)
	name := subject(base, now, op.Port)
	if slices.ContainsFunc(then, func(e examined) bool { return e.obstacle == "" }) {
		return stops, nil
	}
	if op.untouched(base, result, now) {
		return stops, nil
	}
	e := &LockOutError{Name: name, Stops: stops}
	for _, s := range deleted(changes) {
		if s.List == config.ServerEndpointList {
			e.Why = append(e.Why, fmt.Sprintf("%s is deleted", s.Name))
		}
	}
	for _, x := range then {
		e.Why = append(e.Why, fmt.Sprintf("%s %s", x.endpoint.Name, x.obstacle))
	}
	return stops, e
}

// examined is an endpoint and why the operator cannot use it; "" where he can.
type examined struct {
	endpoint config.ServerEndpoint
	obstacle string
}

func (op Operator) examine(a config.Application) []examined {
	var out []examined
	for _, e := range a.ServerEndpoints {
		out = append(out, examined{e, op.obstacle(a, e)})
	}
	return out
}

// networksIn are the NetworkNames at which the session may have come in, of
// endpoints at its port or, behind a forwarded port, of all. Where there are
// several, only one of them is the session's, and all have to be in result.
func (op Operator) networksIn(base, result config.Application) []string {
	at := func(e config.ServerEndpoint) bool { return e.Port == op.Port }
	found := slices.Clone(base.ServerEndpoints)
	if slices.ContainsFunc(found, at) {
		found = slices.DeleteFunc(found, func(e config.ServerEndpoint) bool { return !at(e) })
	}
	var networks []string
	complete := true
	for _, e := range found {
		networks = append(networks, e.NetworkName)
		complete = complete && slices.ContainsFunc(result.ServerEndpoints, func(r config.ServerEndpoint) bool { return sameAddress(r.Endpoint, e.Endpoint) })
	}
	if networks = set(networks); len(networks) > 1 && !complete {
		return nil
	}
	return networks
}

// obstacle gives the reason that comes closest to working.
func (op Operator) obstacle(a config.Application, e config.ServerEndpoint) string {
	if e.TransportProfileURI != "" && e.TransportProfileURI != config.TransportUATCP {
		return "speaks another transport than opc.tcp"
	}
	if e.NetworkName != "" && !slices.Contains(op.networks, e.NetworkName) {
		return fmt.Sprintf("listens on the network %q alone, of which it is not known whether this client reaches it", e.NetworkName)
	}
	takes := func(u config.UserTokenSettings) bool {
		return u.TokenType == op.Token && op.protects(u) && slices.Contains(e.UserTokenSettingNames, u.Name)
	}
	if !slices.ContainsFunc(a.UserTokenSettings, takes) {
		return fmt.Sprintf("takes no %s token, which this user has", op.Token)
	}
	why := "has no security settings with SignAndEncrypt and a policy of this client"
	for _, s := range a.SecuritySettings {
		supported := slices.ContainsFunc(s.SecurityPolicyURIs, func(p string) bool { return slices.Contains(op.Policies, p) })
		if !slices.Contains(e.SecuritySettingNames, s.Name) || !slices.Contains(s.SecurityModes, config.ModeSignAndEncrypt) || !supported {
			continue
		}
		if why = op.groupObstacle(a, s.CertificateGroupName); why == "" {
			return ""
		}
	}
	return why
}

// protects says that this client can protect a token as asked: with a policy that it
// supports, or the channel's; an anonymous one has no secret, and for a password the
// encrypted channel is enough.
func (op Operator) protects(u config.UserTokenSettings) bool {
	policy := u.SecurityPolicyURI
	return policy == "" || u.TokenType == config.TokenAnonymous || slices.Contains(op.Policies, policy) ||
		policy == config.PolicyNone && u.TokenType == config.TokenUserName
}

// groupObstacle judges a group for the policies with RSA keys, which are all that
// this client supports.
func (op Operator) groupObstacle(a config.Application, name string) string {
	i := slices.IndexFunc(a.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == name })
	if i < 0 {
		return fmt.Sprintf("uses the certificate group %q, which there is not", name)
	}
	g := a.CertificateGroups[i]
	fits := func(t config.NodeID) bool { return slices.Contains(op.ServerTypes, t) }
	switch {
	case !slices.ContainsFunc(g.CertificateTypes, fits):
		return fmt.Sprintf("uses the group %s, which has no slot for the certificate that the server shows now", name)
	case !slices.ContainsFunc(g.CertificateTypes, func(t config.NodeID) bool { return fits(t) && op.filled(name, t) == Yes }):
		return fmt.Sprintf("uses the group %s, which has no certificate as far as is known", name)
	case op.trusts(name) == No:
		return fmt.Sprintf("uses the group %s, which does not trust this client", name)
	case op.trusts(name) == Unknown:
		return fmt.Sprintf("uses the group %s, of which it is not known whether it trusts this client", name)
	}
	return ""
}

func (op Operator) trusts(group string) Answer {
	if op.Trusts == nil {
		return Unknown
	}
	return op.Trusts(group)
}

func (op Operator) filled(group string, t config.NodeID) Answer {
	if op.Filled == nil {
		return Unknown
	}
	return op.Filled(group, t)
}

// untouched helps where too little is known of a server to call any endpoint
// usable: the session proves that the one at its port is, so it still is when
// nothing that it is made of changes.
func (op Operator) untouched(base, result config.Application, now []examined) bool {
	if op.Port == 0 || slices.ContainsFunc(now, func(e examined) bool { return e.obstacle == "" }) {
		return false
	}
	at := func(e config.ServerEndpoint) bool { return e.Port == op.Port }
	was, is := slices.IndexFunc(base.ServerEndpoints, at), slices.IndexFunc(result.ServerEndpoints, at)
	if was < 0 || is < 0 {
		return false
	}
	return madeOf(base, base.ServerEndpoints[was]) == madeOf(result, result.ServerEndpoints[is])
}

// madeOf is an endpoint with everything it refers to, as a comparable text.
func madeOf(a config.Application, e config.ServerEndpoint) string {
	parts := []any{canonicalServerEndpoint(e)}
	groups := map[string]bool{}
	for _, s := range a.SecuritySettings {
		if slices.Contains(e.SecuritySettingNames, s.Name) {
			parts, groups[s.CertificateGroupName] = append(parts, canonicalSecurity(s)), true
		}
	}
	for _, u := range a.UserTokenSettings {
		if slices.Contains(e.UserTokenSettingNames, u.Name) {
			parts, groups[u.CertificateGroupName] = append(parts, canonicalToken(u)), true
		}
	}
	for _, g := range a.CertificateGroups {
		if groups[g.Name] {
			parts = append(parts, canonicalGroup(g))
		}
	}
	return text(parts)
}

// subject is what --confirm names: the endpoint that the operator would lose, the
// one of the session before others.
func subject(base config.Application, now []examined, port uint16) string {
	for _, fits := range []func(examined) bool{
		func(e examined) bool { return port != 0 && e.endpoint.Port == port },
		func(e examined) bool { return e.obstacle == "" },
		func(examined) bool { return true },
	} {
		if i := slices.IndexFunc(now, fits); i >= 0 && now[i].endpoint.Name != "" {
			return now[i].endpoint.Name
		}
	}
	return base.Identity.ApplicationURI
}

func deleted(changes []Change) []Stop {
	var out []Stop
	for _, c := range changes {
		if c.After == nil && (c.Kind == config.ServerEndpointList || c.Kind == config.ClientEndpointList || c.Kind == config.CertificateGroupList) {
			out = append(out, Stop{List: c.Kind, Name: c.Name, Why: "is deleted"})
		}
	}
	return out
}

// stopped lists the endpoints that stay and are no longer of use to this operator.
func stopped(now, then []examined) []Stop {
	var out []Stop
	for _, was := range now {
		if was.obstacle != "" {
			continue
		}
		i := slices.IndexFunc(then, func(e examined) bool {
			return addressOf(e.endpoint.Endpoint) == addressOf(was.endpoint.Endpoint) || e.endpoint.Name == was.endpoint.Name
		})
		if i >= 0 && then[i].obstacle != "" {
			out = append(out, Stop{List: config.ServerEndpointList, Name: then[i].endpoint.Name, Why: then[i].obstacle})
		}
	}
	return out
}

// withoutTrust lists the groups that take over from others and trust nobody yet.
func withoutTrust(base, result config.Application) []Stop {
	var out []Stop
	for _, s := range result.SecuritySettings {
		before := slices.IndexFunc(base.SecuritySettings, func(b config.SecuritySettings) bool { return b.Name == s.Name })
		name := s.CertificateGroupName
		if before < 0 || base.SecuritySettings[before].CertificateGroupName == name {
			continue
		}
		isNew := !slices.ContainsFunc(base.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == name })
		stop := Stop{List: config.CertificateGroupList, Name: name, Why: "is new: its TrustList is empty, and no client is trusted until it is written"}
		if isNew && !slices.Contains(out, stop) {
			out = append(out, stop)
		}
	}
	return out
}
