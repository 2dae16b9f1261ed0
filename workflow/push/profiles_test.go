package push_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/sim"
	keep "github.com/uapush/uapush/workflow/upkeep"
)

// testIssuer signs whatever it is given.
type testIssuer struct{ t *testing.T }

func (i testIssuer) Issue(_ context.Context, csr []byte, _ pki.Request) ([][]byte, error) {
	return [][]byte{ca().sign(i.t, csr), ca().cert.Raw}, nil
}

// simKeys are shared by the servers of a process: making one takes a while.
var simKeys = sync.OnceValue(func() func(int) (*rsa.PrivateKey, error) {
	var keys []*rsa.PrivateKey
	for range 4 {
		keys = append(keys, must(rsa.GenerateKey(rand.Reader, 2048)))
	}
	var next atomic.Uint32
	return func(int) (*rsa.PrivateKey, error) { return keys[int(next.Add(1))%len(keys)], nil }
})

// newEndpoint asks for an endpoint, secured by a group that holds the CA and a
// certificate of it (OPC 10000-12, 7.7.5).
func newEndpoint(port int, group string) config.Desired {
	url := fmt.Sprintf("opc.tcp://127.0.0.1:%d", port)
	named := func(name string) config.Record { return config.Record{Name: name} }
	d := config.Desired{
		TrustLists:   []config.DesiredTrustList{{Group: group, Trusted: []string{"self", "ca"}, CRLs: []string{"ca"}}},
		Certificates: []config.DesiredCertificate{{Group: group, Type: config.TypeRsaSha256}},
		Update:       config.UpdateTiming{RestartDelay: 20 * time.Millisecond, RevertAfter: 30 * time.Second},
	}
	r := &d.Records
	if group != config.DefaultApplicationGroup {
		r.CertificateGroups = []config.CertificateGroup{{
			Record: named(group), Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
			ValidationOptions: config.DefaultValidation,
		}}
	}
	r.SecuritySettings = []config.SecuritySettings{{
		Record: named("encrypted"), SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyAes256Sha256RsaPss}, CertificateGroupName: group,
	}}
	r.UserTokenSettings = []config.UserTokenSettings{{Record: named("password"), TokenType: config.TokenUserName}}
	r.ServerEndpoints = []config.ServerEndpoint{{
		Endpoint:     config.Endpoint{Record: named("line"), DiscoveryURLs: []string{url}, NetworkName: "127.0.0.1", Port: uint16(port)},
		EndpointURLs: []string{url}, TransportProfileURI: config.TransportUATCP,
		SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"password"},
	}}
	return d
}

// applyTo is a run of uapush apply against a server.
func applyTo(t *testing.T, server *sim.Server, d config.Desired) (*workflow.State, error) {
	s := &workflow.State{
		Target: target(t, server), ServerURL: server.URL(), Desired: d, Issuer: testIssuer{t}, ReconnectWithin: 20 * time.Second,
		Materials: workflow.Materials{
			Self: client().Chain, Authority: func() (certs, crls [][]byte, err error) { return [][]byte{ca().cert.Raw}, [][]byte{ca().crl}, nil },
		},
	}
	return s, workflow.Run(t.Context(), s, workflow.Apply())
}

// TestApplyOnEveryProfile runs uapush apply against every kind of embedded server:
// it succeeds, or the error is the one thing that the server lacks.
func TestApplyOnEveryProfile(t *testing.T) {
	lacks := map[string]func(error) bool{
		"no-configfile": func(err error) bool { return errors.Is(err, workflow.ErrNoConfigurationFile) },
		"single-group": func(err error) bool {
			var limit *plan.LimitError
			return errors.As(err, &limit) && limit.Field == "number of groups"
		},
	}
	for _, profile := range sim.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			server := profiled(t, profile)
			run, err := applyTo(t, server, newEndpoint(freePort(t), lineA))
			if lack := lacks[profile]; lack != nil {
				if !lack(err) || workflow.ClassOf(err) == workflow.ClassUnknown {
					t.Errorf("got %T %v, want what the server lacks", err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if run.Probed == nil || run.Remaining == nil || !run.Remaining.Empty() {
				t.Errorf("got %+v, %+v; want a Session through the endpoint, and nothing left to do", run.Probed, run.Remaining)
			}
		})
	}
}

func profiled(t *testing.T, profile string) *sim.Server {
	t.Helper()
	return start(t, func(o *sim.Options) {
		o.Profile, o.GenerateKey = profile, simKeys()
		if profile == "slow-restart" {
			o.Downtime = 200 * time.Millisecond
		}
	})
}

// An endpoint that needs no group of its own can be had on a server with one
// group, although that drops every Session at ApplyChanges.
func TestApplyWithinSingleGroup(t *testing.T) {
	server := profiled(t, "single-group")
	run, err := applyTo(t, server, newEndpoint(freePort(t), config.DefaultApplicationGroup))
	if err != nil {
		t.Fatal(err)
	}
	if !run.Activated || run.Remaining == nil || !run.Remaining.Empty() {
		t.Errorf("got %v, %+v; want changes that were applied, and nothing left to do", run.Activated, run.Remaining)
	}
}

// Without ConfigurationFile the certificates can still be managed.
func TestCertifyWithoutConfigurationFile(t *testing.T) {
	for _, profile := range []string{"no-configfile", "single-group", "no-transactions", "delays-changes", "strict-1.05.06", "strict-1.05.07"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			s := open(t, target(t, profiled(t, profile)))
			ctx, group := t.Context(), config.DefaultApplicationGroup
			o, err := s.Observe(ctx, []string{group})
			if err != nil {
				t.Fatal(err)
			}
			apply := func(required bool, err error) {
				t.Helper()
				if err == nil && required && !o.SupportsTransactions {
					err = s.ApplyChanges(ctx)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			apply(s.WriteTrustList(ctx, group, workflow.TrustList{
				Lists:               workflow.TrustedCertificates | workflow.TrustedCRLs,
				TrustedCertificates: [][]byte{client().Leaf(), ca().cert.Raw}, TrustedCRLs: [][]byte{ca().crl},
			}))
			request, err := s.CreateSigningRequest(ctx, workflow.SigningRequest{
				Group: group, Type: config.TypeRsaSha256, RegenerateKey: true, Nonce: make([]byte, 32)})
			if err != nil {
				t.Fatal(err)
			}
			apply(s.UpdateCertificate(ctx, workflow.CertificateUpdate{
				Group: group, Type: config.TypeRsaSha256, Certificate: ca().sign(t, request), Issuers: [][]byte{ca().cert.Raw}}))
			if o.SupportsTransactions {
				if err := s.ApplyChanges(ctx); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// renewAt is a run of uapush cert renew --force against a server.
func renewAt(t *testing.T, server *sim.Server, trustIssuer bool) (*workflow.State, error) {
	t.Helper()
	s := renewal(t, server, trustIssuer)
	return s, workflow.Run(t.Context(), s, workflow.UpdateCertificates())
}

func renewal(t *testing.T, server *sim.Server, trustIssuer bool) *workflow.State {
	t.Helper()
	issuer, err := plan.Certificate("ca", ca().cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := plan.CRL("ca", ca().crl)
	if err != nil {
		t.Fatal(err)
	}
	r := keep.Renewal{All: true, Key: keep.ServerKey, Issuers: []plan.Material{issuer}, CRLs: []plan.Material{crl}, TrustIssuer: trustIssuer}
	return &workflow.State{
		Target: target(t, server), ServerURL: server.URL(), Issuer: testIssuer{t}, ReconnectWithin: 20 * time.Second,
		Materials: workflow.Materials{Self: client().Chain},
		Upkeep: workflow.Upkeep{
			Decide: r.Decide,
			Reads:  func(keep.Group) workflow.Parts { return workflow.PartTrustList | workflow.PartCertificates },
		},
	}
}

// TestRenewOnEveryProfile is Update Certificates (OPC 10000-12, 7.7.2) against every
// kind of embedded server.
func TestRenewOnEveryProfile(t *testing.T) {
	for _, profile := range sim.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			server := profiled(t, profile)
			before := server.Certificate()
			run, err := renewAt(t, server, false)
			if profile == "strict-own-trust" { // wants the CA trusted, not only known as an issuer
				var own *workflow.OwnTrustError
				if !errors.As(err, &own) || !errors.Is(err, ua.StatusBadCertificateUntrusted) || !bytes.Equal(server.Certificate(), before) {
					t.Errorf("got %v, want an *OwnTrustError and the old certificate", err)
				}
				run, err = renewAt(t, server, true)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !run.Verified || bytes.Equal(server.Certificate(), before) {
				t.Errorf("verified %v; want another certificate, and everything to agree", run.Verified)
			}
		})
	}
}
