package push

import (
	"bytes"
	"cmp"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// policies are those this client supports, the strongest first.
var policies = []string{
	config.PolicyAes256Sha256RsaPss,
	config.PolicyAes128Sha256RsaOaep,
	config.PolicyBasic256Sha256,
}

// endpoint is an EndpointDescription that this client can use.
type endpoint struct {
	*ua.EndpointDescription
	leaf []byte  // of ServerCertificate, which may hold a chain
	dial address // host and port to dial; url is the EndpointUrl as advertised

	proven func(leaf []byte) error // to call once the server has proven its key; may be nil
}

// choose picks the endpoint for push: SignAndEncrypt with a policy we support.
// Endpoints at the port that the operator named go before others, since another
// listener may have another trust list; then those that take this kind of user,
// the stronger policy, and the server's own SecurityLevel (OPC 10000-4, 7.14).
func choose(all []*ua.EndpointDescription, at address, token ua.UserTokenType) (endpoint, error) {
	var fit []endpoint
	ports := advertisedPorts(all)
	for _, d := range all {
		if e, ok := usable(d, at, ports); ok {
			fit = append(fit, e)
		}
	}
	if len(fit) == 0 {
		return endpoint{}, &SecurityError{URL: at.url, Offers: offers(all)}
	}
	slices.SortStableFunc(fit, func(a, b endpoint) int {
		return cmp.Or(
			first(a.dial.port == at.port, b.dial.port == at.port),
			first(takes(a, token), takes(b, token)),
			cmp.Compare(slices.Index(policies, a.SecurityPolicyURI), slices.Index(policies, b.SecurityPolicyURI)),
			cmp.Compare(b.SecurityLevel, a.SecurityLevel),
		)
	})
	return fit[0], nil
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func takes(e endpoint, token ua.UserTokenType) bool {
	return slices.ContainsFunc(e.UserIdentityTokens, func(p *ua.UserTokenPolicy) bool { return p.TokenType == token })
}

// usable says whether d is for us, and where it is dialled: at the host that the
// operator named, because the server's own name for itself is often unknown to
// its clients. Where the server never mentions the operator's port, a forwarded
// port is assumed. The pinned certificate keeps either guess harmless.
func usable(d *ua.EndpointDescription, at address, ports map[string]bool) (endpoint, bool) {
	advertised, err := parseURL(d.EndpointURL)
	switch {
	case err != nil,
		d.SecurityMode != ua.MessageSecurityModeSignAndEncrypt,
		!slices.Contains(policies, d.SecurityPolicyURI),
		d.TransportProfileURI != "" && d.TransportProfileURI != config.TransportUATCP,
		d.Server == nil:
		return endpoint{}, false
	}
	leaf := leafOf(d.ServerCertificate)
	if leaf == nil {
		return endpoint{}, false
	}
	dial := address{url: d.EndpointURL, host: at.host, port: advertised.port}
	if !ports[at.port] {
		dial.port = at.port
	}
	return endpoint{EndpointDescription: d, leaf: leaf, dial: dial}, true
}

func advertisedPorts(all []*ua.EndpointDescription) map[string]bool {
	ports := map[string]bool{}
	for _, d := range all {
		if a, err := parseURL(d.EndpointURL); err == nil {
			ports[a.port] = true
		}
	}
	return ports
}

func offers(all []*ua.EndpointDescription) []string {
	var out []string
	seen := map[string]bool{} // a server may list a hundred thousand
	for _, d := range all {
		text := config.SecurityMode(d.SecurityMode).String() + " with " + config.PolicyName(d.SecurityPolicyURI)
		if d.SecurityMode != ua.MessageSecurityModeNone && leafOf(d.ServerCertificate) == nil {
			text += " and no certificate that can be read"
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

// compareEndpoints checks that the Session shows the endpoints that discovery
// showed, in what matters to security (OPC 10000-4, 5.7.2.1): discovery is not
// protected. URLs are left out: what is behind them is proven by certificate.
func compareEndpoints(url string, discovered, session []*ua.EndpointDescription) error {
	a, b := securityKeys(discovered), securityKeys(session)
	e := &EndpointListError{URL: url}
	for k := range a {
		if !b[k] {
			e.Missing = append(e.Missing, k)
		}
	}
	for k := range b {
		if !a[k] {
			e.Added = append(e.Added, k)
		}
	}
	if len(e.Missing) == 0 && len(e.Added) == 0 {
		return nil
	}
	slices.Sort(e.Missing)
	slices.Sort(e.Added)
	return e
}

func securityKeys(endpoints []*ua.EndpointDescription) map[string]bool {
	keys := map[string]bool{}
	for _, d := range endpoints {
		var tokens []string
		for _, p := range d.UserIdentityTokens {
			tokens = append(tokens, fmt.Sprintf("%s=%v %s %s",
				p.PolicyID, config.TokenType(p.TokenType), p.IssuedTokenType, config.PolicyName(p.SecurityPolicyURI)))
		}
		slices.Sort(tokens)
		keys[fmt.Sprintf("%v/%s level %d over %s for [%s]",
			config.SecurityMode(d.SecurityMode), config.PolicyName(d.SecurityPolicyURI), d.SecurityLevel,
			config.TransportName(d.TransportProfileURI), strings.Join(tokens, "; "))] = true
	}
	return keys
}

// maximumChain bounds the certificates of one chain, before memory is taken for them.
const maximumChain = 16

// splitChain takes apart certificates that follow one another in one ByteString
// (OPC 10000-6, 6.2.6).
func splitChain(blob []byte) ([][]byte, error) {
	if len(blob) == 0 {
		return nil, errors.New("there is no certificate")
	}
	var chain [][]byte
	for rest := blob; len(rest) > 0; {
		if len(chain) == maximumChain {
			return nil, fmt.Errorf("there are more than %d certificates in one chain", maximumChain)
		}
		var raw asn1.RawValue
		after, err := asn1.Unmarshal(rest, &raw)
		if err != nil || raw.Tag != asn1.TagSequence {
			return nil, fmt.Errorf("certificate %d of the chain is not DER", len(chain)+1)
		}
		chain = append(chain, raw.FullBytes)
		rest = after
	}
	return chain, nil
}

// leafOf is the first certificate of a ByteString; nil where there is none.
func leafOf(blob []byte) []byte {
	chain, err := splitChain(blob)
	if err != nil {
		return nil
	}
	return bytes.Clone(chain[0])
}
