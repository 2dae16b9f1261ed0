package sim

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
)

// securityLevels rank the offers for clients that let the server choose (OPC
// 10000-4, 7.14); Sign is worth less than SignAndEncrypt with the same policy.
func securityLevel(mode ua.MessageSecurityMode, policy string) uint8 {
	if mode == ua.MessageSecurityModeNone {
		return 0
	}
	level := map[string]uint8{config.PolicyBasic256Sha256: 20, config.PolicyAes128Sha256RsaOaep: 25, config.PolicyAes256Sha256RsaPss: 30}[policy]
	if mode == ua.MessageSecurityModeSignAndEncrypt {
		level += 50
	}
	return level
}

// application describes the server, with the DiscoveryUrls of all endpoints, those
// of the host that the client used first (OPC 10000-12, 7.10.22).
func (s *Server) application(endpointURL string) *ua.ApplicationDescription {
	d := s.device().ApplicationDescription()
	preferHost(d.DiscoveryURLs, endpointURL)
	return d
}

// preferHost moves the URLs of the host that the client used to the front.
func preferHost(urls []string, endpointURL string) {
	host := hostOf(endpointURL)
	slices.SortStableFunc(urls, func(a, b string) int {
		return cmp.Compare(rank(a, host), rank(b, host))
	})
}

func rank(u, host string) int {
	if host != "" && strings.EqualFold(hostOf(u), host) {
		return 0
	}
	return 1
}

func hostOf(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

// findServers answers FindServers (OPC 10000-4, 5.5.2) with this server and those
// that its identity names (OPC 10000-12, 7.10.21).
func (s *Server) findServers(req *ua.FindServersRequest) ua.Response {
	servers := []*ua.ApplicationDescription{s.application(req.EndpointURL)}
	for _, a := range s.device().AdditionalServers() {
		servers = append(servers, &ua.ApplicationDescription{
			ApplicationURI: a.ApplicationURI, ProductURI: a.ProductURI, ApplicationType: ua.ApplicationType(a.ApplicationType),
			ApplicationName:  ua.NewLocalizedTextWithLocale(a.ApplicationName.Text, a.ApplicationName.Locale),
			GatewayServerURI: a.GatewayServerURI, DiscoveryProfileURI: a.DiscoveryProfileURI, DiscoveryURLs: a.DiscoveryURLs,
		})
	}
	resp := &ua.FindServersResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), Servers: []*ua.ApplicationDescription{}}
	for _, d := range servers {
		if len(d.DiscoveryURLs) > 0 && (len(req.ServerURIs) == 0 || slices.Contains(req.ServerURIs, d.ApplicationURI)) {
			resp.Servers = append(resp.Servers, d)
		}
	}
	return resp
}

func (s *Server) getEndpoints(req *ua.GetEndpointsRequest) ua.Response {
	resp := &ua.GetEndpointsResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), Endpoints: []*ua.EndpointDescription{}}
	for _, d := range s.descriptions(req.EndpointURL) {
		if len(req.ProfileURIs) == 0 || slices.Contains(req.ProfileURIs, d.TransportProfileURI) {
			resp.Endpoints = append(resp.Endpoints, d)
		}
	}
	return resp
}

// descriptions has one EndpointDescription for every enabled endpoint and every
// policy, mode and certificate it offers (OPC 10000-12, 7.10.23). Of the
// EndpointUrls of an endpoint, the one with the host that the client used is
// returned, else the first.
func (s *Server) descriptions(endpointURL string) []*ua.EndpointDescription {
	app := s.application(endpointURL)
	out := []*ua.EndpointDescription{}
	for _, e := range s.device().Endpoints() {
		if !e.Enabled || len(e.EndpointURLs) == 0 {
			continue
		}
		urls := slices.Clone(e.EndpointURLs)
		preferHost(urls, endpointURL)
		for _, offer := range e.Offers {
			out = append(out, &ua.EndpointDescription{
				EndpointURL: urls[0], Server: app, ServerCertificate: bytes.Join(offer.Chain, nil),
				SecurityMode: offer.Mode, SecurityPolicyURI: offer.PolicyURI, TransportProfileURI: config.TransportUATCP,
				SecurityLevel: securityLevel(offer.Mode, offer.PolicyURI), UserIdentityTokens: tokenPolicies(e, offer),
			})
		}
	}
	return out
}

// tokenPolicies are the UserTokenPolicies of an offer. A policy that would send a
// secret in clear, or needs a token that nothing here can check, is left out.
func tokenPolicies(e part12.Endpoint, offer part12.Offer) []*ua.UserTokenPolicy {
	out := []*ua.UserTokenPolicy{}
	for i, t := range e.Tokens {
		if t.TokenType == config.TokenIssued || t.TokenType != config.TokenAnonymous && tokenPolicyURI(t, offer) == config.PolicyNone {
			continue
		}
		out = append(out, &ua.UserTokenPolicy{
			PolicyID: policyID(e, i), TokenType: ua.UserTokenType(t.TokenType), SecurityPolicyURI: t.SecurityPolicyURI,
		})
	}
	return out
}

// policyID names a token of an endpoint: unique in the server (OPC 10000-12,
// 7.10.23), and the same after other endpoints came or went.
func policyID(e part12.Endpoint, token int) string {
	kind := strings.ToLower(e.Tokens[token].TokenType.String())
	return fmt.Sprintf("%s-%d-%s:%d", kind, token, e.NetworkName, e.Port)
}

// tokenPolicyURI is the policy that protects a token: its own, else the channel's
// (OPC 10000-4, 7.41).
func tokenPolicyURI(t config.UserTokenSettings, offer part12.Offer) string {
	if t.SecurityPolicyURI != "" {
		return t.SecurityPolicyURI
	}
	return offer.PolicyURI
}

// leafOf is the first certificate of a chain in one ByteString (OPC 10000-6, 6.2.6).
func leafOf(chain []byte) (*x509.Certificate, error) {
	certs, err := x509.ParseCertificates(chain)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 {
		return nil, ua.StatusBadCertificateInvalid
	}
	return certs[0], nil
}
