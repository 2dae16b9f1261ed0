package push_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

// TestCreateEndpoint is OPC 10000-12, 7.7.5 with 7.7.6 and 7.7.2, method by method.
func TestCreateEndpoint(t *testing.T) {
	server := start(t)
	traffic := &secureconv.Traffic{}
	target := target(t, server, func(o *push.Options) { o.Traffic = traffic })
	s := open(t, target)
	before := roundTrips(traffic)
	o, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup, lineA})
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrips(traffic) - before; got > 8 {
		t.Errorf("Observe took %d requests, want 8 at most: %v", got, traffic.Snapshot().Requests)
	}
	if !o.HasConfigurationFile || o.CurrentVersion == 0 || len(o.Groups) == 0 || !o.SupportsTransactions {
		t.Errorf("got %+v", o)
	}
	if g := o.Groups[0]; g.Name != config.DefaultApplicationGroup || !g.Inspected || !g.CertificatesKnown || len(g.Certificates) == 0 ||
		len(g.TrustList.TrustedCertificates) != 1 {
		t.Errorf("got group %+v", g)
	}
	port := freePort(t)
	result, err := s.UpdateConfiguration(t.Context(), withEndpoint(t, o, port))
	if err != nil {
		t.Fatal(err)
	}
	if result.NewVersion <= o.CurrentVersion || result.UpdateID == (workflow.UpdateID{}) || len(result.TargetResults) != 4 {
		t.Errorf("got %+v", result)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	s = open(t, target)
	eventually(t, func() error { return s.ConfirmUpdate(t.Context(), result.UpdateID) })

	certificate := certify(t, s)
	var p workflow.Probe
	eventually(t, func() error {
		p, err = target.Probe(t.Context(), fmt.Sprintf("opc.tcp://127.0.0.1:%d", port), certificate)
		return err
	})
	if p.SecurityPolicyURI != config.PolicyAes128Sha256RsaOaep || time.Since(p.ServerTime).Abs() > time.Minute {
		t.Errorf("got %+v", p)
	}
	s = open(t, target)
	o, err = s.Observe(t.Context(), []string{lineA})
	if err != nil || o.CurrentVersion != result.NewVersion {
		t.Fatalf("got version %v, %v; want %v", o.CurrentVersion, err, result.NewVersion)
	}
	for _, g := range o.Groups {
		if g.Name == lineA && !bytes.Equal(g.Certificates[config.TypeRsaSha256], certificate) {
			t.Errorf("the slot has %x", g.Certificates[config.TypeRsaSha256])
		}
	}
}

// certify gives LineA its TrustList and a certificate.
func certify(t *testing.T, s workflow.Session) []byte {
	t.Helper()
	ctx := t.Context()
	required, err := s.WriteTrustList(ctx, lineA, workflow.TrustList{
		Lists:               workflow.TrustedCertificates | workflow.TrustedCRLs,
		TrustedCertificates: [][]byte{client().Leaf(), ca().cert.Raw}, TrustedCRLs: [][]byte{ca().crl},
	})
	if err != nil || !required {
		t.Fatalf("WriteTrustList: %v, %v", required, err)
	}
	request, err := s.CreateSigningRequest(ctx, workflow.SigningRequest{
		Group: lineA, Type: config.TypeRsaSha256, RegenerateKey: true, Nonce: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	certificate := ca().sign(t, request)
	required, err = s.UpdateCertificate(ctx, workflow.CertificateUpdate{
		Group: lineA, Type: config.TypeRsaSha256, Certificate: certificate, Issuers: [][]byte{ca().cert.Raw}})
	if err != nil || !required {
		t.Fatalf("UpdateCertificate: %v, %v", required, err)
	}
	if err := s.ApplyChanges(ctx); err != nil {
		t.Fatal(err)
	}
	return certificate
}

// roundTrips counts the requests that were answered.
func roundTrips(traffic *secureconv.Traffic) int {
	sum := 0
	for _, n := range traffic.Snapshot().Responses {
		sum += n
	}
	return sum
}

// What a server refuses at the door.
func TestRefusedAtTheDoor(t *testing.T) {
	server := start(t)
	for _, c := range []struct {
		name   string
		change func(*push.Options)
		want   any
	}{
		{"client not trusted", func(o *push.Options) { o.Identity, o.ClientApplicationURI = stranger(), "urn:stranger" }, new(*push.UntrustedClientError)},
		{"wrong ApplicationUri", func(o *push.Options) { o.ClientApplicationURI = "urn:another" }, new(*push.UntrustedClientError)},
		{"wrong password", func(o *push.Options) { o.User = login("admin", "wrong") }, new(*push.LoginError)},
		{"server not trusted", func(o *push.Options) {
			o.Judge = func([][]byte, string, string) error { return errors.New("no") }
		}, new(*push.ServerCertificateError)},
		{"no such application", func(o *push.Options) { o.Application = "urn:absent" }, new(*push.UnknownApplicationError)},
	} {
		s, err := target(t, server, c.change).Open(t.Context())
		if err == nil {
			s.Close(t.Context())
		}
		if !errors.As(err, c.want) {
			t.Errorf("%s: got %T %v, want a %T", c.name, err, err, c.want)
		}
	}
}

// A user without SecurityAdmin gets in, and is told what is missing.
func TestWithoutRole(t *testing.T) {
	s := open(t, target(t, start(t), func(o *push.Options) { o.User = login("operator", password) }))
	_, err := s.Observe(t.Context(), nil)
	if !errors.Is(err, ua.StatusBadUserAccessDenied) || workflow.ClassOf(err) != workflow.ClassTrust {
		t.Errorf("got %v, want Bad_UserAccessDenied", err)
	}
}

func TestOldServer(t *testing.T) {
	s := open(t, target(t, start(t, func(o *sim.Options) { o.Profile = "no-configfile" })))
	o, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup})
	if err != nil || o.HasConfigurationFile || len(o.Groups) == 0 || !o.Groups[0].Inspected {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := s.UpdateConfiguration(t.Context(), workflow.ConfigurationUpdate{}); !errors.Is(err, workflow.ErrNoConfigurationFile) {
		t.Errorf("got %v, want ErrNoConfigurationFile", err)
	}
}

// What a server says of an update that it does not take.
func TestRejectedUpdate(t *testing.T) {
	s := open(t, target(t, start(t)))
	o, err := s.Observe(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	u := withEndpoint(t, o, freePort(t))
	u.VersionToUpdate--
	if _, err := s.UpdateConfiguration(t.Context(), u); !errors.Is(err, ua.StatusBadInvalidState) || workflow.ClassOf(err) != workflow.ClassConflict {
		t.Errorf("version moved: got %v", err)
	}
	u = withEndpoint(t, o, freePort(t))
	u.Targets[0].Type = config.Replace
	result, err := s.UpdateConfiguration(t.Context(), u)
	var rejected *push.TargetsRejectedError
	if !errors.As(err, &rejected) || result == nil || ua.StatusCode(result.TargetResults[0]) != ua.StatusBadNoEntryExists {
		t.Errorf("a target that does not exist: got %+v, %v", result, err)
	}
	if after, err := s.Observe(t.Context(), nil); err != nil || !bytes.Equal(after.File, o.File) {
		t.Errorf("the configuration has changed: %v", err)
	}
}

// A connection that is cut while the server was changing something.
func TestCutWhileChanging(t *testing.T) {
	for fault, want := range map[string]workflow.Class{
		"CloseAndUpdate:drop-after":  workflow.ClassUnknown,
		"CloseAndUpdate:drop-before": workflow.ClassUnknown,
		"Write:drop-after":           workflow.ClassNetwork, // nothing takes effect before CloseAndUpdate
		"Open:refuse=0x80E80000":     workflow.ClassConflict,
	} {
		server := start(t)
		s := open(t, target(t, server))
		o, err := s.Observe(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		server.AddFault(must(sim.ParseFault(fault)))
		_, err = s.UpdateConfiguration(t.Context(), withEndpoint(t, o, freePort(t)))
		if got := workflow.ClassOf(err); got != want {
			t.Errorf("%s: got class %d, %v; want %d", fault, got, err, want)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("%s: close: %v", fault, err)
		}
	}
}

// The application that the server manages is a Client (7.10.16).
func TestManagedApplication(t *testing.T) {
	server := start(t)
	_, err := target(t, server, func(o *push.Options) { o.Application = "urn:absent" }).Open(t.Context())
	var unknown *push.UnknownApplicationError
	if !errors.As(err, &unknown) || len(unknown.Known) == 0 {
		t.Fatalf("got %v, want an application named", err)
	}
	s := open(t, target(t, server, func(o *push.Options) { o.Application = unknown.Known[0] }))
	o, err := s.Observe(t.Context(), nil)
	if err != nil || o.Capabilities.ApplicationType != config.ApplicationClient || o.ApplicationURI != unknown.Known[0] {
		t.Errorf("got %+v, %v", o, err)
	}
	if id := s.ServerIdentity().Application; id == "" {
		t.Error("the application has no NodeId")
	}
}

func TestDiscoverServer(t *testing.T) {
	server := start(t)
	d, err := push.Discover(t.Context(), server.URL(), 0, nil)
	if err != nil || len(d.Servers) == 0 || len(d.Endpoints) == 0 || d.Servers[0].ApplicationURI != server.ApplicationURI() {
		t.Errorf("got %+v, %v", d, err)
	}
}

// A user with a certificate instead of a password.
func TestCertificateUser(t *testing.T) {
	user := application("jane", "urn:jane")
	server := start(t, func(o *sim.Options) {
		o.Users = []sim.User{{Name: "jane", Certificate: user.Leaf(), Roles: []sim.Role{sim.SecurityAdmin}}}
	})
	s := open(t, target(t, server, func(o *push.Options) { o.User = push.X509{Certificate: user.Leaf(), Key: user.Key} }))
	if o, err := s.Observe(t.Context(), nil); err != nil || !o.HasConfigurationFile {
		t.Errorf("got %+v, %v", o, err)
	}
}

// A restart ends the Session; closing it is no error, and a new one is opened.
func TestRestart(t *testing.T) {
	server := start(t)
	target := target(t, server)
	s := open(t, target)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Observe(t.Context(), nil); workflow.ClassOf(err) != workflow.ClassNetwork {
		t.Errorf("got %v, want a lost connection", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := open(t, target).Observe(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
