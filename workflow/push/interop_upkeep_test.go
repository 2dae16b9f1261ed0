package push_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
)

// upkeep is what the real program does to certificates and trust lists. The
// server has its authority among the issuers already.
func (n nodeServer) upkeep(t *testing.T) {
	dir, before := t.TempDir(), n.presented(t)
	login := []string{"--user", "secadmin", "--password-file", write(t, filepath.Join(dir, "admin"), []byte("secadmin-pw")),
		"--pin", "sha256:" + pki.Fingerprint(before), "--no-input"}
	slot := []string{"--group", "DefaultApplicationGroup", "--type", "RsaSha256"}
	command := func(flags []string, words ...string) []string { return append(append(words, login...), flags...) }
	other := write(t, filepath.Join(dir, "other.pem"), pki.EncodeCertificates([][]byte{stranger().Leaf()}))
	request := filepath.Join(dir, "request.pem")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
		cell cell
	}{
		{"cert list", command(nil, "cert", "list", n.url), 0, "DefaultApplicationGroup",
			cell{Feature: "uapush cert list", Differs: "no GetCertificates: taken from the endpoints"}},
		{"trust list", command(nil, "trust", "list", n.url), 0, "this client", cell{Feature: "uapush trust list"}},
		{"rejected list", command(nil, "rejected", "list", n.url), 0, pki.Fingerprint(stranger().Leaf()), cell{Feature: "uapush rejected list"}},
		{"cert csr", command(append(slot, "--keep-key", "--out", request), "cert", "csr", n.url), 0, "", cell{Feature: "uapush cert csr"}},
		{"trust add", command(append(slot[:2:2], "--yes"), "trust", "add", other, "--server", n.url), 0, "adding certificates one by one",
			cell{Feature: "uapush trust add", Differs: "CloseAndUpdate is a stub: noticed, and added by AddCertificate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.report(t, c.cell)
			got := n.uapush(t, n.state, c.args...)
			if got.code != c.code || !strings.Contains(got.out+got.errors, c.says) {
				t.Errorf("got exit %d, want %d and a mention of %q:\n%s%s", got.code, c.code, c.says, got.out, got.errors)
			}
		})
	}
	n.reconnect(t, before) // ApplyChanges has restarted its listener
	// In this order: once it had a new key, the server looks in vain for the old one.
	n.certRenew(t, "same", cell{Feature: "uapush cert renew, the same key: applied, reconnected, verified",
		Differs: "fails after a renewal with a new key (Bad_InternalError) until the server restarts"})
	n.certRenew(t, "server", cell{Feature: "uapush cert renew, a new key: applied, reconnected, verified",
		Differs: "ApplyChanges must not come between request and certificate: it puts the new key into force without one"})
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
