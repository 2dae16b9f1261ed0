package part12

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// NodeSet 1.05.05 has another body of the file, and another SupportedDataType.
func TestEarlierLayout(t *testing.T) {
	r := start(t, func(o *Options) { o.Layout = uafile.Layout105_05 })
	a := r.admin("a")
	node := r.nodes.trees[r.server].ID(fileName + "/SupportedDataType")
	if got := r.readValue(a, node).Value.Value().(*ua.NodeID).String(); got != "i=15549" {
		t.Errorf("SupportedDataType: got %s, want i=15549", got)
	}
	h := r.good(a, fileName, "Open", byte(3))[0]
	data := r.good(a, fileName, "Read", h, int32(60000))[0].([]byte)
	f, err := uafile.Decode(data)
	if err != nil || f.Layout() != uafile.Layout105_05 {
		t.Fatalf("layout: got %v, %v, want that of 1.05.05", f, err)
	}
	r.good(a, fileName, "SetPosition", h, uint64(0))
	other, err := uafile.New(uafile.Layout105_06).Encode(f.Application())
	if err != nil {
		t.Fatal(err)
	}
	r.good(a, fileName, "Write", h, other)
	r.want(ua.StatusBadNotSupported, a, fileName, "CloseAndUpdate", h, uint32(r.server.Configuration().Version),
		targets(target{"ApplicationIdentity", config.Replace}), 0.0, 0.0)
}

func ignoringTargets(o *Options) {
	o.Behaviour = Behaviour{
		OtherModes: ua.StatusBadInvalidArgument, LastOpenWins: true, EmptyWriteStream: true,
		IgnoreTargets: true, ConfirmOnlyLoss: true, LateRevert: true,
	}
}

// Open of a server that hands out one handle at a time.
func TestLastOpenWins(t *testing.T) {
	r := start(t, ignoringTargets)
	a, b := r.admin("a"), r.admin("b")
	r.want(ua.StatusBadInvalidArgument, a, fileName, "Open", byte(6))
	first := r.good(a, fileName, "Open", byte(3))[0]
	if got := r.good(a, fileName, "Read", first, int32(100))[0].([]byte); len(got) != 0 {
		t.Errorf("a file open for writing: got %d bytes, want none", len(got))
	}
	second := r.good(b, fileName, "Open", byte(1))[0]
	r.want(ua.StatusBadInvalidArgument, a, fileName, "Write", first, []byte{1})
	if got := r.good(b, fileName, "Read", second, int32(100))[0].([]byte); len(got) == 0 {
		t.Error("a file open for reading is empty")
	}
}

// The body is the new configuration, whatever the targets say: records that it
// lacks are gone. All results are equal, and Good is not Good_EntryInserted.
func TestTargetsAreIgnored(t *testing.T) {
	r := start(t, ignoringTargets)
	a := r.admin("a")
	got := r.upload(a, withGroup(r, "LineA"), 60000, 1000, target{"ApplicationIdentity", config.Replace}, target{"nonsense", 77})
	if got.Status != ua.StatusOK || !slices.Equal(got.Outputs[0].([]ua.StatusCode), []ua.StatusCode{ua.StatusOK, ua.StatusOK}) {
		t.Fatalf("got %+v, want Good twice", got)
	}
	if id := got.Outputs[2].(*ua.GUID).String(); id != noUpdate {
		t.Errorf("UpdateId of an addition: got %s, want none", id)
	}
	r.clock.Advance(time.Second)
	c := r.server.Configuration()
	if len(c.CertificateGroups) != 3 {
		t.Fatalf("groups: got %d, want 3", len(c.CertificateGroups))
	}
	c.CertificateGroups = c.CertificateGroups[:2]
	got = r.upload(a, c, 60000, 1000)
	if got.Status != ua.StatusOK || got.Outputs[2].(*ua.GUID).String() == noUpdate {
		t.Fatalf("a deletion: got %+v, want an UpdateId", got)
	}
	r.clock.Advance(time.Second)
	if n := len(r.server.Configuration().CertificateGroups); n != 2 {
		t.Errorf("groups: got %d, want 2", n)
	}
	r.clock.Advance(60 * time.Second)
	if n := len(r.server.Configuration().CertificateGroups); n != 2 {
		t.Error("the update was taken back before RestartDelayTime and RevertAfterTime were over")
	}
	r.clock.Advance(time.Second)
	if n := len(r.server.Configuration().CertificateGroups); n != 3 {
		t.Error("the update was not taken back")
	}
	c = r.server.Configuration()
	c.CertificateGroups = c.CertificateGroups[1:]
	got = r.upload(a, c, 0, 0, target{"ApplicationIdentity", config.Replace})
	if got.Status != ua.StatusBadNoDeleteRights || got.Outputs[0].([]ua.StatusCode)[0] != ua.StatusBadNoDeleteRights || got.Outputs[1] != uint32(0) {
		t.Errorf("without the default group: got %+v, want Bad_NoDeleteRights everywhere", got)
	}
}

// 7.10.2: a server without transactions applies before it answers.
func TestAtOnce(t *testing.T) {
	r := start(t, func(o *Options) { o.Transactions = AtOnce })
	a := r.admin("a")
	got := r.writeTrust(a, trustPath, withCA, maskTrusted|maskTrustedCRLs)
	if got.Status != ua.StatusOK || got.Outputs[0] != false {
		t.Fatalf("TrustList: got %+v, want Good and FALSE", got)
	}
	if l := r.readTrust(a, trustPath); !equalLists(l, withCA) {
		t.Error("the list is not in force")
	}
	csr := r.good(a, "", "CreateSigningRequest", nil, rsaSha256, nil, true, nonce)[0].([]byte)
	certificate := r.signed(csr, 1)
	if out := r.good(a, "", "UpdateCertificate", nil, rsaSha256, certificate, nil, nil, nil); out[0] != false {
		t.Errorf("UpdateCertificate: got %v, want FALSE", out)
	}
	if held := r.good(a, "", "GetCertificates", groupID(config.DefaultApplicationGroup))[1].([][]byte); !bytes.Equal(held[0], certificate) {
		t.Error("the certificate is not in force")
	}
	r.want(ua.StatusBadNothingToDo, a, "", "ApplyChanges")
	r.good(r.admin("b"), trustPath, "Open", byte(6)) // nobody else is kept from anything
}

// 7.10.2: what several changes do on a server that only delays them is undefined.
func TestDelayed(t *testing.T) {
	r := start(t, func(o *Options) { o.Transactions = Delayed })
	a := r.admin("a")
	list := trustList{Trusted: [][]byte{clientCert(), caCert()}, TrustedCRLs: [][]byte{crl()}}
	if got := r.writeTrust(a, trustPath, list, maskTrusted|maskTrustedCRLs); got.Status != ua.StatusOK || got.Outputs[0] != true {
		t.Fatalf("TrustList: got %+v, want Good and TRUE", got)
	}
	if got := r.writeTrust(a, groups+config.DefaultUserTokenGroup+"/TrustList", list, maskTrusted|maskTrustedCRLs); got.Status != ua.StatusOK {
		t.Fatal(got.Status)
	}
	r.good(a, "", "ApplyChanges")
	if equalLists(r.readTrust(a, trustPath), list) {
		t.Error("both changes took effect")
	}
	if !equalLists(r.readTrust(a, groups+config.DefaultUserTokenGroup+"/TrustList"), list) {
		t.Error("the latest change did not take effect")
	}
}

// A server with one group: the others are not there, and cannot be made.
func TestOneGroup(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Behaviour = Behaviour{NoUserTokenGroup: true, NoManagedApplications: true, EmptyRejectedList: true, PrivateKeyFormats: []string{"PEM"}, Omit: []string{"CancelChanges"}, OmitFromGroups: []string{"Purpose"}}
	})
	a := r.admin("a")
	tree := r.nodes.trees[r.server]
	for _, path := range []string{groups + config.DefaultUserTokenGroup, "CancelChanges", appGroup + "/Purpose"} {
		if tree.Has(path) {
			t.Errorf("there is a %s", path)
		}
	}
	if got := r.readValue(a, ua.NewNumericNodeID(0, idManagedApplications)); got.Status != ua.StatusBadNodeIDUnknown {
		t.Errorf("ManagedApplications: got %v", got.Status)
	}
	stranger := issue(certOptions{name: "stranger", uri: "urn:stranger"}, &outerKey().PublicKey, nil, outerKey())
	if r.Validate(config.DefaultApplicationGroup, stranger) == ua.StatusOK {
		t.Fatal("a stranger is trusted")
	}
	if list := r.good(a, "", "GetRejectedList")[0].([][]byte); len(list) != 0 {
		t.Errorf("rejected: got %d certificates, want none", len(list))
	}
	r.want(ua.StatusBadNotSupported, a, "", "UpdateCertificate", nil, rsaSha256, clientCert(), nil, "PFX", []byte{1})
	got := r.upload(a, withGroup(r, config.DefaultUserTokenGroup), 0, 0, target{"CertificateGroups.[1]", config.Insert})
	if got.Status != ua.StatusUncertain || got.Outputs[0].([]ua.StatusCode)[0] != ua.StatusBadNotSupported {
		t.Errorf("a group of the NodeSet that is not there: got %+v", got)
	}
}

// 7.10.19: clients shall order targets Delete, Insert, Replace.
func TestOrderedTargets(t *testing.T) {
	const insert, replace, either = config.Insert, config.Replace, config.InsertOrReplace
	group, identity := "CertificateGroups.[2]", "ApplicationIdentity"
	for _, tt := range []struct {
		name    string
		ordered bool
		targets []target
		want    ua.StatusCode
	}{
		{"in order", true, []target{{group, insert}, {identity, replace}}, ua.StatusOK},
		{"Replace before Insert", true, []target{{identity, replace}, {group, insert}}, ua.StatusUncertain},
		{"Replace before InsertOrReplace", true, []target{{identity, replace}, {group, either}}, ua.StatusOK},
		{"tolerated", false, []target{{identity, replace}, {group, insert}}, ua.StatusOK},
	} {
		r := start(t, func(o *Options) { o.OrderedTargets = tt.ordered })
		got := r.upload(r.admin("a"), withGroup(r, "LineA"), 0, 0, tt.targets...)
		if got.Status != tt.want {
			t.Errorf("%s: got %v %v, want %v", tt.name, got.Status, got.Outputs, tt.want)
		}
	}
}
