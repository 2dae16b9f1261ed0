package part12

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// withEmptySlot is a server whose group LineA has a slot without a certificate.
func withEmptySlot(t *testing.T, adjust ...func(*Options)) *rig {
	t.Helper()
	r := start(t, adjust...)
	c, ts := lineA(r)
	if results, _, _ := outcome(t, r.upload(r.admin("setup"), c, 0, 0, ts...)); results[0] != ua.StatusGoodEntryInserted {
		t.Fatalf("got %v", results)
	}
	r.clock.Advance(0)
	return r
}

func (r *rig) selfSigned(acc *space.Access, group string, kind *ua.NodeID, subject any, dns, ips []string, days, bits uint16) space.Result {
	r.t.Helper()
	return r.call(acc, "", "CreateSelfSignedCertificate", groupID(group), kind, subject, dns, ips, days, bits)
}

func (r *rig) held(acc *space.Access, group string) [][]byte {
	r.t.Helper()
	return r.good(acc, "", "GetCertificates", groupID(group))[1].([][]byte)
}

// 7.10.6: a slot that is empty gets a certificate with the names asked for, the
// ApplicationUri, and a validity from a day before; it is used after ApplyChanges.
func TestCreateSelfSigned(t *testing.T) {
	r := withEmptySlot(t)
	a := r.admin("a")
	got := r.selfSigned(a, "LineA", rsaSha256, "CN=PLC1/O=Plant", []string{"plc1.example"}, []string{"192.0.2.7"}, 30, 0)
	if got.Status != ua.StatusOK {
		t.Fatal(got.Status)
	}
	der := got.Outputs[0].([]byte)
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		t.Error(err)
	}
	if c.Subject.CommonName != "PLC1" || c.Subject.Organization[0] != "Plant" || c.URIs[0].String() != "urn:plant:plc1" ||
		c.DNSNames[0] != "plc1.example" || c.IPAddresses[0].String() != "192.0.2.7" || c.IsCA || !c.BasicConstraintsValid {
		t.Errorf("got %v, %v, %v, %v", c.Subject, c.URIs, c.DNSNames, c.IPAddresses)
	}
	if !c.NotBefore.Equal(noon.Add(-day)) || !c.NotAfter.Equal(noon.Add(29*day)) {
		t.Errorf("validity: got %v to %v", c.NotBefore, c.NotAfter)
	}
	if n := len(r.held(a, "LineA")); n != 0 {
		t.Error("the certificate is there before ApplyChanges")
	}
	r.want(ua.StatusBadTransactionPending, r.admin("b"), "", "DeleteCertificate", groupID("LineA"), rsaSha256)
	r.good(a, "", "ApplyChanges")
	if held := r.held(a, "LineA"); len(held) != 1 || !bytes.Equal(held[0], der) {
		t.Errorf("held: got %x", held)
	}
	if e := r.Endpoints()[1]; !e.Enabled || !bytes.Equal(e.Offers[0].Chain[0], der) {
		t.Errorf("the endpoint: got %+v", e)
	}
}

// The subject may be left to the server (7.10.6).
func TestSelfSignedDefaultSubject(t *testing.T) {
	r := withEmptySlot(t)
	got := r.selfSigned(r.admin("a"), "LineA", rsaSha256, nil, []string{"plc1"}, nil, 1, 2048)
	if got.Status != ua.StatusOK {
		t.Fatal(got.Status)
	}
	if c, err := x509.ParseCertificate(got.Outputs[0].([]byte)); err != nil || c.Subject.CommonName != "uapush sim" {
		t.Errorf("got %v, %v, want the application's name", c, err)
	}
}

// 7.10.6 and 7.10.7: result codes.
func TestSelfSignedRefusals(t *testing.T) {
	null, dns := ua.NewTwoByteNodeID(0), []string{"plc1"}
	for _, tt := range []struct {
		name string
		run  func(r *rig, a *space.Access) space.Result
		want ua.StatusCode
	}{
		{"7.10.6 no SecurityAdmin", func(r *rig, a *space.Access) space.Result {
			a.Roles = nil
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusBadUserAccessDenied},
		{"7.10.6 no security", func(r *rig, a *space.Access) space.Result {
			a.Mode = ua.MessageSecurityModeNone
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusBadSecurityModeInsufficient},
		{"7.10.6 occupied", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, config.DefaultApplicationGroup, rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusBadInvalidState},
		{"7.10.6 no group", func(r *rig, a *space.Access) space.Result {
			return r.call(a, "", "CreateSelfSignedCertificate", null, rsaSha256, nil, dns, nil, uint16(1), uint16(0))
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 no such type", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", ua.NewNumericNodeID(0, 12559), nil, dns, nil, 1, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 broken subject", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, "PLC1", dns, nil, 1, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 no names", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, nil, nil, 1, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 no DNS name", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, []string{"a b"}, nil, 1, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 no IP address", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, []string{"192.0.2"}, 1, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 no lifetime", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 0, 0)
		}, ua.StatusBadInvalidArgument},
		{"7.10.6 key too short", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 1024)
		}, ua.StatusBadOutOfRange},
		{"7.10.6 odd key", func(r *rig, a *space.Access) space.Result {
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 2049)
		}, ua.StatusBadOutOfRange},
		{"7.10.6 another Session's transaction", func(r *rig, a *space.Access) space.Result {
			r.good(r.admin("b"), trustPath, "Open", byte(6))
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusBadTransactionPending},
		{"7.10.6 twice", func(r *rig, a *space.Access) space.Result {
			r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
			return r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusBadInvalidState},
		{"7.10.6 after DeleteCertificate", func(r *rig, a *space.Access) space.Result {
			r.good(a, "", "DeleteCertificate", groupID(config.DefaultApplicationGroup), rsaSha256)
			return r.selfSigned(a, config.DefaultApplicationGroup, rsaSha256, nil, dns, nil, 1, 0)
		}, ua.StatusOK},
		{"7.10.7 empty", func(r *rig, a *space.Access) space.Result {
			return r.call(a, "", "DeleteCertificate", groupID("LineA"), rsaSha256)
		}, ua.StatusBadInvalidState},
		{"7.10.7 of a staged one", func(r *rig, a *space.Access) space.Result {
			r.selfSigned(a, "LineA", rsaSha256, nil, dns, nil, 1, 0)
			return r.call(a, "", "DeleteCertificate", groupID("LineA"), rsaSha256)
		}, ua.StatusOK},
		{"7.10.7 twice", func(r *rig, a *space.Access) space.Result {
			r.good(a, "", "DeleteCertificate", groupID(config.DefaultApplicationGroup), rsaSha256)
			return r.call(a, "", "DeleteCertificate", groupID(config.DefaultApplicationGroup), rsaSha256)
		}, ua.StatusBadInvalidState},
		{"7.10.7 no group", func(r *rig, a *space.Access) space.Result {
			return r.call(a, "", "DeleteCertificate", null, rsaSha256)
		}, ua.StatusBadInvalidArgument},
	} {
		r := withEmptySlot(t)
		if got := tt.run(r, r.admin("a")); got.Status != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got.Status, tt.want)
		}
	}
}

// 7.10.7: that an endpoint needs a certificate is seen at ApplyChanges; one that
// no endpoint shows goes, with its key and the pending one.
func TestDeleteCertificate(t *testing.T) {
	r := withEmptySlot(t)
	a := r.admin("a")
	r.selfSigned(a, "LineA", rsaSha256, nil, []string{"plc1"}, nil, 30, 0)
	r.good(a, "", "ApplyChanges")
	csr := r.good(a, "", "CreateSigningRequest", groupID("LineA"), rsaSha256, nil, true, nonce)[0].([]byte)
	r.good(a, "", "DeleteCertificate", groupID("LineA"), rsaSha256)
	r.want(ua.StatusBadInvalidState, a, "", "ApplyChanges")
	if d := r.server.Diagnostics(); d.Result != ua.StatusBadInvalidState || len(d.Errors) != 1 || d.Errors[0].Group != "LineA" {
		t.Errorf("diagnostics: got %+v", d)
	}
	if len(r.held(a, "LineA")) != 1 {
		t.Error("a certificate that an endpoint needs is gone")
	}
	c := r.server.Configuration()
	outcome(t, r.upload(a, c, 0, 0, target{"ServerEndpoints.[1]", config.Delete}))
	r.clock.Advance(0)
	r.good(a, "", "DeleteCertificate", groupID("LineA"), rsaSha256)
	r.good(a, "", "ApplyChanges")
	if len(r.held(a, "LineA")) != 0 {
		t.Error("the certificate is still there")
	}
	s := r.server.state.groups["LineA"].Slots[config.TypeRsaSha256]
	if s.Key != nil || s.Pending != nil {
		t.Error("a key outlives its certificate")
	}
	r.writeTrust(a, groups+"LineA/TrustList", withCA, maskAll)
	r.want(ua.StatusBadSecurityChecksFailed, a, "", "UpdateCertificate", groupID("LineA"), rsaSha256, r.signed(csr, 9), nil, nil, nil)
}

// A certificate may be replaced by a self-signed one in one transaction, also that
// of the endpoint in use; a strict server takes its own too.
func TestReplaceBySelfSigned(t *testing.T) {
	for _, v := range []Validation{Tolerant, OwnTrust, Strict106} {
		r := start(t, func(o *Options) { o.Validation = v })
		a := r.admin("a")
		r.good(a, "", "DeleteCertificate", groupID(config.DefaultApplicationGroup), rsaSha256)
		der := r.selfSigned(a, config.DefaultApplicationGroup, rsaSha256, nil, []string{"plc1"}, nil, 30, 0).Outputs[0].([]byte)
		r.clock.Advance(time.Minute)
		r.good(a, "", "ApplyChanges")
		if held := r.held(a, config.DefaultApplicationGroup); len(held) != 1 || !bytes.Equal(held[0], der) {
			t.Errorf("%d: held: got %x", v, held)
		}
	}
}

// 7.8.3.3 and 7.10.6: the DefaultHttpsGroup has a certificate without ApplicationUri,
// whose subject must be named; it can be requested, updated, deleted and made anew.
func TestHTTPSGroup(t *testing.T) {
	r := start(t, func(o *Options) { o.HTTPSGroup = true })
	a := r.admin("a")
	https, kind := config.DefaultHTTPSGroup, ua.NewNumericNodeID(0, 12558)
	group := ua.NewNumericNodeID(0, 14088)
	if got := r.readValue(a, r.nodes.trees[r.server].ID(groups+https+"/Purpose")).Value.Value().(*ua.NodeID).String(); got != "i=12558" {
		t.Errorf("Purpose: got %s", got)
	}
	held := r.good(a, "", "GetCertificates", group)[1].([][]byte)
	if c, err := x509.ParseCertificate(held[0]); err != nil || len(c.URIs) != 0 || c.Subject.CommonName != "plc1" || len(c.DNSNames) == 0 {
		t.Errorf("the first certificate: got %v, %v", c, err)
	}
	csr, err := x509.ParseCertificateRequest(r.good(a, "", "CreateSigningRequest", group, kind, nil, true, nonce)[0].([]byte))
	if err != nil || len(csr.URIs) != 0 || len(csr.DNSNames) == 0 {
		t.Errorf("the request: got %+v, %v", csr, err)
	}
	r.good(a, "", "DeleteCertificate", group, kind)
	for subject, want := range map[string]ua.StatusCode{"": ua.StatusBadInvalidArgument, "CN=no host/O=Plant": ua.StatusBadInvalidArgument, "CN=plc1.example/O=Plant": ua.StatusOK} {
		got := r.call(a, "", "CreateSelfSignedCertificate", group, kind, subject, []string{"plc1.example"}, nil, uint16(30), uint16(0))
		if got.Status != want {
			t.Errorf("subject %q: got %v, want %v", subject, got.Status, want)
		}
	}
	r.good(a, "", "ApplyChanges")
	c := r.server.Configuration()
	if i := len(c.CertificateGroups) - 1; c.CertificateGroups[i].Name != https {
		t.Fatalf("got %v", c.CertificateGroups[i].Name)
	}
	results, _, _ := outcome(t, r.upload(a, c, 0, 0, target{"CertificateGroups.[2]", config.Delete}))
	if results[0] != ua.StatusBadNoDeleteRights {
		t.Errorf("deletion of the group: got %v, want Bad_NoDeleteRights", results[0])
	}
	if h := r.good(a, groups+https+"/TrustList", "Open", byte(1)); len(h) != 1 {
		t.Error("the TrustList does not open")
	}
}
