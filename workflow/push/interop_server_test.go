package push_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	manifests "github.com/uapush/uapush/testdata/manifest"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/testdata/tables"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// nodeServer is node-opcua as the server of testdata/peers/node-opcua/server.mjs.
type nodeServer struct {
	peers
	name        string
	url, state  string // the state folder of the binary that it trusts
	certificate []byte
	users       users
	managed     bool // by push
}

var secadmin = login("secadmin", "secadmin-pw")

func (n nodeServer) report(t *testing.T, c cell) {
	t.Helper()
	c.Peer = n.name
	n.peers.report(t, c)
}

// startNodeServer starts a version of the peer, which trusts what the tests are.
func startNodeServer(t *testing.T, p peers, folder string) nodeServer {
	peer := nodePeer(t, folder)
	state, dir := t.TempDir(), t.TempDir()
	binary := filepath.Join(dir, "binary.der")
	if o := p.uapush(t, state, "identity", "export", "--out", binary); o.code != 0 {
		t.Fatalf("identity export: %+v", o)
	}
	if o := p.uapush(t, state, "ca", "init", "--subject", "CN=uapush/O=test", "--no-passphrase"); o.code != 0 {
		t.Fatalf("ca init: %+v", o)
	}
	certificate, _ := writeIdentity(t, dir, client())
	n := nodeServer{peers: p, name: "node-opcua " + peer.version + " server", state: state, users: newUsers(t, dir)}
	n.url = peer.start(t, "server.mjs", "--port", "0", "--pki", filepath.Join(dir, "pki"), "--trust", certificate+","+binary,
		"--users", n.users.admin.file+","+n.users.operator.file,
		"--ca", filepath.Join(state, "ca", "ca.der"), "--crl", filepath.Join(state, "ca", "ca.crl"))
	n.certificate = n.presented(t)
	return n
}

// testNodeServer is uapush against a push-managed server of another stack.
func testNodeServer(t *testing.T, p peers) {
	n := startNodeServer(t, p, "node-opcua")
	n.managed = true
	t.Run("discovery", n.discovery)
	t.Run("binary", n.binary)
	t.Run("user certificates", n.userCertificates)
	t.Run("sessions", n.sessions)
	t.Run("renewal", n.renewal)
	t.Run("chunks", n.chunks)
	t.Run("observe", n.observe)
	t.Run("rejected list", n.rejectedList)
	t.Run("trust list write", n.writeTrustList)
	t.Run("upkeep", n.upkeep)
	t.Run("certificate", n.renew)
}

// testNewestServer is a server with the nodes of NodeSet 1.05.07 and nothing behind
// their methods.
func testNewestServer(t *testing.T, p peers) {
	n := startNodeServer(t, p, "node-opcua-newest")
	t.Run("discovery", n.discovery)
	t.Run("sessions", n.sessions)
	t.Run("renewal", n.renewal)
	t.Run("chunks", n.chunks)
	t.Run("user certificates", n.userCertificates)
	t.Run("not implemented", func(t *testing.T) {
		n.report(t, cell{Topic: tables.Configuration, Feature: "uapush config get says that ConfigurationFile is not implemented", Lacks: true,
			Differs: "NodeSet 1.05.07 shows its methods, and Open answers Bad_InternalError"})
		secret := write(t, filepath.Join(t.TempDir(), "admin"), []byte("secadmin-pw"))
		got := n.uapush(t, n.state, "config", "get", n.url, "--user", "secadmin", "--password-file", secret, "--pin", "sha256:"+pki.Fingerprint(n.certificate), "--no-input")
		if got.code != 7 || !strings.Contains(got.errors, "methods that they do not implement") {
			t.Errorf("got exit %d, want 7:\n%s%s", got.code, got.out, got.errors)
		}
	})
}

// presented is the certificate that the server shows now.
func (n nodeServer) presented(t *testing.T) []byte {
	t.Helper()
	return must(pki.SplitChain(n.description(t).ServerCertificate))[0]
}

func (n nodeServer) discovery(t *testing.T) {
	n.report(t, cell{Topic: tables.Discovery, Feature: "FindServers, GetEndpoints"})
	d, err := push.Discover(t.Context(), n.url, peerTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Servers) != 1 || d.Servers[0].ApplicationURI != "urn:interop:node-opcua-peer" {
		t.Errorf("got servers %+v, want the peer", d.Servers)
	}
	if got, want := len(d.Endpoints), 1+2*3; got != want {
		t.Errorf("got %d endpoints, want %d: None, and three policies in two modes", got, want)
	}
}

// binary is what the real program says and how it exits.
func (n nodeServer) binary(t *testing.T) {
	dir := t.TempDir()
	admin := write(t, filepath.Join(dir, "admin"), []byte("secadmin-pw"))
	user := write(t, filepath.Join(dir, "user"), []byte("operator-pw"))
	list := write(t, filepath.Join(dir, "server.der"), n.certificate)
	m := write(t, filepath.Join(dir, "manifest.yaml"), manifests.LineA)
	plan := func(flags ...string) []string { return append([]string{"plan", "-f", m, n.url}, flags...) }
	asAdmin := []string{"--user", "secadmin", "--password-file", admin}
	pin := "sha256:" + pki.Fingerprint(n.certificate)
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
		cell cell
	}{
		{"discover", []string{"discover", n.url}, 0, "", cell{Topic: tables.Discovery, Feature: "uapush discover"}},
		{"pin", append([]string{"group", "list", n.url, "--pin", pin}, asAdmin...), 0, "",
			cell{Topic: tables.Logins, Feature: "uapush group list, trust by pin"}},
		{"list", append([]string{"changes", "show", n.url, "--trust", list}, asAdmin...), 0, "",
			cell{Topic: tables.Logins, Feature: "uapush changes show, trust by list"}},
		{"plan", plan(append(asAdmin, "--pin", pin)...), 7, "no ConfigurationFile",
			cell{Topic: tables.Configuration, Feature: "uapush plan says that there is no ConfigurationFile", Lacks: true, Differs: "NodeSet 1.05.04 has none"}},
		{"config get", append([]string{"config", "get", n.url, "--pin", pin}, asAdmin...), 7, "no ConfigurationFile", cell{}},
		{"check", append([]string{"check", n.url, "--pin", pin}, asAdmin...), 7, "no ConfigurationFile",
			cell{Topic: tables.Configuration, Feature: "uapush check says so, too", Lacks: true}},
		{"status", append([]string{"status", n.url, "--pin", pin}, asAdmin...), 7, "no ConfigurationFile", cell{}},
		{"not trusted", plan(asAdmin...), 5, "--trust", cell{Topic: tables.Logins, Feature: "uapush plan without trust: exit 5"}},
		{"wrong pin", plan(append(asAdmin, "--pin", "sha256:"+strings.Repeat("0", 64))...), 5, "pin",
			cell{Topic: tables.Logins, Feature: "uapush plan with a wrong pin: exit 5"}},
		{"without SecurityAdmin", plan("--pin", pin, "--user", "operator", "--password-file", user), 5, "SecurityAdmin",
			cell{Topic: tables.Logins, Feature: "uapush plan without SecurityAdmin: exit 5"}},
		{"anonymous", plan("--pin", pin), 5, "SecurityAdmin", cell{Topic: tables.Logins, Feature: "uapush plan, anonymous: exit 5"}},
		{"wrong password", plan("--pin", pin, "--user", "secadmin", "--password-file", user), 5, "secadmin",
			cell{Topic: tables.Logins, Feature: "uapush plan with a wrong password: exit 5", Differs: "refuses with Bad_UserAccessDenied"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.cell.Feature != "" {
				n.report(t, c.cell)
			}
			got := n.uapush(t, n.state, append(c.args, "--no-input")...)
			if got.code != c.code || !strings.Contains(got.errors, c.says) {
				t.Errorf("got exit %d, want %d and a mention of %q:\n%s%s", got.code, c.code, c.says, got.out, got.errors)
			}
		})
	}
}

// sessions is every policy in every mode.
func (n nodeServer) sessions(t *testing.T) {
	seen := 0
	for _, e := range descriptions(t, n.url) {
		if e.SecurityMode == ua.MessageSecurityModeNone {
			continue
		}
		seen++
		what := config.PolicyName(e.SecurityPolicyURI) + ", " + config.SecurityMode(e.SecurityMode).String()
		t.Run(what, func(t *testing.T) {
			n.report(t, cell{Topic: tables.Sessions, Feature: "session: " + what})
			s := rawSession(t, e, "secadmin", "secadmin-pw")
			if age := time.Since(s.now()); age.Abs() > time.Minute {
				t.Errorf("the server's clock is %v behind", age)
			}
			s.close()
			if e.SecurityMode == ua.MessageSecurityModeSignAndEncrypt {
				s := open(t, at(t, n.url, secadmin, n.certificate).Only(e.SecurityPolicyURI))
				if got := s.ServerIdentity().SecurityPolicyURI; got != e.SecurityPolicyURI {
					t.Errorf("the session has %s", got)
				}
			}
		})
	}
	if seen != 6 {
		t.Errorf("got %d secure endpoints, want 6", seen)
	}
}

// renewal reads without pause while the tokens of the channel change.
func (n nodeServer) renewal(t *testing.T) {
	n.report(t, cell{Topic: tables.Conversation, Feature: "tokens of 4 s renewed under load"})
	traffic := &secureconv.Traffic{}
	s := rawSession(t, n.description(t), "secadmin", "secadmin-pw", func(c *secureconv.ClientConfig) {
		c.Lifetime, c.Traffic = 4*time.Second, traffic // shorter ones expire on a machine that is busy
	})
	for deadline := time.Now().Add(time.Minute); traffic.Snapshot().Requests["OpenSecureChannel"] < 3; {
		if time.Now().After(deadline) {
			t.Fatalf("%v in a minute", traffic.Snapshot().Requests)
		}
		s.now()
	}
	s.close()
}

// chunks sends and receives more than fits into one chunk of 64 KiB.
func (n nodeServer) chunks(t *testing.T) {
	n.report(t, cell{Topic: tables.Conversation, Feature: "requests and responses of several chunks"})
	const count = 5000
	req := &ua.ReadRequest{}
	for range count {
		req.NodesToRead = append(req.NodesToRead, &ua.ReadValueID{
			NodeID: ua.NewNumericNodeID(0, id.Server_NamespaceArray), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}})
	}
	resp := ask[*ua.ReadResponse](n.encrypted(t), req)
	if len(resp.Results) != count {
		t.Fatalf("got %d values, want %d", len(resp.Results), count)
	}
	for i, r := range resp.Results {
		if names, ok := r.Value.Value().([]string); !ok || names[0] != "http://opcfoundation.org/UA/" {
			t.Fatalf("value %d is %v", i, r.Value)
		}
	}
}

func (n nodeServer) observe(t *testing.T) {
	n.report(t, cell{Topic: tables.TrustLists, Feature: "groups, trust list read", Differs: "no GetCertificates"})
	s := open(t, at(t, n.url, secadmin, n.certificate))
	o, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup, config.DefaultUserTokenGroup})
	if err != nil {
		t.Fatal(err)
	}
	g := groupOf(t, o, config.DefaultApplicationGroup)
	if !slices.Contains(g.Types, config.TypeRsaSha256) || g.CertificatesKnown || o.HasConfigurationFile {
		t.Errorf("got types %v, certificates known %v, ConfigurationFile %v", g.Types, g.CertificatesKnown, o.HasConfigurationFile)
	}
	if !holds(g.TrustList.TrustedCertificates, client().Leaf()) {
		t.Errorf("the trust list has %d certificates, and not the client's", len(g.TrustList.TrustedCertificates))
	}
}

func groupOf(t *testing.T, o workflow.Observation, name string) workflow.GroupObservation {
	t.Helper()
	i := slices.IndexFunc(o.Groups, func(g workflow.GroupObservation) bool { return g.Name == name })
	if i < 0 {
		t.Fatalf("there is no group %s", name)
	}
	return o.Groups[i]
}

func holds(list [][]byte, certificate []byte) bool {
	return slices.ContainsFunc(list, func(c []byte) bool { return bytes.Equal(c, certificate) })
}

// rejectedList looks for a client that was turned away.
func (n nodeServer) rejectedList(t *testing.T) {
	n.report(t, cell{Topic: tables.Rejected, Feature: "client not trusted: named; GetRejectedList shows it"})
	target, err := push.New(push.Options{
		URL: n.url, Identity: stranger(), ClientApplicationURI: "urn:stranger", User: secadmin, Timeout: peerTime,
		Judge: func([][]byte, string, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := target.Open(t.Context())
	if err == nil {
		s.Close(t.Context())
	}
	var untrusted *push.UntrustedClientError
	if !errors.As(err, &untrusted) {
		t.Errorf("got %T %v, want a %T", err, err, untrusted)
	}
	r := n.encrypted(t).call(id.ServerConfiguration_GetRejectedList)
	if r.StatusCode != ua.StatusOK || len(r.OutputArguments) != 1 {
		t.Fatalf("GetRejectedList: %v with %d outputs", r.StatusCode, len(r.OutputArguments))
	}
	if list, _ := r.OutputArguments[0].Value().([][]byte); !holds(list, stranger().Leaf()) {
		t.Errorf("the rejected list has %d certificates, and not the stranger's", len(list))
	}
}

func (n nodeServer) encrypted(t *testing.T) raw {
	t.Helper()
	return rawSession(t, n.description(t), "secadmin", "secadmin-pw")
}

// description is the first encrypted endpoint.
func (n nodeServer) description(t *testing.T) *ua.EndpointDescription {
	t.Helper()
	all := descriptions(t, n.url)
	i := slices.IndexFunc(all, func(e *ua.EndpointDescription) bool { return e.SecurityMode == ua.MessageSecurityModeSignAndEncrypt })
	if i < 0 {
		t.Fatal("no endpoint encrypts")
	}
	return all[i]
}

// writeTrustList: the peer answers Good, without an output, and does nothing. That
// must not pass for ApplyChangesRequired false, and what is read back must tell.
func (n nodeServer) writeTrustList(t *testing.T) {
	n.report(t, cell{Topic: tables.TrustLists, Feature: "trust list write: that nothing happened shows when it is read back", Lacks: true,
		Differs: "CloseAndUpdate answers Good without an output and has no effect"})
	s := open(t, at(t, n.url, secadmin, n.certificate))
	defer n.reconnect(t, n.certificate) // ApplyChanges restarts its listener, also for nothing
	required, err := s.WriteTrustList(t.Context(), config.DefaultApplicationGroup, workflow.TrustList{
		Lists:               workflow.TrustedCertificates | workflow.TrustedCRLs,
		TrustedCertificates: [][]byte{client().Leaf(), ca().cert.Raw}, TrustedCRLs: [][]byte{ca().crl},
	})
	if err != nil || !required {
		t.Errorf("got %v, %v, want true: who does not say may need ApplyChanges", required, err)
	}
	if err := s.ApplyChanges(t.Context()); err != nil {
		t.Error(err)
	}
	o, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup})
	if err != nil {
		t.Fatal(err)
	}
	if holds(groupOf(t, o, config.DefaultApplicationGroup).TrustList.TrustedCertificates, ca().cert.Raw) {
		t.Error("the peer took the list: it is a stub no longer, and the table has to say so")
	}
}

// renew replaces key and certificate, method by method.
func (n nodeServer) renew(t *testing.T) {
	n.report(t, cell{Topic: tables.Certificates, Feature: "CreateSigningRequest, UpdateCertificate, ApplyChanges, reconnect",
		Differs: "the request names the ApplicationUri only; channels are cut about 2 s later"})
	before := n.presented(t)
	s := open(t, at(t, n.url, secadmin, before))
	issued := n.issue(t, s)
	if err := s.ApplyChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close(t.Context())
	n.reconnect(t, issued)
	if bytes.Equal(keyOf(t, issued), keyOf(t, before)) {
		t.Error("the key is the one that it had before")
	}
}

// issue has the CA certify the server's request, and hands the certificate over.
func (n nodeServer) issue(t *testing.T, s workflow.Session) []byte {
	t.Helper()
	r := workflow.SigningRequest{Group: config.DefaultApplicationGroup, Type: config.TypeRsaSha256, RegenerateKey: true, Nonce: make([]byte, 32)}
	_, _ = rand.Read(r.Nonce) // never fails
	request, err := s.CreateSigningRequest(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	certificate := ca().sign(t, request)
	required, err := s.UpdateCertificate(t.Context(), workflow.CertificateUpdate{
		Group: config.DefaultApplicationGroup, Type: config.TypeRsaSha256, Certificate: certificate, Issuers: [][]byte{ca().cert.Raw}})
	if err != nil || !required {
		t.Fatalf("UpdateCertificate: %v, %v", required, err)
	}
	return certificate
}

// reconnect waits until a Session with the new certificate comes about.
func (n nodeServer) reconnect(t *testing.T, certificate []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	target := at(t, n.url, secadmin, certificate)
	for {
		s, err := target.Open(ctx)
		if err == nil {
			s.Close(ctx)
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("no session with the new certificate: %v", err)
		}
	}
}

func keyOf(t *testing.T, der []byte) []byte {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c.RawSubjectPublicKeyInfo
}
