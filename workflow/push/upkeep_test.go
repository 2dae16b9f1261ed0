package push_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

func upkeep(t *testing.T, s workflow.Session) workflow.CertificateSession {
	t.Helper()
	c, ok := s.(workflow.CertificateSession)
	if !ok {
		t.Fatalf("%T is no CertificateSession", s)
	}
	return c
}

func everything(workflow.GroupObservation) workflow.Parts {
	return workflow.PartTrustList | workflow.PartCertificates | workflow.PartRejected
}

// OPC 10000-12, 7.10.8, 7.10.12, 7.8.2: one Survey shows what a group has.
func TestSurvey(t *testing.T) {
	server := start(t)
	if s, err := target(t, server, func(o *push.Options) { o.Identity, o.ClientApplicationURI = stranger(), "urn:stranger" }).Open(t.Context()); err == nil {
		_ = s.Close(t.Context())
		t.Fatal("a stranger got in")
	}
	traffic := &secureconv.Traffic{}
	s := upkeep(t, open(t, target(t, server, func(o *push.Options) { o.Traffic = traffic })))
	before := roundTrips(traffic)
	o, err := s.Survey(t.Context(), everything)
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrips(traffic) - before; got > 7 {
		t.Errorf("Survey took %d requests, want 7 at most: %v", got, traffic.Snapshot().Requests)
	}
	g := o.Groups[0]
	if g.Name != config.DefaultApplicationGroup || !g.Inspected || !g.CertificatesKnown || !g.RejectedKnown || g.TrustListUpdated.IsZero() ||
		len(g.TrustList.TrustedCertificates) != 1 || len(g.Certificates) == 0 || g.Purpose != config.PurposeApplicationCertificate {
		t.Errorf("got group %+v", g)
	}
	if len(g.Rejected) != 1 || !bytes.Equal(g.Rejected[0], stranger().Leaf()) {
		t.Errorf("got %d rejected certificates, want the stranger's", len(g.Rejected))
	}
	for _, name := range []string{"", config.DefaultApplicationGroup} {
		if list, err := s.GetRejectedList(t.Context(), name); err != nil || len(list) != 1 {
			t.Errorf("GetRejectedList of %q: %d, %v", name, len(list), err)
		}
	}
	slots, err := s.GetCertificates(t.Context(), config.DefaultApplicationGroup)
	if err != nil || !bytes.Equal(slots[config.TypeRsaSha256], server.Certificate()) {
		t.Errorf("GetCertificates: %v, %v", slots, err)
	}
	for _, e := range s.Endpoints() {
		if len(e.Certificate) > 0 && !bytes.Equal(e.Certificate, server.Certificate()) {
			t.Errorf("%s shows another certificate", e.URL)
		}
	}
	if len(s.Endpoints()) == 0 {
		t.Error("there are no endpoints")
	}
	var unknown *push.UnknownGroupError
	if _, err := s.GetRejectedList(t.Context(), "absent"); !errors.As(err, &unknown) {
		t.Errorf("an unknown group: got %v", err)
	}
}

// OPC 10000-12, 7.8.2.3, 7.8.2.6, 7.8.2.7.
func TestTrustListMembers(t *testing.T) {
	ctx := t.Context()
	s := upkeep(t, open(t, target(t, start(t))))
	const group = config.DefaultApplicationGroup
	der := stranger().Leaf()
	if err := s.AddCertificate(ctx, group, der); err != nil {
		t.Fatal(err)
	}
	list, err := s.ReadTrustList(ctx, group, workflow.TrustedCertificates)
	if err != nil || len(list.TrustedCertificates) != 2 || list.Lists != workflow.TrustedCertificates {
		t.Fatalf("after AddCertificate: %d certificates, mask %v, %v", len(list.TrustedCertificates), list.Lists, err)
	}
	sum := sha1.Sum(der)
	if err := s.RemoveCertificate(ctx, group, hex.EncodeToString(sum[:]), true); err != nil {
		t.Fatal(err)
	}
	if list, err = s.ReadTrustList(ctx, group, workflow.AllLists); err != nil || len(list.TrustedCertificates) != 1 {
		t.Errorf("after RemoveCertificate: %d certificates, %v", len(list.TrustedCertificates), err)
	}
	if err := s.RemoveCertificate(ctx, group, hex.EncodeToString(sum[:]), true); !errors.Is(err, ua.StatusBadInvalidArgument) {
		t.Errorf("removed twice: got %v", err)
	}
	if err := s.AddCertificate(ctx, group, []byte("no certificate")); !errors.Is(err, ua.StatusBadCertificateInvalid) {
		t.Errorf("no certificate: got %v", err)
	}
}

// OPC 10000-12, 7.10.17: none, active, cancelled, failed.
func TestTransactionDiagnostics(t *testing.T) {
	ctx := t.Context()
	s := upkeep(t, open(t, target(t, start(t))))
	expect := func(phase workflow.TransactionPhase, result string) workflow.TransactionDiagnostics {
		t.Helper()
		d, err := s.TransactionDiagnostics(ctx)
		if err != nil || d.Phase != phase || d.Result != result {
			t.Fatalf("got %+v, %v; want %s %s", d, err, phase, result)
		}
		return d
	}
	expect(workflow.NoTransaction, "")
	const group = config.DefaultApplicationGroup
	write := func(list workflow.TrustList) {
		t.Helper()
		if required, err := s.WriteTrustList(ctx, group, list); err != nil || !required {
			t.Fatalf("WriteTrustList: %v, %v", required, err)
		}
	}
	trusted := workflow.TrustList{Lists: workflow.TrustedCertificates | workflow.TrustedCRLs,
		TrustedCertificates: [][]byte{client().Leaf(), ca().cert.Raw}, TrustedCRLs: [][]byte{ca().crl}}
	write(trusted)
	d := expect(workflow.TransactionActive, "")
	if len(d.TrustLists) != 1 || d.TrustLists[0] != "trust list of "+group || d.StartTime.IsZero() || !d.EndTime.IsZero() {
		t.Errorf("got %+v", d)
	}
	if err := s.CancelChanges(ctx); err != nil {
		t.Fatal(err)
	}
	expect(workflow.TransactionCompleted, "Bad_RequestCancelledByClient (0x802C0000)")

	// A certificate whose issuer a later list takes away again.
	write(trusted)
	request, err := s.CreateSigningRequest(ctx, workflow.SigningRequest{Group: group, Type: config.TypeRsaSha256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateCertificate(ctx, workflow.CertificateUpdate{Group: group, Type: config.TypeRsaSha256, Certificate: ca().sign(t, request)}); err != nil {
		t.Fatal(err)
	}
	write(workflow.TrustList{Lists: trusted.Lists, TrustedCertificates: [][]byte{client().Leaf()}})
	if err := s.ApplyChanges(ctx); !errors.Is(err, ua.StatusBadCertificateChainIncomplete) {
		t.Fatalf("ApplyChanges: got %v", err)
	}
	d = expect(workflow.TransactionCompleted, "Bad_CertificateChainIncomplete (0x810D0000)")
	if len(d.Errors) != 1 || d.Errors[0].Target != group || d.Errors[0].Message == "" {
		t.Errorf("got %+v", d.Errors)
	}
}

// A server from before NodeSet 1.05.05.
func TestSurveyWithoutConfigurationFile(t *testing.T) {
	s := upkeep(t, open(t, target(t, start(t, func(o *sim.Options) { o.Profile = "no-configfile" }))))
	o, err := s.Survey(t.Context(), everything)
	if err != nil || o.HasConfigurationFile || !o.Groups[0].Inspected || o.ApplicationURI == "" {
		t.Errorf("got %+v, %v", o, err)
	}
}
