package part12

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

func leaf(o certOptions) []byte {
	if o.name == "" {
		o.name = "client"
	}
	return issue(o, &clientKey().PublicKey, caCert(), caKey())
}

// OPC 10000-4, 6.1.3, with the ValidationOptions of OPC 10000-12, 7.8.2.10. Not
// verified: host names and ApplicationUris, which a Session checks, and OCSP.
func TestValidate(t *testing.T) {
	past := certOptions{from: noon.Add(-48 * time.Hour), to: noon.Add(-time.Hour)}
	oldCA := issue(certOptions{name: "CA", ca: true, from: past.from, to: past.to}, &caKey().PublicKey, nil, caKey())
	forged := leaf(certOptions{})
	forged[len(forged)-1] ^= 1 // the signature
	intermediate := issue(certOptions{name: "Issuing CA", ca: true, serial: 20}, &outerKey().PublicKey, caCert(), caKey())
	below := issue(certOptions{name: "client"}, &clientKey().PublicKey, intermediate, outerKey())
	tests := []struct {
		name    string
		list    trustList
		options config.ValidationOptions
		chain   []byte
		want    ua.StatusCode
		listed  bool // in the rejected list afterwards
	}{
		{"no certificate", withCA, 64, []byte{1, 2}, ua.StatusBadCertificateInvalid, false},
		{"itself trusted", trustList{Trusted: [][]byte{clientCert()}}, 64, clientCert(), ua.StatusOK, false},
		{"empty list", trustList{}, 64, clientCert(), ua.StatusBadCertificateUntrusted, true},
		{"CA trusted", withCA, 64, leaf(certOptions{}), ua.StatusOK, false},
		{"CA known, not trusted", trustList{Issuers: [][]byte{caCert()}, IssuerCRLs: [][]byte{crl()}}, 64, leaf(certOptions{}), ua.StatusBadCertificateUntrusted, true},
		{"CA unknown", trustList{Trusted: [][]byte{clientCert()}}, 64, leaf(certOptions{}), ua.StatusBadCertificateChainIncomplete, false},
		{"CA unknown, sent along", trustList{Trusted: [][]byte{clientCert()}}, 64, slices.Concat(leaf(certOptions{}), caCert()), ua.StatusBadCertificateUntrusted, true},
		{"forged", withCA, 64, forged, ua.StatusBadCertificateInvalid, false},
		{"expired", withCA, 64, leaf(past), ua.StatusBadCertificateTimeInvalid, false},
		{"expired, suppressed", withCA, 64 | config.SuppressCertificateExpired, leaf(past), ua.StatusOK, false},
		{"expired and not trusted", trustList{Issuers: [][]byte{caCert()}}, 64, leaf(past), ua.StatusBadCertificateUntrusted, false},
		{"issuer expired", trustList{Trusted: [][]byte{oldCA}, TrustedCRLs: [][]byte{crl()}}, 64, leaf(certOptions{}), ua.StatusBadCertificateIssuerTimeInvalid, false},
		{"issuer expired, suppressed", trustList{Trusted: [][]byte{oldCA}, TrustedCRLs: [][]byte{crl()}}, 64 | config.SuppressIssuerCertificateExpired, leaf(certOptions{}), ua.StatusOK, false},
		{"a CA as client", trustList{Trusted: [][]byte{outerCert()}}, 64, outerCert(), ua.StatusBadCertificateUseNotAllowed, false},
		{"revoked", trustList{Trusted: [][]byte{caCert()}, TrustedCRLs: [][]byte{crl(4)}}, 64, leaf(certOptions{serial: 4}), ua.StatusBadCertificateRevoked, false},
		{"revoked, CRLs not used", trustList{Trusted: [][]byte{caCert()}, TrustedCRLs: [][]byte{crl(4)}}, config.ValidationOptions(0), leaf(certOptions{serial: 4}), ua.StatusOK, false},
		{"no CRL", trustList{Trusted: [][]byte{caCert()}}, 64, leaf(certOptions{}), ua.StatusBadCertificateRevocationUnknown, false},
		{"no CRL, suppressed", trustList{Trusted: [][]byte{caCert()}}, 64 | config.SuppressRevocationStatusUnknown, leaf(certOptions{}), ua.StatusOK, false},
		{"online only, nobody to ask", withCA, config.CheckRevocationStatusOnline, leaf(certOptions{}), ua.StatusBadCertificateRevocationUnknown, false},
		{"online, CRLs as a fallback", withCA, 64 | config.CheckRevocationStatusOnline, leaf(certOptions{}), ua.StatusOK, false},
		{"issuer revoked", trustList{Trusted: [][]byte{caCert()}, TrustedCRLs: [][]byte{crl(20)}, Issuers: [][]byte{intermediate}}, 64 | config.SuppressRevocationStatusUnknown, below, ua.StatusBadCertificateIssuerRevoked, false},
		{"issuer sent along", withCA, 64 | config.SuppressRevocationStatusUnknown, slices.Concat(below, intermediate), ua.StatusOK, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t)
			s := r.server.state
			s.groups[config.DefaultApplicationGroup].Trust = tt.list
			s.record(config.DefaultApplicationGroup).ValidationOptions = tt.options
			if got := r.Validate(config.DefaultApplicationGroup, tt.chain); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := len(r.good(r.admin("a"), "", "GetRejectedList")[0].([][]byte)) == 1; got != tt.listed {
				t.Errorf("in the rejected list: got %v, want %v", got, tt.listed)
			}
		})
	}
}

// 7.10.12: the latest first, each once, and not without bound.
func TestRejectedListIsBounded(t *testing.T) {
	r := start(t, func(o *Options) { o.MaxRejected = 2 })
	strangers := [][]byte{}
	for i := range 3 {
		strangers = append(strangers, issue(certOptions{name: "stranger", serial: int64(i)}, &outerKey().PublicKey, nil, outerKey()))
		r.Validate(config.DefaultApplicationGroup, strangers[i])
	}
	r.Validate(config.DefaultApplicationGroup, strangers[1])
	got := r.good(r.admin("a"), appGroup, "GetRejectedList")[0].([][]byte)
	if len(got) != 2 || !bytes.Equal(got[0], strangers[1]) || !bytes.Equal(got[1], strangers[2]) {
		t.Errorf("got %d certificates", len(got))
	}
	if got := r.Validate("nobody", strangers[0]); got != ua.StatusBadCertificateUntrusted {
		t.Errorf("unknown group: got %v", got)
	}
}

// G.2: application setup accepts anybody through the default group until the first
// TrustList is in force, and never through another group.
func TestApplicationSetup(t *testing.T) {
	r := start(t, func(o *Options) { o.AcceptClients, o.First.TrustClients = true, nil })
	a := r.admin("a")
	setup := func() any {
		return r.readValue(a, r.nodes.trees[r.server].ID("InApplicationSetup")).Value.Value()
	}
	if setup() != true || !r.InApplicationSetup() {
		t.Error("the server is not in application setup")
	}
	stranger := leaf(certOptions{})
	if got := r.Validate(config.DefaultApplicationGroup, stranger); got != ua.StatusOK {
		t.Errorf("setup: got %v, want Good", got)
	}
	if got := r.Validate(config.DefaultUserTokenGroup, clientCert()); got != ua.StatusBadCertificateUntrusted {
		t.Errorf("other group: got %v", got)
	}
	outcome(t, r.upload(a, withGroup(r, "LineA"), 0, 0, target{"CertificateGroups.[2]", config.Insert}))
	r.clock.Advance(0)
	if got := r.Validate("LineA", clientCert()); got != ua.StatusBadCertificateUntrusted {
		t.Errorf("new group: got %v", got)
	}
	r.seen()
	r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
	r.good(a, "", "ApplyChanges")
	if setup() != false {
		t.Error("the server is still in application setup")
	}
	if c := r.seen(); len(c) != 1 || !c[0].Setup {
		t.Errorf("changes: got %+v", c)
	}
	if got := r.Validate(config.DefaultApplicationGroup, stranger); got == ua.StatusOK {
		t.Error("a stranger is accepted after application setup")
	}
}

// FuzzTrustList: what decodes, encodes to the same content; nothing panics.
func FuzzTrustList(f *testing.F) {
	f.Add([]byte{15, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0x30, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // OPC 10000-12, 7.8.2.8
	f.Add(trustList{Trusted: [][]byte{{1}}, IssuerCRLs: [][]byte{{2, 3}}}.encode(maskAll))
	f.Add([]byte{1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Add([]byte{16, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, _, ok := decodeTrustList(data)
		if !ok {
			return
		}
		again, mask, ok := decodeTrustList(l.encode(maskAll))
		if !ok || mask != maskAll || !equalLists(l, again) {
			t.Errorf("%x does not survive", data)
		}
	})
}

// FuzzUpload: whatever is written to the ConfigurationFile, the server answers, one
// result for each target, and can be used afterwards.
func FuzzUpload(f *testing.F) {
	clock := &fakeTime{now: noon}
	d, err := Open(Options{Clock: clock.Now, AfterFunc: clock.AfterFunc, GenerateKey: pooledKey})
	if err != nil {
		f.Fatal(err)
	}
	valid, err := uafile.New(uafile.Layout105_06).Encode(d.server.Configuration())
	if err != nil {
		f.Fatal(err)
	}
	acc := &space.Access{SessionID: "a", ClientCertificate: clientCert(), ServerCertificate: clientCert()}
	f.Add([]byte{1, 0, 0x3E, 0x3C, 1}, "CertificateGroups.[0]", int32(1))
	f.Add(valid, "ServerEndpoints.[0]", int32(4))
	f.Add(valid, "ApplicationIdentity", int32(2))
	f.Fuzz(func(t *testing.T, data []byte, path string, kind int32) {
		h, err := d.server.openConfiguration(acc, modeRead|modeWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer clock.Advance(time.Hour) // closes the file, applies, reverts
		if err := d.server.write(acc, "", h, data); err != nil {
			return
		}
		u := configurationUpdate{
			Version: d.server.Configuration().Version, RevertAfter: 1,
			Targets: []config.UpdateTarget{{Path: path, Type: config.UpdateType(kind)}},
		}
		if out, err := d.server.closeAndUpdate(acc, h, u); err == nil && len(out.Results) != 1 {
			t.Errorf("%d results for one target", len(out.Results))
		}
	})
}
