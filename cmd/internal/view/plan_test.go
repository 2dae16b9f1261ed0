package view

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki/pkitest"
)

// lineA is the plan of the product's example.
func lineA(t testing.TB) plan.Plan {
	t.Helper()
	ca := pkitest.NewAuthority(t, pkitest.Key(0), "Plant CA", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature })
	trusted, err := plan.Certificate("ca", ca.Certificate.Raw)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := plan.CRL("ca", ca.CRL(t))
	if err != nil {
		t.Fatal(err)
	}
	base := config.Application{
		Version:           820540800,
		CertificateGroups: make([]config.CertificateGroup, 1),
		UserTokenSettings: make([]config.UserTokenSettings, 1),
		SecuritySettings:  make([]config.SecuritySettings, 1),
		ServerEndpoints:   make([]config.ServerEndpoint, 1),
	}
	base.CertificateGroups[0].Name, base.UserTokenSettings[0].Name = "DefaultApplicationGroup", "users"
	base.SecuritySettings[0].Name, base.ServerEndpoints[0].Name = "secure", "first"
	base.ServerEndpoints[0].Port = 4840
	want := base.Clone()
	want.CertificateGroups = append(want.CertificateGroups, config.CertificateGroup{
		Record: config.Record{Name: "LineA"}, Purpose: config.PurposeApplicationCertificate,
		CertificateTypes: []config.NodeID{config.TypeRsaSha256}, ValidationOptions: config.DefaultValidation,
	})
	want.UserTokenSettings = append(want.UserTokenSettings, config.UserTokenSettings{
		Record: config.Record{Name: "operators"}, TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyBasic256Sha256,
	})
	want.SecuritySettings = append(want.SecuritySettings, config.SecuritySettings{
		Record: config.Record{Name: "encrypted"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, config.PolicyAes256Sha256RsaPss}, CertificateGroupName: "LineA",
	})
	want.ServerEndpoints = append(want.ServerEndpoints, config.ServerEndpoint{
		Endpoint:     config.Endpoint{Record: config.Record{Name: "line-a"}, Port: 4843},
		EndpointURLs: []string{"opc.tcp://plc1:4843"}, TransportProfileURI: config.TransportUATCP,
		SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
	})
	changes := plan.Compute(base, want)
	return plan.Plan{
		Schema: plan.Schema, BaseVersion: base.Version,
		Server:     plan.Server{URL: "opc.tcp://plc1:4840", ApplicationURI: "urn:plant:plc1", CertificateSHA256: trusted.SHA256},
		Changes:    changes,
		TrustLists: []plan.TrustListAction{{Group: "LineA", Trusted: []plan.Material{trusted}, CRLs: []plan.Material{crl}}},
		Certificates: []plan.CertificateAction{{
			Group: "LineA", Type: config.TypeRsaSha256, Action: plan.Issue, Reason: "the group is new",
		}},
		Summary: plan.Summarize(changes),
	}
}

func text(t testing.TB, v View, show func(View) error) string {
	t.Helper()
	var b bytes.Buffer
	v.Out = &b
	if v.Format == "" {
		v.Format = Table
	}
	if err := show(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func showPlan(p plan.Plan) func(View) error {
	return func(v View) error { return v.Plan("plc1", p) }
}

// golden is the example of the product's contract, to the byte.
const golden = `plc1  urn:plant:plc1  configuration 2026-01-01T00:00:00Z (820540800)

+ CertificateGroups.[1]   Insert   LineA      types RsaSha256 · no certificate yet
+ UserTokenSettings.[1]   Insert   operators  UserName, Basic256Sha256
+ SecuritySettings.[1]    Insert   encrypted  SignAndEncrypt · Basic256Sha256, Aes256_Sha256_RsaPss · group LineA
+ ServerEndpoints.[1]     Insert   line-a     port 4843 · opc.tcp://plc1:4843

then: trust list of LineA (1 CA, 1 CRL) · issue RsaSha256 certificate for LineA
Plan: 4 to insert, 0 to replace, 0 to delete.
`

func TestPlan(t *testing.T) {
	if got := text(t, View{}, showPlan(lineA(t))); got != golden {
		t.Errorf("the plan is\n%s\nwant\n%s", got, golden)
	}
}

// replaced is a plan that replaces and deletes.
func replaced(t testing.TB) plan.Plan {
	t.Helper()
	p := lineA(t)
	group := config.CertificateGroup{
		Record: config.Record{Name: "Default"}, Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaMin},
	}
	endpoint := config.ServerEndpoint{
		Endpoint: config.Endpoint{Record: config.Record{Name: "old"}, NetworkName: "eth0", Port: 4840}, TransportProfileURI: config.TransportUATCP,
	}
	base := config.Application{Version: p.BaseVersion, CertificateGroups: []config.CertificateGroup{group}, ServerEndpoints: []config.ServerEndpoint{endpoint}}
	want := base.Clone()
	want.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}
	want.ServerEndpoints = nil
	p.Changes = plan.Compute(base, want)
	p.Summary = plan.Summarize(p.Changes)
	p.TrustLists = nil
	p.Certificates = []plan.CertificateAction{{Group: "Default", Type: config.TypeRsaSha256, Action: plan.Issue, Reason: "the certificate type is new to the group"}}
	return p
}

func TestPlanReplaceAndDelete(t *testing.T) {
	want := `plc1  urn:plant:plc1  configuration 2026-01-01T00:00:00Z (820540800)

- ServerEndpoints.[0]     Delete    old      port 4840 · network eth0
~ CertificateGroups.[0]   Replace   Default
                                             certificateTypes: RsaMin → RsaMin, RsaSha256

then: issue RsaSha256 certificate for Default (the certificate type is new to the group)
Plan: 0 to insert, 1 to replace, 1 to delete.
`
	if got := text(t, View{}, showPlan(replaced(t))); got != want {
		t.Errorf("the plan is\n%s\nwant\n%s", got, want)
	}
}

func TestPlanEmpty(t *testing.T) {
	p := lineA(t)
	p.Changes, p.TrustLists, p.Certificates, p.Summary = nil, nil, nil, plan.Summary{}
	p.Application = "ns=2;s=App"
	got := text(t, View{}, showPlan(p))
	for _, part := range []string{"managed application ns=2;s=App\n", "No changes."} {
		if !strings.Contains(got, part) {
			t.Errorf("the plan does not say %q:\n%s", part, got)
		}
	}
}

// A text view is a reader of the JSON value: what JSON does not hold is not shown.
func TestReplay(t *testing.T) {
	for name, p := range map[string]plan.Plan{"insert": lineA(t), "replace": replaced(t), "hostile": hostile(t), "empty": {Schema: plan.Schema}} {
		t.Run(name, func(t *testing.T) {
			var again plan.Plan
			if err := json.Unmarshal([]byte(text(t, View{Format: JSON}, showPlan(p))), &again); err != nil {
				t.Fatal(err)
			}
			for _, v := range []View{{}, {Width: 60, Colour: true}, {Format: Name}, {Format: JSON}, {Format: YAML}} {
				if got, want := text(t, v, showPlan(again)), text(t, v, showPlan(p)); got != want {
					t.Errorf("%+v: replayed it is\n%s\nwant\n%s", v, got, want)
				}
			}
		})
	}
}

func TestPlanWidths(t *testing.T) {
	p := lineA(t)
	p.Changes[3].After = withURL(p.Changes[3].After, "opc.tcp://a-host-with-a-name-that-does-not-fit.into.any.line.of.a.terminal.plant.example:4843/some/path")
	for _, width := range []int{40, 60, 80, 120} {
		got := text(t, View{Width: width}, showPlan(p))
		if strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(text(t, View{}, showPlan(p))), "") {
			// The words of a row are apart when its last column is folded.
			for _, word := range []string{"CertificateGroups.[1]", "Insert", "operators", "encrypted", "Aes256_Sha256_RsaPss", "port 4843", "4 to insert"} {
				if !strings.Contains(got, word) {
					t.Errorf("width %d: %q is not there:\n%s", width, word, got)
				}
			}
		}
		// The columns before the last are never cut: they need 46, and the last one gets 24.
		limit := max(width, 46+minimumColumn)
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > limit && !strings.HasPrefix(line, "plc1  ") {
				t.Errorf("width %d: a line has %d columns: %q", width, n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("width %d: a line ends in blanks: %q", width, line)
			}
		}
	}
}

func withURL(record any, url string) any {
	e := record.(config.ServerEndpoint)
	e.EndpointURLs = []string{url}
	return e
}

// hostile is a plan with the names of a server that paints.
func hostile(t testing.TB) plan.Plan {
	t.Helper()
	const bad = "A\x1b[31mB\u202eC\u200bD\u009bE\rF\x00G\u2066H\u2028I\u00adJ\u061cK\x7fL"
	p := lineA(t)
	p.Server.ApplicationURI = "urn:" + bad
	for i, c := range p.Changes {
		p.Changes[i].Name += bad
		switch r := c.After.(type) {
		case config.CertificateGroup:
			r.Name += bad
			p.Changes[i].After = r
		case config.SecuritySettings:
			r.Name, r.CertificateGroupName, r.SecurityPolicyURIs = r.Name+bad, bad, []string{bad}
			p.Changes[i].After = r
		case config.UserTokenSettings:
			r.Name, r.AuthorizationServiceName = r.Name+bad, bad
			p.Changes[i].After = r
		case config.ServerEndpoint:
			r.Name, r.NetworkName, r.EndpointURLs, r.ReverseConnectURLs = r.Name+bad, bad, []string{bad}, []string{bad}
			p.Changes[i].After = r
		}
	}
	p.TrustLists[0].Group, p.Certificates[0].Group, p.Certificates[0].Reason = bad, bad, bad
	return p
}

// painting finds what Clean must have taken out of what people read.
func painting(s string) (found []string) {
	for _, bad := range []string{"\x1b", "\u202e", "\u200b", "\u009b", "\r", "\x00", "\u2066", "\u2028", "\u00ad", "\u061c", "\x7f"} {
		if strings.Contains(s, bad) {
			found = append(found, strings.Trim(string(mustJSON(bad)), `"`))
		}
	}
	return found
}

func mustJSON(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestServerTextDoesNotPaint(t *testing.T) {
	for _, v := range []View{{}, {Width: 60}, {Format: Name}} {
		got := text(t, v, showPlan(hostile(t)))
		if found := painting(got); len(found) > 0 {
			t.Errorf("%+v lets %q through:\n%q", v, found, got)
		}
		if !strings.Contains(got, "A[31mBCDEFGHIJKL") {
			t.Errorf("%+v lost the text:\n%s", v, got)
		}
	}
	for _, f := range []Format{JSON, NDJSON, YAML} { // here nothing is lost, and nothing obeyed
		if found := painting(text(t, View{Format: f}, showPlan(hostile(t)))); len(found) > 0 {
			t.Errorf("%s lets %q through", f, found)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"line-a":                  "line-a",
		"日本語 Übergröße":           "日本語 Übergröße",
		"\x1b]0;title\x07x":       "]0;titlex",
		"a\u202egnp.exe":          "agnp.exe",
		"a\tb\nc":                 "abc",
		"\ufeffa\u2060b\u180ec":   "abc",
		"a\U000e0041\U000e007fb":  "ab",
		"a\ufe0fb":                "ab",
		"\xff\x9b31m":             "\ufffd\ufffd31m",
		"e\u0301":                 "e\u0301",
		"\u2067right\u2069\u200f": "right",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestColour(t *testing.T) {
	plain, painted := text(t, View{}, showPlan(replaced(t))), text(t, View{Colour: true}, showPlan(replaced(t)))
	if strings.Contains(plain, "\x1b") {
		t.Errorf("colours were not asked for:\n%q", plain)
	}
	for _, want := range []string{red + "-" + reset, yellow + "~" + reset} {
		if !strings.Contains(painted, want) {
			t.Errorf("%q is not there:\n%q", want, painted)
		}
	}
	for _, c := range []string{green, yellow, red, dim, reset} {
		painted = strings.ReplaceAll(painted, c, "")
	}
	if painted != plain {
		t.Errorf("without its colours it is\n%s\nwant\n%s", painted, plain)
	}
	if got := text(t, View{Colour: true, Format: JSON}, showPlan(replaced(t))); strings.Contains(got, "\x1b") {
		t.Errorf("JSON has colours:\n%q", got)
	}
}

func TestPlanFormats(t *testing.T) {
	p := lineA(t)
	var fromJSON, fromLine, fromYAML map[string]any
	if err := json.Unmarshal([]byte(text(t, View{Format: JSON}, showPlan(p))), &fromJSON); err != nil {
		t.Fatal(err)
	}
	line := text(t, View{Format: NDJSON}, showPlan(p))
	if strings.Count(line, "\n") != 1 || json.Unmarshal([]byte(line), &fromLine) != nil {
		t.Errorf("NDJSON is not one line: %q", line)
	}
	if err := yaml.Unmarshal([]byte(text(t, View{Format: YAML}, showPlan(p))), &fromYAML); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]map[string]any{"JSON": fromJSON, "NDJSON": fromLine, "YAML": fromYAML} {
		if got["schema"] != plan.Schema {
			t.Errorf("%s: schema is %v", name, got["schema"])
		}
		for _, member := range []string{"server", "application", "baseVersion", "changes", "certificates", "trustLists", "summary"} {
			if _, ok := got[member]; !ok {
				t.Errorf("%s lacks %s", name, member)
			}
		}
	}
	first := fromJSON["changes"].([]any)[0].(map[string]any)
	if first["path"] != "CertificateGroups.[1]" || first["updateType"] != "Insert" || first["kind"] != "CertificateGroups" || first["before"] != nil {
		t.Errorf("the first change is %v", first)
	}
	want := "CertificateGroups.[1] LineA\nUserTokenSettings.[1] operators\nSecuritySettings.[1] encrypted\nServerEndpoints.[1] line-a\n"
	if got := text(t, View{Format: Name}, showPlan(p)); got != want {
		t.Errorf("the names are %q, want %q", got, want)
	}
}
