package config

import "slices"

// Clone returns a copy that shares no memory with a.
func (a Application) Clone() Application {
	a.Properties = cloneProperties(a.Properties)
	a.Identity = a.Identity.Clone()
	a.CertificateGroups = cloneAll(a.CertificateGroups, CertificateGroup.Clone)
	a.ServerEndpoints = cloneAll(a.ServerEndpoints, ServerEndpoint.Clone)
	a.ClientEndpoints = cloneAll(a.ClientEndpoints, Endpoint.Clone)
	a.SecuritySettings = cloneAll(a.SecuritySettings, SecuritySettings.Clone)
	a.UserTokenSettings = cloneAll(a.UserTokenSettings, UserTokenSettings.Clone)
	a.AuthorizationServices = cloneAll(a.AuthorizationServices, AuthorizationService.Clone)
	return a
}

// Clone returns a copy that shares no memory with i.
func (i Identity) Clone() Identity {
	i.Record = i.Record.clone()
	i.ApplicationNames = slices.Clone(i.ApplicationNames)
	i.AdditionalServers = cloneAll(i.AdditionalServers, func(d ApplicationDescription) ApplicationDescription {
		d.DiscoveryURLs = slices.Clone(d.DiscoveryURLs)
		return d
	})
	return i
}

// Clone returns a copy that shares no memory with g.
func (g CertificateGroup) Clone() CertificateGroup {
	g.Record = g.Record.clone()
	g.CertificateTypes = slices.Clone(g.CertificateTypes)
	g.CertificateAssigned = slices.Clone(g.CertificateAssigned)
	return g
}

// Clone returns a copy that shares no memory with e.
func (e Endpoint) Clone() Endpoint {
	e.Record = e.Record.clone()
	e.DiscoveryURLs = slices.Clone(e.DiscoveryURLs)
	return e
}

// Clone returns a copy that shares no memory with e.
func (e ServerEndpoint) Clone() ServerEndpoint {
	e.Endpoint = e.Endpoint.Clone()
	e.EndpointURLs = slices.Clone(e.EndpointURLs)
	e.SecuritySettingNames = slices.Clone(e.SecuritySettingNames)
	e.UserTokenSettingNames = slices.Clone(e.UserTokenSettingNames)
	e.ReverseConnectURLs = slices.Clone(e.ReverseConnectURLs)
	return e
}

// Clone returns a copy that shares no memory with s.
func (s SecuritySettings) Clone() SecuritySettings {
	s.Record = s.Record.clone()
	s.SecurityModes = slices.Clone(s.SecurityModes)
	s.SecurityPolicyURIs = slices.Clone(s.SecurityPolicyURIs)
	return s
}

// Clone returns a copy that shares no memory with u.
func (u UserTokenSettings) Clone() UserTokenSettings {
	u.Record = u.Record.clone()
	return u
}

// Clone returns a copy that shares no memory with s.
func (s AuthorizationService) Clone() AuthorizationService {
	s.Record = s.Record.clone()
	s.ServiceCertificates = cloneAll(s.ServiceCertificates, func(c ServiceCertificate) ServiceCertificate {
		c.Certificate = slices.Clone(c.Certificate)
		c.Issuers = cloneAll(c.Issuers, slices.Clone[[]byte])
		return c
	})
	return s
}

func (r Record) clone() Record {
	r.Properties = cloneProperties(r.Properties)
	return r
}

func cloneProperties(properties []Property) []Property {
	return cloneAll(properties, func(p Property) Property {
		p.Value = slices.Clone(p.Value)
		return p
	})
}

// cloneAll keeps nil and empty apart, as slices.Clone does.
func cloneAll[T any](in []T, clone func(T) T) []T {
	out := slices.Clone(in)
	for i := range out {
		out[i] = clone(out[i])
	}
	return out
}
