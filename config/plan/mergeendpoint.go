package plan

import (
	"slices"

	"github.com/uapush/uapush/config"
)

// serverEndpoints adds or completes endpoints. A manifest does not know what
// kind the application is, so for a Client they become ClientEndpoints (7.7.5, step 7).
func (m *merger) serverEndpoints(security, tokens map[string]string) {
	for _, d := range m.desired.ServerEndpoints {
		if m.typ == config.ApplicationClient {
			m.refuseServerFields(d)
			m.clientEndpoint(d.Endpoint)
			continue
		}
		d.SecuritySettingNames = m.references(d, "securitySettings", d.SecuritySettingNames, security, config.SecuritySettingsList)
		d.UserTokenSettingNames = m.references(d, "userTokens", d.UserTokenSettingNames, tokens, config.UserTokenSettingsList)
		m.serverEndpoint(d)
	}
}

func (m *merger) serverEndpoint(d config.ServerEndpoint) {
	i := slices.IndexFunc(m.app.ServerEndpoints, func(e config.ServerEndpoint) bool { return sameAddress(e.Endpoint, d.Endpoint) })
	if i < 0 {
		d.Name = m.freeName(d.Name)
		if d.TransportProfileURI == "" {
			d.TransportProfileURI = config.TransportUATCP
		}
		m.app.ServerEndpoints = append(m.app.ServerEndpoints, d)
		return
	}
	e := &m.app.ServerEndpoints[i]
	stateList(&e.DiscoveryURLs, d.DiscoveryURLs)
	stateList(&e.EndpointURLs, d.EndpointURLs)
	stateList(&e.ReverseConnectURLs, d.ReverseConnectURLs)
	stateList(&e.Properties, d.Properties)
	state(&e.TransportProfileURI, d.TransportProfileURI)
	stateReferences(&e.SecuritySettingNames, d.SecuritySettingNames, contents(securityList, &m.app, securityContent))
	stateReferences(&e.UserTokenSettingNames, d.UserTokenSettingNames, contents(tokenList, &m.app, tokenContent))
}

func (m *merger) clientEndpoint(d config.Endpoint) {
	i := slices.IndexFunc(m.app.ClientEndpoints, func(e config.Endpoint) bool { return sameAddress(e, d) })
	if i < 0 {
		d.Name = m.freeName(d.Name)
		m.app.ClientEndpoints = append(m.app.ClientEndpoints, d)
		return
	}
	stateList(&m.app.ClientEndpoints[i].DiscoveryURLs, d.DiscoveryURLs)
	stateList(&m.app.ClientEndpoints[i].Properties, d.Properties)
}

// refuseServerFields finds what an EndpointDataType has no room for (7.10.22).
func (m *merger) refuseServerFields(d config.ServerEndpoint) {
	for _, f := range []struct {
		name   string
		stated bool
	}{
		{"endpointUrls", len(d.EndpointURLs) > 0},
		{"securitySettings", len(d.SecuritySettingNames) > 0},
		{"userTokens", len(d.UserTokenSettingNames) > 0},
		{"reverseConnectUrls", len(d.ReverseConnectURLs) > 0},
		{"transportProfile", d.TransportProfileURI != "" && d.TransportProfileURI != config.TransportUATCP},
	} {
		if f.stated {
			m.fail(&ApplicationTypeError{List: config.ClientEndpointList, Name: d.Name, Field: f.name, Type: m.typ})
		}
	}
}

// references turns handles into the names of records.
func (m *merger) references(d config.ServerEndpoint, field string, stated []string, handles map[string]string, to config.List) []string {
	var names []string
	for _, s := range stated {
		name, ok := handles[s]
		if !ok {
			name = s
			m.resolve(config.ServerEndpointList, d.Name, field, s, to)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// stateReferences takes over references unless those that there are already say
// the same: a server may hold equal settings under several names.
func stateReferences(names *[]string, stated []string, content map[string]string) {
	if len(stated) == 0 || slices.Equal(meanings(*names, content), meanings(stated, content)) {
		return
	}
	*names = stated
}

func meanings(names []string, content map[string]string) []string {
	var out []string
	for _, n := range names {
		c, ok := content[n]
		if !ok {
			c = "dangling " + n
		}
		out = append(out, c)
	}
	return set(out)
}

func contents[T any](l records[T], a *config.Application, content func(T) string) map[string]string {
	out := map[string]string{}
	for _, r := range l.get(a) {
		out[l.record(&r).Name] = content(r)
	}
	return out
}

func sameAddress(a, b config.Endpoint) bool {
	return a.NetworkName == b.NetworkName && a.Port == b.Port
}
