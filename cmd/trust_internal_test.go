package cmd

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

const judgedServer = "opc.tcp://plc1:4840"

// judged is a judge with a folder of its own, and what it tells the operator.
func judged(t *testing.T) (j *judge, path string, told *[]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state", "pins.json")
	told = new([]string)
	return &judge{
		server: judgedServer, pins: pki.NewPins(path, nil),
		tell: func(format string, args ...any) { *told = append(*told, fmt.Sprintf(format, args...)) },
	}, path, told
}

func certificateOf(t *testing.T, key int) []byte {
	t.Helper()
	return pkitest.Application(t, pkitest.Options{Key: pkitest.Key(key), URI: "urn:plc1", Hosts: []string{"plc1"}}).Leaf()
}

// Anybody can show a certificate: it is pinned when its key was proven.
func TestFirstUsePinsWhatIsProven(t *testing.T) {
	j, path, told := judged(t)
	j.trustOnFirstUse = true
	leaf := certificateOf(t, 0)
	if err := j.judge([][]byte{leaf}, "plc1", "urn:plc1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil || len(*told) > 0 {
		t.Errorf("pinned before anything was proven; told %q", *told)
	}
	for range 2 { // a second Session adds nothing
		if err := j.proven(leaf); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := j.pins.Check(judgedServer, leaf); !found || err != nil || len(*told) != 1 {
		t.Errorf("got pinned %v, %v, told %q; want it pinned, and said once", found, err, *told)
	}
	var other *pki.PinMismatchError
	if err := j.judge([][]byte{certificateOf(t, 1)}, "plc1", "urn:plc1"); !errors.As(err, &other) {
		t.Errorf("another certificate: got %v, want a PinMismatchError", err)
	}
}

// A certificate that is not right in every other respect is not pinned.
func TestRefusalPinsNothing(t *testing.T) {
	j, path, _ := judged(t)
	j.trustOnFirstUse = true
	leaf := certificateOf(t, 0)
	if err := j.judge([][]byte{leaf}, "elsewhere", "urn:plc1"); err == nil {
		t.Fatal("a certificate for another host was accepted")
	}
	if err := j.proven(leaf); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a certificate that was refused is pinned")
	}
}

// A trust list overrules what was once pinned, but not silently.
func TestTrustListOverrulesPinAloud(t *testing.T) {
	j, _, told := judged(t)
	if _, err := j.pins.Add(t.Context(), judgedServer, "urn:plc1", certificateOf(t, 0)); err != nil {
		t.Fatal(err)
	}
	leaf := certificateOf(t, 1)
	j.trusted = []*x509.Certificate{pkitest.Parse(t, leaf)}
	for range 2 {
		if err := errors.Join(j.judge([][]byte{leaf}, "plc1", "urn:plc1"), j.proven(leaf)); err != nil {
			t.Fatal(err)
		}
	}
	if len(*told) != 1 || !strings.Contains((*told)[0], pki.Fingerprint(leaf)) {
		t.Errorf("told %q, want the new fingerprint once", *told)
	}
}

// Pins that cannot be read are not the same as none, whoever vouches.
func TestDamagedPinsStopEverything(t *testing.T) {
	j, path, _ := judged(t)
	leaf := certificateOf(t, 0)
	j.trusted = []*x509.Certificate{pkitest.Parse(t, leaf)}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := j.judge([][]byte{leaf}, "plc1", "urn:plc1"); !errors.Is(err, pki.ErrDamaged) {
		t.Errorf("got %v, want %v", err, pki.ErrDamaged)
	}
}

// A certificate that this run gave the server is accepted against an older pin,
// and takes its place.
func TestOwnCertificateIsAcceptedAndPinned(t *testing.T) {
	j, _, _ := judged(t)
	old, leaf := certificateOf(t, 0), certificateOf(t, 1)
	if _, err := j.pins.Add(t.Context(), judgedServer, "urn:plc1", old); err != nil {
		t.Fatal(err)
	}
	j.accept(leaf)
	if err := j.judge([][]byte{leaf}, "plc1", "urn:plc1"); err != nil {
		t.Fatal(err)
	}
	if err := j.repin(t.Context(), "urn:plc1", pki.Fingerprint(leaf)); err != nil {
		t.Fatal(err)
	}
	if found, err := j.pins.Check(judgedServer, leaf); !found || err != nil {
		t.Errorf("got %v, %v; want the new certificate pinned", found, err)
	}
}
