package part12

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/uapush/uapush/config"
)

var (
	nistP256    = ua.NewNumericNodeID(0, 23538)
	nistP384    = ua.NewNumericNodeID(0, 23539)
	brainpool   = ua.NewNumericNodeID(0, 23540)
	curve25519  = ua.NewNumericNodeID(0, 23542)
	defaultName = groupID(config.DefaultApplicationGroup)
)

func withCurves(o *Options) {
	o.MoreTypes = []config.NodeID{config.TypeEccNistP256, config.TypeEccNistP384}
}

func (r *rig) slotOf(kind config.NodeID) slot {
	return r.server.state.groups[config.DefaultApplicationGroup].Slots[kind]
}

// 7.8.4 and OPC 10000-6, 6.2.2: the certificates of the first start have keys on the
// curve of their type, which encrypt nothing. No endpoint shows them: there are only
// RSA policies.
func TestCurveSlots(t *testing.T) {
	r := start(t, withCurves)
	for kind, curve := range map[config.NodeID]elliptic.Curve{config.TypeEccNistP256: elliptic.P256(), config.TypeEccNistP384: elliptic.P384()} {
		c, err := x509.ParseCertificate(r.slotOf(kind).Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != curve {
			t.Errorf("%s: got %T", kind, c.PublicKey)
		}
		if want := x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign; c.KeyUsage != want {
			t.Errorf("%s: keyUsage %b, want %b", kind, c.KeyUsage, want)
		}
		if c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			t.Errorf("%s: its key did not sign it", kind)
		}
	}
	for _, o := range r.Endpoints()[0].Offers {
		if !bytes.Equal(o.Chain[0], r.ownSlot().Chain[0]) || o.Key == nil {
			t.Errorf("%s is offered with another certificate than the RSA one", o.PolicyURI)
		}
	}
}

// 7.10.10 and 7.10.5: a key on the curve waits for its certificate across Sessions and
// restarts, and the slot holds both afterwards.
func TestCurveCertificate(t *testing.T) {
	for kind, curve := range map[*ua.NodeID]elliptic.Curve{nistP256: elliptic.P256(), nistP384: elliptic.P384()} {
		dir := t.TempDir()
		r := start(t, withCurves, inDir(dir))
		csr := r.good(r.admin("a"), "", "CreateSigningRequest", defaultName, kind, "CN=PLC1/O=Plant", true, nonce)[0].([]byte)
		req, err := x509.ParseCertificateRequest(csr)
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := req.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != curve || req.CheckSignature() != nil || req.URIs[0].String() != "urn:plant:plc1" {
			t.Errorf("%v: request for %T, %v", kind, req.PublicKey, req.URIs)
		}
		r.Close()

		r = start(t, withCurves, inDir(dir))
		b := r.admin("b")
		r.writeTrust(b, trustPath, withCA, maskAll)
		leaf := r.signed(csr, 5)
		r.good(b, "", "UpdateCertificate", defaultName, kind, leaf, nil, nil, nil)
		r.good(b, "", "ApplyChanges")
		r.Close()

		r = start(t, withCurves, inDir(dir))
		held := r.slotOf(config.NodeID(kind.String()))
		if !bytes.Equal(held.Chain[0], leaf) || held.Pending != nil || !held.Key.Public().(*ecdsa.PublicKey).Equal(req.PublicKey) {
			t.Errorf("%v: the slot does not hold the certificate with its key", kind)
		}
		r.Close()
	}
}

// 7.10.5: a key made elsewhere comes in every SupportedPrivateKeyFormat, and has to be
// on the curve of the CertificateType.
func TestCurveCertificateWithKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := issue(certOptions{name: "PLC1", uri: "urn:plant:plc1"}, key.Public(), nil, key)
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := pkcs12.Passwordless.Encode(key, parsed, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, withCurves)
	a := r.admin("a")
	for format, data := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "PKCS8": der, "PFX": pfx,
	} {
		r.good(a, "", "UpdateCertificate", defaultName, nistP384, cert, nil, format, data)
		r.good(a, "", "ApplyChanges")
		if held := r.slotOf(config.TypeEccNistP384); !bytes.Equal(held.Chain[0], cert) || !held.Key.Equal(key) {
			t.Errorf("%s: the slot holds another certificate or key", format)
		}
		r.want(ua.StatusBadCertificateInvalid, a, "", "UpdateCertificate", defaultName, nistP256, cert, nil, format, data)
		r.want(ua.StatusBadCertificateInvalid, a, "", "UpdateCertificate", defaultName, rsaSha256, cert, nil, format, data)
	}
	rsaOnCurve := issue(certOptions{name: "PLC1", uri: "urn:plant:plc1"}, outerKey().Public(), nil, outerKey())
	r.want(ua.StatusBadCertificateInvalid, a, "", "UpdateCertificate", defaultName, nistP256, rsaOnCurve, nil, nil, nil)
	r.want(ua.StatusBadNotSupported, a, "", "UpdateCertificate", defaultName, nistP384, cert, nil, "PKCS8", sec1)
	other, err := x509.MarshalPKCS8PrivateKey(outerKey())
	if err != nil {
		t.Fatal(err)
	}
	r.want(ua.StatusBadSecurityChecksFailed, a, "", "UpdateCertificate", defaultName, nistP384, cert, nil, "PKCS8", other)
}

// 7.10.6: the size of a key on a curve is that of the curve, or left out.
func TestCurveSelfSigned(t *testing.T) {
	r := start(t, withCurves)
	a := r.admin("a")
	r.good(a, "", "DeleteCertificate", defaultName, nistP256) // no endpoint shows it
	for _, bits := range []uint16{384, 2048} {
		if got := r.selfSigned(a, config.DefaultApplicationGroup, nistP256, nil, []string{"plc1"}, nil, 30, bits); got.Status != ua.StatusBadOutOfRange {
			t.Errorf("KeySizeInBits %d: got %v, want Bad_OutOfRange", bits, got.Status)
		}
	}
	if got := r.selfSigned(a, config.DefaultApplicationGroup, nistP256, nil, []string{"plc1"}, nil, 30, 256); got.Status != ua.StatusOK {
		t.Fatal(got.Status)
	}
	r.good(a, "", "ApplyChanges")
	c, err := x509.ParseCertificate(r.slotOf(config.TypeEccNistP256).Chain[0])
	if err != nil || c.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() {
		t.Errorf("got %v, %v", c, err)
	}
}

// An endpoint whose group has ECC slots only offers nothing, and does not listen
// (7.10.24).
func TestCurveEndpoint(t *testing.T) {
	r := start(t)
	c, ts := lineA(r)
	c.CertificateGroups[2].CertificateTypes = []config.NodeID{config.TypeEccNistP256}
	if results, _, _ := outcome(t, r.upload(r.admin("setup"), c, 0, 0, ts...)); results[0] != ua.StatusGoodEntryInserted {
		t.Fatalf("got %v", results)
	}
	r.clock.Advance(0)
	a := r.admin("a")
	r.good(a, "", "CreateSelfSignedCertificate", groupID("LineA"), nistP256, nil, []string{"plc1"}, []string{}, uint16(30), uint16(0))
	r.good(a, "", "ApplyChanges")
	if held := r.held(a, "LineA"); len(held) != 1 {
		t.Fatalf("got %d certificates, want one", len(held))
	}
	if e := r.Endpoints()[1]; e.Enabled || len(e.Offers) != 0 {
		t.Errorf("got %+v, want no offer", e)
	}
}

// Slots for curves that nobody here has keys for: the factory's certificate is shown
// as it is, and nothing can be made for them.
func TestOtherCurves(t *testing.T) {
	dir := t.TempDir()
	withOthers := func(o *Options) {
		o.MoreTypes = []config.NodeID{config.TypeEccBrainpoolP256r1, config.TypeEccCurve25519}
	}
	r := start(t, withOthers, inDir(dir))
	a := r.admin("a")
	got := r.good(a, "", "GetCertificates", defaultName)
	if kinds := got[0].([]*ua.NodeID); len(kinds) != 2 || kinds[1].IntID() != 23540 {
		t.Fatalf("got %v, want the RSA slot and the brainpool slot", kinds)
	}
	factory := got[1].([][]byte)[1]
	if _, err := x509.ParseCertificate(factory); err == nil || !strings.Contains(err.Error(), "unsupported elliptic curve") {
		t.Errorf("got %v, want a certificate with a key on another curve", err)
	}
	for _, kind := range []*ua.NodeID{brainpool, curve25519} {
		r.want(ua.StatusBadNotSupported, a, "", "CreateSigningRequest", defaultName, kind, nil, true, nonce)
		r.want(ua.StatusBadCertificateInvalid, a, "", "UpdateCertificate", defaultName, kind, factory, nil, nil, nil)
	}
	if got := r.selfSigned(a, config.DefaultApplicationGroup, curve25519, nil, []string{"plc1"}, nil, 30, 0); got.Status != ua.StatusBadNotSupported {
		t.Errorf("got %v, want Bad_NotSupported", got.Status)
	}
	r.Close()
	r = start(t, withOthers, inDir(dir))
	if held := r.slotOf(config.TypeEccBrainpoolP256r1); !bytes.Equal(held.Chain[0], factory) || held.Key != nil {
		t.Error("the slot holds something else after a restart")
	}
}

// The strict readings take keys on curves for the server itself (OPC 10000-4, 6.1.3).
func TestCurveValidation(t *testing.T) {
	for _, v := range []Validation{Tolerant, OwnTrust, Strict106} {
		r := start(t, withCurves, func(o *Options) { o.Validation = v })
		a := r.admin("a")
		csr := r.good(a, "", "CreateSigningRequest", defaultName, nistP256, nil, true, nonce)[0].([]byte)
		r.writeTrust(a, trustPath, withCA, maskAll)
		if got := r.call(a, "", "UpdateCertificate", defaultName, nistP256, r.signed(csr, 3), nil, nil, nil); got.Status != ua.StatusOK {
			t.Errorf("validation %d: got %v", v, got.Status)
		}
	}
}
