package part12

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

func inDir(dir string) func(*Options) { return func(o *Options) { o.Dir = dir } }

// What was confirmed or applied survives a restart: configuration, TrustLists,
// certificates, keys, also the pending one (7.10.10).
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, inDir(dir))
	a := r.admin("a")
	c, ts := lineA(r)
	_, version, id := outcome(t, r.upload(a, c, 60000, 0, ts...))
	r.clock.Advance(0)
	b := r.admin("b")
	r.good(b, fileName, "ConfirmUpdate", id)
	r.certifyLineA(b)
	csr := r.good(b, "", "CreateSigningRequest", groupID("LineA"), rsaSha256, nil, true, nonce)[0].([]byte)
	want, endpoints := r.server.Configuration(), r.Endpoints()
	r.Close()

	r = start(t, inDir(dir))
	if got := r.server.Configuration(); !equal(got, want) || got.Version != version {
		t.Errorf("configuration: got version %v, want %v", got.Version, version)
	}
	got := r.Endpoints()
	if len(got) != 2 || !got[1].Enabled || !bytes.Equal(got[1].Offers[0].Chain[0], endpoints[1].Offers[0].Chain[0]) || !got[1].Offers[0].Key.Equal(endpoints[1].Offers[0].Key) {
		t.Errorf("endpoints: got %+v", got)
	}
	if got := r.readTrust(r.admin("c"), groups+"LineA/TrustList"); !equalLists(got, withCA) {
		t.Error("the TrustList is another one")
	}
	r.good(r.admin("c"), "", "UpdateCertificate", groupID("LineA"), rsaSha256, r.signed(csr, 9), nil, nil, nil)
	info, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("the folder holds %v", left)
	}
}

// A crash while an update waits for ConfirmUpdate reverts it. What else was stored
// meanwhile, a pending key for example, stays.
func TestCrashRevertsUnconfirmedUpdate(t *testing.T) {
	dir := t.TempDir()
	r := start(t, inDir(dir))
	before := r.server.Configuration()
	c, ts := lineA(r)
	_, version, _ := outcome(t, r.upload(r.admin("a"), c, 60000, 0, ts...))
	r.clock.Advance(time.Second)
	csr := r.good(r.admin("b"), "", "CreateSigningRequest", ua.NewTwoByteNodeID(0), rsaSha256, nil, true, nonce)[0].([]byte)
	if got := r.server.Configuration().Version; got != version {
		t.Fatalf("the update was not applied: version %v", got)
	}
	r.Close()

	r = start(t, inDir(dir))
	if got := r.server.Configuration(); !equal(got, before) {
		t.Errorf("configuration: got version %v, want %v", got.Version, before.Version)
	}
	r.writeTrust(r.admin("c"), trustPath, withCA, maskAll)
	r.good(r.admin("c"), "", "UpdateCertificate", ua.NewTwoByteNodeID(0), rsaSha256, r.signed(csr, 9), nil, nil, nil)
}

// A state that cannot be read is an error, never a fresh start.
func TestBrokenState(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON": "{", "other schema": `{"schema":"x"}`, "no applications": `{"schema":"` + stateSchema + `"}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir, GenerateKey: pooledKey}); err == nil {
			t.Errorf("%s: Open succeeded", name)
		}
	}
}

// When the state cannot be stored, nothing changes.
func TestStoreFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	r := start(t, inDir(dir))
	a := r.admin("a")
	before := r.readTrust(a, trustPath)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.writeTrust(a, trustPath, withCA, maskAll)
	r.want(ua.StatusBadUnexpectedError, a, "", "ApplyChanges")
	if got := r.readTrust(a, trustPath); !equalLists(got, before) {
		t.Error("the list changed")
	}
	c, ts := lineA(r)
	_, _, id := outcome(t, r.upload(a, c, 5000, 0, ts...))
	r.clock.Advance(0)
	r.want(ua.StatusBadUnexpectedError, r.admin("b"), fileName, "ConfirmUpdate", id)
	r.clock.Advance(5 * time.Second)
	if got := r.server.Configuration(); len(got.ServerEndpoints) != 1 {
		t.Error("the update that could not be stored was not reverted")
	}
}

// Properties: values and who may write them (7.10.3, 7.8.5.1, 7.10.20).
func TestProperties(t *testing.T) {
	r := start(t)
	a := r.admin("a")
	tree := r.nodes.trees[r.server]
	for path, want := range map[string]any{
		"ApplicationUri": "urn:plant:plc1", "ApplicationType": int32(0), "SupportsTransactions": true, "HasSecureElement": false,
		"MaxTrustListSize": uint32(65535), "MulticastDnsEnabled": false, fileName + "/MaxEndpoints": uint16(8),
		fileName + "/AvailablePorts": "1024:65535", fileName + "/CurrentVersion": uint32(config.VersionAt(noon)),
		fileName + "/ActivityTimeout": 60000.0, trustPath + "/DefaultValidationOptions": uint32(64), trustPath + "/Writable": true,
	} {
		if got := r.readValue(a, tree.ID(path)); got.Status != ua.StatusOK || got.Value.Value() != want {
			t.Errorf("%s: got %v %v, want %v", path, got.Status, got.Value, want)
		}
	}
	for _, path := range []string{"CertificateGroups/DefaultHttpsGroup", trustPath + "/UpdateFrequency"} {
		if tree.ID(path) != nil {
			t.Errorf("%s exists", path)
		}
	}
	client := r.nodes.trees[r.client]
	if got := r.readValue(a, client.ID("Enabled")); got.Value.Value() != true {
		t.Errorf("Enabled: got %v", got.Value)
	}
	if client.ID("IsNonUaApplication") != nil {
		t.Error("IsNonUaApplication exists")
	}
	write := func(path string, value any) ua.StatusCode {
		return r.space.Write(a, &ua.WriteValue{NodeID: tree.ID(path), AttributeID: ua.AttributeIDValue, Value: &ua.DataValue{Value: ua.MustVariant(value)}})
	}
	if got := write("MulticastDnsEnabled", true); got != ua.StatusOK || r.readValue(a, tree.ID("MulticastDnsEnabled")).Value.Value() != true {
		t.Errorf("MulticastDnsEnabled: got %v", got)
	}
	version := r.server.Configuration().Version
	options := trustPath + "/DefaultValidationOptions"
	if got := write(options, uint32(66)); got != ua.StatusOK || r.server.Configuration().Version <= version {
		t.Errorf("DefaultValidationOptions: got %v; version %v after %v", got, r.server.Configuration().Version, version)
	}
	if got := write(options, uint32(1<<7)); got != ua.StatusBadOutOfRange {
		t.Errorf("unknown option: got %v, want Bad_OutOfRange", got)
	}
}

// Sessions, handshakes and reads at once: for the race detector.
func TestConcurrentUse(t *testing.T) {
	r := start(t, func(o *Options) { o.AfterFunc = nil })
	var group sync.WaitGroup
	for _, session := range []string{"a", "b", "c"} {
		group.Go(func() {
			acc := r.admin(session)
			for range 20 {
				h := r.call(acc, trustPath, "Open", byte(6))
				if h.Status == ua.StatusOK {
					r.call(acc, trustPath, "Write", h.Outputs[0], withCA.encode(maskAll))
					r.call(acc, trustPath, "CloseAndUpdate", h.Outputs[0])
					r.call(acc, "", "CancelChanges")
				}
				r.Validate(config.DefaultApplicationGroup, leaf(certOptions{}))
				r.ApplicationDescription()
				r.readValue(acc, r.nodes.trees[r.server].ID(fileName+"/OpenCount"))
			}
			r.SessionClosed(session)
		})
	}
	group.Wait()
	if len(r.handles) != 0 {
		t.Errorf("%d files are still open", len(r.handles))
	}
}
