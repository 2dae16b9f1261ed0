package push_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
)

// peerFile is a configuration file as node-opcua prints what it decoded: every
// field of every structure by its name.
type peerFile struct {
	Type         string
	Bytes, Again string // as read, and as the peer encodes what it decoded
	Namespaces   []string
	Application  struct {
		ConfigurationVersion    uint32
		ConfigurationProperties []peerProperty
		ApplicationIdentity     struct {
			peerRecord
			ApplicationURI    string
			ApplicationNames  []config.LocalizedText
			AdditionalServers []struct {
				ApplicationURI, ProductURI            string
				ApplicationName                       config.LocalizedText
				ApplicationType                       int
				GatewayServerURI, DiscoveryProfileURI string
				DiscoveryURLs                         []string
			}
		}
		CertificateGroups []struct {
			peerRecord
			Purpose               string
			CertificateTypes      []string
			IsCertificateAssigned []bool
			ValidationOptions     uint32
		}
		ServerEndpoints []struct {
			peerEndpoint
			EndpointURLs, SecuritySettingNames        []string
			TransportProfileURI                       string
			UserTokenSettingNames, ReverseConnectURLs []string
		}
		ClientEndpoints  []peerEndpoint
		SecuritySettings []struct {
			peerRecord
			SecurityModes        []int
			SecurityPolicyURIs   []string
			CertificateGroupName string
		}
		UserTokenSettings []struct {
			peerRecord
			TokenType                                             int
			IssuedTokenType, IssuerEndpointURL, SecurityPolicyURI string
			CertificateGroupName, AuthorizationServiceName        string
		}
		AuthorizationServices []struct {
			peerRecord
			ServiceURI          string
			ServiceCertificate  []peerBytes // in the layout of 1.05.05
			ServiceCertificates []struct {
				Certificate        peerBytes
				Issuers            []peerBytes
				ValidFrom, ValidTo time.Time
			}
			IssuerEndpointSettings string
		}
	}
}

type peerRecord struct {
	Name             string
	RecordProperties []peerProperty
}

// peerProperty leaves the value out: the bytes that the peer makes say whether it
// has understood it.
type peerProperty struct {
	Key struct {
		NamespaceIndex int
		Name           string
	}
}

type peerEndpoint struct {
	peerRecord
	DiscoveryURLs []string
	NetworkName   string
	Port          uint16
}

// peerBytes is a Buffer in JSON.
type peerBytes struct{ Data []byte }

// bytes are nil when there are none.
func (b peerBytes) bytes() []byte { return append([]byte(nil), b.Data...) }

func (f peerFile) namespace(index int) string {
	if index == 0 {
		return ""
	}
	return f.Namespaces[index-1]
}

// nodeID turns ns=1;i=7 into the form with the URI. A null NodeId is none.
func (f peerFile) nodeID(id string) config.NodeID {
	var index int
	if _, err := fmt.Sscanf(id, "ns=%d;", &index); err != nil || id == "ns=0;i=0" {
		return ""
	}
	_, value, _ := strings.Cut(id, ";")
	if index == 0 {
		return config.NodeID(value)
	}
	return config.NodeID("nsu=" + f.namespace(index) + ";" + value)
}

func (f peerFile) record(r peerRecord) config.Record {
	return config.Record{Name: r.Name, Properties: f.properties(r.RecordProperties)}
}

func (f peerFile) properties(all []peerProperty) []config.Property {
	return each(all, func(p peerProperty) config.Property {
		return config.Property{Namespace: f.namespace(p.Key.NamespaceIndex), Name: p.Key.Name}
	})
}

func (f peerFile) endpoint(e peerEndpoint) config.Endpoint {
	return config.Endpoint{Record: f.record(e.peerRecord), DiscoveryURLs: e.DiscoveryURLs, NetworkName: e.NetworkName, Port: e.Port}
}

func each[A, B any](all []A, turn func(A) B) (out []B) {
	for _, a := range all {
		out = append(out, turn(a))
	}
	return out
}

// application is what the peer has decoded, without the values of properties.
func (f peerFile) application() config.Application {
	a := f.Application
	out := config.Application{Version: config.VersionTime(a.ConfigurationVersion), Properties: f.properties(a.ConfigurationProperties)}
	out.Identity = config.Identity{
		Record: f.record(a.ApplicationIdentity.peerRecord), ApplicationURI: a.ApplicationIdentity.ApplicationURI, ApplicationNames: a.ApplicationIdentity.ApplicationNames,
	}
	for _, s := range a.ApplicationIdentity.AdditionalServers {
		out.Identity.AdditionalServers = append(out.Identity.AdditionalServers, config.ApplicationDescription{
			ApplicationURI: s.ApplicationURI, ProductURI: s.ProductURI, ApplicationName: s.ApplicationName, ApplicationType: config.ApplicationType(s.ApplicationType),
			GatewayServerURI: s.GatewayServerURI, DiscoveryProfileURI: s.DiscoveryProfileURI, DiscoveryURLs: s.DiscoveryURLs,
		})
	}
	for _, g := range a.CertificateGroups {
		out.CertificateGroups = append(out.CertificateGroups, config.CertificateGroup{
			Record: f.record(g.peerRecord), Purpose: f.nodeID(g.Purpose), CertificateTypes: each(g.CertificateTypes, f.nodeID),
			CertificateAssigned: g.IsCertificateAssigned, ValidationOptions: config.ValidationOptions(g.ValidationOptions),
		})
	}
	for _, e := range a.ServerEndpoints {
		out.ServerEndpoints = append(out.ServerEndpoints, config.ServerEndpoint{
			Endpoint: f.endpoint(e.peerEndpoint), EndpointURLs: e.EndpointURLs, SecuritySettingNames: e.SecuritySettingNames,
			TransportProfileURI: e.TransportProfileURI, UserTokenSettingNames: e.UserTokenSettingNames, ReverseConnectURLs: e.ReverseConnectURLs,
		})
	}
	out.ClientEndpoints = each(a.ClientEndpoints, f.endpoint)
	for _, s := range a.SecuritySettings {
		out.SecuritySettings = append(out.SecuritySettings, config.SecuritySettings{
			Record: f.record(s.peerRecord), SecurityModes: each(s.SecurityModes, func(m int) config.SecurityMode { return config.SecurityMode(m) }),
			SecurityPolicyURIs: s.SecurityPolicyURIs, CertificateGroupName: s.CertificateGroupName,
		})
	}
	for _, u := range a.UserTokenSettings {
		out.UserTokenSettings = append(out.UserTokenSettings, config.UserTokenSettings{
			Record: f.record(u.peerRecord), TokenType: config.TokenType(u.TokenType), IssuedTokenType: u.IssuedTokenType, IssuerEndpointURL: u.IssuerEndpointURL,
			SecurityPolicyURI: u.SecurityPolicyURI, CertificateGroupName: u.CertificateGroupName, AuthorizationServiceName: u.AuthorizationServiceName,
		})
	}
	for _, s := range a.AuthorizationServices {
		service := config.AuthorizationService{Record: f.record(s.peerRecord), ServiceURI: s.ServiceURI, IssuerEndpointSettings: s.IssuerEndpointSettings}
		for _, c := range s.ServiceCertificate {
			service.ServiceCertificates = append(service.ServiceCertificates, config.ServiceCertificate{Certificate: c.bytes()})
		}
		for _, c := range s.ServiceCertificates {
			service.ServiceCertificates = append(service.ServiceCertificates, config.ServiceCertificate{
				Certificate: c.Certificate.bytes(), Issuers: each(c.Issuers, peerBytes.bytes), ValidFrom: milliseconds(c.ValidFrom), ValidTo: milliseconds(c.ValidTo),
			})
		}
		out.AuthorizationServices = append(out.AuthorizationServices, service)
	}
	return out
}

// milliseconds is as exact as a peer prints a time. A null DateTime is none.
func milliseconds(t time.Time) time.Time {
	if t.Year() <= 1601 {
		return time.Time{}
	}
	return t.Truncate(time.Millisecond)
}

// without is an Application as peers can print it: without the values of
// properties, and with times in milliseconds.
func without(a config.Application) config.Application {
	bare := func(all *[]config.Property) {
		for i := range *all {
			(*all)[i].Value = nil
		}
	}
	bare(&a.Properties)
	bare(&a.Identity.Properties)
	for i := range a.CertificateGroups {
		bare(&a.CertificateGroups[i].Properties)
	}
	for i := range a.ServerEndpoints {
		bare(&a.ServerEndpoints[i].Properties)
	}
	for i := range a.ClientEndpoints {
		bare(&a.ClientEndpoints[i].Properties)
	}
	for i := range a.SecuritySettings {
		bare(&a.SecuritySettings[i].Properties)
	}
	for i := range a.UserTokenSettings {
		bare(&a.UserTokenSettings[i].Properties)
	}
	for i := range a.AuthorizationServices {
		s := &a.AuthorizationServices[i]
		bare(&s.Properties)
		for k := range s.ServiceCertificates {
			c := &s.ServiceCertificates[k]
			c.ValidFrom, c.ValidTo = milliseconds(c.ValidFrom), milliseconds(c.ValidTo)
		}
	}
	return a
}
