package pki_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

const signerURI = "urn:test:application"

// program writes a shell script and gives the command that runs it.
func program(t *testing.T, script string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh")
	}
	path := filepath.Join(t.TempDir(), "sign.sh")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return "sh " + path
}

func TestExecSigner(t *testing.T) {
	dir := t.TempDir()
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	csr := pkitest.Request(t, pkitest.Options{})
	good, other := ca.Issue(t, pkitest.Options{}), ca.Issue(t, pkitest.Options{Key: pkitest.Key(2)})
	file := func(name string, chain ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pki.EncodeCertificates(chain), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	goodFile := file("good.pem", good.Chain...)
	for name, c := range map[string]struct {
		script string
		rule   pki.RequestRule // of an *IssuedError
		stderr string          // of a *SignerError
		err    error
	}{
		"signs":           {script: "grep -q 'BEGIN CERTIFICATE REQUEST' && test \"$UAPUSH_GROUP $UAPUSH_USAGE\" = 'G server' && cat " + goodFile},
		"another key":     {script: "cat " + file("other.pem", other.Chain...), rule: pki.RequestKey},
		"another URI":     {script: "cat " + file("uri.pem", ca.Issue(t, pkitest.Options{URI: "urn:x"}).Chain...), rule: pki.RequestApplicationURI},
		"broken chain":    {script: "cat " + file("chain.pem", good.Leaf(), good.Leaf()), rule: pki.RequestSignature},
		"nonsense":        {script: "echo hello", rule: pki.RequestStructure},
		"fails":           {script: "printf 'no \\033[31mHSM' >&2; exit 3", stderr: "HSM"},
		"says too much":   {script: "head -c 2000000 /dev/zero", err: pki.ErrTooLarge},
		"never ends":      {script: "sleep 60", err: context.DeadlineExceeded},
		"complains a lot": {script: "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", stderr: "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := filepath.Join(t.TempDir(), "issued.ndjson")
			s := &pki.ExecSigner{Command: program(t, c.script), Ledger: ledger, Timeout: 20 * time.Second}
			if name == "never ends" {
				s.Timeout = 50 * time.Millisecond
			}
			r := pki.Request{ApplicationURI: signerURI, Server: true, Slot: pki.Slot{Group: "G"}}
			chain, err := s.Issue(t.Context(), csr, r)
			var issued *pki.IssuedError
			var failed *pki.SignerError
			switch {
			case c.rule != "":
				if !errors.As(err, &issued) || issued.Rule != c.rule {
					t.Errorf("got %v, want the rule %s", err, c.rule)
				}
			case c.stderr != "" || c.err != nil:
				if !errors.As(err, &failed) || !strings.Contains(failed.Stderr, c.stderr) || len(failed.Stderr) > 5000 || strings.Contains(failed.Stderr, "\x1b") {
					t.Errorf("got %v", err)
				}
				if c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("got %v, want %v", err, c.err)
				}
			case err != nil || len(chain) != 2:
				t.Errorf("got %d certificates, %v", len(chain), err)
			}
			lines, _ := os.ReadFile(ledger)
			if recorded := strings.Count(string(lines), `"event":"issued"`); (err == nil) != (recorded == 1) {
				t.Errorf("%d issuances are recorded, and the error is %v", recorded, err)
			}
		})
	}
}

func TestLocalKeys(t *testing.T) {
	subject, err := pki.ParseSubject("CN=PLC1/O=Plant")
	if err != nil {
		t.Fatal(err)
	}
	curve, err := pki.GenerateCurveKey("P-384")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.GenerateCurveKey("EccBrainpoolP256r1"); err == nil || !strings.Contains(err.Error(), "brainpool") && !strings.Contains(err.Error(), "Brainpool") {
		t.Errorf("a curve that is not there: got %v", err)
	}
	for name, key := range map[string]crypto.Signer{"RSA": pkitest.Key(0), "P-384": curve} {
		csr, err := pki.NewRequest(key, pki.Request{ApplicationURI: signerURI, Subject: subject, DNSNames: []string{"plc1"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pki.CheckRequest(csr, signerURI); name == "RSA" && err != nil {
			t.Errorf("%s: our own request is refused: %v", name, err)
		}
	}
	if _, err := pki.NewRequest(curve, pki.Request{ApplicationURI: signerURI}); err == nil {
		t.Error("a request without a subject is made")
	}
}

func TestEncodePrivateKey(t *testing.T) {
	identity := pkitest.Application(t, pkitest.Options{})
	for _, format := range pki.PrivateKeyFormats() {
		data, err := pki.EncodePrivateKey(format, identity.Key, identity.Chain)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if format == pki.FormatPFX {
			key, leaf, _, err := pkcs12.DecodeChain(data, "")
			if err != nil || !identity.Key.Equal(key) || !bytes.Equal(leaf.Raw, identity.Leaf()) {
				t.Errorf("%s: read back: %v", format, err)
			}
			continue
		}
		key, err := pki.ParseAnyKey(data)
		if err != nil || !key.(*rsa.PrivateKey).Equal(identity.Key) {
			t.Errorf("%s: read back: %v", format, err)
		}
		if err := pki.CheckPair(identity.Leaf(), key); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := pki.EncodePrivateKey("JKS", identity.Key, identity.Chain); err == nil {
		t.Error("JKS is taken")
	}
	if err := pki.CheckPair(identity.Leaf(), pkitest.Key(5)); !errors.Is(err, pki.ErrMismatch) {
		t.Errorf("another key: got %v", err)
	}
	if _, err := pki.ParseAnyKey([]byte("secret")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no key: got %v", err)
	}
}

// The environment is a protocol: what README and cert renew --help say of it.
func TestExecSignerEnvironment(t *testing.T) {
	for _, v := range os.Environ() { // of whoever runs the tests
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "UAPUSH_") {
			t.Setenv(name, "") // to have it back afterwards
			os.Unsetenv(name)
		}
	}
	dir := t.TempDir()
	told := filepath.Join(dir, "told")
	subject, err := pki.ParseSubject("CN=PLC1/O=Plant")
	if err != nil {
		t.Fatal(err)
	}
	s := &pki.ExecSigner{Command: program(t, "env | grep ^UAPUSH_ | LC_ALL=C sort > "+told), Ledger: filepath.Join(dir, "issued.ndjson")}
	r := pki.Request{
		ApplicationURI: signerURI, Subject: subject, DNSNames: []string{"plc1", "plc1.plant"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1), net.IPv6loopback},
		Validity: 30 * 24 * time.Hour, Server: true, Slot: pki.Slot{Server: "opc.tcp://plc1:4840", Group: "LineA", Type: "RsaSha256"},
	}
	if _, err := s.Issue(t.Context(), pkitest.Request(t, pkitest.Options{}), r); err == nil {
		t.Error("a program that writes nothing has signed")
	}
	want := `UAPUSH_APPLICATION_URI=urn:test:application
UAPUSH_DNS_NAMES=plc1,plc1.plant
UAPUSH_GROUP=LineA
UAPUSH_IP_ADDRESSES=10.0.0.1,::1
UAPUSH_SERVER=opc.tcp://plc1:4840
UAPUSH_SUBJECT=CN=PLC1/O=Plant
UAPUSH_TYPE=RsaSha256
UAPUSH_USAGE=server
UAPUSH_VALIDITY_DAYS=30
`
	if got, err := os.ReadFile(told); err != nil || string(got) != want {
		t.Errorf("the program was told\n%s, %v, want\n%s", got, err, want)
	}
}
