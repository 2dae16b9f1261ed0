package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/upkeep"
)

// The least that the certificate workflows need. A survey costs what a reading
// costs; the look afterwards needs a new session where a certificate changed.
const (
	// CreateSigningRequest; Open, Write, CloseAndUpdate of the TrustList that gets
	// the issuer; UpdateCertificate; ApplyChanges; a new session; a survey.
	minimumRenew = minimumPlan + 1 + 3 + 1 + 1 + minimumSession + minimumRead
	// Open, Write, CloseAndUpdate, ApplyChanges; then Open, Read, Close. The embedded
	// server takes and gives a MiB in 17 pieces of MaxByteStringLength at most.
	pieces         = 17
	minimumReplace = minimumPlan + 2 + pieces + 1 + 2 + pieces
)

// BenchmarkRenew renews the certificate of the endpoint in use.
func BenchmarkRenew(b *testing.B) {
	r := newRig(b)
	cas, crls := r.authorityMaterials(b)
	measureUpkeep(b, r, minimumRenew, workflow.UpdateCertificates(), nil, upkeep.Renewal{
		All: true, Key: upkeep.ServerKey, Issuers: cas, CRLs: crls,
	}.Decide)
}

// BenchmarkReplaceTrustList writes a trust list of 1 MiB in the place of another.
func BenchmarkReplaceTrustList(b *testing.B) {
	r := newRig(b)
	want := plan.TrustListAction{}
	add := func(der []byte) {
		m, err := plan.Certificate("file", der)
		if err != nil {
			b.Fatal(err)
		}
		want.Trusted = append(want.Trusted, m)
	}
	add(r.identity.Chain[0])
	for size := 0; size < 1<<20; {
		der := r.throwaway(b, len(want.Trusted))
		add(der)
		size += len(der) + 4
	}
	l := upkeep.Listing{Single: true, Change: func(have plan.TrustList, in upkeep.Situation, _ upkeep.Group) (plan.TrustList, error) {
		return upkeep.Sync(have, want, upkeep.Replace, in.Now), nil
	}}
	measureUpkeep(b, r, minimumReplace, workflow.UpdateTrustList(), []string{"--max-trust-list-size", "4194304"}, l.Decide)
}

func measureUpkeep(b *testing.B, r *rig, minimum int, steps []workflow.Step, flags []string, decide func(upkeep.Situation) (upkeep.Work, error)) {
	traffic := &secureconv.Traffic{}
	var cpu time.Duration
	rounds := 0
	for b.Loop() {
		b.StopTimer()
		url, certificate := r.server(b, flags...)
		s := r.upkeep(b, url, certificate, traffic, decide)
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

// upkeep prepares a run that trusts the server's first certificate and those that
// the run gives it.
func (r *rig) upkeep(b *testing.B, url, certificate string, traffic *secureconv.Traffic, decide func(upkeep.Situation) (upkeep.Work, error)) *workflow.State {
	b.Helper()
	accepted := map[string]bool{certificate: true}
	s := r.runJudged(b, url, traffic, func(chain [][]byte, host, uri string) error {
		pin := certificate
		if f := pki.Fingerprint(chain[0]); accepted[f] {
			pin = f
		}
		return pki.Policy{Pin: pin, Host: host, ApplicationURI: uri}.Verify(chain)
	})
	s.Upkeep = workflow.Upkeep{
		Decide: decide,
		Reads: func(g upkeep.Group) workflow.Parts {
			if !g.ForApplications() {
				return 0
			}
			return workflow.PartTrustList | workflow.PartCertificates
		},
	}
	s.Accept = func(der []byte) { accepted[pki.Fingerprint(der)] = true }
	return s
}

func (r *rig) authorityMaterials(b *testing.B) (cas, crls []plan.Material) {
	b.Helper()
	der, err := r.ca.CRL(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	ca, err := plan.Certificate("ca", r.ca.Certificate().Raw)
	if err != nil {
		b.Fatal(err)
	}
	crl, err := plan.CRL("ca", der)
	if err != nil {
		b.Fatal(err)
	}
	return []plan.Material{ca}, []plan.Material{crl}
}

// throwaway makes one of many self-signed certificates, all with the same key.
func (r *rig) throwaway(b *testing.B, n int) []byte {
	b.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(n + 1)), Subject: pkix.Name{CommonName: "client", SerialNumber: big.NewInt(int64(n)).String(), Organization: []string{"Plant"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, r.identity.Key.Public(), r.identity.Key)
	if err != nil {
		b.Fatal(err)
	}
	return der
}
