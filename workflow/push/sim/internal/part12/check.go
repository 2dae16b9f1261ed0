package part12

import (
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// The checks of single records. Bad_NotSupported says that a field cannot have the
// value (7.8.5.2).

const knownOptions = config.CheckRevocationStatusOffline<<1 - 1

// purposeOf is the purpose of the groups that a CertificateType may be in (7.8.4).
func purposeOf(kind config.NodeID) config.NodeID {
	switch kind {
	case config.TypeRsaMin, config.TypeRsaSha256, config.TypeEccNistP256, config.TypeEccNistP384,
		config.TypeEccBrainpoolP256r1, config.TypeEccBrainpoolP384r1, config.TypeEccCurve25519, config.TypeEccCurve448:
		return config.PurposeApplicationCertificate
	case typeHTTPS:
		return typeHTTPS
	}
	return ""
}

func checkIdentity(i config.Identity) ua.StatusCode {
	if u, err := url.Parse(i.ApplicationURI); err != nil || u.Scheme == "" {
		return ua.StatusBadNotSupported
	}
	return ua.StatusOK
}

// checkGroup: the purpose and the types of a group fit together and are allowed; a
// type with a certificate cannot be dropped (7.8.3.4).
func (p *processing) checkGroup(old *config.CertificateGroup, g config.CertificateGroup) ua.StatusCode {
	c := p.app.d.opt.Capabilities
	if !slices.Contains(c.CertificateGroupPurposes, g.Purpose) || g.ValidationOptions&^knownOptions != 0 {
		return ua.StatusBadNotSupported
	}
	noTypes := old != nil && len(old.CertificateTypes) == 0 // the user token group
	if (len(g.CertificateTypes) == 0) != noTypes || noTypes && g.Purpose != old.Purpose {
		return ua.StatusBadNotSupported
	}
	for i, t := range g.CertificateTypes {
		if slices.Contains(g.CertificateTypes[:i], t) || purposeOf(t) != g.Purpose || !slices.Contains(c.CertificateTypes, t) {
			return ua.StatusBadNotSupported
		}
	}
	if old == nil {
		if p.app.predefined(g.Name) { // of a group that this server does not have
			return ua.StatusBadNotSupported
		}
		return ua.StatusOK
	}
	for _, t := range old.CertificateTypes {
		if len(p.old.groups[g.Name].Slots[t].Chain) > 0 && !slices.Contains(g.CertificateTypes, t) {
			return ua.StatusBadInvalidState
		}
	}
	return ua.StatusOK
}

func (p *processing) checkGroupRemoval(g config.CertificateGroup) ua.StatusCode {
	if g.Name == config.DefaultApplicationGroup || p.app.predefined(g.Name) {
		return ua.StatusBadNoDeleteRights
	}
	if o := p.old.groups[g.Name]; o != nil {
		for _, s := range o.Slots {
			if len(s.Chain) > 0 {
				return ua.StatusBadInvalidState
			}
		}
	}
	return ua.StatusOK
}

func (p *processing) checkToken(_ *config.UserTokenSettings, t config.UserTokenSettings) ua.StatusCode {
	c := p.app.d.opt.Capabilities
	allowed := len(c.UserTokenTypes) == 0 || slices.ContainsFunc(c.UserTokenTypes, func(a config.UserTokenType) bool {
		return a.TokenType == t.TokenType && (t.TokenType != config.TokenIssued || a.IssuedTokenType == t.IssuedTokenType)
	})
	switch {
	case !allowed,
		!p.policyAllowed(t.SecurityPolicyURI) && t.SecurityPolicyURI != "",
		t.TokenType == config.TokenCertificate && t.CertificateGroupName == "",
		t.TokenType != config.TokenIssued && t.AuthorizationServiceName != "":
		return ua.StatusBadNotSupported
	}
	return ua.StatusOK
}

func (p *processing) policyAllowed(uri string) bool {
	allowed := p.app.d.opt.Capabilities.SecurityPolicyURIs
	return len(allowed) == 0 || slices.Contains(allowed, uri)
}

func (p *processing) checkSecurity(_ *config.SecuritySettings, s config.SecuritySettings) ua.StatusCode {
	for i, m := range s.SecurityModes {
		if m < config.ModeNone || m > config.ModeSignAndEncrypt || slices.Contains(s.SecurityModes[:i], m) {
			return ua.StatusBadNotSupported
		}
	}
	for _, uri := range s.SecurityPolicyURIs {
		if !p.policyAllowed(uri) {
			return ua.StatusBadNotSupported
		}
	}
	secured := slices.ContainsFunc(s.SecurityModes, func(m config.SecurityMode) bool { return m != config.ModeNone })
	if len(s.SecurityModes) == 0 || secured && (s.CertificateGroupName == "" || len(s.SecurityPolicyURIs) == 0) {
		return ua.StatusBadNotSupported
	}
	return ua.StatusOK
}

// checkServerEndpoint: URLs are not resolved, there may be address translation on
// the way (7.10.22). This server makes no reverse connections.
func (p *processing) checkServerEndpoint(_ *config.ServerEndpoint, e config.ServerEndpoint) ua.StatusCode {
	if e.TransportProfileURI != config.TransportUATCP || len(e.ReverseConnectURLs) > 0 {
		return ua.StatusBadNotSupported
	}
	return p.checkEndpoint(e.Endpoint, e.EndpointURLs)
}

func (p *processing) checkClientEndpoint(_ *config.Endpoint, e config.Endpoint) ua.StatusCode {
	return p.checkEndpoint(e, nil)
}

func (p *processing) checkEndpoint(e config.Endpoint, urls []string) ua.StatusCode {
	c := p.app.d.opt.Capabilities
	network := e.NetworkName == "" || slices.Contains(c.AvailableNetworks, e.NetworkName) || net.ParseIP(e.NetworkName) != nil
	if !network || e.Port == 0 || !portAllowed(c.AvailablePorts, e.Port) {
		return ua.StatusBadNotSupported
	}
	for _, text := range slices.Concat(urls, e.DiscoveryURLs) {
		if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" {
			return ua.StatusBadNotSupported
		}
	}
	return ua.StatusOK
}

// portAllowed reads a NumericRange, a or a:b; empty allows all ports (7.10.20).
func portAllowed(ports string, port uint16) bool {
	if ports == "" {
		return true
	}
	low, high, isRange := strings.Cut(ports, ":")
	if !isRange {
		high = low
	}
	from, errFrom := strconv.Atoi(low)
	to, errTo := strconv.Atoi(high)
	return errFrom == nil && errTo == nil && from <= int(port) && int(port) <= to
}

func (p *processing) checkService(_ *config.AuthorizationService, s config.AuthorizationService) ua.StatusCode {
	if s.ServiceURI == "" {
		return ua.StatusBadNotSupported
	}
	for _, c := range s.ServiceCertificates {
		if _, err := x509.ParseCertificate(c.Certificate); err != nil {
			return ua.StatusBadNotSupported
		}
	}
	return ua.StatusOK
}
