package part12

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// brief is an event in a few words, for tables.
func brief(e AuditEvent) string {
	out := fmt.Sprintf("%s of %s", strings.TrimSuffix(e.Type.String(), "AuditEvent"), e.SourceName)
	if e.Method != "" {
		out += fmt.Sprintf(" by %s: %v", e.Method, e.Status)
	}
	return out
}

func (r *rig) audited() []string {
	var out []string
	for _, e := range r.AuditEvents() {
		out = append(out, brief(e))
	}
	return out
}

// 7.8.2.12, 7.8.2.13, 7.10.26 and 7.10.27: requests, also refused ones, and what
// changed, at ApplyChanges.
func TestAuditOfTransaction(t *testing.T) {
	var reported []AuditEvent
	r := start(t, func(o *Options) { o.Audit = func(e AuditEvent) { reported = append(reported, e) } })
	a := r.admin("a")
	a.User = "jane"
	r.writeTrust(a, trustPath, withCA, maskAll)
	csr := r.good(a, "", "CreateSigningRequest", nil, rsaSha256, nil, true, nonce)[0].([]byte)
	r.want(ua.StatusBadCertificateInvalid, a, "", "UpdateCertificate", nil, rsaSha256, []byte{1}, nil, nil, nil)
	r.good(a, "", "UpdateCertificate", nil, rsaSha256, r.signed(csr, 1), nil, nil, nil)
	r.good(a, "", "ApplyChanges")
	want := []string{
		"TrustListUpdateRequested of TrustList by CloseAndUpdate: true",
		"CertificateUpdateRequested of ServerConfiguration by UpdateCertificate: false",
		"CertificateUpdateRequested of ServerConfiguration by UpdateCertificate: true",
		"TrustListUpdated of TrustList", "CertificateUpdated of ServerConfiguration",
	}
	if got := r.audited(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, e := range reported {
		if e.ClientUserID != "jane" || e.SessionID != "a" || e.ClientApplicationURI != "urn:plant:uapush" || !e.Time.Equal(noon) {
			t.Errorf("%s: by %q of %q in %q at %v", brief(e), e.ClientUserID, e.ClientApplicationURI, e.SessionID, e.Time)
		}
	}
	if len(reported) != len(want) {
		t.Errorf("reported: got %d events, want %d", len(reported), len(want))
	}
	events := r.AuditEvents()
	if e := events[1]; e.StatusCode != ua.StatusBadCertificateInvalid || e.MethodID.String() != "i=13737" || e.SourceNode.String() != "i=12637" {
		t.Errorf("the refused request: got %+v", e)
	}
	if e := events[3]; e.TrustListID.String() != "i=12642" || e.SourceNode.String() != "i=12642" {
		t.Errorf("the TrustList: got %+v", e)
	}
	if e := events[4]; e.CertificateGroup.String() != "i=14156" || e.CertificateType.String() != "i=12560" {
		t.Errorf("the certificate: got %+v", e)
	}
}

// 7.10.26: a PrivateKey is not in the event.
func TestAuditHasNoPrivateKey(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.call(a, "", "UpdateCertificate", nil, rsaSha256, clientCert(), nil, "PKCS8", []byte("a private key"))
	e := r.AuditEvents()[0]
	if len(e.InputArguments) != 6 || e.InputArguments[5] != nil || e.InputArguments[4] != "PKCS8" {
		t.Errorf("got %v", e.InputArguments)
	}
}

// 7.8.2.6, 7.8.2.7: what takes effect at once, and what does not happen. No event
// comes of a transaction that is cancelled.
func TestAuditOfTrustLists(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.good(a, trustPath, "AddCertificate", caCert(), true)
	r.want(ua.StatusBadInvalidArgument, a, trustPath, "RemoveCertificate", "00", true)
	r.writeTrust(a, trustPath, withCA, maskAll)
	r.good(a, "", "CancelChanges")
	want := []string{
		"TrustListUpdateRequested of TrustList by AddCertificate: true", "TrustListUpdated of TrustList",
		"TrustListUpdateRequested of TrustList by RemoveCertificate: false", "TrustListUpdateRequested of TrustList by CloseAndUpdate: true",
	}
	if got := r.audited(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// 7.8.5: the versions, when an update takes effect and when it is taken back.
func TestAuditOfConfiguration(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	before := r.server.Configuration().Version
	_, version, _ := outcome(t, r.upload(a, withGroup(r, "LineA"), 60000, 1000, target{"CertificateGroups.[2]", config.Insert}))
	if n := len(r.AuditEvents()); n != 0 {
		t.Errorf("got %d events before the update is in force, want none", n)
	}
	r.clock.Advance(2 * time.Minute)
	events := r.AuditEvents()
	if len(events) != 2 {
		t.Fatalf("got %q, want two", r.audited())
	}
	if e := events[0]; e.Type != ConfigurationUpdated || e.SourceName != "ServerConfiguration" || e.SessionID != "a" || e.OldVersion != before || e.NewVersion != version {
		t.Errorf("the update: got %+v", e)
	}
	if e := events[1]; e.SessionID != "" || e.OldVersion != version || e.NewVersion != before {
		t.Errorf("the revert: got %+v", e)
	}
}
