package sim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// NodeIds of ConfigurationFile and of methods of the types.
const (
	serverConfiguration = 12637
	configurationFile   = 15892
	fileOpen            = 11580
	fileClose           = 11583
	fileRead            = 11585
	fileWrite           = 11588
	configurationUpdate = 15505
	configurationOK     = 15508
	trustListUpdate     = 12546
	createRequest       = 12731
	updateCertificate   = 12616
	applyChanges        = 12734
)

// download reads a file (OPC 10000-20, 4.2).
func (p *peer) download(file *ua.NodeID) []byte {
	p.t.Helper()
	out, status := p.call(file, ns0(fileOpen), byte(1))
	if status != ua.StatusOK {
		p.t.Fatalf("Open: %v", status)
	}
	handle := out[0]
	var data []byte
	for {
		out, status := p.call(file, ns0(fileRead), handle, int32(1000))
		if status != ua.StatusOK {
			p.t.Fatalf("Read: %v", status)
		}
		block, _ := out[0].([]byte)
		if len(block) == 0 {
			break
		}
		data = append(data, block...)
	}
	if _, status := p.call(file, ns0(fileClose), handle); status != ua.StatusOK {
		p.t.Fatalf("Close: %v", status)
	}
	return data
}

// upload opens a file for writing and writes it; the handle is still open.
func (p *peer) upload(file *ua.NodeID, mode byte, data []byte) any {
	p.t.Helper()
	out, status := p.call(file, ns0(fileOpen), mode)
	if status != ua.StatusOK {
		p.t.Fatalf("Open(%d): %v", mode, status)
	}
	for block := range slices.Chunk(data, 700) {
		if _, status := p.call(file, ns0(fileWrite), out[0], block); status != ua.StatusOK {
			p.t.Fatalf("Write: %v", status)
		}
	}
	return out[0]
}

// endpointUpdate adds an endpoint on a port, with a group of its own, to the
// configuration (OPC 10000-12, 7.7.5).
func (p *peer) endpointUpdate(port int, revert, delay float64) (outputs []any, status ua.StatusCode) {
	p.t.Helper()
	f, err := uafile.Decode(p.download(ns0(configurationFile)))
	if err != nil {
		p.t.Fatal(err)
	}
	c := f.Application()
	url := fmt.Sprintf("opc.tcp://127.0.0.1:%d", port)
	name := func(s string) config.Record { return config.Record{Name: s} }
	c.CertificateGroups = append(c.CertificateGroups, config.CertificateGroup{
		Record: name("LineA"), Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
		CertificateAssigned: []bool{false}, ValidationOptions: config.DefaultValidation,
	})
	c.UserTokenSettings = append(c.UserTokenSettings, config.UserTokenSettings{Record: name("operators"), TokenType: config.TokenUserName})
	c.SecuritySettings = append(c.SecuritySettings, config.SecuritySettings{
		Record: name("encrypted"), SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: "LineA",
	})
	c.ServerEndpoints = append(c.ServerEndpoints, config.ServerEndpoint{
		Endpoint: config.Endpoint{Record: name("line-a"), DiscoveryURLs: []string{url}, NetworkName: "127.0.0.1", Port: uint16(port)}, EndpointURLs: []string{url},
		TransportProfileURI: config.TransportUATCP, SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
	})
	data, err := f.Encode(c)
	if err != nil {
		p.t.Fatal(err)
	}
	handle := p.upload(ns0(configurationFile), 3, data)
	var targets []*ua.ExtensionObject
	for _, path := range []string{
		fmt.Sprintf("CertificateGroups.[%d]", len(c.CertificateGroups)-1), fmt.Sprintf("UserTokenSettings.[%d]", len(c.UserTokenSettings)-1),
		fmt.Sprintf("SecuritySettings.[%d]", len(c.SecuritySettings)-1), fmt.Sprintf("ServerEndpoints.[%d]", len(c.ServerEndpoints)-1),
	} {
		targets = append(targets, ua.NewExtensionObject(&secureconv.UpdateTarget{Path: path, UpdateType: 1}))
	}
	return p.call(ns0(configurationFile), ns0(configurationUpdate), handle, uint32(c.Version), targets, revert, delay)
}

// waitForVersion asks until an update is applied.
func (p *peer) waitForVersion(version any) {
	p.t.Helper()
	ctx := testContext(p.t)
	for p.read(16306).Value.Value() != version {
		if ctx.Err() != nil {
			p.t.Fatalf("the configuration did not become version %v", version)
		}
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// testCA is a CA with an empty CRL.
var testCA = sync.OnceValue(func() *ca {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key))
	c := &ca{key: key, cert: must(x509.ParseCertificate(der))}
	c.crl = must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}, c.cert, key))
	return c
})

type ca struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
	crl  []byte
}

func (c *ca) sign(t *testing.T, request []byte) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		t.Fatalf("signing request: %v", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: r.Subject, URIs: r.URIs, DNSNames: r.DNSNames, IPAddresses: r.IPAddresses,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, c.cert, r.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// find browses below an Object by names.
func (p *peer) find(start *ua.NodeID, names ...string) *ua.NodeID {
	p.t.Helper()
	path := &ua.RelativePath{}
	for _, n := range names {
		q := &ua.QualifiedName{Name: n}
		if n == "LineA" {
			q.NamespaceIndex = 1
		}
		path.Elements = append(path.Elements, &ua.RelativePathElement{ReferenceTypeID: ns0(33), IncludeSubtypes: true, TargetName: q})
	}
	resp, err := p.send(&ua.TranslateBrowsePathsToNodeIDsRequest{BrowsePaths: []*ua.BrowsePath{{StartingNode: start, RelativePath: path}}})
	if err != nil {
		p.t.Fatal(err)
	}
	r := resp.(*ua.TranslateBrowsePathsToNodeIDsResponse).Results[0]
	if r.StatusCode != ua.StatusOK {
		p.t.Fatalf("%v: %v", names, r.StatusCode)
	}
	return r.Targets[0].TargetID.NodeID
}

// certify gives group LineA its TrustList and a certificate (OPC 10000-12, 7.7.2).
func (p *peer) certify() (certificate []byte) {
	p.t.Helper()
	group := p.find(ns0(serverConfiguration), "CertificateGroups", "LineA")
	list := p.find(group, "TrustList")
	body, err := ua.Encode(&ua.TrustListDataType{
		SpecifiedLists: 15, TrustedCertificates: [][]byte{clientIdentity().Leaf(), testCA().cert.Raw}, TrustedCrls: [][]byte{testCA().crl},
		IssuerCertificates: [][]byte{}, IssuerCrls: [][]byte{},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, status := p.call(list, ns0(trustListUpdate), p.upload(list, 6, body)); status != ua.StatusOK {
		p.t.Fatalf("CloseAndUpdate of the TrustList: %v", status)
	}
	kind := ns0(12560)
	out, status := p.call(ns0(serverConfiguration), ns0(createRequest), group, kind, "CN=line A/O=test", true, make([]byte, 32))
	if status != ua.StatusOK {
		p.t.Fatalf("CreateSigningRequest: %v", status)
	}
	certificate = testCA().sign(p.t, out[0].([]byte))
	if _, status := p.call(ns0(serverConfiguration), ns0(updateCertificate), group, kind, certificate, [][]byte{testCA().cert.Raw}, "", []byte(nil)); status != ua.StatusOK {
		p.t.Fatalf("UpdateCertificate: %v", status)
	}
	if _, status := p.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusOK {
		p.t.Fatalf("ApplyChanges: %v", status)
	}
	return certificate
}

// The whole of Create Endpoint (OPC 10000-12, 7.7.5): upload, confirm over a new
// Session, TrustList, certificate, apply, and a Session through the new endpoint.
func TestCreateEndpoint(t *testing.T) {
	s := startServer(t)
	port := freePort(t)
	p := admin(t, secure(s))
	out, status := p.endpointUpdate(port, 60000, 0)
	if status != ua.StatusOK {
		t.Fatalf("CloseAndUpdate: %v, %v", status, out)
	}
	id := out[2].(*ua.GUID)
	p.c.Close()

	p = admin(t, secure(s))
	p.waitForVersion(out[1])
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		c.Close()
		t.Error("an endpoint without a certificate listens")
	}
	if _, status := p.call(ns0(configurationFile), ns0(configurationOK), id); status != ua.StatusOK {
		t.Fatalf("ConfirmUpdate: %v", status)
	}
	certificate := p.certify()

	cfg := secure(s)
	cfg.EndpointURL, cfg.RemoteCertificate = fmt.Sprintf("opc.tcp://127.0.0.1:%d", port), certificate
	q := admin(t, cfg)
	if got := q.read(16306); got.Status != ua.StatusOK {
		t.Errorf("CurrentVersion through the new endpoint: %v", got.Status)
	}
	if got := p.read(16306); got.Status != ua.StatusOK {
		t.Errorf("the old channel was not affected and is gone: %v", got.Status)
	}
}

// A port that is taken fails the update when it is applied: ConfirmUpdate is
// Bad_TransactionFailed and the version stays (OPC 10000-12, 7.8.5.4).
func TestPortConflictFailsTheUpdate(t *testing.T) {
	s := startServer(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := admin(t, secure(s))
	before := p.read(16306).Value.Value()
	out, status := p.endpointUpdate(taken.Addr().(*net.TCPAddr).Port, 60000, 0)
	if status != ua.StatusOK {
		t.Fatalf("CloseAndUpdate: %v", status)
	}
	const transactionFailed = ua.StatusCode(0x80F10000)
	for status = ua.StatusBadInvalidState; status == ua.StatusBadInvalidState; { // too early
		_, status = p.call(ns0(configurationFile), ns0(configurationOK), out[2])
	}
	if status != transactionFailed {
		t.Errorf("ConfirmUpdate: got %v, want Bad_TransactionFailed", status)
	}
	if after := p.read(16306).Value.Value(); after != before {
		t.Errorf("CurrentVersion went from %v to %v", before, after)
	}
}
