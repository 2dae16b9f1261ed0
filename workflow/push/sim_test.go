package push_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

const (
	clientURI = "urn:uapush:test"
	password  = "correct horse"
	lineA     = "LineA"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are made once: one for the client, one for the CA.
var keys = sync.OnceValue(func() (k [2]*rsa.PrivateKey) {
	for i := range k {
		k[i] = must(rsa.GenerateKey(rand.Reader, 2048))
	}
	return k
})

var client = sync.OnceValue(func() secureconv.Identity { return application("client", clientURI) })

// stranger is a client that no server trusts.
var stranger = sync.OnceValue(func() secureconv.Identity { return application("stranger", "urn:stranger") })

func application(name, uri string) secureconv.Identity {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"test"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{must(url.Parse(uri))},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment |
			x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, c, c, &keys()[0].PublicKey, keys()[0]))
	return secureconv.Identity{Chain: [][]byte{der}, Key: keys()[0]}
}

// authority is a CA with its empty CRL.
type authority struct {
	cert *x509.Certificate
	crl  []byte
}

var ca = sync.OnceValue(func() authority {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	c = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, &keys()[1].PublicKey, keys()[1]))))
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	return authority{c, must(x509.CreateRevocationList(rand.Reader, list, c, keys()[1]))}
})

func (a authority) sign(t *testing.T, request []byte) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return must(x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: r.Subject, URIs: r.URIs, DNSNames: r.DNSNames, IPAddresses: r.IPAddresses,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, r.PublicKey, keys()[1]))
}

func start(t *testing.T, change ...func(*sim.Options)) *sim.Server {
	t.Helper()
	o := sim.Options{
		Admin:        sim.User{Name: "admin", Password: password},
		Users:        []sim.User{{Name: "operator", Password: password, Roles: []sim.Role{sim.Operator}}},
		TrustClients: [][]byte{client().Leaf()},
	}
	for _, f := range change {
		f(&o)
	}
	s, err := sim.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func target(t *testing.T, s *sim.Server, change ...func(*push.Options)) *push.Target {
	t.Helper()
	o := push.Options{
		URL: s.URL(),
		Judge: func(chain [][]byte, host, uri string) error {
			if !bytes.Equal(chain[0], s.Certificate()) {
				return errors.New("not the certificate of the server under test")
			}
			return nil
		},
		Identity: client(), ClientApplicationURI: clientURI, User: login("admin", password),
		Timeout: 10 * time.Second,
		Complete: func(stream []byte) bool {
			_, complete, err := uafile.Size(stream)
			return complete && err == nil
		},
	}
	for _, f := range change {
		f(&o)
	}
	made, err := push.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func login(name, password string) push.User {
	return push.UserName{Name: name, Password: func() ([]byte, error) { return []byte(password), nil }}
}

func open(t *testing.T, target *push.Target) workflow.Session {
	t.Helper()
	s, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// withEndpoint adds an endpoint with its own group to what was observed (7.7.5).
func withEndpoint(t *testing.T, o workflow.Observation, port int) workflow.ConfigurationUpdate {
	t.Helper()
	f, err := uafile.Decode(o.File)
	if err != nil {
		t.Fatal(err)
	}
	a := f.Application()
	url := fmt.Sprintf("opc.tcp://127.0.0.1:%d", port)
	name := func(s string) config.Record { return config.Record{Name: s} }
	a.CertificateGroups = append(a.CertificateGroups, config.CertificateGroup{
		Record: name(lineA), Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
		CertificateAssigned: []bool{false}, ValidationOptions: config.DefaultValidation,
	})
	a.UserTokenSettings = append(a.UserTokenSettings, config.UserTokenSettings{Record: name("operators"), TokenType: config.TokenUserName})
	a.SecuritySettings = append(a.SecuritySettings, config.SecuritySettings{
		Record: name("encrypted"), SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, config.PolicyAes128Sha256RsaOaep}, CertificateGroupName: lineA,
	})
	a.ServerEndpoints = append(a.ServerEndpoints, config.ServerEndpoint{
		Endpoint:     config.Endpoint{Record: name("line-a"), DiscoveryURLs: []string{url}, NetworkName: "127.0.0.1", Port: uint16(port)},
		EndpointURLs: []string{url}, TransportProfileURI: config.TransportUATCP,
		SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
	})
	u := workflow.ConfigurationUpdate{VersionToUpdate: o.CurrentVersion, Timing: config.UpdateTiming{RevertAfter: time.Minute}}
	if u.File, err = f.Encode(a); err != nil {
		t.Fatal(err)
	}
	for list, n := range map[config.List]int{
		config.CertificateGroupList: len(a.CertificateGroups), config.UserTokenSettingsList: len(a.UserTokenSettings),
		config.SecuritySettingsList: len(a.SecuritySettings), config.ServerEndpointList: len(a.ServerEndpoints),
	} {
		u.Targets = append(u.Targets, config.UpdateTarget{Path: fmt.Sprintf("%s.[%d]", list, n-1), Type: config.Insert})
	}
	return u
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually repeats f while it says that the server is not there yet.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		early := errors.Is(err, ua.StatusBadInvalidState) || workflow.ClassOf(err) == workflow.ClassNetwork
		if !early || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestCreateEndpoint is OPC 10000-12, 7.7.5 with 7.7.6 and 7.7.2, method by method.
func TestCreateEndpoint(t *testing.T) {
	server := start(t)
	traffic := &secureconv.Traffic{}
	target := target(t, server, func(o *push.Options) { o.Traffic = traffic })
	s := open(t, target)
	before := requests(traffic)
	o, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup, lineA})
	if err != nil {
		t.Fatal(err)
	}
	if got := requests(traffic) - before; got > 8 {
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

// requests counts what was sent once a Session was there.
func requests(traffic *secureconv.Traffic) int {
	sum := 0
	for _, n := range traffic.Snapshot().Requests {
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
	s := open(t, target(t, start(t, func(o *sim.Options) { o.Profile = "certificates" })))
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
