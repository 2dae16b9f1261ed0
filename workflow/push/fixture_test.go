package push_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

const (
	clientURI = "urn:uapush:test"
	password  = "correct horse"
	lineA     = "LineA"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keys are made once: one for the client, one for the CA.
var keys = sync.OnceValue(func() (k [2]*rsa.PrivateKey) {
	for i := range k {
		k[i] = must(rsa.GenerateKey(rand.Reader, 2048))
	}
	return k
})

var client = sync.OnceValue(func() secureconv.Identity { return application("client", clientURI) })

// stranger is a client that no server trusts.
var stranger = sync.OnceValue(func() secureconv.Identity { return application("stranger", "urn:stranger") })

func application(name, uri string) secureconv.Identity {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"test"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{must(url.Parse(uri))},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment |
			x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, c, c, &keys()[0].PublicKey, keys()[0]))
	return secureconv.Identity{Chain: [][]byte{der}, Key: keys()[0]}
}

// authority is a CA with its empty CRL.
type authority struct {
	cert *x509.Certificate
	crl  []byte
}

var ca = sync.OnceValue(func() authority {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	c = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, &keys()[1].PublicKey, keys()[1]))))
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	return authority{c, must(x509.CreateRevocationList(rand.Reader, list, c, keys()[1]))}
})

func (a authority) sign(t *testing.T, request []byte) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return must(x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: r.Subject, URIs: r.URIs, DNSNames: r.DNSNames, IPAddresses: r.IPAddresses,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, r.PublicKey, keys()[1]))
}

func start(t *testing.T, change ...func(*sim.Options)) *sim.Server {
	t.Helper()
	o := sim.Options{
		Admin:        sim.User{Name: "admin", Password: password},
		Users:        []sim.User{{Name: "operator", Password: password, Roles: []sim.Role{sim.Operator}}},
		TrustClients: [][]byte{client().Leaf()},
	}
	for _, f := range change {
		f(&o)
	}
	s, err := sim.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func target(t *testing.T, s *sim.Server, change ...func(*push.Options)) *push.Target {
	t.Helper()
	o := push.Options{
		URL: s.URL(),
		Judge: func(chain [][]byte, host, uri string) error {
			if !bytes.Equal(chain[0], s.Certificate()) {
				return errors.New("not the certificate of the server under test")
			}
			return nil
		},
		Identity: client(), ClientApplicationURI: clientURI, User: login("admin", password),
		Timeout: 10 * time.Second,
		Complete: func(stream []byte) bool {
			_, complete, err := uafile.Size(stream)
			return complete && err == nil
		},
	}
	for _, f := range change {
		f(&o)
	}
	made, err := push.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func login(name, password string) push.User {
	return push.UserName{Name: name, Password: func() ([]byte, error) { return []byte(password), nil }}
}

func open(t *testing.T, target *push.Target) workflow.Session {
	t.Helper()
	s, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// withEndpoint adds an endpoint with its own group to what was observed (7.7.5).
func withEndpoint(t *testing.T, o workflow.Observation, port int) workflow.ConfigurationUpdate {
	t.Helper()
	f, err := uafile.Decode(o.File)
	if err != nil {
		t.Fatal(err)
	}
	a := f.Application()
	url := fmt.Sprintf("opc.tcp://127.0.0.1:%d", port)
	name := func(s string) config.Record { return config.Record{Name: s} }
	a.CertificateGroups = append(a.CertificateGroups, config.CertificateGroup{
		Record: name(lineA), Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
		CertificateAssigned: []bool{false}, ValidationOptions: config.DefaultValidation,
	})
	a.UserTokenSettings = append(a.UserTokenSettings, config.UserTokenSettings{Record: name("operators"), TokenType: config.TokenUserName})
	a.SecuritySettings = append(a.SecuritySettings, config.SecuritySettings{
		Record: name("encrypted"), SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
		SecurityPolicyURIs: []string{config.PolicyBasic256Sha256, config.PolicyAes128Sha256RsaOaep}, CertificateGroupName: lineA,
	})
	a.ServerEndpoints = append(a.ServerEndpoints, config.ServerEndpoint{
		Endpoint:     config.Endpoint{Record: name("line-a"), DiscoveryURLs: []string{url}, NetworkName: "127.0.0.1", Port: uint16(port)},
		EndpointURLs: []string{url}, TransportProfileURI: config.TransportUATCP,
		SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"operators"},
	})
	u := workflow.ConfigurationUpdate{VersionToUpdate: o.CurrentVersion, Timing: config.UpdateTiming{RevertAfter: time.Minute}}
	if u.File, err = f.Encode(a); err != nil {
		t.Fatal(err)
	}
	insert := func(list config.List, n int) {
		u.Targets = append(u.Targets, config.UpdateTarget{Path: fmt.Sprintf("%s.[%d]", list, n-1), Type: config.Insert})
	}
	insert(config.CertificateGroupList, len(a.CertificateGroups))
	insert(config.UserTokenSettingsList, len(a.UserTokenSettings))
	insert(config.SecuritySettingsList, len(a.SecuritySettings))
	insert(config.ServerEndpointList, len(a.ServerEndpoints))
	return u
}

func freePort(t *testing.T) int {
	for range 1000 {
		port := 12000 + os.Getpid()%80*100 + int(portsTried.Add(1))
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close()
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// portsTried counts below the ports that the system hands out by itself: to another
// server of this process, for example, before ours is there.
var portsTried atomic.Int32

// eventually repeats f while it says that the server is not there yet.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		early := errors.Is(err, ua.StatusBadInvalidState) || workflow.ClassOf(err) == workflow.ClassNetwork
		if !early || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}
