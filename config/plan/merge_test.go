package plan

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/uapush/uapush/config"
)

// device is a server as it comes: one group, one endpoint.
func device() config.Application {
	return config.Application{
		Version:  820540800,
		Identity: config.Identity{Record: config.Record{Name: "identity"}, ApplicationURI: "urn:plant:plc1"},
		CertificateGroups: []config.CertificateGroup{{
			Record:  config.Record{Name: config.DefaultApplicationGroup},
			Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
			CertificateAssigned: []bool{true}, ValidationOptions: config.DefaultValidation,
		}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: config.Record{Name: "ep-0"}, Port: 4840, DiscoveryURLs: []string{"opc.tcp://plc1:4840"}},
			EndpointURLs: []string{"opc.tcp://plc1:4840"}, TransportProfileURI: config.TransportUATCP,
			SecuritySettingNames: []string{"sec-0"}, UserTokenSettingNames: []string{"tok-0"},
		}},
		SecuritySettings: []config.SecuritySettings{{
			Record: config.Record{Name: "sec-0"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
			SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: config.DefaultApplicationGroup,
		}},
		UserTokenSettings: []config.UserTokenSettings{{
			Record: config.Record{Name: "tok-0"}, TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyBasic256Sha256,
		}},
	}
}

// lineA is the manifest of the product page.
func lineA() config.Desired {
	return config.Desired{Records: config.Application{
		CertificateGroups: []config.CertificateGroup{{
			Record: config.Record{Name: "LineA"}, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
		}},
		SecuritySettings: []config.SecuritySettings{{
			Record: config.Record{Name: "encrypted"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
			SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, config.PolicyAes256Sha256RsaPss}, CertificateGroupName: "LineA",
		}},
		UserTokenSettings: []config.UserTokenSettings{{
			Record: config.Record{Name: "operators"}, TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyAes256Sha256RsaPss,
		}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: config.Record{Name: "line-a"}, Port: 4843, DiscoveryURLs: []string{"opc.tcp://plc1:4843"}},
			EndpointURLs: []string{"opc.tcp://plc1:4843"}, SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
		}},
	}}
}

// lines are changes in short: path, update type, name.
func lines(changes []Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Path+" "+c.UpdateType.String()+" "+c.Name)
	}
	return out
}

// TestCreateEndpoint has the cases of OPC 10000-12, 7.7.5 (Table 25). It does not
// verify what a server makes of the targets.
func TestCreateEndpoint(t *testing.T) {
	tests := []struct {
		clause string
		base   func(*config.Application)
		edit   func(*config.Application) // of the desired records
		typ    config.ApplicationType
		want   []string
	}{
		{clause: "step 3: new group, step 5: new user token, step 6: new settings, step 7: new endpoint", want: []string{
			"CertificateGroups.[1] Insert LineA", "UserTokenSettings.[1] Insert operators",
			"SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 3: group reused", edit: func(d *config.Application) {
			d.CertificateGroups = nil
			d.SecuritySettings[0].CertificateGroupName = config.DefaultApplicationGroup
		}, want: []string{
			"UserTokenSettings.[1] Insert operators", "SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 4: type added to an existing group", edit: func(d *config.Application) {
			d.CertificateGroups[0].Name = config.DefaultApplicationGroup
			d.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin}
			d.SecuritySettings[0].CertificateGroupName = config.DefaultApplicationGroup
		}, want: []string{
			"UserTokenSettings.[1] Insert operators", "SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a",
			"CertificateGroups.[0] Replace DefaultApplicationGroup"}},
		{clause: "step 4: type of a new group needs no target of its own", edit: func(d *config.Application) {
			d.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}
		}, want: []string{
			"CertificateGroups.[1] Insert LineA", "UserTokenSettings.[1] Insert operators",
			"SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 5: user token reused by what it says", edit: func(d *config.Application) {
			d.UserTokenSettings[0].SecurityPolicyURI = config.PolicyBasic256Sha256
		}, want: []string{
			"CertificateGroups.[1] Insert LineA", "SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 5: user token reused by name", edit: func(d *config.Application) {
			d.UserTokenSettings = nil
			d.ServerEndpoints[0].UserTokenSettingNames = []string{"tok-0"}
		}, want: []string{
			"CertificateGroups.[1] Insert LineA", "SecuritySettings.[1] Insert encrypted", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 5: IssuedToken with a new AuthorizationService", edit: func(d *config.Application) {
			d.UserTokenSettings[0].TokenType = config.TokenIssued
			d.UserTokenSettings[0].AuthorizationServiceName = "sso"
			d.AuthorizationServices = []config.AuthorizationService{{Record: config.Record{Name: "sso"}, ServiceURI: "urn:sso"}}
		}, want: []string{
			"CertificateGroups.[1] Insert LineA", "UserTokenSettings.[1] Insert operators", "SecuritySettings.[1] Insert encrypted",
			"ServerEndpoints.[1] Insert line-a", "AuthorizationServices.[0] Insert sso"}},
		{clause: "step 6: settings reused by what they say, in another order", edit: func(d *config.Application) {
			d.CertificateGroups, d.UserTokenSettings = nil, nil
			d.ServerEndpoints[0].UserTokenSettingNames = nil
			d.SecuritySettings[0].CertificateGroupName = config.DefaultApplicationGroup
			slices.Reverse(d.SecuritySettings[0].SecurityPolicyURIs)
		}, base: func(a *config.Application) {
			a.SecuritySettings[0].SecurityPolicyURIs = append(a.SecuritySettings[0].SecurityPolicyURIs, config.PolicyAes256Sha256RsaPss)
		}, want: []string{"ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 6: a name that is taken", base: func(a *config.Application) {
			a.SecuritySettings[0].Name = "encrypted"
			a.ServerEndpoints[0].SecuritySettingNames[0] = "encrypted"
		}, want: []string{
			"CertificateGroups.[1] Insert LineA", "UserTokenSettings.[1] Insert operators",
			"SecuritySettings.[1] Insert encrypted-2", "ServerEndpoints.[1] Insert line-a"}},
		{clause: "step 7: an endpoint of that network and port", edit: func(d *config.Application) {
			*d = config.Application{ServerEndpoints: d.ServerEndpoints}
			d.ServerEndpoints[0].Port = 4840
			d.ServerEndpoints[0].SecuritySettingNames, d.ServerEndpoints[0].UserTokenSettingNames = nil, nil
		}, want: []string{"ServerEndpoints.[0] Replace ep-0"}},
		{clause: "step 7: a Client", typ: config.ApplicationClient, base: func(a *config.Application) {
			a.ServerEndpoints, a.SecuritySettings, a.UserTokenSettings = nil, nil, nil
		}, edit: func(d *config.Application) {
			d.SecuritySettings, d.UserTokenSettings = nil, nil
			d.ServerEndpoints[0] = config.ServerEndpoint{Endpoint: d.ServerEndpoints[0].Endpoint, TransportProfileURI: config.TransportUATCP}
		}, want: []string{"CertificateGroups.[1] Insert LineA", "ClientEndpoints.[0] Insert line-a"}},
	}
	for _, tt := range tests {
		t.Run(tt.clause, func(t *testing.T) {
			base, d := device(), lineA()
			if tt.base != nil {
				tt.base(&base)
			}
			if tt.edit != nil {
				tt.edit(&d.Records)
			}
			merged, err := Merge(base, d, tt.typ)
			if err != nil {
				t.Fatal(err)
			}
			changes := Compute(base, merged)
			if got := lines(changes); !slices.Equal(got, tt.want) {
				t.Fatalf("changes %q, want %q", got, tt.want)
			}
			if err := Check(merged, changes, config.Capabilities{}); err != nil {
				t.Errorf("Check: %v", err)
			}
			body, targets, err := Apply(base, changes)
			if err != nil || len(targets) != len(changes) || body.Version != base.Version {
				t.Errorf("Apply: %d targets, version %d, error %v", len(targets), body.Version, err)
			}
		})
	}
}

func TestMergeDefaults(t *testing.T) {
	got, err := Merge(device(), lineA(), config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	g := got.CertificateGroups[1]
	if g.Purpose != config.PurposeApplicationCertificate || g.ValidationOptions != config.DefaultValidation || !slices.Equal(g.CertificateAssigned, []bool{false}) {
		t.Errorf("group %+v lacks the defaults", g)
	}
	if e := got.ServerEndpoints[1]; e.TransportProfileURI != config.TransportUATCP {
		t.Errorf("transport %q, want uatcp", e.TransportProfileURI)
	}
	if !reflect.DeepEqual(got.ServerEndpoints[0], device().ServerEndpoints[0]) {
		t.Error("the other endpoint was touched")
	}
}

func TestMergeEqualSettings(t *testing.T) {
	base := device() // holds the same settings twice, and the endpoint uses the second
	twin := base.SecuritySettings[0].Clone()
	twin.Name = "a-twin"
	base.SecuritySettings = append(base.SecuritySettings, twin)
	d := config.Desired{Records: config.Application{
		SecuritySettings: []config.SecuritySettings{twin.Clone()},
		ServerEndpoints:  []config.ServerEndpoint{{Endpoint: config.Endpoint{Port: 4840}, SecuritySettingNames: []string{"a-twin"}}},
	}}
	merged, err := Merge(base, d, config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	if c := Compute(base, merged); len(c) != 0 {
		t.Errorf("changes %q, want none", lines(c))
	}
}

func TestMergeRefuses(t *testing.T) {
	dangling, unsuitable := new(*DanglingError), new(*ApplicationTypeError)
	tests := []struct {
		name string
		edit func(*config.Application)
		typ  config.ApplicationType
		want any
	}{
		{"group of settings", func(d *config.Application) { d.CertificateGroups = nil }, 0, dangling},
		{"settings of an endpoint", func(d *config.Application) { d.SecuritySettings = nil }, 0, dangling},
		{"token of an endpoint", func(d *config.Application) { d.UserTokenSettings = nil }, 0, dangling},
		{"service of a token", func(d *config.Application) { d.UserTokenSettings[0].AuthorizationServiceName = "x" }, 0, dangling},
		{"settings for a Client", func(*config.Application) {}, config.ApplicationClient, unsuitable},
		{"URLs for a Client", func(d *config.Application) {
			d.SecuritySettings, d.UserTokenSettings = nil, nil
			d.ServerEndpoints[0].SecuritySettingNames, d.ServerEndpoints[0].UserTokenSettingNames = nil, nil
		}, config.ApplicationClient, unsuitable},
		{"client endpoint for a Server", func(d *config.Application) { d.ClientEndpoints = []config.Endpoint{{Port: 1}} }, 0, unsuitable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := lineA()
			tt.edit(&d.Records)
			_, err := Merge(device(), d, tt.typ)
			if !errors.As(err, tt.want) {
				t.Fatalf("error %v, want %T", err, tt.want)
			}
			var h interface{ Hint() string }
			if !errors.As(err, &h) || h.Hint() == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}
