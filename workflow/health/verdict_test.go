package health

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func soundSlot() Slot {
	return Slot{
		Group: "LineA", Type: config.TypeRsaSha256, Filled: plan.Yes, NotAfter: now.Add(time.Hour),
		URI: plan.Yes, Shown: plan.Yes, Revoked: plan.No, Issuer: plan.Yes, FreshCRLs: plan.Yes,
	}
}

func sound(edits ...func(*Endpoint)) Endpoint {
	e := Endpoint{Name: "line-a", URL: "opc.tcp://plc1:4843", Configured: plan.Yes, Offered: plan.Yes, Slots: []Slot{soundSlot()}}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

func slot(edit func(*Slot)) func(*Endpoint) { return func(e *Endpoint) { edit(&e.Slots[0]) } }

func TestDecide(t *testing.T) {
	expired := slot(func(s *Slot) { s.NotAfter = now })
	stale := slot(func(s *Slot) { s.FreshCRLs = plan.No })
	silent := func(e *Endpoint) { e.Probe = Timeout }
	tests := []struct {
		name    string
		facts   Facts
		verdict Verdict
		reasons []Reason
	}{
		{"sound", Facts{Endpoints: []Endpoint{sound()}}, Current, []Reason{OK}},
		{"a session through it works", Facts{Endpoints: []Endpoint{{Name: "x", Probe: OK, Configured: plan.Yes}}}, Current, []Reason{OK}},
		{"one of two works", Facts{Endpoints: []Endpoint{sound(expired), sound()}}, Current, []Reason{OK}},

		{"endpoint-unknown", Facts{Endpoints: []Endpoint{sound(func(e *Endpoint) { e.Offered = plan.No })}}, Refresh, []Reason{EndpointUnknown}},
		{"issuer-missing", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { s.Issuer = plan.No }))}}, Refresh, []Reason{IssuerMissing}},
		{"crl-stale", Facts{Endpoints: []Endpoint{sound(stale)}}, Refresh, []Reason{CRLStale}},

		{"certificate-removed", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { *s = Slot{Group: "LineA", Filled: plan.No} }))}}, Reprovision, []Reason{CertificateRemoved}},
		{"revoked", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { s.Revoked = plan.Yes }))}}, Reprovision, []Reason{Revoked}},
		{"expired", Facts{Endpoints: []Endpoint{sound(expired)}}, Reprovision, []Reason{Expired}},
		{"key-mismatch", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { s.Shown = plan.No }))}}, Reprovision, []Reason{KeyMismatch}},
		{"uri-mismatch", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { s.URI = plan.No }))}}, Reprovision, []Reason{URIMismatch}},
		{"configuration-lost", Facts{Endpoints: []Endpoint{sound(func(e *Endpoint) { e.Configured = plan.No })}}, Reprovision, []Reason{ConfigurationLost}},
		{"two reasons of one verdict", Facts{Endpoints: []Endpoint{sound(expired, slot(func(s *Slot) { s.Revoked = plan.Yes }))}}, Reprovision, []Reason{Expired, Revoked}},
		{"the worst of one endpoint counts", Facts{Endpoints: []Endpoint{sound(expired, stale)}}, Reprovision, []Reason{Expired}},
		{"the least of two endpoints suffices", Facts{Endpoints: []Endpoint{sound(expired), sound(stale)}}, Refresh, []Reason{CRLStale}},
		{"another slot serves", Facts{Endpoints: []Endpoint{sound(expired, func(e *Endpoint) { e.Slots = append(e.Slots, soundSlot()) })}}, Current, []Reason{OK}},

		{"unreachable", Facts{Failure: Unreachable}, Undetermined, []Reason{Unreachable}},
		{"timeout", Facts{Failure: Timeout}, Undetermined, []Reason{Timeout}},
		{"server-busy", Facts{Failure: ServerBusy}, Undetermined, []Reason{ServerBusy}},
		{"nothing to look at", Facts{}, Undetermined, []Reason{NotObserved}},
		{"the endpoint does not answer", Facts{Endpoints: []Endpoint{sound(silent)}}, Undetermined, []Reason{Timeout}},
		{"it does not answer, and its slot has expired", Facts{Endpoints: []Endpoint{sound(silent, expired)}}, Undetermined, []Reason{Timeout}},
		{"one does not answer, the other has expired", Facts{Endpoints: []Endpoint{sound(expired), sound(silent)}}, Undetermined, []Reason{Timeout}},
		{"one does not answer, the other works", Facts{Endpoints: []Endpoint{sound(silent), sound()}}, Current, []Reason{OK}},
		{"the slot was not seen", Facts{Endpoints: []Endpoint{sound(slot(func(s *Slot) { s.Filled = plan.Unknown }))}}, Undetermined, []Reason{NotObserved}},
		{"a failure that is none", Facts{Failure: Expired}, Undetermined, []Reason{NotObserved}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.facts.Now = now
			d := Decide(tt.facts)
			if d.Verdict != tt.verdict || !slices.Equal(d.Reasons, tt.reasons) {
				t.Errorf("decision %s %v, want %s %v", d.Verdict, d.Reasons, tt.verdict, tt.reasons)
			}
			if len(d.Findings) == 0 {
				t.Error("there is no finding")
			}
		})
	}
}

// TestNothingIsProvisionedUnseen: whatever else the facts say, what was not
// observed never leads to refresh or reprovision.
func TestNothingIsProvisionedUnseen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		f := someFacts(r)
		d := Decide(f)
		if again := Decide(f); !reflect.DeepEqual(d, again) {
			t.Fatalf("equal facts give %+v and %+v", d, again)
		}
		if f.Failure != "" && f.Failure != OK && d.Verdict != Undetermined {
			t.Fatalf("%+v gives %s", f, d.Verdict)
		}
		if d.Verdict != Refresh && d.Verdict != Reprovision {
			continue
		}
		for _, e := range f.Endpoints {
			unseen := verdictOf(e.Probe) == Undetermined && e.Probe != ""
			if unseen && e.Configured != plan.No {
				t.Fatalf("%+v gives %s, though %q was not seen", f, d.Verdict, e.Name)
			}
		}
		// Hiding everything from view takes the verdict back.
		for i := range f.Endpoints {
			f.Endpoints[i].Probe = Timeout
			f.Endpoints[i].Configured = plan.Unknown
		}
		if d := Decide(f); d.Verdict != Undetermined {
			t.Fatalf("%+v gives %s", f, d.Verdict)
		}
	}
}

func someFacts(r *rand.Rand) Facts {
	reasons := []Reason{"", OK, EndpointUnknown, CRLStale, Expired, KeyMismatch, Unreachable, Timeout, ServerBusy, Denied, "from tomorrow"}
	answer := func() plan.Answer { return plan.Answer(r.IntN(3)) }
	f := Facts{Now: now}
	if r.IntN(5) == 0 {
		f.Failure = reasons[r.IntN(len(reasons))]
	}
	for range r.IntN(4) {
		e := Endpoint{Name: "e", Configured: answer(), Offered: answer(), Probe: reasons[r.IntN(len(reasons))]}
		for range r.IntN(3) {
			e.Slots = append(e.Slots, Slot{
				Filled: answer(), NotAfter: []time.Time{{}, now, now.Add(time.Hour)}[r.IntN(3)],
				URI: answer(), Shown: answer(), Revoked: answer(), Issuer: answer(), FreshCRLs: answer(),
			})
		}
		f.Endpoints = append(f.Endpoints, e)
	}
	return f
}
