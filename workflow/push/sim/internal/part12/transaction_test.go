package part12

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

var withCA = trustList{Trusted: [][]byte{caCert()}, TrustedCRLs: [][]byte{crl()}}

// 7.8.2.5 and 7.10.9: a list that was written takes effect with ApplyChanges, for
// readers too; a mask that names some lists leaves the others alone.
func TestTrustListTakesEffectWithApplyChanges(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	before := r.readTrust(a, trustPath)
	if got := r.writeTrust(a, trustPath, withCA, maskTrustedCRLs|maskTrusted); got.Status != ua.StatusOK || got.Outputs[0] != true {
		t.Fatalf("CloseAndUpdate: got %+v, want Good and TRUE", got)
	}
	if got := r.readTrust(r.admin("b"), trustPath); !equalLists(got, before) {
		t.Error("the staged list is visible before ApplyChanges")
	}
	update := trustList{Issuers: [][]byte{outerCert(), outerCert()}}
	if got := r.writeTrust(a, trustPath, update, maskIssuers); got.Status != ua.StatusOK {
		t.Fatalf("second list: got %v", got.Status)
	}
	r.clock.Advance(time.Hour)
	r.good(a, "", "ApplyChanges")
	want := trustList{Trusted: withCA.Trusted, TrustedCRLs: withCA.TrustedCRLs, Issuers: [][]byte{outerCert()}}
	if got := r.readTrust(a, trustPath); !equalLists(got, want) {
		t.Error("the applied list is not the merged one without doubles")
	}
	if got := r.trustUpdatedValue(t); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("LastUpdateTime: got %v, want the time of ApplyChanges", got)
	}
	if c := r.seen(); len(c) != 1 || !slices.Equal(c[0].Trust, []string{config.DefaultApplicationGroup}) || c[0].Endpoints {
		t.Errorf("changes: got %+v", c)
	}
}

func (r *rig) trustUpdatedValue(t *testing.T) time.Time {
	t.Helper()
	v := r.readValue(r.admin("reader"), r.nodes.trees[r.server].ID(trustPath+"/LastUpdateTime"))
	return v.Value.Value().(time.Time)
}

func (r *rig) readValue(acc *space.Access, node *ua.NodeID) *ua.DataValue {
	r.t.Helper()
	return r.space.Read(acc, &ua.ReadValueID{NodeID: node, AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}}, ua.TimestampsToReturnNeither, r.clock.Now())
}

// 7.8.2.1: Close without CloseAndUpdate discards what was written.
func TestCloseDiscards(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	before := r.readTrust(a, trustPath)
	h := r.good(a, trustPath, "Open", byte(6))[0]
	r.good(a, trustPath, "Write", h, withCA.encode(maskAll))
	r.good(a, trustPath, "Close", h)
	r.good(a, "", "ApplyChanges")
	if got := r.readTrust(a, trustPath); !equalLists(got, before) {
		t.Error("the list changed")
	}
}

// 7.8.2.3: OpenWithMasks shows the lists that were asked for.
func TestOpenWithMasks(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.writeTrust(a, trustPath, withCA, maskTrustedCRLs|maskTrusted)
	r.good(a, "", "ApplyChanges")
	h := r.good(a, trustPath, "OpenWithMasks", maskTrustedCRLs)[0]
	data := r.good(a, trustPath, "Read", h, int32(65536))[0].([]byte)
	got, mask, ok := decodeTrustList(data)
	if !ok || mask != maskTrustedCRLs || !equalLists(got, trustList{TrustedCRLs: withCA.TrustedCRLs}) {
		t.Errorf("got mask %d, %d certificates, %d CRLs", mask, len(got.Trusted), len(got.TrustedCRLs))
	}
	if rest := r.good(a, trustPath, "Read", h, int32(10))[0].([]byte); rest == nil || len(rest) != 0 {
		t.Errorf("at the end: got %v, want an empty ByteString", rest)
	}
}

// OPC 10000-20, 4.2.6 and 4.2.7: positions, which stop at the end of the file.
func TestFilePositions(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	h := r.good(a, trustPath, "Open", byte(6))[0]
	r.good(a, trustPath, "Write", h, []byte("abcdef"))
	r.good(a, trustPath, "SetPosition", h, uint64(2))
	r.good(a, trustPath, "Write", h, []byte("XY"))
	if got := r.good(a, trustPath, "GetPosition", h)[0]; got != uint64(4) {
		t.Errorf("position: got %v, want 4", got)
	}
	r.good(a, trustPath, "SetPosition", h, uint64(1<<40))
	r.good(a, trustPath, "Write", h, nil)
	if got := r.good(a, trustPath, "GetPosition", h)[0]; got != uint64(6) {
		t.Errorf("position: got %v, want 6", got)
	}
	if got := string(r.handles[h.(uint32)].data); got != "abXYef" {
		t.Errorf("content: got %q", got)
	}
	v := r.readValue(a, r.nodes.trees[r.server].ID(trustPath+"/OpenCount"))
	if v.Value.Value() != uint16(1) {
		t.Errorf("OpenCount: got %v, want 1", v.Value.Value())
	}
	if v := r.readValue(a, r.nodes.trees[r.server].ID(trustPath+"/Size")); v.Status != ua.StatusBadNotSupported {
		t.Errorf("Size: got %v, want Bad_NotSupported", v.Status)
	}
}

// 7.10.2: the end of the Session cancels its transaction and closes its files.
func TestSessionEndCancels(t *testing.T) {
	r := start(t)
	a, b := r.admin("a"), r.admin("b")
	r.writeTrust(a, trustPath, withCA, maskAll)
	r.good(a, trustPath, "Open", byte(6))
	r.SessionClosed("a")
	if len(r.handles) != 0 {
		t.Errorf("%d files are still open", len(r.handles))
	}
	if d := r.server.Diagnostics(); d.Phase != Completed || d.Result != ua.StatusBadRequestCancelledByClient {
		t.Errorf("diagnostics: got %+v", d)
	}
	r.want(ua.StatusBadNothingToDo, b, "", "ApplyChanges")
	r.good(b, trustPath, "Open", byte(6))
}

// 7.10.11: CancelChanges drops what is staged; others may begin at once.
func TestCancelChanges(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.writeTrust(a, trustPath, withCA, maskAll)
	h := r.good(a, trustPath, "Open", byte(6))[0]
	r.good(a, "", "CancelChanges")
	r.want(ua.StatusBadInvalidArgument, a, trustPath, "CloseAndUpdate", h)
	r.writeTrust(r.admin("b"), trustPath, withCA, maskAll)
	if got := r.readTrust(a, trustPath); len(got.Trusted) != 1 || !bytes.Equal(got.Trusted[0], clientCert()) {
		t.Error("the cancelled list is in force")
	}
}

// 7.10.10 and 7.10.5: a request with a new key, its certificate from a CA that the
// same transaction makes known, and the slot afterwards. The key waits across
// Sessions until then.
func TestIssueCertificate(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	csr := r.good(a, "", "CreateSigningRequest", groupID(config.DefaultApplicationGroup), rsaSha256, "CN=PLC1/O=Plant/DC=com", true, nonce)[0].([]byte)
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		t.Fatal(err)
	}
	if req.URIs[0].String() != "urn:plant:plc1" || !slices.Equal(req.DNSNames, []string{"plc1"}) || len(req.IPAddresses) != 1 || req.Subject.CommonName != "PLC1" {
		t.Errorf("request: %v %v %v %v", req.URIs, req.DNSNames, req.IPAddresses, req.Subject)
	}
	active := r.server.state.groups[config.DefaultApplicationGroup].Slots[config.TypeRsaSha256].Key
	if active.Public().(*rsa.PublicKey).Equal(req.PublicKey) {
		t.Error("the request has the old key")
	}
	r.SessionClosed("a")
	b := r.admin("b")
	trust := trustList{Trusted: [][]byte{caCert(), clientCert()}, TrustedCRLs: [][]byte{crl()}}
	r.writeTrust(b, trustPath, trust, maskAll)
	leaf := r.signed(csr, 5)
	chain := append(slices.Clone(leaf), caCert()...)
	if got := r.good(b, "", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, chain, nil, nil, nil); got[0] != true {
		t.Errorf("ApplyChangesRequired: got %v, want TRUE", got[0])
	}
	if got := r.good(b, "", "GetCertificates", groupID(config.DefaultApplicationGroup))[1].([][]byte); bytes.Equal(got[0], leaf) {
		t.Error("the certificate is in force before ApplyChanges")
	}
	r.seen()
	r.good(b, "", "ApplyChanges")
	got := r.good(b, "", "GetCertificates", groupID(config.DefaultApplicationGroup))
	if !bytes.Equal(got[1].([][]byte)[0], leaf) || got[0].([]*ua.NodeID)[0].IntID() != 12560 {
		t.Errorf("GetCertificates: got %v", got[0])
	}
	if c := r.seen(); len(c) != 1 || !slices.Equal(c[0].Certificates, []string{config.DefaultApplicationGroup}) || !c[0].Endpoints {
		t.Errorf("changes: got %+v", c)
	}
	for _, o := range r.Endpoints()[0].Offers {
		if len(o.Chain) != 2 || !bytes.Equal(o.Chain[0], leaf) || !o.Key.PublicKey.Equal(req.PublicKey) {
			t.Errorf("offer %v %s has another certificate", o.Mode, o.PolicyURI)
		}
	}
	if s := r.server.state.groups[config.DefaultApplicationGroup].Slots[config.TypeRsaSha256]; s.Pending != nil {
		t.Error("the key is still pending")
	}
	d := r.server.Diagnostics()
	if d.Phase != Completed || d.Result != ua.StatusOK || len(d.Errors) != 0 ||
		!slices.Equal(d.Groups, []string{config.DefaultApplicationGroup}) || !slices.Equal(d.TrustLists, d.Groups) {
		t.Errorf("diagnostics: got %+v", d)
	}
}

// 7.10.9: all or nothing. The later TrustList lacks the issuer of the certificate
// staged before.
func TestApplyChangesIsAllOrNothing(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	before := r.readTrust(a, trustPath)
	csr := r.good(a, "", "CreateSigningRequest", ua.NewTwoByteNodeID(0), rsaSha256, nil, false, nil)[0].([]byte)
	r.writeTrust(a, trustPath, withCA, maskAll)
	r.good(a, "", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, r.signed(csr, 1), nil, nil, nil)
	r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskAll)
	r.want(ua.StatusBadCertificateChainIncomplete, a, "", "ApplyChanges")
	if got := r.readTrust(a, trustPath); !equalLists(got, before) {
		t.Error("a part was applied")
	}
	d := r.server.Diagnostics()
	if d.Phase != Completed || d.Result != ua.StatusBadCertificateChainIncomplete || len(d.Errors) != 1 || d.Errors[0].TrustList {
		t.Errorf("diagnostics: got %+v", d)
	}
	errs := r.readValue(a, r.nodes.trees[r.server].ID("TransactionDiagnostics/Errors")).Value.Value().([]*ua.ExtensionObject)
	if e := errs[0].Value.(*ua.TransactionErrorType); e.TargetID.IntID() != 14156 || e.Error != d.Result {
		t.Errorf("Errors: got %v %v", e.TargetID, e.Error)
	}
	r.want(ua.StatusBadNothingToDo, a, "", "ApplyChanges")
}

// 7.10.17: the DataValues before, during and after a transaction.
func TestTransactionDiagnostics(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	status := func(name string) ua.StatusCode {
		return r.readValue(a, r.nodes.trees[r.server].ID("TransactionDiagnostics/"+name)).Status
	}
	for _, name := range []string{"StartTime", "EndTime", "Result", "AffectedTrustLists", "AffectedCertificateGroups", "Errors"} {
		if got := status(name); got != ua.StatusBadOutOfService {
			t.Errorf("%s before: got %v, want Bad_OutOfService", name, got)
		}
	}
	r.good(a, trustPath, "Open", byte(6))
	if got := status("Result"); got != ua.StatusBadInvalidState {
		t.Errorf("Result while active: got %v, want Bad_InvalidState", got)
	}
	lists := r.readValue(a, r.nodes.trees[r.server].ID("TransactionDiagnostics/AffectedTrustLists")).Value.Value().([]*ua.NodeID)
	if len(lists) != 1 || lists[0].IntID() != 12642 {
		t.Errorf("AffectedTrustLists: got %v, want i=12642", lists)
	}
	end := r.readValue(a, r.nodes.trees[r.server].ID("TransactionDiagnostics/EndTime")).Value.Value().(time.Time)
	if !end.IsZero() {
		t.Errorf("EndTime while active: got %v, want MinValue", end)
	}
	r.good(a, "", "CancelChanges")
	if got := r.readValue(a, r.nodes.trees[r.server].ID("TransactionDiagnostics/Result")).Value.Value(); got != ua.StatusBadRequestCancelledByClient {
		t.Errorf("Result after CancelChanges: got %v", got)
	}
}

// 7.10.5: keys made elsewhere, in every SupportedPrivateKeyFormat.
func TestUpdateCertificateWithKey(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(outerKey())
	if err != nil {
		t.Fatal(err)
	}
	cert := issue(certOptions{name: "PLC1", uri: "urn:plant:plc1"}, &outerKey().PublicKey, nil, outerKey())
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := pkcs12.Modern2023.Encode(outerKey(), parsed, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for format, key := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "PKCS8": der, "PFX": pfx,
	} {
		r := start(t)
		a := r.admin("a")
		r.good(a, "", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, cert, nil, format, key)
		r.good(a, "", "ApplyChanges")
		if o := r.Endpoints()[0].Offers[0]; !bytes.Equal(o.Chain[0], cert) || !o.Key.Equal(outerKey()) {
			t.Errorf("%s: the endpoint offers another certificate or key", format)
		}
	}
}

// 7.8.2.6 and 7.8.2.7 take effect at once; a CA takes its CRLs along.
func TestAddAndRemoveCertificate(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.good(a, trustPath, "AddCertificate", outerCert(), true)
	if got := r.readTrust(a, trustPath); len(got.Trusted) != 2 {
		t.Errorf("after AddCertificate: %d certificates", len(got.Trusted))
	}
	r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert(), caCert()}, TrustedCRLs: [][]byte{crl()}}, maskAll)
	r.good(a, "", "ApplyChanges")
	r.good(a, trustPath, "RemoveCertificate", digest(caCert()), true)
	if got := r.readTrust(a, trustPath); !equalLists(got, trustList{Trusted: [][]byte{clientCert()}}) {
		t.Errorf("after RemoveCertificate: %d certificates, %d CRLs", len(got.Trusted), len(got.TrustedCRLs))
	}
}

// The managed application has its own slots; the server has one transaction for all.
func TestManagedApplicationSharesTheTransaction(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	r.good(a, trustPath, "Open", byte(6))
	csr := r.good(a, "Client", "CreateSigningRequest", ua.NewTwoByteNodeID(0), rsaSha256, nil, false, nil)[0].([]byte)
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil || req.URIs[0].String() != "urn:plant:plc1:client" {
		t.Errorf("request: %v, %v", req.URIs, err)
	}
	cert := r.client.state.groups[config.DefaultApplicationGroup].Slots[config.TypeRsaSha256].Chain[0]
	r.want(ua.StatusBadTransactionPending, a, "Client", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, cert, nil, nil, nil)
	r.want(ua.StatusBadNothingToDo, a, "Client", "ApplyChanges")
	r.good(a, "", "CancelChanges")
	r.good(a, "Client", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, cert, nil, nil, nil)
	r.good(a, "Client", "ApplyChanges")
}
