package view

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow"
)

func outcome() Outcome {
	return Outcome{
		Schema: OutcomeSchema, Changed: true, Summary: plan.Summary{Insert: 4}, BaseVersion: 820540800, Version: 820540801, Confirmed: true,
		TrustLists: []string{"LineA"},
		Certificates: []IssuedCertificate{{
			Group: "LineA", Type: config.TypeRsaSha256, Subject: "CN=Line A/O=Plant",
			SHA256: "0123456789abcdef0123456789abcdef", NotAfter: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		}},
		Verified: &Verified{EndpointURL: "opc.tcp://plc1:4843", SecurityPolicyURI: config.PolicyBasic256Sha256, SecurityMode: "SignAndEncrypt"},
	}
}

func TestOutcome(t *testing.T) {
	certificatesOnly := outcome()
	certificatesOnly.Summary, certificatesOnly.Confirmed, certificatesOnly.Version = plan.Summary{}, false, certificatesOnly.BaseVersion
	unconfirmed := Outcome{Changed: true, Summary: plan.Summary{Replace: 1, Delete: 2}, Version: 820540801}
	leftOut := unconfirmed
	leftOut.LeftOut = []string{"RsaSha256 certificate of LineA", "trust list of Line\x1bA"}
	const certificates = `Trust list of LineA is written.
RsaSha256 certificate of LineA is issued: CN=Line A/O=Plant, until 2027-01-02, SHA-256 0123456789abcdef….
A session through opc.tcp://plc1:4843 works (SignAndEncrypt, Basic256Sha256).
`
	for _, test := range []struct {
		name string
		o    Outcome
		want string
	}{
		{"nothing", Outcome{Schema: OutcomeSchema}, "Nothing to do.\n"},
		{"everything", outcome(), "Configuration 2026-01-01T00:00:01Z (820540801) is confirmed: 4 inserted, 0 replaced, 0 deleted.\n" + certificates},
		{"certificates alone", certificatesOnly, certificates},
		{"no confirmation", unconfirmed, "Configuration 2026-01-01T00:00:01Z (820540801) is in force: 0 inserted, 1 replaced, 2 deleted.\n"},
		{"left out", leftOut, "Configuration 2026-01-01T00:00:01Z (820540801) is in force: 0 inserted, 1 replaced, 2 deleted.\n" +
			"Left out: RsaSha256 certificate of LineA, trust list of LineA.\n"},
		{"all left out", Outcome{LeftOut: []string{"trust list of LineA"}}, "Left out: trust list of LineA.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			show := func(v View) error { return v.Outcome(test.o) }
			if got := text(t, View{}, show); got != test.want {
				t.Errorf("it is\n%s\nwant\n%s", got, test.want)
			}
			var again Outcome
			if err := json.Unmarshal([]byte(text(t, View{Format: JSON}, show)), &again); err != nil {
				t.Fatal(err)
			}
			if got := text(t, View{}, func(v View) error { return v.Outcome(again) }); got != test.want {
				t.Errorf("replayed it is\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestOutcomeOf(t *testing.T) {
	p := lineA(t)
	t.Run("nothing planned", func(t *testing.T) {
		if o := OutcomeOf(&workflow.State{Plan: plan.Plan{BaseVersion: 7}}); o.Changed || o.BaseVersion != 7 || o.LeftOut != nil {
			t.Errorf("the outcome is %+v", o)
		}
	})
	t.Run("certificates left out", func(t *testing.T) {
		o := OutcomeOf(&workflow.State{Plan: p, Update: &workflow.ConfigurationResult{NewVersion: 9}, Confirmed: true})
		if !o.Changed || !o.Confirmed || o.Version != 9 || o.Summary.Insert != 4 || o.Certificates != nil || o.TrustLists != nil {
			t.Errorf("the outcome is %+v", o)
		}
		if got, want := strings.Join(o.LeftOut, "; "), "RsaSha256 certificate of LineA; trust list of LineA"; got != want {
			t.Errorf("left out is %q, want %q", got, want)
		}
	})
	t.Run("nothing done", func(t *testing.T) { // a plan of certificates, applied with --skip-certificates
		only := p
		only.Changes, only.Summary = nil, plan.Summary{}
		if o := OutcomeOf(&workflow.State{Plan: only}); o.Changed || len(o.LeftOut) != 2 {
			t.Errorf("the outcome is %+v", o)
		}
	})
	t.Run("verified", func(t *testing.T) {
		o := OutcomeOf(&workflow.State{
			Plan: p, VersionAfter: 10, Update: &workflow.ConfigurationResult{NewVersion: 9},
			Probed: &workflow.Probe{EndpointURL: "opc.tcp://x", SecurityMode: config.ModeSignAndEncrypt, CertificateSHA256: "ab"},
		})
		if o.Version != 10 || o.Verified == nil || o.Verified.SecurityMode != "SignAndEncrypt" || o.Verified.CertificateSHA256 != "ab" {
			t.Errorf("the outcome is %+v", o)
		}
	})
	t.Run("a certificate", func(t *testing.T) {
		id := pkitest.Application(t, pkitest.Options{Name: "PLC1"})
		c := issued(p.Certificates[0], id.Leaf())
		if c.SHA256 != pki.Fingerprint(id.Leaf()) || !strings.Contains(c.Subject, "PLC1") || !c.NotAfter.Equal(id.Certificate(t).NotAfter) {
			t.Errorf("the certificate is %+v", c)
		}
		if c := issued(p.Certificates[0], []byte("no certificate")); c.SHA256 == "" || c.Subject != "" {
			t.Errorf("something else is %+v", c)
		}
	})
}
