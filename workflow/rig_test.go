package workflow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/pki/pkitest"
)

// fixtures are certificates, made once.
type fixtures struct {
	self, ca, intermediate, crl, intermediateCRL []byte
	leaf                                         [][]byte
}

var (
	fixturesOnce sync.Once
	made         fixtures
)

func material(t testing.TB) fixtures {
	t.Helper()
	fixturesOnce.Do(func() {
		ca := pkitest.NewAuthority(t, pkitest.Key(0), "Root", nil)
		below := ca.Intermediate(t, pkitest.Key(1), "Below", nil)
		made = fixtures{
			self: pkitest.Application(t, pkitest.Options{URI: "urn:client"}).Leaf(),
			ca:   ca.Certificate.Raw, intermediate: below.Certificate.Raw, crl: ca.CRL(t), intermediateCRL: below.CRL(t),
			leaf: ca.Issue(t, pkitest.Options{URI: "urn:plant:plc1"}).Chain,
		}
	})
	return made
}

// device is a server with one endpoint and one group.
func device() *server {
	app := config.Application{
		Version:  820540800,
		Identity: config.Identity{Record: config.Record{Name: "PLC1"}, ApplicationURI: "urn:plant:plc1"},
		CertificateGroups: []config.CertificateGroup{{
			Record: config.Record{Name: config.DefaultApplicationGroup}, Purpose: config.PurposeApplicationCertificate,
			CertificateTypes: []config.NodeID{config.TypeRsaSha256}, CertificateAssigned: []bool{true},
			ValidationOptions: config.DefaultValidation,
		}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: config.Record{Name: "first"}, Port: 4840},
			EndpointURLs: []string{"opc.tcp://plc1:4840"}, TransportProfileURI: config.TransportUATCP,
			SecuritySettingNames: []string{"secure"}, UserTokenSettingNames: []string{"users"},
		}},
		SecuritySettings: []config.SecuritySettings{{
			Record: config.Record{Name: "secure"}, SecurityModes: []config.SecurityMode{config.ModeSign},
			SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: config.DefaultApplicationGroup,
		}},
		UserTokenSettings: []config.UserTokenSettings{{Record: config.Record{Name: "users"}, TokenType: config.TokenAnonymous}},
	}
	s := &server{
		file: uafile.New(uafile.Layout105_06), groups: map[string]*GroupObservation{}, counts: map[string]int{},
		transactions: true, applyRequired: true,
		identity: ServerIdentity{
			URL: "opc.tcp://plc1:4840", EndpointURL: "opc.tcp://plc1:4840", ApplicationURI: "urn:plant:plc1",
			CertificateSHA256: "c0ffee", SecurityMode: config.ModeSignAndEncrypt, SecurityPolicyURI: config.PolicyBasic256Sha256,
		},
	}
	s.put(app)
	s.groups[config.DefaultApplicationGroup].Certificates[config.TypeRsaSha256] = []byte("the first certificate")
	return s
}

// lineA is the manifest of the architecture's example.
func lineA() config.Desired {
	return config.Desired{
		Records: config.Application{
			CertificateGroups: []config.CertificateGroup{{
				Record: config.Record{Name: "LineA"}, Purpose: config.PurposeApplicationCertificate,
				CertificateTypes: []config.NodeID{config.TypeRsaSha256}, ValidationOptions: config.DefaultValidation,
			}},
			UserTokenSettings: []config.UserTokenSettings{{
				Record: config.Record{Name: "operators"}, TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyBasic256Sha256,
			}},
			SecuritySettings: []config.SecuritySettings{{
				Record: config.Record{Name: "encrypted"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
				SecurityPolicyURIs:   []string{config.PolicyBasic256Sha256, config.PolicyAes256Sha256RsaPss},
				CertificateGroupName: "LineA",
			}},
			ServerEndpoints: []config.ServerEndpoint{{
				Endpoint:     config.Endpoint{Record: config.Record{Name: "line-a"}, Port: 4843},
				EndpointURLs: []string{"opc.tcp://plc1:4843"}, TransportProfileURI: config.TransportUATCP,
				SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
			}},
		},
		TrustLists:   []config.DesiredTrustList{{Group: "LineA", Trusted: []string{"self", "ca"}, CRLs: []string{"ca"}}},
		Certificates: []config.DesiredCertificate{{Group: "LineA", Type: config.TypeRsaSha256, Subject: "CN=Line A/O=Plant", IPAddresses: []string{"127.0.0.1"}}},
		Update:       config.UpdateTiming{RestartDelay: 3 * time.Second, RevertAfter: 2 * time.Minute},
	}
}

// rig is a run against the fake server.
type rig struct {
	*State
	server *server
	issuer *issuer
	events []Event
}

func newRig(t testing.TB) *rig {
	t.Helper()
	m := material(t)
	r := &rig{server: device()}
	r.issuer = &issuer{s: r.server, chain: m.leaf}
	r.State = &State{
		Target: r.server, ServerURL: "opc.tcp://plc1:4840", Desired: lineA(), Issuer: r.issuer,
		Materials: Materials{Self: [][]byte{m.self}, Authority: func() ([][]byte, [][]byte, error) { return [][]byte{m.ca}, [][]byte{m.crl}, nil }},
		Observe:   func(e Event) error { r.events = append(r.events, e); return nil },
	}
	return r
}

func (r *rig) run(t testing.TB, steps []Step) error {
	t.Helper()
	return Run(context.Background(), r.State, steps)
}

// must runs steps that have to succeed.
func (r *rig) must(t testing.TB, steps []Step) {
	t.Helper()
	if err := r.run(t, steps); err != nil {
		t.Fatalf("the run failed: %v", err)
	}
}

// again is a rig for another run on the same server.
func (r *rig) again(t testing.TB) *rig {
	t.Helper()
	next := newRig(t)
	next.server, next.Target, next.issuer.s = r.server, r.server, r.server
	r.server.calls, r.server.counts, r.server.faults = nil, map[string]int{}, nil
	return next
}

// bubble runs a test with a clock of its own, which stands still until all wait.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	material(t) // keys are not made in fake time
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// savedPlan plans on the rig's server and starts a new rig with the result.
func savedPlan(t *testing.T, r *rig) *rig {
	t.Helper()
	r.must(t, Plan())
	p := r.Plan
	next := r.again(t)
	next.Saved, next.Desired = &p, config.Desired{}
	return next
}

func stepsOf(events []Event, typ EventType) (names []string) {
	for _, e := range events {
		if e.Type == typ {
			names = append(names, e.Step)
		}
	}
	return names
}
