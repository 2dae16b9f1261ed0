package view

import (
	"errors"
	"strings"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/push"
)

type discoveryValue struct {
	Servers      []serverValue      `json:"servers"`
	Endpoints    []endpointValue    `json:"endpoints"`
	Certificates []certificateValue `json:"certificates"`
}

type serverValue struct {
	ApplicationURI string   `json:"applicationUri"`
	ProductURI     string   `json:"productUri,omitempty"`
	Name           string   `json:"name"`
	Type           string   `json:"type"`
	DiscoveryURLs  []string `json:"discoveryUrls"`
}

type endpointValue struct {
	URL               string   `json:"url"`
	SecurityMode      string   `json:"securityMode"`
	SecurityPolicyURI string   `json:"securityPolicyUri"`
	SecurityLevel     uint8    `json:"securityLevel"`
	Tokens            []string `json:"userTokens"`
	CertificateSHA256 string   `json:"certificateSha256,omitempty"`
}

type certificateValue struct {
	pki.Description
	Trusted bool   `json:"trusted"`
	Why     string `json:"why,omitempty"` // not
	Hint    string `json:"hint,omitempty"`
}

// Discovery shows what a server says of itself. verdicts run parallel to its
// endpoints; nil trusts.
func (v View) Discovery(d push.Discovery, verdicts []error) error {
	value := discoveryOf(d, verdicts)
	var names []string
	for _, e := range value.Endpoints {
		names = addNew(names, e.URL) // one URL is offered with many policies
	}
	return v.Result(versioned{discoverySchema, value}, func(t *Text) { t.discovery(value) }, names)
}

func discoveryOf(d push.Discovery, verdicts []error) discoveryValue {
	value := discoveryValue{Servers: []serverValue{}, Endpoints: []endpointValue{}, Certificates: []certificateValue{}}
	for _, s := range d.Servers {
		value.Servers = append(value.Servers, serverValue{
			ApplicationURI: Clean(s.ApplicationURI), ProductURI: Clean(s.ProductURI), Name: Clean(s.Name), Type: s.Type.String(), DiscoveryURLs: clean(s.DiscoveryURLs),
		})
	}
	seen := map[string]bool{}
	for i, e := range d.Endpoints {
		ev := endpointValue{URL: Clean(e.URL), SecurityMode: e.SecurityMode.String(), SecurityPolicyURI: Clean(e.SecurityPolicyURI), SecurityLevel: e.SecurityLevel, Tokens: []string{}}
		for _, t := range e.Tokens {
			ev.Tokens = addNew(ev.Tokens, t.Type.String())
		}
		if len(e.Chain) > 0 {
			ev.CertificateSHA256 = pki.Fingerprint(e.Chain[0])
			if !seen[ev.CertificateSHA256] {
				seen[ev.CertificateSHA256] = true
				value.Certificates = append(value.Certificates, judged(e.Chain[0], verdicts[i]))
			}
		}
		value.Endpoints = append(value.Endpoints, ev)
	}
	return value
}

func judged(der []byte, verdict error) certificateValue {
	c := certificateValue{Trusted: verdict == nil}
	if cert, err := pki.ReadCertificate(der); err == nil {
		c.Description = pki.Describe(cert)
	}
	if verdict != nil {
		c.Why = Clean(verdict.Error())
		var h interface{ Hint() string }
		if errors.As(verdict, &h) {
			c.Hint = h.Hint()
		}
	}
	return c
}

func (t *Text) discovery(d discoveryValue) {
	for _, s := range d.Servers {
		t.Line("%s  %s  %s  %s", s.Name, s.ApplicationURI, s.Type, strings.Join(s.DiscoveryURLs, " "))
	}
	t.Line("")
	var rows [][]string
	for _, e := range d.Endpoints {
		rows = append(rows, []string{
			e.URL, e.SecurityMode, config.PolicyName(e.SecurityPolicyURI), strings.Join(e.Tokens, ", "), first(e.CertificateSHA256, 16),
		})
	}
	t.Rows([]string{"ENDPOINT", "MODE", "POLICY", "USER TOKENS", "CERTIFICATE"}, rows)
	for _, c := range d.Certificates {
		t.Line("")
		verdict := t.paint(green, "would be trusted")
		if !c.Trusted {
			verdict = t.paint(red, "would not be trusted: ") + c.Why
		}
		t.Line("certificate %s", verdict)
		t.certificate(c.Description)
		if c.Hint != "" {
			t.Line("%s %s", t.paint(yellow, "hint:"), Clean(c.Hint))
		}
	}
}

func first(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
