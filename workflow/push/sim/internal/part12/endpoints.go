package part12

import (
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// Endpoint is a ServerEndpoint with what it offers now (7.10.23).
type Endpoint struct {
	Name          string
	NetworkName   string // "" is every network
	Port          uint16
	EndpointURLs  []string
	DiscoveryURLs []string
	Offers        []Offer
	Tokens        []config.UserTokenSettings
	Enabled       bool // false while no group it refers to has a certificate
}

// Offer is one EndpointDescription: a mode, a policy and the certificate of a slot
// that the policy is valid for.
type Offer struct {
	Mode      ua.MessageSecurityMode
	PolicyURI string
	Group     string   // whose TrustList judges clients
	Chain     [][]byte // DER, leaf first
	Key       *rsa.PrivateKey
}

// Endpoints is what must listen now, in the order of the configuration.
func (d *Device) Endpoints() []Endpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return endpointsOf(d.server.state)
}

func endpointsOf(s *state) []Endpoint {
	var out []Endpoint
	for _, r := range s.config.ServerEndpoints {
		e := Endpoint{
			Name: r.Name, NetworkName: r.NetworkName, Port: r.Port,
			EndpointURLs: slices.Clone(r.EndpointURLs), DiscoveryURLs: slices.Clone(r.DiscoveryURLs),
		}
		for _, name := range r.SecuritySettingNames {
			for _, settings := range s.config.SecuritySettings {
				if settings.Name == name {
					e.Offers = append(e.Offers, s.offers(settings)...)
				}
			}
		}
		for _, name := range r.UserTokenSettingNames {
			for _, t := range s.config.UserTokenSettings {
				if t.Name == name {
					e.Tokens = append(e.Tokens, t)
				}
			}
		}
		e.Enabled = len(e.Offers) > 0
		out = append(out, e)
	}
	return out
}

// offers combines modes, policies and certificates. A policy without a certificate
// it is valid for is left out (7.10.24).
func (s *state) offers(settings config.SecuritySettings) []Offer {
	var out []Offer
	name := settings.CertificateGroupName
	for _, mode := range settings.SecurityModes {
		if mode == config.ModeNone {
			o := Offer{Mode: ua.MessageSecurityModeNone, PolicyURI: config.PolicyNone, Group: name}
			if slots := s.suitable(name, config.PolicyBasic256Sha256); len(slots) > 0 {
				o.Chain, o.Key = slots[0].Chain, slots[0].rsaKey() // to encrypt user tokens with
			}
			out = append(out, o)
			continue
		}
		for _, policy := range settings.SecurityPolicyURIs {
			for _, held := range s.suitable(name, policy) {
				out = append(out, Offer{
					Mode: ua.MessageSecurityMode(mode), PolicyURI: policy, Group: name, Chain: held.Chain, Key: held.rsaKey(),
				})
			}
		}
	}
	return out
}

// suitable are the slots of a group that hold a certificate for a policy (7.8.4).
func (s *state) suitable(name, policy string) []slot {
	strong := policy == config.PolicyBasic256Sha256 || policy == config.PolicyAes128Sha256RsaOaep || policy == config.PolicyAes256Sha256RsaPss
	g := s.groups[name]
	if g == nil || !strong || !s.applicationPurpose(name) {
		return nil
	}
	if held := g.Slots[config.TypeRsaSha256]; len(held.Chain) > 0 && held.Key != nil {
		return []slot{held}
	}
	return nil // an ECC slot is for policies that this server does not speak
}

// rsaKey is the key of a slot for RSA; nil is none.
func (s slot) rsaKey() *rsa.PrivateKey {
	key, _ := s.Key.(*rsa.PrivateKey)
	return key
}

// ApplicationDescription is what FindServers and GetEndpoints say of the server:
// the discovery URLs of all enabled endpoints, each once (7.10.22).
func (d *Device) ApplicationDescription() *ua.ApplicationDescription {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.server
	out := &ua.ApplicationDescription{
		ApplicationURI: a.state.config.Identity.ApplicationURI, ProductURI: a.product,
		ApplicationName: ua.NewLocalizedText(""), ApplicationType: ua.ApplicationType(a.kind),
	}
	if texts := a.state.config.Identity.ApplicationNames; len(texts) > 0 {
		out.ApplicationName = localized(texts[0])
	}
	for _, e := range endpointsOf(a.state) {
		for _, u := range e.DiscoveryURLs {
			if e.Enabled && !slices.Contains(out.DiscoveryURLs, u) {
				out.DiscoveryURLs = append(out.DiscoveryURLs, u)
			}
		}
	}
	return out
}

// AdditionalServers are listed by FindServers besides the server itself (7.10.21).
func (d *Device) AdditionalServers() []config.ApplicationDescription {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.server.state.config.Identity.AdditionalServers)
}

func localized(t config.LocalizedText) *ua.LocalizedText {
	return ua.NewLocalizedTextWithLocale(t.Text, t.Locale)
}

// renameRecords gives the records whose names do not persist new ones, made of the
// version.
func renameRecords(c *config.Application) {
	suffix := fmt.Sprintf("-%d", uint32(c.Version))
	settings, tokens := map[string]string{}, map[string]string{}
	c.SecuritySettings = slices.Clone(c.SecuritySettings)
	for i := range c.SecuritySettings {
		settings[c.SecuritySettings[i].Name] = fmt.Sprintf("settings%d%s", i+1, suffix)
		c.SecuritySettings[i].Name = settings[c.SecuritySettings[i].Name]
	}
	c.UserTokenSettings = slices.Clone(c.UserTokenSettings)
	for i := range c.UserTokenSettings {
		tokens[c.UserTokenSettings[i].Name] = fmt.Sprintf("token%d%s", i+1, suffix)
		c.UserTokenSettings[i].Name = tokens[c.UserTokenSettings[i].Name]
	}
	c.ServerEndpoints = slices.Clone(c.ServerEndpoints)
	for i := range c.ServerEndpoints {
		e := &c.ServerEndpoints[i]
		e.Name = fmt.Sprintf("endpoint%d%s", i+1, suffix)
		e.SecuritySettingNames = renamed(e.SecuritySettingNames, settings)
		e.UserTokenSettingNames = renamed(e.UserTokenSettingNames, tokens)
	}
	c.ClientEndpoints = slices.Clone(c.ClientEndpoints)
	for i := range c.ClientEndpoints {
		c.ClientEndpoints[i].Name = fmt.Sprintf("endpoint%d%s", i+1, suffix)
	}
}

func renamed(old []string, to map[string]string) []string {
	var out []string
	for _, name := range old {
		out = append(out, to[name])
	}
	return out
}
