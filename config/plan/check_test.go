package plan

import (
	"errors"
	"slices"
	"testing"

	"github.com/uapush/uapush/config"
)

// joinedErrors takes a joined error apart.
func joinedErrors(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return nil
}

// TestCheckLimits has the limits of OPC 10000-12, 7.10.20.
func TestCheckLimits(t *testing.T) {
	tests := []struct {
		name string
		caps config.Capabilities
		edit func(*config.Application) // of the desired records
		want []string                  // the fields that exceed a limit
	}{
		{name: "nothing stated"},
		{"network", config.Capabilities{AvailableNetworks: []string{"eth0"}}, network("eth1"), []string{"network"}},
		{"network permitted", config.Capabilities{AvailableNetworks: []string{"eth0"}}, network("eth0"), nil},
		{"every network", config.Capabilities{AvailableNetworks: []string{"eth0"}}, nil, nil},
		{"address", config.Capabilities{AvailableNetworks: []string{"eth0"}}, network("10.0.0.1"), nil},
		{"IPv6 address", config.Capabilities{AvailableNetworks: []string{"eth0"}}, network("fe80::1"), nil},
		{"port above", config.Capabilities{AvailablePorts: "4840:4842"}, nil, []string{"port"}},
		{"port below", config.Capabilities{AvailablePorts: "4844:4850"}, nil, []string{"port"}},
		{"port within", config.Capabilities{AvailablePorts: "4843:4843"}, nil, nil},
		{"one port", config.Capabilities{AvailablePorts: "4843"}, nil, nil},
		{"another port", config.Capabilities{AvailablePorts: "4844"}, nil, []string{"port"}},
		{"ports that cannot be read", config.Capabilities{AvailablePorts: "low:high"}, nil, nil},
		{"endpoints", config.Capabilities{MaxEndpoints: 1}, nil, []string{"number of endpoints"}},
		{"endpoints enough", config.Capabilities{MaxEndpoints: 2}, nil, nil},
		{"groups", config.Capabilities{MaxCertificateGroups: 1}, nil, []string{"number of groups"}},
		{"policy", config.Capabilities{SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}}, nil, []string{"policy"}},
		{"token", config.Capabilities{UserTokenTypes: []config.UserTokenType{{TokenType: config.TokenCertificate}}}, nil, []string{"type"}},
		{"token permitted", config.Capabilities{UserTokenTypes: []config.UserTokenType{{TokenType: config.TokenUserName}}}, nil, nil},
		{"kind of issued token", config.Capabilities{UserTokenTypes: []config.UserTokenType{{TokenType: config.TokenIssued, IssuedTokenType: "urn:jwt"}}},
			func(d *config.Application) {
				d.UserTokenSettings[0].TokenType, d.UserTokenSettings[0].IssuedTokenType = config.TokenIssued, "urn:saml"
			}, []string{"type"}},
		{"certificate type", config.Capabilities{CertificateTypes: []config.NodeID{config.TypeRsaMin}}, nil, []string{"type"}},
		{"purpose", config.Capabilities{CertificateGroupPurposes: []config.NodeID{"i=19323"}}, nil, []string{"purpose"}},
		{"all at once", config.Capabilities{MaxEndpoints: 1, MaxCertificateGroups: 1, AvailablePorts: "1:2"}, nil,
			[]string{"number of endpoints", "number of groups", "port"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := lineA()
			if tt.edit != nil {
				tt.edit(&d.Records)
			}
			result, err := Merge(device(), d, config.ApplicationServer)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, err := range joinedErrors(Check(result, Compute(device(), result), tt.caps)) {
				var limit *LimitError
				if !errors.As(err, &limit) {
					t.Fatalf("error %v, want a *LimitError", err)
				}
				if limit.Hint() == "" || limit.Value == "" || limit.Limit == "" || limit.Name == "" {
					t.Errorf("%+v says too little", limit)
				}
				got = append(got, limit.Field)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("limits exceeded %q, want %q", got, tt.want)
			}
		})
	}
}

func network(name string) func(*config.Application) {
	return func(d *config.Application) { d.ServerEndpoints[0].NetworkName = name }
}

// What a server has already exceeds no limit of its own.
func TestCheckLeavesTheServerAlone(t *testing.T) {
	base := device()
	caps := config.Capabilities{
		AvailablePorts: "4843", SecurityPolicyURIs: []string{"urn:none"}, CertificateTypes: []config.NodeID{config.TypeRsaMin},
		MaxEndpoints: 1, MaxCertificateGroups: 1, CertificateGroupPurposes: []config.NodeID{"i=19323"}, AvailableNetworks: []string{"x"},
	}
	want := device()
	want.ServerEndpoints[0].DiscoveryURLs = nil
	want.CertificateGroups[0].CertificateTypes = append(want.CertificateGroups[0].CertificateTypes, config.TypeRsaMin)
	if err := Check(want, Compute(base, want), caps); err != nil {
		t.Errorf("error %v, want none", err)
	}
}

func TestCheckConflicts(t *testing.T) {
	tests := []struct {
		name string
		edit func(*config.Application)
		want int
	}{
		{"nothing", func(*config.Application) {}, 0},
		{"two endpoints at one port", func(a *config.Application) {
			e := a.ServerEndpoints[0].Clone()
			e.Name = "again"
			a.ServerEndpoints = append(a.ServerEndpoints, e)
		}, 1},
		{"no port", func(a *config.Application) { a.ServerEndpoints[0].Port = 0 }, 1},
		{"two groups of one name", func(a *config.Application) {
			g := a.CertificateGroups[0]
			g.Name = "new"
			a.CertificateGroups = append(a.CertificateGroups, g, g.Clone())
		}, 1},
		{"a group without types", func(a *config.Application) {
			a.CertificateGroups = append(a.CertificateGroups, config.CertificateGroup{Record: config.Record{Name: "new"}, Purpose: "i=12557"})
		}, 1},
		{"a group without purpose", func(a *config.Application) { a.CertificateGroups[0].Purpose = "" }, 1},
		{"settings that are gone", func(a *config.Application) { a.SecuritySettings = nil }, 1},
		{"a group that is gone", func(a *config.Application) { a.CertificateGroups = nil }, 1},
		{"a reference to nothing", func(a *config.Application) { a.ServerEndpoints[0].UserTokenSettingNames = []string{"x"} }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := device()
			tt.edit(&want)
			changes := Compute(device(), want)
			result, err := Result(device(), changes)
			if err != nil { // the same name twice never gets that far
				result = want
			}
			errs := joinedErrors(Check(result, changes, config.Capabilities{}))
			if len(errs) != tt.want {
				t.Fatalf("%d errors %v, want %d", len(errs), errs, tt.want)
			}
			for _, err := range errs {
				var c *ConflictError
				if !errors.As(err, &c) || c.Hint() == "" {
					t.Errorf("error %v, want a *ConflictError with a hint", err)
				}
			}
		})
	}
}

func TestCheckOldDanglingReference(t *testing.T) {
	base := device()
	base.ServerEndpoints[0].SecuritySettingNames = []string{"gone"}
	merged, err := Merge(base, lineA(), config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(merged, Compute(base, merged), config.Capabilities{}); err != nil {
		t.Errorf("error %v about what the server has", err)
	}
}
