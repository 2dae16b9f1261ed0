package part12

import (
	"slices"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// UpdateResults of OPC 10000-12, 7.8.5.2, and the rules of 7.8.3.4 and 7.10.19 to
// 7.10.25. Every case starts from the server's configuration with the records of
// lineA appended.
func TestUpdateResults(t *testing.T) {
	const group, token, settings, endpoint = "CertificateGroups.[2]", "UserTokenSettings.[3]", "SecuritySettings.[1]", "ServerEndpoints.[1]"
	inserted, replaced := ua.StatusGoodEntryInserted, ua.StatusGoodEntryReplaced
	tests := []struct {
		name   string
		adjust func(c *config.Application)
		ts     []target
		want   []ua.StatusCode
	}{
		{"no path", nil, []target{{"Nonsense.[0]", config.Insert}}, []ua.StatusCode{ua.StatusBadInvalidArgument}},
		{"no record", nil, []target{{"CertificateGroups", config.Insert}}, []ua.StatusCode{ua.StatusBadInvalidArgument}},
		{"index too large", nil, []target{{"CertificateGroups.[3]", config.Insert}}, []ua.StatusCode{ua.StatusBadInvalidArgument}},
		{"unknown type", nil, []target{{group, 0}}, []ua.StatusCode{ua.StatusBadInvalidArgument}},
		{"quoted path", nil, []target{{"'CertificateGroups'.[2]", config.Insert}}, []ua.StatusCode{inserted}},
		{"record twice", nil, []target{{group, config.Insert}, {"'CertificateGroups'.[2]", config.Replace}}, []ua.StatusCode{0, ua.StatusBadInvalidArgument}},
		{"name twice", func(c *config.Application) { c.CertificateGroups = append(c.CertificateGroups, c.CertificateGroups[2]) },
			[]target{{group, config.Insert}, {"CertificateGroups.[3]", config.Insert}}, []ua.StatusCode{inserted, ua.StatusBadInvalidArgument}},
		{"no name", func(c *config.Application) { c.CertificateGroups[2].Name = "" }, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadInvalidArgument}},
		{"name taken", nil, []target{{"CertificateGroups.[0]", config.Insert}}, []ua.StatusCode{ua.StatusBadEntryExists}},
		{"replace unknown", nil, []target{{group, config.Replace}}, []ua.StatusCode{ua.StatusBadNoEntryExists}},
		{"delete unknown", nil, []target{{group, config.Delete}}, []ua.StatusCode{ua.StatusBadNoEntryExists}},
		{"insert or replace", nil, []target{{"CertificateGroups.[0]", config.InsertOrReplace}, {group, config.InsertOrReplace}}, []ua.StatusCode{replaced, inserted}},
		{"one bad target", nil, []target{{group, config.Insert}, {endpoint, config.Replace}}, []ua.StatusCode{inserted, ua.StatusBadNoEntryExists}},
		{"delete the default group", nil, []target{{"CertificateGroups.[0]", config.Delete}}, []ua.StatusCode{ua.StatusBadNoDeleteRights}},
		{"insert an identity", nil, []target{{"ApplicationIdentity", config.Insert}}, []ua.StatusCode{ua.StatusBadEntryExists}},
		{"delete the identity", nil, []target{{"ApplicationIdentity", config.Delete}}, []ua.StatusCode{ua.StatusBadNoDeleteRights}},
		{"no ApplicationUri", func(c *config.Application) { c.Identity.ApplicationURI = "" }, []target{{"ApplicationIdentity", config.Replace}}, []ua.StatusCode{ua.StatusBadNotSupported}},

		{"group: purpose null", func(c *config.Application) { c.CertificateGroups[2].Purpose = "" }, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"group: no types", func(c *config.Application) { c.CertificateGroups[2].CertificateTypes = nil }, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"group: abstract type", func(c *config.Application) { c.CertificateGroups[2].CertificateTypes = []config.NodeID{"i=12557"} }, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"group: type twice", func(c *config.Application) {
			c.CertificateGroups[2].CertificateTypes = []config.NodeID{config.TypeRsaSha256, config.TypeRsaSha256}
		}, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"group: type added", func(c *config.Application) {
			c.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}
		}, []target{{"CertificateGroups.[0]", config.Replace}}, []ua.StatusCode{replaced}},
		{"group: type with a certificate dropped", func(c *config.Application) {
			c.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin}
		},
			[]target{{"CertificateGroups.[0]", config.Replace}}, []ua.StatusCode{ua.StatusBadInvalidState}},
		{"group: unknown option", func(c *config.Application) { c.CertificateGroups[2].ValidationOptions = 1 << 7 }, []target{{group, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"user token group stays without types", nil, []target{{"CertificateGroups.[1]", config.Replace}}, []ua.StatusCode{replaced}},

		{"token: unknown kind", func(c *config.Application) { c.UserTokenSettings[3].TokenType = 9 }, []target{{token, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"token: unknown policy", func(c *config.Application) { c.UserTokenSettings[3].SecurityPolicyURI = "x" }, []target{{token, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"token: unknown group", func(c *config.Application) {
			c.UserTokenSettings[3].TokenType, c.UserTokenSettings[3].CertificateGroupName = config.TokenCertificate, "nobody"
		}, []target{{token, config.Insert}}, []ua.StatusCode{ua.StatusBadNoEntryExists}},
		{"token: with a new service", func(c *config.Application) {
			c.UserTokenSettings[3] = config.UserTokenSettings{Record: config.Record{Name: "jwt"}, TokenType: config.TokenIssued, IssuedTokenType: issuedTokenJWT, AuthorizationServiceName: "as"}
			c.AuthorizationServices = []config.AuthorizationService{{Record: config.Record{Name: "as"}, ServiceURI: "urn:as"}}
		}, []target{{token, config.Insert}, {"AuthorizationServices.[0]", config.Insert}}, []ua.StatusCode{inserted, inserted}},

		{"settings: unknown mode", func(c *config.Application) { c.SecuritySettings[1].SecurityModes = []config.SecurityMode{4} }, []target{{group, config.Insert}, {settings, config.Insert}}, []ua.StatusCode{inserted, ua.StatusBadNotSupported}},
		{"settings: unknown policy", func(c *config.Application) { c.SecuritySettings[1].SecurityPolicyURIs = []string{"x"} }, []target{{group, config.Insert}, {settings, config.Insert}}, []ua.StatusCode{inserted, ua.StatusBadNotSupported}},
		{"settings: unknown group", nil, []target{{settings, config.Insert}}, []ua.StatusCode{ua.StatusBadNoEntryExists}},
		{"settings: group of users", func(c *config.Application) { c.SecuritySettings[1].CertificateGroupName = config.DefaultUserTokenGroup }, []target{{settings, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"settings in use deleted", nil, []target{{"SecuritySettings.[0]", config.Delete}}, []ua.StatusCode{ua.StatusBadInvalidState}},

		{"endpoint: unknown settings", nil, []target{{endpoint, config.Insert}, {token, config.Insert}}, []ua.StatusCode{ua.StatusBadNoEntryExists, inserted}},
		{"endpoint: same network and port", func(c *config.Application) {
			c.ServerEndpoints[1].Port, c.ServerEndpoints[1].SecuritySettingNames = 4840, []string{"Default"}
		}, []target{{endpoint, config.Insert}, {token, config.Insert}}, []ua.StatusCode{ua.StatusBadEntryExists, inserted}},
		{"endpoint: port not available", func(c *config.Application) { c.ServerEndpoints[1].Port = 80 }, []target{{endpoint, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"endpoint: unknown network", func(c *config.Application) { c.ServerEndpoints[1].NetworkName = "eth9" }, []target{{endpoint, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"endpoint: other transport", func(c *config.Application) { c.ServerEndpoints[1].TransportProfileURI = "x" }, []target{{endpoint, config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"endpoint: not for servers", func(c *config.Application) {
			c.ClientEndpoints = []config.Endpoint{{Record: config.Record{Name: "x"}, Port: 4850}}
		}, []target{{"ClientEndpoints.[0]", config.Insert}}, []ua.StatusCode{ua.StatusBadNotSupported}},
		{"endpoint deleted, another one inserted", func(c *config.Application) { c.ServerEndpoints[1].SecuritySettingNames = []string{"Default"} },
			[]target{{"ServerEndpoints.[0]", config.Delete}, {token, config.Insert}, {endpoint, config.Insert}}, []ua.StatusCode{0, inserted, inserted}},

		{"self-protection: last endpoint deleted", nil, []target{{"ServerEndpoints.[0]", config.Delete}}, []ua.StatusCode{ua.StatusBadInvalidState}},
		{"self-protection: endpoint moved to a group that trusts nobody", func(c *config.Application) { c.SecuritySettings[0].CertificateGroupName = "LineA" },
			[]target{{group, config.Insert}, {"SecuritySettings.[0]", config.Replace}}, []ua.StatusCode{ua.StatusBadInvalidState, ua.StatusBadInvalidState}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t)
			c, _ := lineA(r)
			if tt.adjust != nil {
				c.SecuritySettings = slices.Clone(c.SecuritySettings)
				tt.adjust(&c)
			}
			before := r.server.Configuration()
			res := r.upload(r.admin("a"), c, 0, 0, tt.ts...)
			got, version, id := outcome(t, res)
			if !slices.Equal(got, tt.want) {
				t.Errorf("UpdateResults: got %v, want %v", got, tt.want)
			}
			r.clock.Advance(0)
			refused := slices.ContainsFunc(tt.want, notGood)
			if refused && (res.Status != ua.StatusUncertain || version != 0 || id.String() != noUpdate || !equal(r.server.Configuration(), before)) {
				t.Errorf("refused, but got %v, version %v, UpdateId %v", res.Status, version, id)
			}
			if !refused && res.Status != ua.StatusOK {
				t.Errorf("accepted, but got %v", res.Status)
			}
		})
	}
}

// 7.10.20: MaxCertificateGroups and MaxEndpoints.
func TestLimits(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Capabilities = DefaultCapabilities()
		o.Capabilities.MaxCertificateGroups, o.Capabilities.MaxEndpoints = 2, 1
	})
	c, ts := lineA(r)
	got, _, _ := outcome(t, r.upload(r.admin("a"), c, 0, 0, ts...))
	want := []ua.StatusCode{ua.StatusBadResourceUnavailable, ua.StatusGoodEntryInserted, ua.StatusGoodEntryInserted, ua.StatusBadResourceUnavailable}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// 7.8.3.4: a group goes with its Object, unless a certificate is assigned.
func TestDeleteGroup(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	outcome(t, r.upload(a, withGroup(r, "LineA"), 0, 0, target{"CertificateGroups.[2]", config.Insert}))
	r.clock.Advance(0)
	c := r.server.Configuration()
	got, _, _ := outcome(t, r.upload(a, c, 0, 0, target{"CertificateGroups.[2]", config.Delete}))
	if !slices.Equal(got, []ua.StatusCode{ua.StatusOK}) {
		t.Errorf("empty group: got %v", got)
	}
	r.clock.Advance(0)
	if r.nodes.trees[r.server].ID(groups+"LineA") != nil {
		t.Error("the Object is still there")
	}
}

// 7.8.5.2: Bad_InvalidState for a group that has a certificate, or is in use.
func TestDeleteGroupInUse(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	c, ts := lineA(r)
	outcome(t, r.upload(a, c, 0, 0, ts...))
	r.clock.Advance(0)
	for range 2 { // without, then with a certificate
		got, _, _ := outcome(t, r.upload(a, r.server.Configuration(), 0, 0, target{"CertificateGroups.[2]", config.Delete}))
		if !slices.Equal(got, []ua.StatusCode{ua.StatusBadInvalidState}) {
			t.Errorf("got %v, want Bad_InvalidState", got)
		}
		r.certifyLineA(a)
	}
}

// 7.10.24: SecurityMode None needs no policy, and an endpoint that offers only it
// does not protect the operator from being locked out.
func TestModeNone(t *testing.T) {
	r := start(t)
	c := r.server.Configuration()
	c.SecuritySettings = append(slices.Clone(c.SecuritySettings), config.SecuritySettings{
		Record: config.Record{Name: "open"}, SecurityModes: []config.SecurityMode{config.ModeNone}, CertificateGroupName: config.DefaultApplicationGroup,
	})
	c.ServerEndpoints = slices.Clone(c.ServerEndpoints)
	c.ServerEndpoints[0].SecuritySettingNames = []string{"Default", "open"}
	ts := []target{{"SecuritySettings.[1]", config.Insert}, {"ServerEndpoints.[0]", config.Replace}}
	got, _, _ := outcome(t, r.upload(r.admin("a"), c, 0, 0, ts...))
	if !slices.Equal(got, []ua.StatusCode{ua.StatusGoodEntryInserted, ua.StatusGoodEntryReplaced}) {
		t.Fatalf("got %v", got)
	}
	r.clock.Advance(0)
	offers := r.Endpoints()[0].Offers
	if o := offers[len(offers)-1]; len(offers) != 7 || o.Mode != ua.MessageSecurityModeNone || o.PolicyURI != config.PolicyNone || len(o.Chain) == 0 {
		t.Errorf("%d offers, the last is %v %s", len(offers), o.Mode, o.PolicyURI)
	}
	c = r.server.Configuration()
	c.ServerEndpoints[0].SecuritySettingNames = []string{"open"}
	got, _, _ = outcome(t, r.upload(r.admin("a"), c, 0, 0, target{"ServerEndpoints.[0]", config.Replace}))
	if !slices.Equal(got, []ua.StatusCode{ua.StatusBadInvalidState}) {
		t.Errorf("got %v, want Bad_InvalidState", got)
	}
}

// 7.8.3.4: a slot keeps its certificate when a type is added to its group.
func TestReplaceKeepsCertificates(t *testing.T) {
	r := start(t)
	c := r.server.Configuration()
	c.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}
	outcome(t, r.upload(r.admin("a"), c, 0, 0, target{"CertificateGroups.[0]", config.Replace}))
	r.clock.Advance(0)
	if got := r.server.Configuration().CertificateGroups[0].CertificateAssigned; !slices.Equal(got, []bool{false, true}) {
		t.Errorf("IsCertificateAssigned: got %v, want [false true]", got)
	}
}
