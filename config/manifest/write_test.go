package manifest_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/plan"
)

func named(name string) config.Record { return config.Record{Name: name} }

// server is a configuration with awkward records.
func server() config.Application {
	return config.Application{
		CertificateGroups: []config.CertificateGroup{
			{Record: named("DefaultApplicationGroup"), Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256, "nsu=urn:v;s=Own: type"}, CertificateAssigned: []bool{true, false}, ValidationOptions: config.DefaultValidation},
			{Record: named("Odd"), Purpose: "nsu=urn:v;s=p", CertificateTypes: []config.NodeID{config.TypeRsaMin}, CertificateAssigned: []bool{true}, ValidationOptions: 1 << 20},
			{Record: named("Users"), Purpose: "i=19323", CertificateTypes: []config.NodeID{"i=19323"}, CertificateAssigned: []bool{true}, ValidationOptions: config.SuppressHostNameInvalid | config.CheckRevocationStatusOnline},
		},
		SecuritySettings: []config.SecuritySettings{
			{Record: named("1"), SecurityModes: []config.SecurityMode{config.ModeSign, config.ModeSignAndEncrypt}, SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, "http://vendor/policy"}, CertificateGroupName: "DefaultApplicationGroup"},
			{Record: named("2"), SecurityModes: []config.SecurityMode{config.ModeNone}},
			{Record: named("true"), SecurityModes: []config.SecurityMode{7}, SecurityPolicyURIs: []string{config.PolicyNone}, CertificateGroupName: "Odd"},
			{Record: named("with \x1b escape")},
		},
		UserTokenSettings: []config.UserTokenSettings{
			{Record: named("anonymous: yes"), TokenType: config.TokenAnonymous},
			{Record: named("user"), TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyBasic256Sha256},
			{Record: named("x509"), TokenType: config.TokenCertificate, CertificateGroupName: "Users"},
			{Record: named("jwt"), TokenType: config.TokenIssued, AuthorizationServiceName: "GDS", IssuedTokenType: "http://opcfoundation.org/UA/UserToken#JWT", IssuerEndpointURL: `{"ua:resourceId": "x"}`},
			{Record: named("half"), TokenType: config.TokenIssued},
		},
		AuthorizationServices: []config.AuthorizationService{
			{Record: named("GDS"), ServiceURI: "urn:gds", ServiceCertificates: []config.ServiceCertificate{{Certificate: []byte{1}}}, IssuerEndpointSettings: "{\n}"},
		},
		ServerEndpoints: []config.ServerEndpoint{
			{Endpoint: config.Endpoint{Record: named("0"), DiscoveryURLs: []string{"opc.tcp://plc1:4840", "opc.tcp://[::1]:4840/a b"}, Port: 4840},
				EndpointURLs: []string{"opc.tcp://plc1:4840/UA#1"}, SecuritySettingNames: []string{"1", "2", "true"}, TransportProfileURI: config.TransportUATCP,
				UserTokenSettingNames: []string{"anonymous: yes", "user", "x509", "jwt", "half"}, ReverseConnectURLs: []string{"opc.tcp://c:1", "opc.tcp://c:1"}},
			{Endpoint: config.Endpoint{Record: named(" odd\n"), NetworkName: "192.0.2.1", Port: 4841}, SecuritySettingNames: []string{"with \x1b escape"}, TransportProfileURI: "urn:own"},
			{Endpoint: config.Endpoint{Record: named("plain"), NetworkName: "eth0: 1", Port: 4841}, SecuritySettingNames: []string{"1"}, UserTokenSettingNames: []string{"user"}, TransportProfileURI: config.TransportUATCP},
		},
	}
}

// TestWriteChangesNothing: a written manifest, applied to where it came from, is
// an empty plan.
func TestWriteChangesNothing(t *testing.T) {
	app := server()
	for _, e := range app.ServerEndpoints {
		var out bytes.Buffer
		if err := manifest.Write(&out, app, manifest.Selection{Network: e.NetworkName, Port: e.Port}); err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		unchanged(t, app, out.Bytes(), config.ApplicationServer)
		if bytes.ContainsRune(out.Bytes(), 0x1b) {
			t.Errorf("%s: control characters in\n%s", e.Name, &out)
		}
	}
	app.ServerEndpoints, app.SecuritySettings, app.UserTokenSettings = nil, nil, nil
	app.ClientEndpoints = []config.Endpoint{{Record: named("c"), DiscoveryURLs: []string{"rcp+opc.tcp://c:4850"}, Port: 4850}}
	var out bytes.Buffer
	if err := manifest.Write(&out, app, manifest.Selection{Application: "urn:client", Port: 4850}); err != nil {
		t.Fatal(err)
	}
	unchanged(t, app, out.Bytes(), config.ApplicationClient)
}

func unchanged(t *testing.T, app config.Application, text []byte, kind config.ApplicationType) {
	t.Helper()
	m, err := manifest.Parse("export", text)
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
		return
	}
	d, err := m.Desired()
	if err != nil {
		t.Error(err)
	}
	want, err := plan.Merge(app, d, kind)
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
		return
	}
	if changes := plan.Compute(app, want); len(changes) > 0 {
		t.Errorf("%d changes, first %+v, from\n%s", len(changes), changes[0], text)
	}
}

func TestWriteText(t *testing.T) {
	var out bytes.Buffer
	if err := manifest.Write(&out, server(), manifest.Selection{Network: "eth0: 1", Port: 4841}); err != nil {
		t.Fatal(err)
	}
	const want = `# Written from a server's configuration.
apiVersion: uapush/v1
kind: Endpoint
application: ""
endpoint:
  name: plain
  port: 4841
  network: "eth0: 1"
  transportProfile: uatcp
  securitySettings: ["1"]
  userTokens: [user]
securitySettings:
  - name: "1"
    modes: [Sign, SignAndEncrypt]
    policies: [Basic256Sha256, http://vendor/policy]
    certificateGroup: DefaultApplicationGroup
userTokenSettings:
  - name: user
    type: UserName
    policy: Basic256Sha256
# trust and certificates are not part of the configuration; add them here.
certificateGroups:
  - name: DefaultApplicationGroup
    purpose: ApplicationCertificate
    types: [RsaSha256, "nsu=urn:v;s=Own: type"]
    validation: [CheckRevocationStatusOffline]
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
}

func TestWriteNoEndpoint(t *testing.T) {
	err := manifest.Write(&bytes.Buffer{}, server(), manifest.Selection{Port: 1})
	if !errors.Is(err, manifest.ErrNoEndpoint) {
		t.Errorf("got %v", err)
	}
}
