package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/uapush/uapush/config"
)

// generator makes valid configurations: unique names and addresses, references
// that resolve. Few values to choose from make them overlap.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 12))}
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// some picks a subset, in any order.
func some[T any](g generator, from ...T) []T {
	from = slices.Clone(from)
	g.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:g.IntN(len(from)+1)]
}

func (g generator) record(name string) config.Record {
	r := config.Record{Name: name}
	if g.IntN(4) == 0 {
		r.Properties = []config.Property{{Namespace: pick(g, "", "urn:p"), Name: "p", Value: []byte{byte(g.IntN(2))}}}
	}
	return r
}

func (g generator) application() config.Application {
	var a config.Application
	a.Version = config.VersionTime(g.Uint32())
	a.Identity = config.Identity{Record: g.record(pick(g, "", "identity")), ApplicationURI: pick(g, "urn:a", "urn:b")}
	if g.IntN(2) == 0 {
		a.Identity.ApplicationNames = []config.LocalizedText{{Locale: "en", Text: pick(g, "A", "B")}}
		a.Identity.AdditionalServers = []config.ApplicationDescription{{ApplicationURI: "urn:c", DiscoveryURLs: some(g, "opc.tcp://c")}}
	}
	for _, n := range some(g, "g1", "g2", "g3") {
		group := config.CertificateGroup{Record: g.record(n), Purpose: config.PurposeApplicationCertificate,
			CertificateTypes: some(g, config.TypeRsaSha256, config.TypeRsaMin), ValidationOptions: pick[config.ValidationOptions](g, 0, 64)}
		group.CertificateAssigned = make([]bool, len(group.CertificateTypes))
		a.CertificateGroups = append(a.CertificateGroups, group)
	}
	for _, n := range some(g, "z1", "z2") {
		a.AuthorizationServices = append(a.AuthorizationServices, config.AuthorizationService{Record: g.record(n),
			ServiceURI: pick(g, "urn:z", "urn:y"), ServiceCertificates: some(g, config.ServiceCertificate{Certificate: []byte{1}, Issuers: [][]byte{{2}}})})
	}
	for _, n := range some(g, "u1", "u2", "u3", "s1") {
		a.UserTokenSettings = append(a.UserTokenSettings, config.UserTokenSettings{Record: g.record(n),
			TokenType: pick(g, config.TokenAnonymous, config.TokenUserName), SecurityPolicyURI: pick(g, "", config.PolicyBasic256Sha256)})
	}
	for _, n := range some(g, "s1", "s2", "s3", "u1") {
		a.SecuritySettings = append(a.SecuritySettings, config.SecuritySettings{Record: g.record(n),
			SecurityModes:      some(g, config.ModeSign, config.ModeSignAndEncrypt),
			SecurityPolicyURIs: some(g, config.PolicyBasic256Sha256, config.PolicyAes256Sha256RsaPss)})
		if len(a.CertificateGroups) > 0 {
			a.SecuritySettings[len(a.SecuritySettings)-1].CertificateGroupName = pick(g, a.CertificateGroups...).Name
		}
	}
	ports := some[uint16](g, 4840, 4841, 4842, 4843)
	for i, n := range some(g, "e1", "e2", "e3", "e4") {
		if i >= len(ports) {
			break
		}
		a.ServerEndpoints = append(a.ServerEndpoints, config.ServerEndpoint{
			Endpoint:              g.endpoint(n, ports[i]),
			EndpointURLs:          some(g, "opc.tcp://a", "opc.tcp://b"),
			SecuritySettingNames:  some(g, securityList.names(&a)...),
			UserTokenSettingNames: some(g, tokenList.names(&a)...),
			TransportProfileURI:   config.TransportUATCP,
		})
	}
	for i, n := range some(g, "e1", "c2") {
		a.ClientEndpoints = append(a.ClientEndpoints, g.endpoint(n, uint16(4850+i)))
	}
	return a
}

func (g generator) endpoint(name string, port uint16) config.Endpoint {
	return config.Endpoint{Record: g.record(name), Port: port, NetworkName: pick(g, "", "eth0"), DiscoveryURLs: some(g, "opc.tcp://x", "opc.tcp://y")}
}

func (g generator) applicationType() config.ApplicationType {
	return pick(g, config.ApplicationServer, config.ApplicationClientAndServer)
}

// desired makes what a manifest could say: everything is named by its handle.
func (g generator) desired(t config.ApplicationType) config.Desired {
	a := g.application()
	for i := range a.CertificateGroups {
		a.CertificateGroups[i].CertificateAssigned = nil
	}
	if t == config.ApplicationServer {
		a.ClientEndpoints = nil
	}
	return config.Desired{Records: a}
}

// shuffle reorders the records of every list, in a copy.
func (g generator) shuffle(a config.Application) config.Application {
	a = a.Clone()
	shuffle(g, a.CertificateGroups)
	shuffle(g, a.ServerEndpoints)
	shuffle(g, a.ClientEndpoints)
	shuffle(g, a.SecuritySettings)
	shuffle(g, a.UserTokenSettings)
	shuffle(g, a.AuthorizationServices)
	return a
}

func shuffle[T any](g generator, s []T) {
	g.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// renameAll does what a server may do between two versions: it gives every
// record whose name does not persist another name, and swaps names about.
func (g generator) renameAll(a config.Application) config.Application {
	a = a.Clone()
	tokens, security := map[string]string{}, map[string]string{}
	fresh := func(prefix string, n int) []string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("%s%d", prefix, i+1))
		}
		shuffle(g, names)
		return names
	}
	for i, n := range fresh("u", len(a.UserTokenSettings)) {
		tokens[a.UserTokenSettings[i].Name] = n
		a.UserTokenSettings[i].Name = n
	}
	for i, n := range fresh("s", len(a.SecuritySettings)) {
		security[a.SecuritySettings[i].Name] = n
		a.SecuritySettings[i].Name = n
	}
	for i, n := range fresh("e", len(a.ServerEndpoints)) {
		e := &a.ServerEndpoints[i]
		e.Name = n
		rename(e.SecuritySettingNames, security)
		rename(e.UserTokenSettingNames, tokens)
	}
	for i, n := range fresh("e", len(a.ClientEndpoints)) {
		a.ClientEndpoints[i].Name = n
	}
	return a
}
