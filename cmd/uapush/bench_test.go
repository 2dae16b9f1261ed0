package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/pki"
	manifests "github.com/uapush/uapush/testdata/manifest"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// The least that the protocol allows, in requests that wait for an answer.
//
// A session costs six: GetEndpoints over a channel of its own (open, ask), then
// open, CreateSession, ActivateSession, CloseSession. CloseSecureChannel has no
// answer (OPC 10000-6, 7.1.4) and is not counted.
//
// Reading a configuration costs six more: translate the browse names, browse the
// groups, read the properties, and Open, Read, Close of the file; the TrustLists
// and certificates of all groups travel in the same Call requests.
const (
	minimumSession = 6
	minimumRead    = 6
	minimumPlan    = minimumSession + minimumRead

	// Open, Write, CloseAndUpdate; a new session; ConfirmUpdate.
	minimumUpdate = 3 + minimumSession + 1
	// The groups that came to be: browse, translate, and the properties that a
	// plan depends on are one reading. CreateSigningRequest; Open, Write,
	// CloseAndUpdate of the TrustList; UpdateCertificate; ApplyChanges.
	minimumCertify = minimumRead + 1 + 3 + 1 + 1
	// A session through the new endpoint that reads a value; a last reading.
	minimumProof = minimumSession + 1 + minimumRead

	minimumApply = minimumPlan + minimumUpdate + minimumCertify + minimumProof
)

// BenchmarkPlan reads a server and compares it with a manifest.
func BenchmarkPlan(b *testing.B) {
	measure(b, minimumPlan, workflow.Plan())
}

// BenchmarkApply creates the endpoint of the manifest, certificate and all, and
// proves it. Each round has a fresh server.
func BenchmarkApply(b *testing.B) {
	measure(b, minimumApply, workflow.Apply())
}

// BenchmarkStart starts the binary and lets it say its version.
func BenchmarkStart(b *testing.B) {
	binary := build(b)
	for b.Loop() {
		if err := exec.Command(binary, "version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResident runs a plan and a whole apply as processes of their own and
// reports their peak resident memory.
func BenchmarkResident(b *testing.B) {
	r := newRig(b)
	for _, command := range [][]string{{"plan"}, {"apply", "--yes"}} {
		b.Run(command[0], func(b *testing.B) {
			var peak int64
			for b.Loop() {
				url, certificate := r.server(b)
				path := filepath.Join(b.TempDir(), "line-a.yaml")
				if err := os.WriteFile(path, manifestText(b), 0o600); err != nil {
					b.Fatal(err)
				}
				c := exec.Command(r.binary, append(command, "-f", path, url, "--state", r.state,
					"--user", "admin", "--password-file", r.password, "--pin", "sha256:"+certificate)...)
				if out, err := c.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				peak = max(peak, peakMemory(c.ProcessState))
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		})
	}
}

func measure(b *testing.B, minimum int, steps []workflow.Step) {
	r := newRig(b)
	traffic := &secureconv.Traffic{}
	var cpu time.Duration
	rounds := 0
	for b.Loop() {
		b.StopTimer()
		url, certificate := r.server(b)
		s := r.run(b, url, certificate, traffic)
		before := processorTime()
		b.StartTimer()
		if err := workflow.Run(context.Background(), s, steps); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		cpu += processorTime() - before
		rounds++
		b.StartTimer()
	}
	report(b, traffic.Snapshot(), rounds, minimum)
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(rounds), "cpu-ms/op")
}

// report turns counters into metrics, and prints the answered requests by service.
func report(b *testing.B, c secureconv.TrafficCount, rounds, minimum int) {
	total := 0
	var services []string
	for _, name := range slices.Sorted(maps.Keys(c.Responses)) {
		total += c.Responses[name]
		services = append(services, fmt.Sprintf("%s %.3g", name, float64(c.Responses[name])/float64(rounds)))
	}
	per := func(n int) float64 { return float64(n) / float64(rounds) }
	b.ReportMetric(per(total), "round-trips/op")
	b.ReportMetric(float64(minimum), "minimum")
	b.ReportMetric(per(total)/float64(minimum), "ratio")
	b.ReportMetric(per(c.BytesIn+c.BytesOut)/1024, "KiB/op")
	b.ReportMetric(per(c.PrivateKeyOps), "rsa-private/op")
	b.Logf("requests by service: %s", strings.Join(services, ", "))
}

// rig is a client, an authority and the binary; servers come from the binary, so
// that processor time is the client's alone.
type rig struct {
	binary, dir, state, password, trust string
	identity                            pki.Identity
	ca                                  *pki.CA
}

func newRig(b *testing.B) *rig {
	b.Helper()
	r := &rig{binary: build(b), dir: b.TempDir()}
	r.state, r.password, r.trust = filepath.Join(r.dir, "state"), filepath.Join(r.dir, "password"), filepath.Join(r.dir, "client.der")
	var err error
	must := func() {
		if err != nil {
			b.Fatal(err)
		}
	}
	r.identity, _, err = pki.LoadOrCreateIdentity(filepath.Join(r.state, "identity"), pki.Application{
		ApplicationURI: pki.DefaultApplicationURI("bench"), DNSNames: []string{"localhost"},
	})
	must()
	err = os.WriteFile(r.trust, r.identity.Chain[0], 0o600)
	must()
	subject, err := pki.ParseSubject("CN=Bench CA/O=Plant")
	must()
	r.ca, err = pki.InitCA(context.Background(), filepath.Join(r.state, "ca"), pki.CAOptions{Subject: subject, NoPassphrase: true, Key: pki.KeyRSA2048})
	must()
	return r
}

// server starts a server of its own, with more flags, and gives its URL and its
// fingerprint.
func (r *rig) server(b *testing.B, flags ...string) (url, certificate string) {
	b.Helper()
	args := []string{"sim", "--port", "0", "--admin-password-file", r.password, "--trust", r.trust}
	c := exec.Command(r.binary, append(args, flags...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(strings.TrimPrefix(line, "READY "))
	d, err := push.Discover(context.Background(), url, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(d.Endpoints[0].Chain[0])
	return url, hex.EncodeToString(sum[:])
}

// run prepares an apply of the demo's manifest on a free port.
func (r *rig) run(b *testing.B, url, certificate string, traffic *secureconv.Traffic) *workflow.State {
	b.Helper()
	return r.runJudged(b, url, traffic, func(chain [][]byte, host, uri string) error {
		return pki.Policy{Pin: certificate, Host: host, ApplicationURI: uri}.Verify(chain)
	})
}

// runJudged is run with a judge of the server's certificate.
func (r *rig) runJudged(b *testing.B, url string, traffic *secureconv.Traffic, judge push.Judge) *workflow.State {
	b.Helper()
	password, err := os.ReadFile(r.password)
	if err != nil {
		b.Fatal(err)
	}
	target, err := push.New(push.Options{
		URL: url, Traffic: traffic, ClientApplicationURI: pki.DefaultApplicationURI("bench"),
		Identity: secureconv.Identity{Chain: r.identity.Chain, Key: r.identity.Key},
		Judge:    judge,
		User:     push.UserName{Name: "admin", Password: func() ([]byte, error) { return []byte(strings.TrimSpace(string(password))), nil }},
		Complete: func(stream []byte) bool {
			_, complete, err := uafile.Size(stream)
			return complete || err != nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return &workflow.State{
		Target: target, ServerURL: url, Desired: lineA(b), Issuer: r.ca,
		Materials: workflow.Materials{Self: r.identity.Chain, Authority: func() ([][]byte, [][]byte, error) {
			crl, err := r.ca.CRL(context.Background())
			return [][]byte{r.ca.Certificate().Raw}, [][]byte{crl}, err
		}},
	}
}

func lineA(b *testing.B) config.Desired {
	b.Helper()
	m, err := manifest.Parse("line-a.yaml", manifestText(b))
	if err != nil {
		b.Fatal(err)
	}
	desired, err := m.Desired()
	if err != nil {
		b.Fatal(err)
	}
	return desired
}

// manifestText is the demo's manifest with a port that is free here.
func manifestText(b *testing.B) []byte {
	b.Helper()
	return []byte(strings.ReplaceAll(string(manifests.LineA), "4843", fmt.Sprint(freePort(b))))
}
