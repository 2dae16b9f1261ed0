package push_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/testdata/tables"
	"github.com/uapush/uapush/workflow/push"
)

// users log in with certificates: the peer takes the common name for the name of
// the user, and trusts the first two.
type users struct {
	admin, operator, false userFiles
}

type userFiles struct {
	file, key string
	pair      push.X509
}

func newUsers(t *testing.T, dir string) users {
	return users{
		admin:    newUser(t, filepath.Join(dir, "secadmin"), "secadmin", 4),
		operator: newUser(t, filepath.Join(dir, "operator"), "operator", 5),
		false:    newUser(t, filepath.Join(dir, "false"), "secadmin", 6),
	}
}

func newUser(t *testing.T, path, name string, key int) userFiles {
	t.Helper()
	id := pkitest.Application(t, pkitest.Options{Name: name, Key: pkitest.Key(key)})
	return userFiles{
		file: write(t, path+".pem", pki.EncodeCertificates(id.Chain)),
		key:  write(t, path+".key", must(pki.EncodeKey(id.Key))),
		pair: push.X509{Certificate: id.Leaf(), Key: id.Key},
	}
}

// userCertificates logs in with certificates: the right ones with every policy,
// and those that do not suffice.
func (n nodeServer) userCertificates(t *testing.T) {
	pin := "sha256:" + pki.Fingerprint(n.certificate)
	for _, c := range []struct {
		name string
		user userFiles
		code int
		says string
		cell cell
	}{
		{"with SecurityAdmin", n.users.admin, 0, "", cell{Feature: "user certificate with SecurityAdmin"}},
		{"without", n.users.operator, 5, "SecurityAdmin", cell{Feature: "user certificate without SecurityAdmin: exit 5"}},
		{"not trusted", n.users.false, 5, "have the server trust the user certificate", cell{Feature: "user certificate that the server does not trust: exit 5",
			Differs: "lists it as a rejected certificate of DefaultApplicationGroup"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cell.Topic = tables.Logins
			if !n.managed {
				c.cell.Differs = "" // it has no list of rejected certificates
			}
			n.report(t, c.cell)
			got := n.uapush(t, n.state, "changes", "show", n.url, "--pin", pin, "--no-input", "--user-cert", c.user.file, "--user-key", c.user.key)
			if got.code != c.code || !strings.Contains(got.errors, c.says) {
				t.Errorf("got exit %d, want %d and a mention of %q:\n%s%s", got.code, c.code, c.says, got.out, got.errors)
			}
		})
	}
	t.Run("policies", func(t *testing.T) {
		n.report(t, cell{Topic: tables.Logins, Feature: "user certificate, signing with every policy"})
		for _, e := range descriptions(t, n.url) {
			if e.SecurityMode != ua.MessageSecurityModeSignAndEncrypt {
				continue
			}
			s := open(t, at(t, n.url, n.users.admin.pair, n.certificate).Only(e.SecurityPolicyURI))
			if got := s.ServerIdentity().SecurityPolicyURI; got != e.SecurityPolicyURI {
				t.Errorf("the session has %s, want %s", config.PolicyName(got), config.PolicyName(e.SecurityPolicyURI))
			}
		}
	})
}
