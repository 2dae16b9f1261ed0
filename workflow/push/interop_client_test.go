package push_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/testdata/tables"
)

// testNodeClient is a push-management client of another stack against the
// embedded server, as a process of its own.
func testNodeClient(t *testing.T, p peers) {
	peer := nodePeer(t, "node-opcua")
	dir := t.TempDir()
	certificate, key := writeIdentity(t, dir, client())
	url := p.sim(t, client().Leaf())
	steps := peer.run(t, "client.mjs", "--url", url, "--user", "admin", "--password", password, "--pki", filepath.Join(dir, "pki"),
		"--certificate", certificate, "--key", key, "--uri", clientURI, "--signer", signer(t),
		"--ca", write(t, filepath.Join(dir, "ca.der"), ca().cert.Raw), "--crl", write(t, filepath.Join(dir, "ca.crl"), ca().crl))

	name := "node-opcua " + peer.version + " client"
	hold := func(what string, topic tables.Topic, feature string) {
		p.holds(t, steps[what], what, cell{Peer: name, Topic: topic, Feature: feature})
	}
	hold("discovery", tables.Discovery, "FindServers, GetEndpoints")
	t.Run("offers", func(t *testing.T) { offers(t, steps["discovery"]) })
	for _, policy := range []string{"Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"} {
		for _, mode := range []string{"Sign", "SignAndEncrypt"} {
			hold("session "+policy+" "+mode, tables.Sessions, "session: "+policy+", "+mode)
		}
	}
	hold("renewal", tables.Conversation, "tokens of 4 s renewed under load")
	hold("chunks", tables.Conversation, "requests and responses of several chunks")
	hold("browse", tables.Browsing, "everything below ServerConfiguration browsed and read")
	t.Run("address space", func(t *testing.T) {
		p.report(t, cell{Peer: name, Topic: tables.Browsing, Feature: "arguments, values and data types of all of it"})
		addressSpace(t, steps["browse"])
	})
	hold("rejected list", tables.Rejected, "GetRejectedList")
	hold("trust list", tables.TrustLists, "trust list read, OpenWithMasks, written, read back")
	hold("certificate, same key", tables.Certificates, "CreateSigningRequest, UpdateCertificate, ApplyChanges, reconnect: the same key")
	hold("certificate, new key", tables.Certificates, "CreateSigningRequest, UpdateCertificate, ApplyChanges, reconnect: a new key")
}

// signer certifies the requests that are posted to it.
func signer(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if _, err := x509.ParseCertificateRequest(request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(ca().sign(t, request)) // the client tells when it was not all
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// offers compares what the peer discovered with what the embedded server has.
func offers(t *testing.T, s step) {
	var seen struct {
		ApplicationURIs []string
		Endpoints       []struct{ Policy, Mode, Certificate string }
	}
	if err := json.Unmarshal(s.Detail, &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen.ApplicationURIs) == 0 || !strings.HasPrefix(seen.ApplicationURIs[0], "urn:") {
		t.Errorf("got servers %q", seen.ApplicationURIs)
	}
	got := map[string]bool{}
	for _, e := range seen.Endpoints {
		got[config.PolicyName(e.Policy)+" "+e.Mode] = true
	}
	for _, policy := range []string{"Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"} {
		for _, mode := range []string{"Sign", "SignAndEncrypt"} {
			if !got[policy+" "+mode] {
				t.Errorf("the peer did not see %s in mode %s", policy, mode)
			}
		}
	}
}

// allowed says that a value need not be there: the Size of a file may not be
// supported (OPC 10000-20, 4.2.1), and before the first transaction its
// diagnostics have nothing to show (OPC 10000-12, 7.10.17).
func allowed(fault string) bool {
	return strings.HasSuffix(fault, "/Size: value BadNotSupported") ||
		strings.HasPrefix(fault, "/TransactionDiagnostics/") && strings.HasSuffix(fault, ": value BadOutOfService")
}

// addressSpace looks at what the peer found below ServerConfiguration.
func addressSpace(t *testing.T, s step) {
	var seen struct {
		Nodes   int
		Methods map[string]struct{ Inputs, Outputs []string }
		Faults  []string
	}
	if err := json.Unmarshal(s.Detail, &seen); err != nil {
		t.Fatal(err)
	}
	for _, fault := range seen.Faults {
		if !allowed(fault) {
			t.Error(fault)
		}
	}
	for path, want := range map[string]struct{ in, out string }{
		"/UpdateCertificate":                {"CertificateGroupId CertificateTypeId Certificate IssuerCertificates PrivateKeyFormat PrivateKey", "ApplyChangesRequired"},
		"/CreateSigningRequest":             {"CertificateGroupId CertificateTypeId SubjectName RegeneratePrivateKey Nonce", "CertificateRequest"},
		"/ApplyChanges":                     {},
		"/ConfigurationFile/Open":           {"Mode", "FileHandle"},
		"/ConfigurationFile/CloseAndUpdate": {"FileHandle VersionToUpdate Targets RevertAfterTime RestartDelayTime", "UpdateResults NewVersion UpdateId"},
		"/ConfigurationFile/ConfirmUpdate":  {"UpdateId", ""},
		"/CertificateGroups/DefaultApplicationGroup/TrustList/OpenWithMasks": {"Masks", "FileHandle"},
	} {
		m, ok := seen.Methods[path]
		if in, out := strings.Join(m.Inputs, " "), strings.Join(m.Outputs, " "); !ok || in != want.in || out != want.out {
			t.Errorf("%s: got (%s) (%s), present %v, want (%s) (%s)", path, in, out, ok, want.in, want.out)
		}
	}
	t.Logf("%d nodes, %d methods", seen.Nodes, len(seen.Methods))
}
