package part12

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// keys are made once per process: an RSA key of 2048 bits takes a while.
var keys = sync.OnceValue(func() []*rsa.PrivateKey {
	out := make([]*rsa.PrivateKey, 6)
	for i := range out {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = k
	}
	return out
})

// Keys of the pool that have a fixed owner; the others are handed to devices.
func caKey() *rsa.PrivateKey     { return keys()[0] }
func clientKey() *rsa.PrivateKey { return keys()[1] }
func outerKey() *rsa.PrivateKey  { return keys()[2] }

var handedOut atomic.Int64

func pooledKey(int) (*rsa.PrivateKey, error) { return keys()[3+int(handedOut.Add(1))%3], nil }

// fakeTime is a clock whose timers fire when the test says so.
type fakeTime struct {
	mu     sync.Mutex
	now    time.Time
	timers []*fakeTimer
}

type fakeTimer struct {
	at   time.Time
	f    func()
	done bool
}

func (c *fakeTime) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeTime) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{at: c.now.Add(d), f: f}
	c.timers = append(c.timers, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		stopped := !t.done
		t.done = true
		return stopped
	}
}

// Advance moves the clock and runs what is due, in order.
func (c *fakeTime) Advance(d time.Duration) {
	end := c.Now().Add(d)
	for {
		c.mu.Lock()
		var next *fakeTimer
		for _, t := range c.timers {
			if !t.done && !t.at.After(end) && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
		c.timers = slices.DeleteFunc(c.timers, func(t *fakeTimer) bool { return t.done })
		if next == nil {
			c.now = end
			c.mu.Unlock()
			return
		}
		next.done, c.now = true, next.at
		c.mu.Unlock()
		next.f()
	}
}

// rig is a Device with its AddressSpace and what happened to it.
type rig struct {
	*Device
	t     *testing.T
	clock *fakeTime
	space *space.Space

	mu      sync.Mutex
	changes []Change
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, adjust ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &fakeTime{now: noon}, space: space.New()}
	o := Options{
		Clock: r.clock.Now, AfterFunc: r.clock.AfterFunc, GenerateKey: pooledKey,
		First: FirstStart{ApplicationURI: "urn:plant:plc1", Hostnames: []string{"plc1", "127.0.0.1"}, TrustClients: [][]byte{clientCert()}},
	}
	for _, f := range adjust {
		f(&o)
	}
	d, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	r.Device = d
	d.OnChange(func(c Change) {
		r.mu.Lock()
		defer r.mu.Unlock()
		d.Endpoints() // must not deadlock
		r.changes = append(r.changes, c)
	})
	d.Attach(r.space)
	return r
}

func (r *rig) seen() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.changes
	r.changes = nil
	return out
}

// admin is a Session with the SecurityAdmin Role on an encrypted channel.
func (r *rig) admin(session string) *space.Access {
	return &space.Access{
		SessionID: session, Mode: ua.MessageSecurityModeSignAndEncrypt,
		Roles:             []uint32{space.RoleAnonymous, space.RoleSecurityAdmin},
		ClientCertificate: clientCert(), ServerCertificate: r.server.state.groups[config.DefaultApplicationGroup].Slots[config.TypeRsaSha256].Chain[0],
	}
}

// call runs a Method of the AddressSpace, by the names of the Object and the Method.
func (r *rig) call(acc *space.Access, object, method string, args ...any) space.Result {
	r.t.Helper()
	tree := r.nodes.trees[r.server]
	objectID := tree.ID(object)
	if object == "Client" {
		tree = r.nodes.trees[r.client]
		objectID = tree.ID("")
	}
	methodID := tree.ID(join(object, method))
	if objectID == nil || methodID == nil {
		r.t.Fatalf("no %s/%s", object, method)
	}
	var in []*ua.Variant
	for _, a := range args {
		if a == nil {
			in = append(in, &ua.Variant{})
			continue
		}
		in = append(in, ua.MustVariant(a))
	}
	return r.space.Call(context.Background(), acc, objectID, methodID, in)
}

func join(object, method string) string {
	if object == "" || object == "Client" {
		return method
	}
	return object + "/" + method
}

func (r *rig) good(acc *space.Access, object, method string, args ...any) []any {
	r.t.Helper()
	res := r.call(acc, object, method, args...)
	if res.Status != ua.StatusOK {
		r.t.Fatalf("%s/%s: got %v, want Good", object, method, res.Status)
	}
	return res.Outputs
}

func (r *rig) want(status ua.StatusCode, acc *space.Access, object, method string, args ...any) {
	r.t.Helper()
	if got := r.call(acc, object, method, args...); got.Status != status {
		r.t.Errorf("%s/%s: got %v, want %v", object, method, got.Status, status)
	}
}

const (
	groups    = "CertificateGroups/"
	appGroup  = groups + config.DefaultApplicationGroup
	trustPath = appGroup + "/TrustList"
	fileName  = "ConfigurationFile"
)

func groupID(name string) *ua.NodeID {
	switch name {
	case config.DefaultApplicationGroup:
		return ua.NewNumericNodeID(0, 14156)
	case config.DefaultUserTokenGroup:
		return ua.NewNumericNodeID(0, 14122)
	}
	return ua.NewStringNodeID(1, "Server/CertificateGroups/"+name)
}

var rsaSha256 = ua.NewNumericNodeID(0, 12560)

// target is a decoded ConfigurationUpdateTargetType.
type target struct {
	path string
	kind config.UpdateType
}

func (t target) Target() (string, int32) { return t.path, int32(t.kind) }

func targets(ts ...target) []*ua.ExtensionObject {
	var out []*ua.ExtensionObject
	for _, t := range ts {
		out = append(out, &ua.ExtensionObject{Value: t})
	}
	return out
}

// upload writes a configuration and closes the file with CloseAndUpdate.
func (r *rig) upload(acc *space.Access, app config.Application, revert, delay float64, ts ...target) space.Result {
	r.t.Helper()
	data, err := uafile.New(uafile.Layout105_06).Encode(app)
	if err != nil {
		r.t.Fatal(err)
	}
	h := r.good(acc, fileName, "Open", byte(3))[0]
	r.good(acc, fileName, "Write", h, data)
	return r.call(acc, fileName, "CloseAndUpdate", h, uint32(r.server.Configuration().Version), targets(ts...), revert, delay)
}

// writeTrust replaces the lists that the mask names.
func (r *rig) writeTrust(acc *space.Access, object string, l trustList, mask uint32) space.Result {
	r.t.Helper()
	h := r.good(acc, object, "Open", byte(6))[0]
	for part := range slices.Chunk(l.encode(mask), r.opt.MaxByteStringLength) {
		r.good(acc, object, "Write", h, part)
	}
	return r.call(acc, object, "CloseAndUpdate", h)
}

func (r *rig) readTrust(acc *space.Access, object string) trustList {
	r.t.Helper()
	h := r.good(acc, object, "Open", byte(1))[0]
	data := r.good(acc, object, "Read", h, int32(1<<20))[0].([]byte)
	r.good(acc, object, "Close", h)
	l, _, ok := decodeTrustList(data)
	if !ok {
		r.t.Fatalf("the TrustList is not decodable: %x", data)
	}
	return l
}

// Certificates of the tests.

type certOptions struct {
	name   string
	uri    string
	serial int64
	ca     bool
	from   time.Time
	to     time.Time
}

func issue(o certOptions, key crypto.PublicKey, issuer []byte, signer crypto.Signer) []byte {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(o.serial + 1), Subject: pkix.Name{CommonName: o.name, Organization: []string{"Plant"}},
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(365 * 24 * time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageContentCommitment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if !o.to.IsZero() {
		t.NotBefore, t.NotAfter = o.from, o.to
	}
	if o.uri != "" {
		u, err := url.Parse(o.uri)
		if err != nil {
			panic(err)
		}
		t.URIs = []*url.URL{u}
	}
	if o.ca {
		t.IsCA, t.KeyUsage, t.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	}
	parent := t
	if issuer != nil {
		p, err := x509.ParseCertificate(issuer)
		if err != nil {
			panic(err)
		}
		parent = p
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key, signer)
	if err != nil {
		panic(err)
	}
	return der
}

var clientCert = sync.OnceValue(func() []byte {
	return issue(certOptions{name: "uapush", uri: "urn:plant:uapush"}, &clientKey().PublicKey, nil, clientKey())
})

var caCert = sync.OnceValue(func() []byte {
	return issue(certOptions{name: "CA", ca: true}, &caKey().PublicKey, nil, caKey())
})

// outerCert is a CA that the tests' TrustLists do not hold.
var outerCert = sync.OnceValue(func() []byte {
	return issue(certOptions{name: "Other CA", ca: true}, &outerKey().PublicKey, nil, outerKey())
})

func crl(revoked ...int64) []byte {
	ca, err := x509.ParseCertificate(caCert())
	if err != nil {
		panic(err)
	}
	t := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(30 * 24 * time.Hour)}
	for _, s := range revoked {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s + 1), RevocationTime: noon})
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, ca, caKey())
	if err != nil {
		panic(err)
	}
	return der
}

// signed answers a signing request the way a CA does.
func (r *rig) signed(csr []byte, serial int64) []byte {
	r.t.Helper()
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := req.CheckSignature(); err != nil {
		r.t.Fatal(err)
	}
	return issue(certOptions{name: req.Subject.CommonName, uri: req.URIs[0].String(), serial: serial}, req.PublicKey, caCert(), caKey())
}

func equalLists(a, b trustList) bool {
	for i, list := range a.lists() {
		if !slices.EqualFunc(*list, *b.lists()[i], slices.Equal) {
			return false
		}
	}
	return true
}
