package part12

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// checkWhole judges the new configuration as a whole, after all records were
// processed: references, uniqueness, limits, self-protection (7.10.19).
func (p *processing) checkWhole() {
	p.checkReferences()
	p.checkUnique()
	p.checkLimits()
	if !p.refused() && p.app == p.app.d.server && p.changed() && !p.stillReachable() {
		p.blameAll(ua.StatusBadInvalidState,
			config.CertificateGroupList, config.SecuritySettingsList, config.ServerEndpointList)
	}
}

// blame gives a status to the target of a record; false when it has none.
func (p *processing) blame(list config.List, name string, status ua.StatusCode) bool {
	for _, t := range p.jobs[list] {
		if p.recordName(list, t.index) == name && t.kind != config.Delete {
			p.results[t.target] = status
			return true
		}
	}
	return false
}

// blameDeletion gives a status to the target that removed a record.
func (p *processing) blameDeletion(list config.List, name string, status ua.StatusCode) bool {
	for _, t := range p.jobs[list] {
		if p.recordName(list, t.index) == name && t.kind == config.Delete {
			p.results[t.target] = status
			return true
		}
	}
	return false
}

// blameAll gives a status to all targets of some lists, or to all when those have none.
func (p *processing) blameAll(status ua.StatusCode, lists ...config.List) {
	found := false
	for _, list := range lists {
		for _, t := range p.jobs[list] {
			p.results[t.target], found = status, true
		}
	}
	for i := range p.results {
		if !found {
			p.results[i] = status
		}
	}
}

func (p *processing) recordName(list config.List, i int) string {
	u := p.upload
	switch list {
	case config.CertificateGroupList:
		return u.CertificateGroups[i].Name
	case config.UserTokenSettingsList:
		return u.UserTokenSettings[i].Name
	case config.SecuritySettingsList:
		return u.SecuritySettings[i].Name
	case config.ServerEndpointList:
		return u.ServerEndpoints[i].Name
	case config.ClientEndpointList:
		return u.ClientEndpoints[i].Name
	case config.AuthorizationServicesList:
		return u.AuthorizationServices[i].Name
	}
	return ""
}

// reference is one use of a record by its name.
type reference struct {
	from config.List
	name string
	to   config.List
	used string
}

func (p *processing) references() []reference {
	var refs []reference
	c := p.next.config
	for _, t := range c.UserTokenSettings {
		refs = append(refs,
			reference{from: config.UserTokenSettingsList, name: t.Name, to: config.CertificateGroupList, used: t.CertificateGroupName},
			reference{from: config.UserTokenSettingsList, name: t.Name, to: config.AuthorizationServicesList, used: t.AuthorizationServiceName})
	}
	for _, s := range c.SecuritySettings {
		refs = append(refs, reference{from: config.SecuritySettingsList, name: s.Name, to: config.CertificateGroupList, used: s.CertificateGroupName})
	}
	for _, e := range c.ServerEndpoints {
		for _, s := range e.SecuritySettingNames {
			refs = append(refs, reference{from: config.ServerEndpointList, name: e.Name, to: config.SecuritySettingsList, used: s})
		}
		for _, t := range e.UserTokenSettingNames {
			refs = append(refs, reference{from: config.ServerEndpointList, name: e.Name, to: config.UserTokenSettingsList, used: t})
		}
	}
	return slices.DeleteFunc(refs, func(r reference) bool {
		optional := r.to == config.CertificateGroupList || r.to == config.AuthorizationServicesList
		return optional && r.used == ""
	})
}

// checkReferences: what refers to a record that does not exist is refused with
// Bad_NoEntryExists; so is, with Bad_InvalidState, the deletion of one in use. A
// channel needs a group of application certificates (Bad_NotSupported).
func (p *processing) checkReferences() {
	for _, r := range p.references() {
		switch {
		case p.exists(r.to, r.used):
			if r.from == config.SecuritySettingsList && !p.next.applicationPurpose(r.used) && !p.blame(r.from, r.name, ua.StatusBadNotSupported) {
				p.blame(r.to, r.used, ua.StatusBadNotSupported)
			}
		case p.blame(r.from, r.name, ua.StatusBadNoEntryExists):
		case p.blameDeletion(r.to, r.used, ua.StatusBadInvalidState):
		}
	}
}

func (p *processing) exists(list config.List, name string) bool {
	c := p.next.config
	switch list {
	case config.CertificateGroupList:
		return p.next.record(name) != nil
	case config.UserTokenSettingsList:
		return slices.ContainsFunc(c.UserTokenSettings, func(r config.UserTokenSettings) bool { return r.Name == name })
	case config.SecuritySettingsList:
		return slices.ContainsFunc(c.SecuritySettings, func(r config.SecuritySettings) bool { return r.Name == name })
	case config.AuthorizationServicesList:
		return slices.ContainsFunc(c.AuthorizationServices, func(r config.AuthorizationService) bool { return r.Name == name })
	}
	return false
}

// checkUnique: one endpoint per (NetworkName, Port), one service per ServiceUri.
func (p *processing) checkUnique() {
	c := p.next.config
	var servers, services []named
	for _, e := range c.ServerEndpoints {
		servers = append(servers, named{e.Name, fmt.Sprint(e.NetworkName, " ", e.Port)})
	}
	var clients []named
	for _, e := range c.ClientEndpoints {
		clients = append(clients, named{e.Name, fmt.Sprint(e.NetworkName, " ", e.Port)})
	}
	for _, s := range c.AuthorizationServices {
		services = append(services, named{s.Name, s.ServiceURI})
	}
	p.blameDoubles(config.ServerEndpointList, servers)
	p.blameDoubles(config.ClientEndpointList, clients)
	p.blameDoubles(config.AuthorizationServicesList, services)
}

type named struct{ name, key string }

func (p *processing) blameDoubles(list config.List, records []named) {
	first := map[string]string{}
	for _, r := range records {
		if earlier, double := first[r.key]; double {
			if !p.blame(list, r.name, ua.StatusBadEntryExists) {
				p.blame(list, earlier, ua.StatusBadEntryExists)
			}
		}
		first[r.key] = r.name
	}
}

// checkLimits refuses the insertions that go beyond MaxEndpoints and
// MaxCertificateGroups; 0 is no limit (7.10.20).
func (p *processing) checkLimits() {
	c, limits := p.next.config, p.app.d.opt.Capabilities
	p.blameExcess(len(c.ServerEndpoints)+len(c.ClientEndpoints), int(limits.MaxEndpoints), config.ServerEndpointList, config.ClientEndpointList)
	p.blameExcess(len(c.CertificateGroups), int(limits.MaxCertificateGroups), config.CertificateGroupList)
}

func (p *processing) blameExcess(count, limit int, lists ...config.List) {
	if limit == 0 {
		return
	}
	for _, list := range lists {
		for _, t := range slices.Backward(p.jobs[list]) {
			if count <= limit {
				return
			}
			if p.results[t.target] == ua.StatusGoodEntryInserted {
				p.results[t.target] = ua.StatusBadResourceUnavailable
				count--
			}
		}
	}
}

// stillReachable is the self-protection rule (7.10.19): a secured ServerEndpoint
// remains whose group has a slot for the certificate that the server uses in the
// current Session, and whose TrustList trusts the client of the current Session.
func (p *processing) stillReachable() bool {
	server, err := x509.ParseCertificate(p.access.ServerCertificate)
	if err != nil {
		return false
	}
	client, err := parseChain(p.access.ClientCertificate)
	if err != nil {
		return false
	}
	for _, e := range p.next.config.ServerEndpoints {
		for _, s := range p.next.config.SecuritySettings {
			if !slices.Contains(e.SecuritySettingNames, s.Name) || slices.Equal(s.SecurityModes, []config.SecurityMode{config.ModeNone}) {
				continue
			}
			if r := p.next.record(s.CertificateGroupName); r != nil && p.keepsContact(r, server, client) {
				return true
			}
		}
	}
	return false
}

func (p *processing) keepsContact(r *config.CertificateGroup, server *x509.Certificate, client []*x509.Certificate) bool {
	if !slices.ContainsFunc(r.CertificateTypes, func(t config.NodeID) bool { return fits(server.PublicKey, t) }) {
		return false
	}
	d := p.app.d
	if r.Name == config.DefaultApplicationGroup && d.setup {
		return true
	}
	status, _ := validate(client, p.next.groups[r.Name].Trust, r.ValidationOptions, d.opt.Clock())
	return status == ua.StatusOK
}
