package view

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/push"
)

// everything has a record of each list.
func everything() config.Application {
	return config.Application{
		Version:  820540800,
		Identity: config.Identity{Record: config.Record{Name: "PLC1"}, ApplicationURI: "urn:plant:plc1"},
		CertificateGroups: []config.CertificateGroup{
			{Record: config.Record{Name: "Https"}, Purpose: "i=12558", CertificateTypes: []config.NodeID{"i=12558"}, ValidationOptions: config.DefaultValidation},
		},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint: config.Endpoint{Record: config.Record{Name: "web"}, NetworkName: "eth0", Port: 443}, EndpointURLs: []string{"opc.https://plc1"},
			TransportProfileURI:  "http://opcfoundation.org/UA-Profile/Transport/https-uabinary",
			SecuritySettingNames: []string{"secure", "more", "gone"}, UserTokenSettingNames: []string{"issued"},
			ReverseConnectURLs: []string{"opc.tcp://scada:4841"},
		}},
		ClientEndpoints: []config.Endpoint{{Record: config.Record{Name: "listen"}, Port: 4841, DiscoveryURLs: []string{"opc.tcp://plc1:4841"}}},
		SecuritySettings: []config.SecuritySettings{
			{Record: config.Record{Name: "secure"}, SecurityModes: []config.SecurityMode{2, 3}, SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: "Https"},
			{Record: config.Record{Name: "more"}, SecurityModes: []config.SecurityMode{3}, SecurityPolicyURIs: []string{"urn:policy"}, CertificateGroupName: "Https"},
		},
		UserTokenSettings: []config.UserTokenSettings{
			{Record: config.Record{Name: "issued"}, TokenType: config.TokenIssued, AuthorizationServiceName: "sso"},
			{Record: config.Record{Name: "people"}, TokenType: config.TokenCertificate, CertificateGroupName: "Users"},
		},
		AuthorizationServices: []config.AuthorizationService{{Record: config.Record{Name: "sso"}, ServiceURI: "https://sso", ServiceCertificates: make([]config.ServiceCertificate, 2)}},
	}
}

func TestConfiguration(t *testing.T) {
	want := `plc1  urn:plant:plc1  configuration 2026-01-01T00:00:00Z (820540800)

RECORD                     NAME    CONTENT
CertificateGroups.[0]      Https   types Https · purpose HttpsCertificate
UserTokenSettings.[0]      issued  IssuedToken · service sso
UserTokenSettings.[1]      people  Certificate · group Users
SecuritySettings.[0]       secure  Sign, SignAndEncrypt · Basic256Sha256 · group Https
SecuritySettings.[1]       more    SignAndEncrypt · urn:policy · group Https
ServerEndpoints.[0]        web     port 443 · network eth0 · opc.https://plc1 · https · reverse connect to opc.tcp://scada:4841
ClientEndpoints.[0]        listen  port 4841 · opc.tcp://plc1:4841
AuthorizationServices.[0]  sso     https://sso · 2 certificates
`
	show := func(v View) error { return v.Configuration("plc1", everything()) }
	if got := text(t, View{}, show); got != want {
		t.Errorf("the configuration is\n%s\nwant\n%s", got, want)
	}
	if got := text(t, View{Format: Name}, show); !strings.HasPrefix(got, "CertificateGroups.[0] Https\n") || strings.Count(got, "\n") != 8 {
		t.Errorf("the names are %q", got)
	}
	var app config.Application
	if err := json.Unmarshal([]byte(text(t, View{Format: JSON}, show)), &app); err != nil {
		t.Fatal(err)
	}
	if got := text(t, View{}, func(v View) error { return v.Configuration("plc1", app) }); got != want {
		t.Errorf("replayed it is\n%s", got)
	}
}

func TestEndpoints(t *testing.T) {
	want := `NAME    PORT  NETWORK  GROUP  SECURITY · TOKENS · URLS
web     443   eth0     Https  Sign, SignAndEncrypt · Basic256Sha256, urn:policy · IssuedToken · opc.https://plc1
listen  4841  all             opc.tcp://plc1:4841
`
	show := func(v View) error { return v.Endpoints(everything()) }
	if got := text(t, View{}, show); got != want {
		t.Errorf("the endpoints are\n%s\nwant\n%s", got, want)
	}
	if got := text(t, View{Format: Name}, show); got != "web\nlisten\n" {
		t.Errorf("the names are %q", got)
	}
	none := func(v View) error { return v.Endpoints(config.Application{}) }
	if got := text(t, View{}, none) + text(t, View{Format: JSON}, none); got != "No endpoints.\n[]\n" {
		t.Errorf("no endpoints are %q", got)
	}
}

func TestDiff(t *testing.T) {
	before, after := everything(), everything()
	after.ClientEndpoints = nil
	after.ServerEndpoints[0].EndpointURLs = nil
	show := func(v View) error { return v.Diff("plc1", 1, 2, plan.Compute(before, after)) }
	got := text(t, View{}, show)
	for _, part := range []string{"- ClientEndpoints.[0]", "~ ServerEndpoints.[0]", "endpointUrls: opc.https://plc1 → nothing"} {
		if !strings.Contains(got, part) {
			t.Errorf("the difference does not say %q:\n%s", part, got)
		}
	}
	none := func(v View) error { return v.Diff("plc1", 1, 1, nil) }
	if got := text(t, View{}, none); !strings.Contains(got, "No differences.") {
		t.Errorf("no difference is\n%s", got)
	}
	if got := text(t, View{Format: NDJSON}, none); got != `{"type":"result","schema":"uapush.diff/1","before":1,"after":1,"changes":[]}`+"\n" {
		t.Errorf("no difference is %s", got)
	}
}

type hinted struct{ error }

func (hinted) Hint() string { return "pin \x1b[2Jit" }

func TestDiscovery(t *testing.T) {
	id := pkitest.Application(t, pkitest.Options{Name: "PL\u202eC1"})
	d := push.Discovery{
		Servers: []push.DiscoveredServer{{ApplicationURI: "urn:\x1bplc1", Name: "PLC\r1", DiscoveryURLs: []string{"opc.tcp://plc1\x07:4840"}}},
		Endpoints: []push.DiscoveredEndpoint{
			{URL: "opc.tcp://plc1:4840", SecurityMode: config.ModeSignAndEncrypt, SecurityPolicyURI: config.PolicyBasic256Sha256, Chain: id.Chain,
				Tokens: []push.DiscoveredToken{{Type: config.TokenUserName}, {Type: config.TokenUserName}}},
			{URL: "opc.tcp://plc1:4841", SecurityMode: config.ModeSign, SecurityPolicyURI: "urn:\x1b[31m", Chain: id.Chain},
			{URL: "opc.tcp://plc1:4842", SecurityMode: config.ModeNone, SecurityPolicyURI: config.PolicyNone},
		},
	}
	refused := hinted{errors.New("nobody \x1bvouches for it")}
	show := func(verdict error) func(View) error {
		return func(v View) error { return v.Discovery(d, []error{verdict, verdict, nil}) }
	}
	got := text(t, View{}, show(refused))
	for _, part := range []string{
		"PLC1  urn:plc1  Server  opc.tcp://plc1:4840\n", "ENDPOINT", "SignAndEncrypt", "Basic256Sha256", "UserName", pki.Fingerprint(id.Leaf())[:16] + "…",
		"would not be trusted: nobody vouches for it", "hint: pin [2Jit", "subject", "PLC1",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("it does not say %q:\n%s", part, got)
		}
	}
	if found := painting(got); len(found) > 0 {
		t.Errorf("%q got through:\n%q", found, got)
	}
	if strings.Count(got, "certificate would") != 1 {
		t.Errorf("the certificate of two endpoints is not shown once:\n%s", got)
	}
	if got := text(t, View{}, show(nil)); !strings.Contains(got, "certificate would be trusted\n") {
		t.Errorf("a trusted certificate is\n%s", got)
	}
	var value struct {
		Certificates []struct{ Trusted bool }
		Endpoints    []struct{ UserTokens []string }
	}
	if err := json.Unmarshal([]byte(text(t, View{Format: JSON}, show(refused))), &value); err != nil {
		t.Fatal(err)
	}
	if len(value.Certificates) != 1 || value.Certificates[0].Trusted || len(value.Endpoints[0].UserTokens) != 1 {
		t.Errorf("the JSON is %+v", value)
	}
	if got := text(t, View{Format: Name}, show(nil)); got != "opc.tcp://plc1:4840\nopc.tcp://plc1:4841\nopc.tcp://plc1:4842\n" {
		t.Errorf("the names are %q", got)
	}
}

func TestValidity(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]string{
		from.AddDate(0, 0, -1): "2026-01-01 to 2026-12-31, not yet valid",
		to.AddDate(0, 0, 1):    "2026-01-01 to 2026-12-31, expired",
		to.AddDate(0, 0, -30):  "2026-01-01 to 2026-12-31, 30 days left",
		to.Add(-time.Hour):     "2026-01-01 to 2026-12-31, 1 hour left",
	} {
		if got := validity(from, to, now); got != want {
			t.Errorf("at %v it is %q, want %q", now, got, want)
		}
	}
}

func TestCertificate(t *testing.T) {
	id := pkitest.Application(t, pkitest.Options{URI: "urn:client", Change: func(c *x509.Certificate) {
		c.Subject.CommonName, c.Subject.Organization = "A\x1b[31mB", []string{"\u202eC"}
	}})
	show := func(v View) error { return v.Certificate("title\x07", id.Certificate(t)) }
	got := text(t, View{}, show)
	for _, part := range []string{"title\n", "issuer", "itself", "urn:client", "RSA 2048", "localhost, 127.0.0.1", pki.Fingerprint(id.Leaf())} {
		if !strings.Contains(got, part) {
			t.Errorf("it does not say %q:\n%s", part, got)
		}
	}
	if found := painting(got); len(found) > 0 || strings.Contains(got, "\x07") {
		t.Errorf("%q got through:\n%q", found, got)
	}
	if got, want := text(t, View{Format: Name}, show), pki.Fingerprint(id.Leaf())+"\n"; got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
}

func TestAuthority(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(0), "Plant CA", nil)
	below := ca.Intermediate(t, pkitest.Key(1), "Line CA", nil)
	crl := pkitest.ParseCRL(t, below.CRL(t, ca.Certificate))
	until := time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	records := []pki.LedgerRecord{
		{Event: pki.EventIssued, Time: noon, Serial: "0123456789abcdef0123", Subject: "CN=PLC1\x1b[31m", NotAfter: &until},
		{Event: pki.EventRevoked, Time: noon, Serial: "01"},
	}
	show := func(records []pki.LedgerRecord) func(View) error {
		return func(v View) error {
			return v.Authority(pki.Authority{Dir: "/state/ca", Chain: []*x509.Certificate{below.Certificate, ca.Certificate}, CRLs: []*x509.RevocationList{crl, nil}}, records)
		}
	}
	got := text(t, View{}, show(records))
	for _, part := range []string{"certificate authority in /state/ca\n", "Line CA", "1 revoked\n", "below CN=Plant CA/O=Test, ", "no CRL\n", "ISSUED", "2026-01-01 12:00:00  0123456789abcdef  2027-01-02  CN=PLC1[31m\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("it does not say %q:\n%s", part, got)
		}
	}
	if got := text(t, View{}, show(nil)); !strings.Contains(got, "No certificate has been issued.") {
		t.Errorf("an empty ledger is\n%s", got)
	}
	if got := text(t, View{Format: NDJSON}, show(nil)); !strings.Contains(got, `"ledger":[]`) {
		t.Errorf("an empty ledger is %s", got)
	}
}

func TestVersion(t *testing.T) {
	show := func(v View) error { return v.Version("v1.2.3", "abc", "go1.26") }
	for format, want := range map[Format]string{
		Table: "uapush v1.2.3 abc go1.26\n", Name: "v1.2.3\n",
		NDJSON: `{"type":"result","schema":"uapush.version/1","version":"v1.2.3","revision":"abc","go":"go1.26"}` + "\n", YAML: "schema: uapush.version/1\nversion: v1.2.3\nrevision: abc\ngo: go1.26\n",
	} {
		if got := text(t, View{Format: format}, show); got != want {
			t.Errorf("%s: it is %q, want %q", format, got, want)
		}
	}
	if got := strings.Join(Formats(), " "); got != "table json yaml ndjson name" {
		t.Errorf("the formats are %q", got)
	}
}
