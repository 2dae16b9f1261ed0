package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// TestText puts control characters into everything that a server names, and lots of
// text into everything that a sentence may quote.
func TestText(t *testing.T) {
	t.Parallel()
	named := script{model: func(m *model) {
		rename := func(s *string) { *s += paint }
		a := &m.app
		rename(&a.Identity.Name)
		rename(&a.Identity.ApplicationURI)
		a.Identity.ApplicationNames = []config.LocalizedText{{Locale: paint, Text: paint}}
		rename(&a.CertificateGroups[0].Name)
		rename(&a.UserTokenSettings[0].Name)
		rename(&a.SecuritySettings[0].Name)
		a.SecuritySettings[0].SecurityPolicyURIs = append(a.SecuritySettings[0].SecurityPolicyURIs, "http://"+paint)
		rename(&a.SecuritySettings[0].CertificateGroupName)
		rename(&a.ServerEndpoints[0].Name)
		rename(&a.ServerEndpoints[0].NetworkName)
		rename(&a.ServerEndpoints[0].DiscoveryURLs[0])
		rename(&a.ServerEndpoints[0].TransportProfileURI)
		rename(&a.ServerEndpoints[0].SecuritySettingNames[0])
		rename(&a.ServerEndpoints[0].UserTokenSettingNames[0])
		m.groups = append(m.groups, paint)
		m.values["ConfigurationFile/AvailablePorts"] = paint
		m.values["ApplicationUri"] = serverURI + paint
		m.values["i=2255"] = []string{"http://opcfoundation.org/UA/", paint}
	}}
	shown := script{model: func(m *model) {
		e := m.endpoints[0]
		e.EndpointURL += "/" + paint
		e.SecurityPolicyURI += paint
		e.Server.ApplicationURI += paint
		e.Server.ProductURI = paint
		e.Server.ApplicationName = ua.NewLocalizedText(paint)
		e.Server.DiscoveryURLs = []string{paint}
		e.UserIdentityTokens[0].PolicyID += paint
		e.UserIdentityTokens[0].IssuedTokenType = paint
	}}
	var cases []hostility
	for _, format := range []string{"table", "json", "yaml", "ndjson", "name"} {
		cases = append(cases,
			hostility{name: "config get -o " + format, args: []string{"config", "get", "-o", format}, exit: 0, trusts: true, script: named},
			hostility{name: "plan -o " + format, args: append([]string{"-o", format}, plans...), exit: anything, trusts: true, script: named},
			hostility{name: "discover -o " + format, args: []string{"discover", "-o", format}, exit: 0, script: shown},
			hostility{name: "certificate of another -o " + format, args: []string{"config", "get", "-o", format}, exit: 5, script: shown},
		)
	}
	many := func(n int, change func(i int, e *ua.EndpointDescription)) script {
		return discovered(func(_ *model, e *ua.EndpointDescription) []*ua.EndpointDescription {
			var all []*ua.EndpointDescription
			for i := range n {
				d := *e
				change(i, &d)
				all = append(all, &d)
			}
			return all
		})
	}
	policies := many(10_000, func(i int, e *ua.EndpointDescription) {
		*e = ua.EndpointDescription{SecurityPolicyURI: fmt.Sprintf("urn:%d:%s", i, strings.Repeat("p", 50)), Server: &ua.ApplicationDescription{ApplicationName: &ua.LocalizedText{}}}
	})
	tokens := many(1, func(_ int, e *ua.EndpointDescription) {
		for i := range 10_000 {
			e.UserIdentityTokens = append(e.UserIdentityTokens, &ua.UserTokenPolicy{PolicyID: fmt.Sprint(i, strings.Repeat("t", 50))})
		}
	})
	chains := many(40, func(_ int, e *ua.EndpointDescription) {
		e.ServerCertificate = []byte(strings.Repeat("\x30\x00", 40_000))
	})
	cases = append(cases,
		hostility{name: "verbose", args: []string{"config", "get", "-v"}, exit: 0, trusts: true, script: named},
		hostility{name: "export", args: []string{"config", "export", "--endpoint", "4840"}, exit: anything, trusts: true, script: named},
		hostility{name: "endpoint list", args: []string{"endpoint", "list"}, exit: 0, trusts: true, script: named},
		hostility{name: "no such endpoint", args: []string{"config", "export", "--endpoint", "nothing"}, exit: anyFailure, trusts: true, script: named},
		hostility{name: "no such application", args: []string{"config", "get", "--application", "urn:nothing"}, exit: anyFailure, trusts: true, script: named},
		hostility{name: "10,000 policies", exit: 5, script: policies},
		hostility{name: "discover 10,000 policies", args: []string{"discover"}, exit: 0, script: policies},
		hostility{name: "10,000 user tokens", exit: 5, script: tokens},
		hostility{name: "discover 10,000 user tokens", args: []string{"discover"}, exit: 0, script: tokens},
		hostility{name: "discover 40 long chains", args: []string{"discover"}, exit: 0, script: chains},
		hostility{name: "ten thousand managed applications", args: []string{"config", "get", "--application", "urn:nothing"}, exit: anyFailure, trusts: true, script: script{
			model: func(m *model) {
				m.groups = nil
				for i := range 10_000 {
					m.groups = append(m.groups, fmt.Sprint(i, strings.Repeat("a", 50)))
				}
			}}},
		hostility{name: "long reason", exit: 7, script: at("open", func(c *link) error {
			return c.write(errMessage(ua.StatusBadInternalError, strings.Repeat("reason ", 5000)))
		})},
	)
	all(t, cases)
}
