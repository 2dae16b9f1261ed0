package part12

import (
	"fmt"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// firstStart makes the configuration of a server fresh from the factory: one
// endpoint, and self-signed certificates (7.5).
func (d *Device) firstStart() error {
	f := d.opt.First
	version := config.VersionAt(d.opt.Clock())
	d.server.state = &state{config: d.opt.firstConfiguration(version)}
	d.server.product = f.ProductURI
	d.client.state = &state{config: clientConfiguration(f, version)}
	d.client.product = f.ProductURI + ":client"
	for _, a := range d.applications() {
		a.version, a.updated = version, d.opt.Clock()
		if err := a.fillGroups(); err != nil {
			return fmt.Errorf("set up %s: %w", a.prefix, err)
		}
	}
	trust := trustList{}.merge(trustList{Trusted: f.TrustClients}, maskTrusted)
	if status := Tolerant.list(trust, &d.server.state.config.CertificateGroups[0], d.opt.Clock()); status != ua.StatusOK {
		return fmt.Errorf("trust the first clients: %w", status)
	}
	d.server.state.groups[config.DefaultApplicationGroup].Trust = trust
	return nil
}

// fillGroups makes the groups of the configuration; those of applications get a
// key and a self-signed certificate.
func (a *Application) fillGroups() error {
	a.state.groups = map[string]*group{}
	for _, r := range a.state.config.CertificateGroups {
		g := &group{Slots: map[config.NodeID]slot{}, Updated: a.d.opt.Clock()}
		a.state.groups[r.Name] = g
		for _, t := range r.CertificateTypes {
			s, err := a.firstSlot(r.Name, t)
			if err != nil {
				return err
			}
			g.Slots[t] = s
		}
	}
	return nil
}

func (a *Application) firstSlot(group string, kind config.NodeID) (slot, error) {
	c, err := a.firstCertificate(group)
	if err != nil {
		return slot{}, err
	}
	if len(keySizes(kind)) == 0 {
		chain, err := a.factorySlot(kind, c)
		return slot{Chain: chain}, err
	}
	key, err := a.d.generate(kind, 0)
	if err != nil {
		return slot{}, err
	}
	der, err := c.sign(key)
	return slot{Chain: [][]byte{der}, Key: key}, err
}

func record(name string) config.Record { return config.Record{Name: name} }

func applicationGroup() config.CertificateGroup {
	return config.CertificateGroup{
		Record: record(config.DefaultApplicationGroup), Purpose: config.PurposeApplicationCertificate,
		CertificateTypes: []config.NodeID{config.TypeRsaSha256}, ValidationOptions: config.DefaultValidation,
	}
}

// firstConfiguration is serverConfiguration without what this server does not have.
func (o Options) firstConfiguration(version config.VersionTime) config.Application {
	c := serverConfiguration(o.First, version)
	if o.NoUserTokenGroup {
		c.CertificateGroups = c.CertificateGroups[:1]
		c.UserTokenSettings = c.UserTokenSettings[:2]
		c.ServerEndpoints[0].UserTokenSettingNames = c.ServerEndpoints[0].UserTokenSettingNames[:2]
	}
	types := &c.CertificateGroups[0].CertificateTypes
	*types = append(*types, o.MoreTypes...)
	if o.HTTPSGroup {
		c.CertificateGroups = append(c.CertificateGroups, config.CertificateGroup{
			Record: record(config.DefaultHTTPSGroup), Purpose: typeHTTPS, CertificateTypes: []config.NodeID{typeHTTPS},
			ValidationOptions: config.DefaultValidation,
		})
	}
	return c
}

func serverConfiguration(f FirstStart, version config.VersionTime) config.Application {
	urls := slices.Clone(f.EndpointURLs)
	if len(urls) == 0 {
		urls = []string{fmt.Sprintf("opc.tcp://%s:%d", f.Hostnames[0], f.Port)}
	}
	return config.Application{
		Version: version,
		Identity: config.Identity{
			Record: record("Identity"), ApplicationURI: f.ApplicationURI,
			ApplicationNames: []config.LocalizedText{{Text: f.ApplicationName}},
		},
		CertificateGroups: []config.CertificateGroup{applicationGroup(), {
			Record: record(config.DefaultUserTokenGroup), Purpose: purposeUser, ValidationOptions: config.DefaultValidation,
		}},
		UserTokenSettings: []config.UserTokenSettings{
			{Record: record("Anonymous"), TokenType: config.TokenAnonymous},
			{Record: record("UserName"), TokenType: config.TokenUserName}, // encrypted by the channel's policy
			{
				Record: record("Certificate"), TokenType: config.TokenCertificate, SecurityPolicyURI: config.PolicyBasic256Sha256,
				CertificateGroupName: config.DefaultUserTokenGroup,
			},
		},
		SecuritySettings: []config.SecuritySettings{{
			Record: record("Default"), CertificateGroupName: config.DefaultApplicationGroup,
			SecurityModes:      []config.SecurityMode{config.ModeSign, config.ModeSignAndEncrypt},
			SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, config.PolicyAes128Sha256RsaOaep, config.PolicyAes256Sha256RsaPss},
		}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: record("Default"), DiscoveryURLs: urls, NetworkName: f.NetworkName, Port: f.Port},
			EndpointURLs: urls, TransportProfileURI: config.TransportUATCP,
			SecuritySettingNames:  []string{"Default"},
			UserTokenSettingNames: []string{"Anonymous", "UserName", "Certificate"},
		}},
	}
}

func clientConfiguration(f FirstStart, version config.VersionTime) config.Application {
	return config.Application{
		Version: version,
		Identity: config.Identity{
			Record: record("Identity"), ApplicationURI: f.ApplicationURI + ":client",
			ApplicationNames: []config.LocalizedText{{Text: f.ApplicationName + " client"}},
		},
		CertificateGroups: []config.CertificateGroup{applicationGroup()},
	}
}
