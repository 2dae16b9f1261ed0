package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uapush/uapush/config"
)

// ErrNoEndpoint says that an application has no endpoint on a network and port.
var ErrNoEndpoint = errors.New("the configuration has no such endpoint")

// Selection says which endpoint to write.
type Selection struct {
	Application string // as Manifest.Application
	Network     string // NetworkName of the endpoint
	Port        uint16
}

// Write writes a manifest for one endpoint of a configuration, with the records
// it uses. Applied to the same server it changes nothing. What a manifest cannot
// say is left out, so that the server keeps it, and a comment says so. TrustLists
// and certificates are not part of a configuration and are left out too.
func Write(w io.Writer, app config.Application, s Selection) error {
	e, ok := find(app, s)
	if !ok {
		return fmt.Errorf("%w: port %d, network %q", ErrNoEndpoint, s.Port, s.Network)
	}
	if !sayable(s.Application) || !sayable(s.Network) {
		return fmt.Errorf("write manifest: application %q or network %q is no text for a manifest", s.Application, s.Network)
	}
	parts := compose(app, e, s)
	// What the parser refuses is left out, one value or record after the other.
	// Each round drops at least one, so this ends.
	for {
		out := parts.render()
		_, err := Parse("export", out)
		if err == nil {
			_, err = w.Write(out)
			return err
		}
		if !parts.drop(err) {
			return fmt.Errorf("write manifest: %w", err)
		}
	}
}

func find(app config.Application, s Selection) (config.ServerEndpoint, bool) {
	for _, e := range app.ServerEndpoints {
		if e.NetworkName == s.Network && e.Port == s.Port {
			return e, true
		}
	}
	for _, e := range app.ClientEndpoints {
		if e.NetworkName == s.Network && e.Port == s.Port {
			return config.ServerEndpoint{Endpoint: e}, true
		}
	}
	return config.ServerEndpoint{}, false
}

// outline is a manifest in the making: head fields, then lists of records.
type outline struct {
	application string
	endpoint    record
	lists       []recordList
	dropped     bool
}

type recordList struct {
	name    string
	records []record
}

// record is an object; an entry without a value is left out.
type record []entry

type entry struct {
	key   string
	value string // in YAML's flow style
}

func compose(app config.Application, e config.ServerEndpoint, s Selection) *outline {
	name := e.Name
	if _, problem, _ := parseName(name); name == "" || problem != "" {
		name = fmt.Sprintf("endpoint-%d", e.Port)
	}
	o := &outline{application: s.Application}
	o.endpoint = record{
		{"name", scalar(name)}, {"port", fmt.Sprint(e.Port)}, {"network", quoted(e.NetworkName)},
		{"discoveryUrls", flow(e.DiscoveryURLs)}, {"endpointUrls", flow(e.EndpointURLs)},
		{"transportProfile", scalar(config.TransportName(e.TransportProfileURI))},
		{"reverseConnectUrls", flow(e.ReverseConnectURLs)},
		{"securitySettings", flow(e.SecuritySettingNames)}, {"userTokens", flow(e.UserTokenSettingNames)},
	}
	groups, services := map[string]bool{}, map[string]bool{}
	var settings, users, groupRecords, serviceRecords []record
	for _, r := range app.SecuritySettings {
		if slices.Contains(e.SecuritySettingNames, r.Name) {
			settings = append(settings, settingsRecord(r))
			groups[r.CertificateGroupName] = true
		}
	}
	for _, r := range app.UserTokenSettings {
		if slices.Contains(e.UserTokenSettingNames, r.Name) {
			users = append(users, userRecord(r))
			groups[r.CertificateGroupName], services[r.AuthorizationServiceName] = true, true
		}
	}
	for _, r := range app.CertificateGroups {
		if groups[r.Name] && r.Name != "" {
			groupRecords = append(groupRecords, groupRecord(r))
		}
	}
	for _, r := range app.AuthorizationServices {
		if services[r.Name] && r.Name != "" {
			serviceRecords = append(serviceRecords, record{
				{"name", scalar(r.Name)}, {"serviceUri", scalar(r.ServiceURI)}, {"issuerEndpointSettings", scalar(r.IssuerEndpointSettings)},
			})
		}
	}
	o.lists = []recordList{
		{"securitySettings", settings}, {"userTokenSettings", users},
		{"certificateGroups", groupRecords}, {"authorizationServices", serviceRecords},
	}
	return o
}

func settingsRecord(r config.SecuritySettings) record {
	var modes, policies []string
	for _, m := range r.SecurityModes {
		modes = append(modes, m.String())
	}
	for _, p := range r.SecurityPolicyURIs {
		policies = append(policies, config.PolicyName(p))
	}
	return record{{"name", scalar(r.Name)}, {"modes", flow(modes)}, {"policies", flow(policies)}, {"certificateGroup", scalar(r.CertificateGroupName)}}
}

func userRecord(r config.UserTokenSettings) record {
	return record{
		{"name", scalar(r.Name)}, {"type", scalar(r.TokenType.String())}, {"policy", scalar(config.PolicyName(r.SecurityPolicyURI))},
		{"certificateGroup", scalar(r.CertificateGroupName)}, {"authorizationService", scalar(r.AuthorizationServiceName)},
		{"issuedTokenType", scalar(r.IssuedTokenType)}, {"issuerEndpointUrl", scalar(r.IssuerEndpointURL)},
	}
}

func groupRecord(r config.CertificateGroup) record {
	var types []string
	for _, t := range r.CertificateTypes {
		types = append(types, config.CertificateTypeName(t))
	}
	return record{
		{"name", scalar(r.Name)}, {"purpose", scalar(config.PurposeName(r.Purpose))},
		{"types", flow(types)}, {"validation", flow(r.ValidationOptions.Names())},
	}
}

// render writes the outline as YAML.
func (o *outline) render() []byte {
	var b bytes.Buffer
	b.WriteString("# Written from a server's configuration.\n")
	if o.dropped {
		b.WriteString("# Some of its values cannot be said in a manifest. They are left out; the server keeps them.\n")
	}
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\napplication: %s\nendpoint:\n", Version, Kind, quoted(o.application))
	for _, e := range o.endpoint {
		if e.value != "" {
			fmt.Fprintf(&b, "  %s: %s\n", e.key, e.value)
		}
	}
	for _, l := range o.lists {
		switch {
		case len(l.records) == 0:
			continue
		case l.name == "certificateGroups":
			b.WriteString("# trust and certificates are not part of the configuration; add them here.\n")
		case l.name == "authorizationServices":
			b.WriteString("# serviceCertificates are left out; the server keeps those that it has.\n")
		}
		b.WriteString(l.name + ":\n")
		for _, r := range l.records {
			lead := "  - "
			for _, e := range r {
				if e.value != "" {
					b.WriteString(lead + e.key + ": " + e.value + "\n")
					lead = "    "
				}
			}
		}
	}
	return b.Bytes()
}

// drop leaves out what an error is about: a field of the endpoint, or a record
// of a list, which stays on the server and is referred to by name. The name and
// the port of the endpoint cannot be dropped.
func (o *outline) drop(err error) bool {
	var problems Errors
	if !errors.As(err, &problems) {
		return false
	}
	for i := len(problems) - 1; i >= 0; i-- {
		if o.dropPath(problems[i].Path) {
			o.dropped = true
			return true
		}
	}
	return false
}

func (o *outline) dropPath(path string) bool {
	if field, ok := strings.CutPrefix(path, "endpoint."); ok {
		field, _, _ = strings.Cut(field, "[")
		for i := range o.endpoint {
			if e := &o.endpoint[i]; e.key == field && e.value != "" && field != "name" && field != "port" && field != "network" {
				e.value = ""
				return true
			}
		}
		return false
	}
	for i := range o.lists {
		l := &o.lists[i]
		var index int
		if n, err := fmt.Sscanf(path, l.name+"[%d]", &index); err != nil || n != 1 || index >= len(l.records) {
			continue
		}
		l.records = append(l.records[:index], l.records[index+1:]...)
		return true
	}
	return false
}

// scalar writes a text; "" is left out.
func scalar(text string) string {
	if text == "" {
		return ""
	}
	return quoted(text)
}

func flow(texts []string) string {
	switch {
	case len(texts) == 0:
		return ""
	case len(texts) > maxEntries:
		return `[""]` // refused, as in quoted
	}
	parts := make([]string, len(texts))
	for i, t := range texts {
		parts[i] = quoted(t)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

var (
	plain    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./=-]*(:[A-Za-z0-9_./=#-]+)*$`)
	reserved = regexp.MustCompile(`(?i)^(null|true|false|yes|no|on|off|y|n)$`)
)

// quoted writes a text as it is where YAML takes it for a text, else as JSON.
// What a manifest cannot hold becomes "", which the parser refuses.
func quoted(text string) string {
	if !sayable(text) {
		return `""`
	}
	if plain.MatchString(text) && !reserved.MatchString(text) {
		return text
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func sayable(text string) bool {
	return utf8.ValidString(text) && len(text) <= maxText &&
		!strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && c != '\t' && forbidden(c) })
}
