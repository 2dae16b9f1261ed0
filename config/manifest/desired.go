package manifest

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/uapush/uapush/config"
)

// Desired gives what the manifest asks for. The endpoint is in ServerEndpoints
// whatever the application is. Files of trust lists are not read, their paths
// are made absolute; certificates of authorization services are read here, and
// those that cannot be are reported as Errors.
func (m *Manifest) Desired() (config.Desired, error) {
	d := config.Desired{
		Application: m.Application,
		Update:      config.UpdateTiming{RestartDelay: m.Update.RestartDelay, RevertAfter: m.Update.RevertAfter},
	}
	if !m.stated("update.revertAfter") {
		d.Update.RevertAfter = DefaultRevertAfter
	}
	files := &report{file: m.source.file, lines: m.source.lines}
	d.Records = config.Application{
		ServerEndpoints:       []config.ServerEndpoint{m.endpoint()},
		SecuritySettings:      m.securitySettings(),
		UserTokenSettings:     m.userTokenSettings(),
		CertificateGroups:     m.groups(),
		AuthorizationServices: m.services(files),
	}
	for _, g := range m.CertificateGroups {
		if t := m.trustList(g); len(t.Trusted)+len(t.Issuers)+len(t.CRLs) > 0 {
			d.TrustLists = append(d.TrustLists, t)
		}
		for _, c := range g.Certificates {
			d.Certificates = append(d.Certificates, config.DesiredCertificate{
				Group: g.Name, Type: config.NodeID(c.Type), Subject: c.Subject,
				DNSNames: c.DNSNames, IPAddresses: c.IPAddresses, Validity: c.Validity,
			})
		}
	}
	if err := files.errs.err(); err != nil {
		return config.Desired{}, err
	}
	return d, nil
}

func (m *Manifest) endpoint() config.ServerEndpoint {
	e := m.Endpoint
	return config.ServerEndpoint{
		Endpoint: config.Endpoint{
			Record: config.Record{Name: e.Name}, DiscoveryURLs: e.DiscoveryURLs, NetworkName: e.Network, Port: e.Port,
		},
		EndpointURLs: e.EndpointURLs, SecuritySettingNames: e.SecuritySettings, TransportProfileURI: e.TransportProfile,
		UserTokenSettingNames: e.UserTokens, ReverseConnectURLs: e.ReverseConnectURLs,
	}
}

func (m *Manifest) securitySettings() []config.SecuritySettings {
	var list []config.SecuritySettings
	for _, s := range m.SecuritySettings {
		r := config.SecuritySettings{Record: config.Record{Name: s.Name}, SecurityPolicyURIs: s.Policies, CertificateGroupName: s.CertificateGroup}
		for _, name := range s.Modes {
			var mode config.SecurityMode
			_ = mode.UnmarshalText([]byte(name)) // Parse accepts the names of the type only
			r.SecurityModes = append(r.SecurityModes, mode)
		}
		list = append(list, r)
	}
	return list
}

func (m *Manifest) userTokenSettings() []config.UserTokenSettings {
	var list []config.UserTokenSettings
	for _, u := range m.UserTokenSettings {
		r := config.UserTokenSettings{
			Record: config.Record{Name: u.Name}, IssuedTokenType: u.IssuedTokenType, IssuerEndpointURL: u.IssuerEndpointURL,
			SecurityPolicyURI: u.Policy, CertificateGroupName: u.CertificateGroup, AuthorizationServiceName: u.AuthorizationService,
		}
		_ = r.TokenType.UnmarshalText([]byte(u.Type)) // as for modes
		list = append(list, r)
	}
	return list
}

func (m *Manifest) groups() []config.CertificateGroup {
	var list []config.CertificateGroup
	for _, g := range m.CertificateGroups {
		r := config.CertificateGroup{Record: config.Record{Name: g.Name}, Purpose: config.NodeID(g.Purpose)}
		for _, t := range g.Types {
			r.CertificateTypes = append(r.CertificateTypes, config.NodeID(t))
		}
		for _, name := range g.Validation {
			option, _ := config.ValidationOption(name)
			r.ValidationOptions |= option
		}
		list = append(list, r)
	}
	return list
}

func (m *Manifest) trustList(g CertificateGroup) config.DesiredTrustList {
	return config.DesiredTrustList{
		Group: g.Name, Trusted: m.absolute(g.Trust.Trusted), Issuers: m.absolute(g.Trust.Issuers), CRLs: m.absolute(g.Trust.CRLs),
	}
}

// absolute resolves the paths among the words of a trust list.
func (m *Manifest) absolute(words []string) []string {
	var list []string
	for _, w := range words {
		if w != WordSelf && w != WordCA {
			w = m.path(w)
		}
		list = append(list, w)
	}
	return list
}

func (m *Manifest) path(file string) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	joined := filepath.Join(m.Dir(), filepath.FromSlash(file))
	if abs, err := filepath.Abs(joined); err == nil {
		return abs
	}
	return joined
}

func (m *Manifest) services(files *report) []config.AuthorizationService {
	var list []config.AuthorizationService
	for i, s := range m.AuthorizationServices {
		r := config.AuthorizationService{
			Record: config.Record{Name: s.Name}, ServiceURI: s.ServiceURI, IssuerEndpointSettings: s.IssuerEndpointSettings,
		}
		for j, file := range s.ServiceCertificates {
			certificate, err := readChain(m.path(file))
			if err != nil {
				at := fmt.Sprintf("authorizationServices[%d].serviceCertificates[%d]", i, j)
				files.add(m.places[at], at, "expected a file with certificates: "+err.Error(), "relative paths start from "+m.Dir())
				continue
			}
			r.ServiceCertificates = append(r.ServiceCertificates, certificate)
		}
		list = append(list, r)
	}
	return list
}

// readChain reads a certificate and its issuers from a PEM or DER file of at
// most MaxSize bytes.
func readChain(path string) (config.ServiceCertificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return config.ServiceCertificate{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return config.ServiceCertificate{}, err
	}
	if len(data) > MaxSize {
		return config.ServiceCertificate{}, fmt.Errorf("%s is larger than %d KiB", path, MaxSize>>10)
	}
	der := data
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		der = nil
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				return config.ServiceCertificate{}, fmt.Errorf("%s holds a %s", path, block.Type)
			}
			der = append(der, block.Bytes...)
		}
	}
	chain, err := x509.ParseCertificates(der)
	if err != nil {
		return config.ServiceCertificate{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(chain) == 0 {
		return config.ServiceCertificate{}, fmt.Errorf("%s holds no certificate", path)
	}
	r := config.ServiceCertificate{Certificate: chain[0].Raw}
	for _, issuer := range chain[1:] {
		r.Issuers = append(r.Issuers, issuer.Raw)
	}
	return r, nil
}
