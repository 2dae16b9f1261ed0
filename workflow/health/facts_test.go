package health

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow"
)

// scene is a server with one endpoint behind one group, as examined.
type scene struct {
	base   config.Application
	seen   workflow.Examined
	wanted []config.ServerEndpoint
	tried  []workflow.Attempt
	crls   [][]byte
	now    time.Time
}

var errTried = errors.New("it did not work")

func (s *scene) reasonOf(err error) Reason {
	if errors.Is(err, errTried) {
		return Timeout
	}
	return Denied
}

func TestFactsOf(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(0), "Root", nil)
	issued := ca.Issue(t, pkitest.Options{URI: "urn:plc1"})
	leaf, crl := issued.Leaf(), ca.CRL(t)
	revoked := ca.CRL(t, issued.Certificate(t))
	own := pkitest.Application(t, pkitest.Options{URI: "urn:plc1"}).Leaf()
	notAfter := issued.Certificate(t).NotAfter
	group := func(s *scene) *workflow.GroupObservation { return &s.seen.Groups[0] }
	tests := []struct {
		name    string
		edit    func(*scene)
		verdict Verdict
		reasons []Reason
	}{
		{"sound", func(*scene) {}, Current, []Reason{OK}},
		{"self-signed", func(s *scene) {
			group(s).Certificates[config.TypeRsaSha256], s.seen.Shown[0].Certificate = own, own
			group(s).TrustList = workflow.TrustList{}
		}, Current, []Reason{OK}},
		{"the manifest's endpoint is gone", func(s *scene) {
			s.wanted = []config.ServerEndpoint{{Endpoint: config.Endpoint{Port: 4999}}}
		}, Reprovision, []Reason{ConfigurationLost}},
		{"not offered", func(s *scene) { s.seen.Shown = nil }, Refresh, []Reason{EndpointUnknown}},
		{"offered with Sign only", func(s *scene) { s.seen.Shown[0].SecurityMode = config.ModeSign }, Refresh, []Reason{EndpointUnknown}},
		{"the slot is empty", func(s *scene) { clear(group(s).Certificates) }, Reprovision, []Reason{CertificateRemoved}},
		{"no GetCertificates: the endpoint tells", func(s *scene) {
			clear(group(s).Certificates)
			group(s).CertificatesKnown = false
		}, Current, []Reason{OK}},
		{"expired", func(s *scene) { s.now = notAfter }, Reprovision, []Reason{Expired}},
		{"another ApplicationUri", func(s *scene) { s.base.Identity.ApplicationURI = "urn:plc2" }, Reprovision, []Reason{URIMismatch}},
		{"the endpoint shows another", func(s *scene) { s.seen.Shown[0].Certificate = own }, Reprovision, []Reason{KeyMismatch}},
		{"revoked", func(s *scene) { group(s).TrustList.TrustedCRLs = [][]byte{revoked} }, Reprovision, []Reason{Revoked}},
		{"revoked, as this client alone knows", func(s *scene) { s.crls = [][]byte{revoked} }, Reprovision, []Reason{Revoked}},
		{"a session works", func(s *scene) { s.tried = []workflow.Attempt{{Port: 4840}} }, Current, []Reason{OK}},
		{"a session works, and the certificate is revoked", func(s *scene) {
			s.tried, s.crls = []workflow.Attempt{{Port: 4840}}, [][]byte{revoked}
		}, Reprovision, []Reason{Revoked}},
		{"no answer there", func(s *scene) { s.tried = []workflow.Attempt{{Port: 4840, Err: errTried}} }, Undetermined, []Reason{Timeout}},
		{"not for this client", func(s *scene) {
			s.tried = []workflow.Attempt{{Port: 4840, Err: errors.New("untrusted")}}
		}, Current, []Reason{OK}},
		{"another endpoint was tried", func(s *scene) { s.tried = []workflow.Attempt{{Port: 4841, Err: errTried}} }, Current, []Reason{OK}},
		{"no issuer", func(s *scene) { group(s).TrustList.TrustedCertificates = nil }, Refresh, []Reason{IssuerMissing}},
		{"no CRL", func(s *scene) { group(s).TrustList.TrustedCRLs = nil }, Refresh, []Reason{CRLStale}},
		{"not seen", func(s *scene) {
			s.seen.Groups = nil
			s.base.CertificateGroups[0].CertificateAssigned = nil
		}, Undetermined, []Reason{NotObserved}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &scene{now: issued.Certificate(t).NotBefore.Add(time.Minute)}
			s.base = config.Application{
				Identity: config.Identity{ApplicationURI: "urn:plc1"},
				CertificateGroups: []config.CertificateGroup{{
					Record: config.Record{Name: "G"}, CertificateTypes: []config.NodeID{config.TypeRsaSha256}, CertificateAssigned: []bool{true},
				}},
				SecuritySettings: []config.SecuritySettings{{
					Record: config.Record{Name: "s"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt}, CertificateGroupName: "G",
				}},
				ServerEndpoints: []config.ServerEndpoint{{
					Endpoint: config.Endpoint{Record: config.Record{Name: "e"}, Port: 4840}, SecuritySettingNames: []string{"s"},
				}},
			}
			s.seen = workflow.Examined{ShownKnown: true, Shown: []workflow.EndpointCertificate{
				{URL: "opc.tcp://plc1:4840", SecurityMode: config.ModeSignAndEncrypt, Certificate: leaf},
			}}
			s.seen.Groups = []workflow.GroupObservation{{
				Name: "G", Inspected: true, CertificatesKnown: true, Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: leaf},
				TrustList: workflow.TrustList{TrustedCertificates: [][]byte{ca.Certificate.Raw}, TrustedCRLs: [][]byte{crl}},
			}}
			tt.edit(s)
			d := Decide(FactsOf(Seen{Base: s.base, Examined: s.seen, Tried: s.tried, Wanted: s.wanted, CRLs: s.crls, Now: s.now, ReasonOf: s.reasonOf}))
			if d.Verdict != tt.verdict || !slices.Equal(d.Reasons, tt.reasons) {
				t.Errorf("%s %v, want %s %v: %+v", d.Verdict, d.Reasons, tt.verdict, tt.reasons, d.Findings)
			}
		})
	}
}
