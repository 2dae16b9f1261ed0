package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
)

func TestApplyOrder(t *testing.T) {
	base := device()
	want := device()
	want.ServerEndpoints[0].Port, want.ServerEndpoints[0].Name = 4841, "new"
	want.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaSha256, config.TypeRsaMin}
	want.Identity.ApplicationURI = "urn:other"
	want.UserTokenSettings = append([]config.UserTokenSettings{{Record: config.Record{Name: "anyone"}}}, want.UserTokenSettings...)
	changes := Compute(base, want)
	wantLines := []string{
		"ServerEndpoints.[1] Delete ep-0", "UserTokenSettings.[1] Insert anyone", "ServerEndpoints.[0] Insert new",
		"ApplicationIdentity Replace identity", "CertificateGroups.[0] Replace DefaultApplicationGroup",
	}
	if got := lines(changes); !slices.Equal(got, wantLines) {
		t.Fatalf("changes %q, want %q", got, wantLines)
	}
	shuffled := slices.Clone(changes)
	slices.Reverse(shuffled)
	body, targets, err := Apply(base, shuffled)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		if targets[i] != (config.UpdateTarget{Path: c.Path, Type: c.UpdateType}) {
			t.Errorf("target %d is %v, want %s %s", i, targets[i], c.UpdateType, c.Path)
		}
	}
	if n := serverEndpointList.names(&body); !slices.Equal(n, []string{"new", "ep-0"}) {
		t.Errorf("endpoints in the body %q, want the deleted one last", n)
	}
	result, err := Result(base, changes)
	if n := serverEndpointList.names(&result); err != nil || !slices.Equal(n, []string{"new"}) {
		t.Errorf("endpoints afterwards %q, error %v", n, err)
	}
	if f := changes[4].Fields; len(f) != 1 || f[0].Field != "certificateTypes" {
		t.Errorf("fields of the group %+v, want certificateTypes only", f)
	}
}

func TestApplyMoved(t *testing.T) {
	want, err := Merge(device(), lineA(), config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	want.ServerEndpoints[0].DiscoveryURLs = nil
	changes := Compute(device(), want)
	tests := map[string]func(*config.Application){
		"the record differs": func(a *config.Application) { a.ServerEndpoints[0].Port++ },
		"the record is gone": func(a *config.Application) { a.ServerEndpoints = nil },
		"the name is taken":  func(a *config.Application) { a.SecuritySettings[0].Name = "encrypted" },
		"the position is another": func(a *config.Application) {
			a.SecuritySettings = append(a.SecuritySettings, config.SecuritySettings{Record: config.Record{Name: "x"}})
		},
	}
	for name, move := range tests {
		t.Run(name, func(t *testing.T) {
			base := device()
			move(&base)
			var moved *MovedError
			if _, _, err := Apply(base, changes); !errors.As(err, &moved) || moved.Hint() == "" {
				t.Errorf("error %v, want a *MovedError", err)
			}
		})
	}
	base := device() // what servers ignore may have moved
	base.CertificateGroups[0].CertificateAssigned = []bool{false}
	if _, _, err := Apply(base, changes); err != nil {
		t.Error(err)
	}
}

func TestChangeContradictsItself(t *testing.T) {
	good := Compute(device(), config.Application{Identity: device().Identity})
	for name, spoil := range map[string]func(*Change){
		"path":              func(c *Change) { c.Path = "nowhere" },
		"path form":         func(c *Change) { c.Path = "CertificateGroups.[00]" },
		"kind":              func(c *Change) { c.Kind = config.ServerEndpointList },
		"update type":       func(c *Change) { c.UpdateType = 9 },
		"parts":             func(c *Change) { c.After = c.Before },
		"name":              func(c *Change) { c.Name = "other" },
		"record type":       func(c *Change) { c.Before = config.Endpoint{Record: config.Record{Name: c.Name}} },
		"identity deletion": func(c *Change) { c.Path, c.Kind = "ApplicationIdentity", config.ApplicationIdentity },
		"fields":            func(c *Change) { c.Fields = []Field{{Field: "x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			c := slices.Clone(good)
			spoil(&c[0])
			var bad *ChangeError
			if _, err := Result(device(), c); !errors.As(err, &bad) || bad.Hint() == "" {
				t.Errorf("error %v, want a *ChangeError", err)
			}
		})
	}
}

func TestWithoutEndpoint(t *testing.T) {
	base := device()
	base.ClientEndpoints = []config.Endpoint{{Record: config.Record{Name: "rev"}, NetworkName: "eth0", Port: 4850}}
	got, err := WithoutEndpoint(base, "ep-0")
	if err != nil {
		t.Fatal(err)
	}
	if l := lines(Compute(base, got)); !slices.Equal(l, []string{"ServerEndpoints.[0] Delete ep-0"}) {
		t.Errorf("changes %q, want the endpoint alone", l)
	}
	got, err = WithoutEndpointAt(base, "eth0", 4850)
	if l := lines(Compute(base, got)); err != nil || !slices.Equal(l, []string{"ClientEndpoints.[0] Delete rev"}) {
		t.Errorf("changes %q, error %v", l, err)
	}
	var none *NotFoundError
	if _, err = WithoutEndpoint(base, "ep-1"); !errors.As(err, &none) || !strings.HasPrefix(none.Endpoints[0], "ep-0 ") {
		t.Errorf("error %v, want a *NotFoundError that suggests ep-0", err)
	}
	if _, err = WithoutEndpointAt(base, "", 4850); !errors.As(err, &none) || !strings.HasPrefix(none.Endpoints[0], "rev ") {
		t.Errorf("error %v, want a *NotFoundError that suggests rev", err)
	}
	base.ClientEndpoints[0].Name = "ep-0"
	var twice *AmbiguousError
	if _, err = WithoutEndpoint(base, "ep-0"); !errors.As(err, &twice) || len(twice.Endpoints) != 2 {
		t.Errorf("error %v, want an *AmbiguousError", err)
	}
}

func TestFindEndpoint(t *testing.T) {
	base := device()
	base.ClientEndpoints = []config.Endpoint{
		{Record: config.Record{Name: "4840"}, Port: 4850},
		{Record: config.Record{Name: "rev"}, NetworkName: "eth0", Port: 4850},
	}
	for word, want := range map[string]string{"ep-0": "ep-0", "4840": "4840", "rev": "rev"} {
		if e, err := FindEndpoint(base, word); err != nil || e.Name != want {
			t.Errorf("FindEndpoint(%q) = %q, %v, want %q", word, e.Name, err, want)
		}
	}
	var twice *AmbiguousError
	if _, err := FindEndpoint(base, "4850"); !errors.As(err, &twice) {
		t.Errorf("error %v for a port that two endpoints have, want an *AmbiguousError", err)
	}
	base.ClientEndpoints[0].Name = "rev"
	if _, err := FindEndpoint(base, "rev"); !errors.As(err, &twice) {
		t.Errorf("error %v for a name that two endpoints have, want an *AmbiguousError", err)
	}
	var none *NotFoundError
	if _, err := FindEndpoint(base, "70000"); !errors.As(err, &none) || none.Hint() == "" {
		t.Errorf("error %v, want a *NotFoundError", err)
	}
}

// A server that names things twice, or not at all, does no harm.
func TestServerWithoutNames(t *testing.T) {
	base := device()
	for range 3 {
		base.ServerEndpoints = append(base.ServerEndpoints, config.ServerEndpoint{})
		base.SecuritySettings = append(base.SecuritySettings, config.SecuritySettings{Record: config.Record{Name: "sec-0"}})
		base.CertificateGroups = append(base.CertificateGroups, config.CertificateGroup{})
	}
	merged, err := Merge(base, lineA(), config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	changes := Compute(base, merged)
	if len(changes) != 4 {
		t.Errorf("changes %q, want 4", lines(changes))
	}
	if _, _, err := Apply(base, changes); err != nil {
		t.Error(err)
	}
	if err := Check(merged, changes, config.Capabilities{}); err != nil {
		t.Errorf("Check: %v", err)
	}
}
