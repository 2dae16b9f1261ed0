package manifest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
)

func parse(t *testing.T, file, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDesiredPaths(t *testing.T) {
	dir := t.TempDir()
	abs := filepath.Join(dir, "abs.pem")
	text := strings.Replace(good, "[self, ca]", "[self, ca, certs/ops-ca.pem, ./ca, '"+abs+"']", 1)
	d, err := parse(t, filepath.Join(dir, "m.yaml"), text).Desired()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"self", "ca", filepath.Join(dir, "certs", "ops-ca.pem"), filepath.Join(dir, "ca"), abs}
	if got := d.TrustLists[0].Trusted; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDesiredStatesNothing: what the file leaves out stays zero, but for revertAfter.
func TestDesiredStatesNothing(t *testing.T) {
	d, err := parse(t, "m.yaml", "{apiVersion: uapush/v1, kind: Endpoint, endpoint: {name: a, port: 1, securitySettings: [theirs]}, certificateGroups: [{name: g}]}").Desired()
	if err != nil {
		t.Fatal(err)
	}
	e, g := d.Records.ServerEndpoints[0], d.Records.CertificateGroups[0]
	if e.TransportProfileURI != "" || e.DiscoveryURLs != nil || g.Purpose != "" || g.CertificateTypes != nil || g.ValidationOptions != 0 {
		t.Errorf("got %+v and %+v", e, g)
	}
	if !slices.Equal(e.SecuritySettingNames, []string{"theirs"}) || len(d.TrustLists)+len(d.Certificates) != 0 {
		t.Errorf("got %+v", d)
	}
	if want := (config.UpdateTiming{RevertAfter: manifest.DefaultRevertAfter}); d.Update != want {
		t.Errorf("got %+v, want %+v", d.Update, want)
	}
	zero, err := parse(t, "m.yaml", strings.Replace(good, "revertAfter: 120s", "revertAfter: 0s", 1)).Desired()
	if err != nil || zero.Update.RevertAfter != 0 {
		t.Errorf("stated 0s: got %v, %v", zero.Update, err)
	}
}

// TestReferencesToTheServer: names that differ in a number are no misspellings.
func TestReferencesToTheServer(t *testing.T) {
	for _, name := range []string{"encrypted2", "theirs", "1"} {
		if _, err := manifest.Parse("m.yaml", []byte(strings.Replace(good, "[encrypted]", "[encrypted, '"+name+"']", 1))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServiceCertificates(t *testing.T) {
	dir := t.TempDir()
	a, b := certificate(t, 1), certificate(t, 2)
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	write("chain.pem", slices.Concat([]byte("a text before\n"), block("CERTIFICATE", a), block("CERTIFICATE", b)))
	write("one.der", a)
	write("key.pem", block("PRIVATE KEY", a))
	write("bad.pem", block("CERTIFICATE", a[:40]))
	write("empty.pem", nil)
	service := func(files string) string {
		return good + "authorizationServices:\n  - {name: gds, serviceUri: urn:gds, serviceCertificates: [" + files + "]}\n"
	}
	d, err := parse(t, filepath.Join(dir, "m.yaml"), service("chain.pem, one.der")).Desired()
	if err != nil {
		t.Fatal(err)
	}
	got := d.Records.AuthorizationServices[0].ServiceCertificates
	if len(got) != 2 || !bytes.Equal(got[0].Certificate, a) || len(got[0].Issuers) != 1 || !bytes.Equal(got[0].Issuers[0], b) || !bytes.Equal(got[1].Certificate, a) || got[1].Issuers != nil {
		t.Errorf("got %v", got)
	}
	file := filepath.Join(dir, "m.yaml")
	_, err = parse(t, file, service("none.pem, key.pem, bad.pem, empty.pem, one.der")).Desired()
	if err == nil {
		t.Fatal("bad files are accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, part := range []string{"none.pem: ", "key.pem holds a PRIVATE KEY", "bad.pem: ", "empty.pem holds no certificate"} {
		if len(lines) != 4 || !strings.Contains(lines[i], part) || !strings.Contains(lines[i], "authorizationServices[0].serviceCertificates[") {
			t.Errorf("got %q, want it to say %q", lines, part)
		}
	}
	if at := file + ":23:60: "; !strings.HasPrefix(lines[0], at) {
		t.Errorf("got %q, want it at %q", lines[0], at)
	}
}

func certificate(t *testing.T, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestForms(t *testing.T) {
	subjects := map[string]bool{
		"CN=PLC1": true, "CN=PLC1/O=Plant": true, `CN="A/S = x"/O=B`: true, "DC=a/DC=b/CN=x": true, "CN=Line A, Hall 2/O=Plant": true, "CN=Müller/C=DE": true,
		"PLC1": false, "cn=PLC1": false, "CN=a/": false, "CN=a//O=b": false, `CN="a`: false, `CN="a"b`: false, `CN=a"b`: false, "CN=a=b": false, "CN=a/CN=b": false, "CN = a": false,
	}
	for s, ok := range subjects {
		accepts(t, strings.Replace(good, "CN=PLC1/O=Plant", "'"+s+"'", 1), s, ok)
	}
	for s, ok := range map[string]bool{
		"opc.tcp://plc1": true, "opc.tcp://[fe80::1]:4840/UA": true, "opc.tcp://192.0.2.1:65535": true, "https://a_b.example:443/x?y=z": true, "opc.tcp://müller:1": true,
		"opc.tcp:/plc1:1": false, "opc.tcp:plc1": false, "opc.tcp://plc1:": false, "opc.tcp://a..b": false, "opc.tcp://a b": false, "opc.tcp://plc1:x": false, "OPC.TCP://plc1": false, "": false, "opc.tcp://plc1#f": false, "opc.tcp://-": false,
	} {
		accepts(t, strings.Replace(good, "opc.tcp://plc1:4843", "'"+s+"'", 1), s, ok)
	}
	durations := map[string]time.Duration{"365d": 8760 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "1h30m": 90 * time.Minute, "0d": 0, "36500d": 876000 * time.Hour, "1.5h": 90 * time.Minute,
		"": -1, "d": -1, "1.5d": -1, "1d1d": -1, "12h1d": -1, "99999999999999d": -1, "99999999999999h": -1, "+1h": -1, "1d ": -1, "s": -1, "1d-1h": -1}
	for s, want := range durations {
		text := strings.Replace(good, "validity: 365d", "validity: '"+s+"'", 1)
		accepts(t, text, s, want >= 0)
		if m, err := manifest.Parse("m.yaml", []byte(text)); err == nil && m.CertificateGroups[0].Certificates[0].Validity != want {
			t.Errorf("%q: got %v, want %v", s, m.CertificateGroups[0].Certificates[0].Validity, want)
		}
	}
}

func accepts(t *testing.T, text, what string, want bool) {
	t.Helper()
	if _, err := manifest.Parse("m.yaml", []byte(text)); (err == nil) != want {
		t.Errorf("%q: got %v, want accepted %v", what, err, want)
	}
}
