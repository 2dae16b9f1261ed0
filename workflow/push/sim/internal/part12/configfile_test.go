package part12

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// lineA is the configuration with a group, settings, a token and an endpoint more,
// as OPC 10000-12, 7.7.5 creates them, and the targets for that.
func lineA(r *rig) (config.Application, []target) {
	c := withGroup(r, "LineA")
	c.UserTokenSettings = append(slices.Clone(c.UserTokenSettings), config.UserTokenSettings{
		Record: config.Record{Name: "operators"}, TokenType: config.TokenUserName, SecurityPolicyURI: config.PolicyBasic256Sha256,
	})
	c.SecuritySettings = append(slices.Clone(c.SecuritySettings), config.SecuritySettings{
		Record: config.Record{Name: "encrypted"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: "LineA",
	})
	c.ServerEndpoints = append(slices.Clone(c.ServerEndpoints), config.ServerEndpoint{
		Endpoint:     config.Endpoint{Record: config.Record{Name: "line-a"}, Port: 4843, DiscoveryURLs: []string{"opc.tcp://plc1:4843"}},
		EndpointURLs: []string{"opc.tcp://plc1:4843"}, TransportProfileURI: config.TransportUATCP,
		SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
	})
	return c, []target{
		{"CertificateGroups.[2]", config.Insert}, {"UserTokenSettings.[3]", config.Insert},
		{"SecuritySettings.[1]", config.Insert}, {"ServerEndpoints.[1]", config.Insert},
	}
}

func outcome(t *testing.T, r space.Result) (results []ua.StatusCode, version config.VersionTime, id *ua.GUID) {
	t.Helper()
	if r.Status != ua.StatusOK && r.Status != ua.StatusUncertain {
		t.Fatalf("CloseAndUpdate: got %v", r.Status)
	}
	return r.Outputs[0].([]ua.StatusCode), config.VersionTime(r.Outputs[1].(uint32)), r.Outputs[2].(*ua.GUID)
}

// 7.7.5, 7.8.5.2 and 7.8.5.3: an endpoint is created after the restart delay,
// confirmed from a new Session, and survives the revert time.
func TestCreateEndpointAndConfirm(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	c, ts := lineA(r)
	old := r.server.Configuration().Version
	results, version, id := outcome(t, r.upload(a, c, 60000, 2000, ts...))
	if want := slices.Repeat([]ua.StatusCode{ua.StatusGoodEntryInserted}, 4); !slices.Equal(results, want) {
		t.Errorf("UpdateResults: got %v, want %v", results, want)
	}
	if version <= old || id.String() == noUpdate {
		t.Errorf("got version %v after %v, UpdateId %v", version, old, id)
	}
	b := r.admin("b")
	r.want(ua.StatusBadInvalidState, b, fileName, "ConfirmUpdate", id)
	if got := r.server.Configuration().Version; got != old {
		t.Errorf("version before the restart delay: got %v, want %v", got, old)
	}
	r.clock.Advance(2 * time.Second)
	if got := r.server.Configuration(); got.Version != version || len(got.ServerEndpoints) != 2 {
		t.Errorf("after the restart delay: version %v, %d endpoints", got.Version, len(got.ServerEndpoints))
	}
	if e := r.Endpoints()[1]; e.Enabled || e.Port != 4843 || len(e.Tokens) != 1 {
		t.Errorf("endpoint without a certificate: got %+v", e)
	}
	if c := r.seen(); len(c) != 1 || !c[0].Endpoints {
		t.Errorf("changes: got %+v", c)
	}
	r.want(ua.StatusBadInvalidState, a, fileName, "ConfirmUpdate", id) // has not reconnected
	r.want(ua.StatusBadTransactionPending, b, fileName, "Open", byte(3))
	r.good(b, fileName, "ConfirmUpdate", id)
	r.want(ua.StatusBadInvalidArgument, b, fileName, "ConfirmUpdate", id)
	r.clock.Advance(time.Hour)
	if got := r.server.Configuration().Version; got != version {
		t.Errorf("the confirmed version was reverted to %v", got)
	}
	r.certifyLineA(b)
}

// certifyLineA fills the TrustList and the slot of the new group, as 7.7.2 does.
func (r *rig) certifyLineA(acc *space.Access) {
	r.t.Helper()
	object := r.nodes.extra[r.server]["LineA"]
	if object == nil {
		r.t.Fatal("the group has no Object")
	}
	parts := r.nodes.trees[r.server].ID(groups + "LineA")
	if got := parts.String(); got != "ns=1;s=Server/CertificateGroups/LineA" {
		r.t.Errorf("NodeId of the group: got %s", got)
	}
	csr := r.good(acc, "", "CreateSigningRequest", groupID("LineA"), rsaSha256, nil, true, nonce)[0].([]byte)
	r.writeTrust(acc, groups+"LineA/TrustList", withCA, maskAll)
	r.good(acc, "", "UpdateCertificate", groupID("LineA"), rsaSha256, r.signed(csr, 3), nil, nil, nil)
	r.good(acc, "", "ApplyChanges")
	if e := r.Endpoints()[1]; !e.Enabled || len(e.Offers) != 1 || e.Offers[0].Group != "LineA" {
		r.t.Errorf("endpoint with a certificate: got %+v", e)
	}
	if got := r.server.Configuration().CertificateGroups[2].CertificateAssigned; !slices.Equal(got, []bool{true}) {
		r.t.Errorf("IsCertificateAssigned: got %v", got)
	}
}

// 7.8.5.2: without ConfirmUpdate the old configuration, its Objects and its version
// come back when RevertAfterTime is over, which counts from the restart delay on.
func TestUnconfirmedUpdateIsReverted(t *testing.T) {
	r := start(t)
	c, ts := lineA(r)
	before := r.server.Configuration()
	_, version, id := outcome(t, r.upload(r.admin("a"), c, 5000, 1000, ts...))
	r.clock.Advance(5900 * time.Millisecond)
	b := r.admin("b")
	h := r.good(b, groups+"LineA/TrustList", "Open", byte(1))[0]
	r.clock.Advance(100 * time.Millisecond)
	if got := r.server.Configuration(); !equal(got, before) {
		t.Errorf("after the revert: version %v, want %v, and %d endpoints", got.Version, before.Version, len(got.ServerEndpoints))
	}
	if r.nodes.trees[r.server].ID(groups+"LineA") != nil || r.handles[h.(uint32)] != nil {
		t.Error("the group's Object, or a file of it, is still there")
	}
	r.want(ua.StatusBadInvalidArgument, b, fileName, "ConfirmUpdate", id)
	_, again, _ := outcome(t, r.upload(b, c, 0, 0, ts...))
	if again <= version {
		t.Errorf("version %v after the reverted %v", again, version)
	}
}

// 7.8.5.2: RevertAfterTime 0 needs no confirmation; nothing changed needs none either.
func TestUpdateWithoutConfirmation(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	c, ts := lineA(r)
	_, version, id := outcome(t, r.upload(a, c, 0, 0, ts...))
	if version == 0 || id.String() != noUpdate {
		t.Errorf("got version %v, UpdateId %v", version, id)
	}
	r.clock.Advance(0)
	r.writeTrust(a, trustPath, withCA, maskTrustedCRLs|maskTrusted) // nothing is pending
	r.good(a, "", "CancelChanges")
	results, version, id := outcome(t, r.upload(a, r.server.Configuration(), 5000, 0, target{"CertificateGroups.[2]", config.Replace}))
	if !slices.Equal(results, []ua.StatusCode{ua.StatusGoodEntryReplaced}) || version != 0 || id.String() != noUpdate {
		t.Errorf("no change: got %v, version %v, UpdateId %v", results, version, id)
	}
}

// 7.8.5.3: what cannot be applied is rolled back, and ConfirmUpdate tells.
func TestApplyFails(t *testing.T) {
	var asked []Endpoint
	r := start(t, func(o *Options) {
		o.Prepare = func(e []Endpoint) error { asked = e; return errors.New("port taken") }
	})
	c, ts := lineA(r)
	before := r.server.Configuration()
	_, _, id := outcome(t, r.upload(r.admin("a"), c, 5000, 0, ts...))
	r.clock.Advance(0)
	if len(asked) != 2 || !equal(r.server.Configuration(), before) {
		t.Errorf("Prepare saw %d endpoints; the version is %v", len(asked), r.server.Configuration().Version)
	}
	r.want(statusTransactionFailed, r.admin("b"), fileName, "ConfirmUpdate", id)
	r.good(r.admin("b"), trustPath, "Open", byte(6))
	if c := r.seen(); len(c) != 0 {
		t.Errorf("changes: got %+v", c)
	}
}

// 7.8.5.1: a 0x03 handle reads the active configuration; a tail that a shorter
// upload leaves behind does not matter.
func TestReadModifyWrite(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	h := r.good(a, fileName, "Open", byte(3))[0]
	data := r.good(a, fileName, "Read", h, int32(1<<20))[0].([]byte)
	f, err := uafile.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Application()
	c.ServerEndpoints, c.Identity.ApplicationURI = nil, "urn:plant:plc2"
	short, err := f.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	r.good(a, fileName, "SetPosition", h, uint64(0))
	r.good(a, fileName, "Write", h, short)
	got := r.call(a, fileName, "CloseAndUpdate", h, uint32(c.Version), targets(target{"ApplicationIdentity", config.Replace}), 0.0, 0.0)
	if results, _, _ := outcome(t, got); !slices.Equal(results, []ua.StatusCode{ua.StatusGoodEntryReplaced}) {
		t.Errorf("got %v", results)
	}
	r.clock.Advance(0)
	if got := r.server.Configuration(); got.Identity.ApplicationURI != "urn:plant:plc2" || len(got.ServerEndpoints) != 1 {
		t.Errorf("got %q, %d endpoints", got.Identity.ApplicationURI, len(got.ServerEndpoints))
	}
	// 7.10.21: later requests use the new ApplicationUri.
	csr := r.good(a, "", "CreateSigningRequest", ua.NewTwoByteNodeID(0), rsaSha256, nil, false, nil)[0].([]byte)
	r.want(ua.StatusBadCertificateChainIncomplete, a, "", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, r.signed(csr, 1), nil, nil, nil)
}

// oneGroup is a configuration file that node-opcua 2.x wrote with NodeSet 1.05.07:
// version 820540800, identity "app", one CertificateGroup "extra".
const oneGroup = "01003e3c018900000000000000000000000000000000000000ffffffff00000000160100ca5c01670000008075e8300000000003000000617070" +
	"000000000e00000075726e3a706c616e743a706c63310000000000000000010000000500000045787472610000000001000d3101000000010010" +
	"310100000000400000000000000000000000000000000000000000000000"

// A file that another stack encoded is processed.
func TestForeignBytes(t *testing.T) {
	data, err := hex.DecodeString(oneGroup)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t)
	a := r.admin("a")
	h := r.good(a, fileName, "Open", byte(3))[0]
	r.good(a, fileName, "Write", h, data)
	got := r.call(a, fileName, "CloseAndUpdate", h, uint32(r.server.Configuration().Version), targets(target{"CertificateGroups.[0]", config.Insert}), 0.0, 0.0)
	if results, _, _ := outcome(t, got); !slices.Equal(results, []ua.StatusCode{ua.StatusGoodEntryInserted}) {
		t.Fatalf("got %v", results)
	}
	r.clock.Advance(0)
	if r.nodes.trees[r.server].ID(groups+"Extra") == nil {
		t.Error("there is no Object of the group")
	}
}

// 7.8.5.5: names that do not persist change with the version, references with them.
func TestRenamedRecords(t *testing.T) {
	r := start(t, func(o *Options) { o.RenameRecords = true })
	c, ts := lineA(r)
	_, version, _ := outcome(t, r.upload(r.admin("a"), c, 0, 0, ts...))
	r.clock.Advance(0)
	got := r.server.Configuration()
	for _, e := range got.ServerEndpoints {
		if !strings.HasSuffix(e.Name, "-"+strings.Trim(strings.SplitAfter(version.String(), "(")[1], ")")) {
			t.Errorf("endpoint is called %q in version %v", e.Name, version)
		}
	}
	if e := r.Endpoints(); len(e) != 2 || len(e[0].Offers) != 6 || len(e[0].Tokens) != 3 || len(e[1].Tokens) != 1 {
		t.Errorf("the references broke: %+v", e)
	}
	if got.CertificateGroups[2].Name != "LineA" {
		t.Errorf("the group was renamed to %q", got.CertificateGroups[2].Name)
	}
}

// The managed client has ClientEndpoints and no Endpoints of a server (7.10.19).
func TestClientConfiguration(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	c := r.client.Configuration()
	c.ClientEndpoints = []config.Endpoint{{Record: config.Record{Name: "rcp"}, Port: 4841}}
	c.ServerEndpoints = r.server.Configuration().ServerEndpoints
	data, err := uafile.New(uafile.Layout105_06).Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	send := func(ts ...target) updateOutcome {
		h, err := r.client.openConfiguration(a, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.client.write(a, "", h, data); err != nil {
			t.Fatal(err)
		}
		u := configurationUpdate{Version: c.Version}
		for _, t := range ts {
			u.Targets = append(u.Targets, config.UpdateTarget{Path: t.path, Type: t.kind})
		}
		out, err := r.client.closeAndUpdate(a, h, u)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := send(target{"ServerEndpoints.[0]", config.Insert}); !slices.Equal(out.Results, []ua.StatusCode{ua.StatusBadNotSupported}) {
		t.Errorf("ServerEndpoint for a client: got %v", out.Results)
	}
	if out := send(target{"ClientEndpoints.[0]", config.Insert}); !slices.Equal(out.Results, []ua.StatusCode{ua.StatusGoodEntryInserted}) {
		t.Errorf("ClientEndpoint: got %v", out.Results)
	}
	r.clock.Advance(0)
	if got := r.client.Configuration(); len(got.ClientEndpoints) != 1 {
		t.Errorf("got %d ClientEndpoints", len(got.ClientEndpoints))
	}
	if c := r.seen(); len(c) != 0 {
		t.Errorf("the server's listeners were told: %+v", c)
	}
}
