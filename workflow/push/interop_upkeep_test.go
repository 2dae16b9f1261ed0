package push_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/testdata/tables"
)

// upkeep is what the real program does to certificates and trust lists. The
// server has its authority among the issuers already.
func (n nodeServer) upkeep(t *testing.T) {
	dir, before := t.TempDir(), n.presented(t)
	login := []string{"--user", "secadmin", "--password-file", write(t, filepath.Join(dir, "admin"), []byte("secadmin-pw")),
		"--pin", "sha256:" + pki.Fingerprint(before), "--no-input"}
	slot := []string{"--group", "DefaultApplicationGroup", "--type", "RsaSha256"}
	command := func(flags []string, words ...string) []string { return append(append(words, login...), flags...) }
	other := n.users.false
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
		cell cell
	}{
		{"cert list", command(nil, "cert", "list", n.url), 0, "DefaultApplicationGroup",
			cell{Topic: tables.Certificates, Feature: "uapush cert list", Differs: "no GetCertificates: taken from the endpoints"}},
		{"cert show", command(slot, "cert", "show", n.url), 0, pki.Fingerprint(before), cell{Topic: tables.Certificates, Feature: "uapush cert show"}},
		{"group list", command(nil, "group", "list", n.url), 0, "Bad_UnexpectedError",
			cell{Topic: tables.TrustLists, Feature: "uapush group list", Differs: "the trust list of DefaultHttpsGroup cannot be opened: told with the group"}},
		{"trust list", command(nil, "trust", "list", n.url), 0, "this client", cell{Topic: tables.TrustLists, Feature: "uapush trust list"}},
		{"rejected list", command(nil, "rejected", "list", n.url), 0, pki.Fingerprint(stranger().Leaf()), cell{Topic: tables.Rejected, Feature: "uapush rejected list"}},
		{"changes show", command(nil, "changes", "show", n.url), 0, "no transaction",
			cell{Topic: tables.Rejected, Feature: "uapush changes show", Differs: "TransactionDiagnostics never has anything to show"}},
		{"changes cancel", command([]string{"--yes"}, "changes", "cancel", n.url), 7, "no CancelChanges",
			cell{Topic: tables.Rejected, Feature: "uapush changes cancel: says that there is no CancelChanges", Lacks: true}},
		{"trust add", command(append(slot[:2:2], "--yes"), "trust", "add", other.file, "--server", n.url), 0, "adding certificates one by one",
			cell{Topic: tables.TrustLists, Feature: "uapush trust add", Differs: "CloseAndUpdate is a stub: noticed, and added by AddCertificate"}},
		{"rejected trust", command(append(slot[:2:2], "--yes"), "rejected", "trust", pki.Fingerprint(stranger().Leaf()), "--server", n.url), 0, "adding certificates one by one",
			cell{Topic: tables.Rejected, Feature: "uapush rejected trust", Differs: "by AddCertificate"}},
		{"trust remove", command(append(slot[:2:2], "--yes"), "trust", "remove", pki.Fingerprint(other.pair.Certificate), "--server", n.url), 1, "has 1 others",
			cell{Topic: tables.TrustLists, Feature: "uapush trust remove: that nothing happened is told", Lacks: true, Differs: "RemoveCertificate is a stub, too"}},
		{"trust sync", command(append(slot[:2:2], "--yes", "--mode", "replace"), "trust", "sync", "self", "--server", n.url), 1, "others",
			cell{Topic: tables.TrustLists, Feature: "uapush trust sync --mode replace: that nothing happened is told", Lacks: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.report(t, c.cell)
			n.reconnect(t, before) // ApplyChanges restarts its listener
			got := n.uapush(t, n.state, c.args...)
			if got.code != c.code || !strings.Contains(got.out+got.errors, c.says) {
				t.Errorf("got exit %d, want %d and a mention of %q:\n%s%s", got.code, c.code, c.says, got.out, got.errors)
			}
		})
	}
	n.reconnect(t, before) // ApplyChanges has restarted its listener
	n.certUpdate(t)
	// In this order: once it had a new key, the server looks in vain for the old one.
	n.certRenew(t, "same", cell{Topic: tables.Certificates, Feature: "uapush cert renew, the same key: applied, reconnected, verified",
		Differs: "fails after a renewal with a new key (Bad_InternalError) until the server restarts"})
	n.certRenew(t, "server", cell{Topic: tables.Certificates, Feature: "uapush cert renew, a new key: applied, reconnected, verified",
		Differs: "ApplyChanges must not come between request and certificate: it puts the new key into force without one"})
}

// certUpdate is a request today and its certificate tomorrow.
func (n nodeServer) certUpdate(t *testing.T) {
	dir := t.TempDir()
	request, chain := filepath.Join(dir, "request.pem"), filepath.Join(dir, "chain.pem")
	secret := write(t, filepath.Join(dir, "admin"), []byte("secadmin-pw"))
	before := n.presented(t)
	at := []string{n.url, "--user", "secadmin", "--password-file", secret, "--pin", "sha256:" + pki.Fingerprint(before), "--no-input",
		"--group", "DefaultApplicationGroup", "--type", "RsaSha256"}
	done := func(args ...string) {
		t.Helper()
		if got := n.uapush(t, n.state, args...); got.code != 0 {
			t.Fatalf("%q: got exit %d:\n%s%s", args, got.code, got.out, got.errors)
		}
	}
	t.Run("cert csr", func(t *testing.T) {
		n.report(t, cell{Topic: tables.Certificates, Feature: "uapush cert csr", Differs: "the request names the ApplicationUri only: ca sign takes --dns and --ip"})
		done(append([]string{"cert", "csr", "--keep-key", "--out", request}, at...)...)
	})
	t.Run("cert update", func(t *testing.T) {
		n.report(t, cell{Topic: tables.Certificates, Feature: "uapush cert update: applied, reconnected, verified"})
		done("ca", "sign", request, "--application-uri", "urn:interop:node-opcua-peer", "--ip", "127.0.0.1", "--out", chain)
		done(append([]string{"cert", "update", chain, "--issuers", filepath.Join(n.state, "ca", "ca.der"), "--issuers", filepath.Join(n.state, "ca", "ca.crl"), "--yes"}, at...)...)
		if bytes.Equal(n.presented(t), before) {
			t.Error("the server shows the certificate that it had before")
		}
	})
}

func (n nodeServer) certRenew(t *testing.T, key string, c cell) {
	t.Run("cert renew "+key, func(t *testing.T) {
		n.report(t, c)
		before := n.presented(t)
		secret := write(t, filepath.Join(t.TempDir(), "admin"), []byte("secadmin-pw"))
		got := n.uapush(t, n.state, "cert", "renew", n.url, "--group", "DefaultApplicationGroup", "--type", "RsaSha256", "--key", key, "--yes", "--force",
			"--user", "secadmin", "--password-file", secret, "--pin", "sha256:"+pki.Fingerprint(before), "--no-input")
		if got.code != 0 {
			t.Fatalf("got exit %d:\n%s%s", got.code, got.out, got.errors)
		}
		after := n.presented(t)
		if bytes.Equal(after, before) {
			t.Error("the server shows the certificate that it had before")
		}
		if got, want := bytes.Equal(keyOf(t, after), keyOf(t, before)), key == "same"; got != want {
			t.Errorf("the key is the same: got %v, want %v", got, want)
		}
	})
}
