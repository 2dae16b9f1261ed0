package view

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// Plan shows what would change. label is how the operator calls the server.
func (v View) Plan(label string, p plan.Plan) error {
	var names []string
	for _, c := range p.Changes {
		names = append(names, c.Path+" "+c.Name)
	}
	return v.Result(p, func(t *Text) { t.plan(label, p) }, names)
}

func (t *Text) plan(label string, p plan.Plan) {
	t.Line("%s  %s  configuration %v", Clean(label), Clean(p.Server.ApplicationURI), p.BaseVersion)
	if p.Application != "" {
		t.Line("managed application %s", Clean(string(p.Application)))
	}
	t.Line("")
	if p.Empty() {
		t.Line("No changes. The server is as the manifest says.")
		return
	}
	t.changes(p.Changes)
	if then := thens(p); len(then) > 0 {
		if len(p.Changes) > 0 {
			t.Line("")
		}
		for i, line := range fold(strings.Join(then, " · "), foldWidth(t.width)-len("then: ")) {
			t.Line("%s%s", [2]string{"then: ", "      "}[min(i, 1)], line)
		}
	}
	t.Line("Plan: %d to insert, %d to replace, %d to delete.", p.Summary.Insert, p.Summary.Replace, p.Summary.Delete)
}

func foldWidth(width int) int {
	if width <= 0 {
		return 1 << 16
	}
	return max(width-1, 2*minimumColumn)
}

// changes prints a row a change; a Replace shows its fields below. The blanks set
// path and type off from the words that people chose.
func (t *Text) changes(changes []plan.Change) {
	var rows [][]string
	for _, c := range changes {
		rows = append(rows, []string{t.symbol(c.UpdateType) + " " + c.Path + " ", c.UpdateType.String() + " ", Clean(c.Name), describe(c)})
		for _, f := range c.Fields {
			rows = append(rows, []string{"", "", "", Clean(f.Field + ": " + short(f.Before) + " → " + short(f.After))})
		}
	}
	t.Rows(nil, rows)
}

func (t *Text) symbol(u config.UpdateType) string {
	switch u {
	case config.Insert:
		return t.paint(green, "+")
	case config.Delete:
		return t.paint(red, "-")
	}
	return t.paint(yellow, "~")
}

// describe puts a record into a few words; a Replace is told by its fields.
func describe(c plan.Change) string {
	record := c.After
	if c.UpdateType == config.Delete {
		record = c.Before
	}
	if len(c.Fields) > 0 {
		return ""
	}
	words := Describe(record)
	if g, ok := record.(config.CertificateGroup); ok && c.UpdateType == config.Insert && !slices.Contains(g.CertificateAssigned, true) {
		words = append(words, "no certificate yet")
	}
	return Clean(strings.Join(words, " · "))
}

// Describe tells what matters about a record, in the spec's words.
func Describe(record any) []string {
	switch r := record.(type) {
	case config.CertificateGroup:
		var words []string
		if len(r.CertificateTypes) > 0 {
			words = append(words, "types "+strings.Join(typeNames(r.CertificateTypes), ", "))
		}
		if r.Purpose != config.PurposeApplicationCertificate {
			words = append(words, "purpose "+config.PurposeName(r.Purpose))
		}
		if r.ValidationOptions != config.DefaultValidation {
			words = append(words, "validation "+r.ValidationOptions.String())
		}
		return words
	case config.UserTokenSettings:
		return tokenWords(r)
	case config.SecuritySettings:
		words := []string{joinStringers(r.SecurityModes), strings.Join(policyNames(r.SecurityPolicyURIs), ", ")}
		if r.CertificateGroupName != "" {
			words = append(words, "group "+r.CertificateGroupName)
		}
		return words
	case config.ServerEndpoint:
		words := endpointWords(r.Endpoint, r.EndpointURLs)
		if r.TransportProfileURI != config.TransportUATCP {
			words = append(words, config.TransportName(r.TransportProfileURI))
		}
		for _, u := range r.ReverseConnectURLs {
			words = append(words, "reverse connect to "+u)
		}
		return words
	case config.Endpoint:
		return endpointWords(r, r.DiscoveryURLs)
	case config.AuthorizationService:
		return []string{r.ServiceURI, fmt.Sprintf("%d certificates", len(r.ServiceCertificates))}
	case config.Identity:
		return []string{r.ApplicationURI}
	}
	return nil
}

func tokenWords(r config.UserTokenSettings) []string {
	word := r.TokenType.String()
	if r.SecurityPolicyURI != "" {
		word += ", " + config.PolicyName(r.SecurityPolicyURI)
	}
	words := []string{word}
	if r.CertificateGroupName != "" {
		words = append(words, "group "+r.CertificateGroupName)
	}
	if r.AuthorizationServiceName != "" {
		words = append(words, "service "+r.AuthorizationServiceName)
	}
	return words
}

func endpointWords(e config.Endpoint, urls []string) []string {
	words := []string{fmt.Sprintf("port %d", e.Port)}
	if e.NetworkName != "" {
		words = append(words, "network "+e.NetworkName)
	}
	return append(words, urls...)
}

func typeNames(ids []config.NodeID) []string {
	var names []string
	for _, id := range ids {
		names = append(names, config.CertificateTypeName(id))
	}
	return names
}

func policyNames(uris []string) []string {
	var names []string
	for _, u := range uris {
		names = append(names, config.PolicyName(u))
	}
	return names
}

func joinStringers[S fmt.Stringer](list []S) string {
	var words []string
	for _, s := range list {
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

// thens lists what follows the configuration.
func thens(p plan.Plan) []string {
	var then []string
	for _, l := range p.TrustLists {
		then = append(then, fmt.Sprintf("trust list of %s (%s)", Clean(l.Group), strings.Join(trustWords(l), ", ")))
	}
	for _, c := range p.Certificates {
		word := fmt.Sprintf("issue %s certificate for %s", config.CertificateTypeName(c.Type), Clean(c.Group))
		if !inserts(p, c.Group) { // else the line above says why
			word += fmt.Sprintf(" (%s)", Clean(c.Reason))
		}
		then = append(then, word)
	}
	return then
}

// trustWords counts what goes into a trust list: a CA vouches for others, which
// an administrator wants to see.
func trustWords(l plan.TrustListAction) []string {
	authorities := 0
	for _, m := range l.Trusted {
		if cert, err := x509.ParseCertificate(m.DER); err == nil && cert.IsCA {
			authorities++
		}
	}
	var words []string
	for _, n := range []struct {
		count    int
		one, all string
	}{
		{len(l.Trusted) - authorities, "certificate", "certificates"}, {authorities, "CA", "CAs"},
		{len(l.CRLs), "CRL", "CRLs"}, {len(l.Issuers), "issuer", "issuers"},
	} {
		if n.count > 0 {
			words = append(words, fmt.Sprintf("%d %s", n.count, plural(n.count, n.one, n.all)))
		}
	}
	return words
}

// inserts says whether the plan makes a CertificateGroup.
func inserts(p plan.Plan, group string) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool {
		return c.Kind == config.CertificateGroupList && c.Name == group && c.Before == nil
	})
}

func plural(n int, one, all string) string {
	if n == 1 {
		return one
	}
	return all
}

// short prints the value of a field as JSON has it, with the field's short names.
func short(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		if v == "" {
			return `""`
		}
		return shortConstant(v)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, short(e))
		}
		if len(parts) == 0 {
			return "nothing"
		}
		return strings.Join(parts, ", ")
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	var generic any
	if json.Unmarshal(b, &generic) == nil {
		switch generic.(type) {
		case string, []any:
			return short(generic)
		}
	}
	return string(b)
}

func shortConstant(s string) string {
	for _, name := range []string{
		config.PolicyName(s), config.TransportName(s), config.CertificateTypeName(config.NodeID(s)), config.PurposeName(config.NodeID(s)),
	} {
		if name != s {
			return name
		}
	}
	return s
}
