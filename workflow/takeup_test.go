package workflow

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/upkeep"
)

// cutOff is killedAt for upkeep. The rig that it returns has the same server, and
// knows of the run what is on record.
func (r *keptRig) cutOff(t *testing.T, steps []Step, stop func(Event) bool) *keptRig {
	t.Helper()
	var facts []Fact
	var sent Event
	r.Observe = func(e Event) error {
		switch {
		case e.Type == StepStarted && Mutates(e.Step):
			sent = e
		case e.Type == StepDone:
			sent = Event{}
		}
		if e.Fact != nil {
			facts = append(facts, *e.Fact)
		}
		if stop(e) {
			runtime.Goexit()
		}
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = Run(t.Context(), r.State, steps) // it does not come back
	}()
	<-ended
	next := newKept(t)
	own := next.k.own
	next.k = r.k
	next.k.own = own
	next.Target, next.Issuer = r.k, &issuer{s: r.k.server, chain: keptOnce.issued.Chain}
	next.Decide, next.Reads = nil, nil
	var err error
	if next.Earlier, err = EarlierOf(nil, facts, sent); err != nil {
		t.Fatal(err)
	}
	return next
}

// Wherever a run is cut off, the rest is done, and one certificate is issued.
func TestResumeCertificates(t *testing.T) {
	stops := map[string]func(Event) bool{
		"approved":   fact(func(f Fact) bool { return f.Work != nil }),
		"requested":  fact(func(f Fact) bool { return f.Requested != nil }),
		"issued":     fact(func(f Fact) bool { return f.Issued != nil }),
		"list":       fact(func(f Fact) bool { return f.Trust != nil }),
		"slot":       fact(func(f Fact) bool { return f.Filled != nil }),
		"reconnect":  begun(rejoin{}),
		"at the end": doneWith(agree{}),
	}
	for name, server := range map[string]func(*kept){
		"transactions":          func(*kept) {},
		"delay only":            func(k *kept) { k.transactions = false },
		"at once":               func(k *kept) { k.transactions, k.applyRequired = false, false },
		"without the slots":     func(k *kept) { k.silent = true },
		"at once, silent slots": func(k *kept) { k.transactions, k.applyRequired, k.silent = false, false, true },
	} {
		for where, stop := range stops {
			bubble(t, name+"/"+where, func(t *testing.T) {
				r := newKept(t)
				server(r.k)
				next := r.cutOff(t, UpdateCertificates(), stop)
				if err := Run(t.Context(), next.State, ResumeCertificates()); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(next.slot(), keptOnce.issued.Leaf()) || len(next.k.groups["G"].TrustList.IssuerCertificates) != 1 || !next.Verified {
					t.Error("the slot or the list is not as it was to be, or nobody has looked")
				}
				if n := strings.Count(strings.Join(r.k.calls, " "), "Issue"); n != 1 {
					t.Errorf("the issuer was called %d times, want once: %q", n, r.k.calls)
				}
				if _, taken := next.SlotTaken("G", config.TypeRsaSha256); !taken || !next.ListTaken("G") {
					t.Error("the result does not name what was done")
				}
			})
		}
	}
}

// A lost answer is found out by looking: what is in force is not done again.
func TestResumeAfterLostAnswer(t *testing.T) {
	for name, after := range map[string]bool{"carried out": true, "not carried out": false} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			r.k.faults = []fault{{call: "ApplyChanges", n: 1, err: errUnknown, after: after}}
			next := r.cutOff(t, UpdateCertificates(), func(e Event) bool { return e.Type == StepFailed })
			before := len(r.k.sent)
			if err := Run(t.Context(), next.State, ResumeCertificates()); err != nil {
				t.Fatal(err)
			}
			want := OutcomeNotApplied
			if after {
				want = OutcomeApplied
			}
			if next.Outcome == nil || next.Outcome.Outcome != want || (len(r.k.sent) == before) != after || !bytes.Equal(next.slot(), keptOnce.issued.Leaf()) {
				t.Errorf("the outcome is %+v after %d more updates, want %s", next.Outcome, len(r.k.sent)-before, want)
			}
			for _, said := range []string{"The server says that its latest transaction ended at ", "the trust list of G was last written at "} {
				if !slices.ContainsFunc(next.events, func(e Event) bool { return strings.HasPrefix(e.Message, said) }) {
					t.Errorf("nobody is told: %s…", said)
				}
			}
		})
	}
}

// What somebody else has changed since is not written over, and nothing is claimed.
func TestResumeClaimsNothing(t *testing.T) {
	other := pkitest.Application(t, pkitest.Options{Key: pkitest.Key(4)}).Leaf()
	for name, c := range map[string]struct {
		change func(*keptRig)
		want   string
	}{
		"list": {func(r *keptRig) { r.k.groups["G"].TrustList.IssuerCertificates = [][]byte{other} }, "the trust list of G is neither as it was before the run nor as it was to be"},
		"slot": {func(r *keptRig) { r.k.groups["G"].Certificates[config.TypeRsaSha256] = other }, "the slot RsaSha256 of G has another certificate"},
	} {
		bubble(t, name, func(t *testing.T) {
			next := newKept(t).cutOff(t, UpdateCertificates(), fact(func(f Fact) bool { return f.Issued != nil }))
			c.change(next)
			calls := len(next.k.calls)
			err := Run(t.Context(), next.State, ResumeCertificates())
			var unclear *UnclearError
			if !errors.As(err, &unclear) || !strings.Contains(err.Error(), c.want) || ClassOf(err) != ClassUnknown || unclear.Hint() == "" || next.Outcome != nil {
				t.Errorf("got %v, %+v", err, next.Outcome)
			}
			if got := strings.Join(next.k.calls[calls:], " "); got != "Open Survey" {
				t.Errorf("the calls are %q, want nothing but looking", got)
			}
		})
	}
	bubble(t, "another server", func(t *testing.T) {
		next := newKept(t).cutOff(t, UpdateCertificates(), fact(func(f Fact) bool { return f.Issued != nil }))
		next.k.identity.ApplicationURI = "urn:test:another"
		var stale *StaleError
		if err := Run(t.Context(), next.State, ResumeCertificates()); !errors.As(err, &stale) {
			t.Errorf("got %v, want a *StaleError", err)
		}
	})
}

// Without its key a certificate is of no use; another one takes the operator's word.
func TestResumeWithoutKey(t *testing.T) {
	refused := func(r *keptRig) {
		r.k.faults = []fault{{call: "UpdateCertificate", n: 1, err: refusal(ua.StatusBadSecurityChecksFailed)}}
	}
	for name, c := range map[string]struct {
		key    upkeep.KeySource
		server func(*keptRig)
		looks  bool // nothing is written
	}{
		"made here":             {upkeep.LocalKey, func(*keptRig) {}, true},
		"dropped by the server": {upkeep.ServerKey, refused, false},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			renewal := upkeep.Renewal{All: true, Key: c.key, Bits: 2048}
			issuers, crls := materialsOf(t)
			renewal.Issuers, renewal.CRLs = issuers, crls
			r.Decide = renewal.Decide
			next := r.cutOff(t, UpdateCertificates(), fact(func(f Fact) bool { return f.Issued != nil }))
			c.server(next)
			calls := len(next.k.calls)
			var facts []Fact
			next.Observe = func(e Event) error {
				if e.Fact != nil {
					facts = append(facts, *e.Fact)
				}
				return nil
			}
			err := Run(t.Context(), next.State, ResumeCertificates())
			var lost *KeyLostError
			if !errors.As(err, &lost) || lost.Local != (c.key == upkeep.LocalKey) || !strings.Contains(lost.Hint(), pki.Fingerprint(keptOnce.issued.Leaf())) {
				t.Fatalf("got %v", err)
			}
			if got := strings.Join(next.k.calls[calls:], " "); c.looks && got != "Open Survey" {
				t.Errorf("the calls are %q, want nothing but looking", got)
			}
			if !bytes.Equal(next.slot(), keptOnce.old) {
				t.Error("the slot has changed")
			}
			for _, f := range facts { // as the record has it for whoever comes next
				if err := next.Earlier.fold(f); err != nil {
					t.Fatal(err)
				}
			}
			again := next
			again.Reissue, again.Issued = true, nil
			if err := Run(t.Context(), again.State, ResumeCertificates()); c.key == upkeep.ServerKey && err != nil {
				t.Fatal(err)
			} else if c.key == upkeep.ServerKey && !bytes.Equal(again.slot(), keptOnce.issued.Leaf()) {
				t.Error("the slot has not changed")
			}
			if n := strings.Count(strings.Join(next.k.calls, " "), "Issue"); n != 2 {
				t.Errorf("the issuer was called %d times, want once for each word of the operator", n)
			}
		})
	}
}

func materialsOf(t *testing.T) (cas, crls []plan.Material) {
	t.Helper()
	ca, err := plan.Certificate("ca", keptOnce.ca.Certificate.Raw)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := plan.CRL("ca", keptOnce.crl)
	if err != nil {
		t.Fatal(err)
	}
	return []plan.Material{ca}, []plan.Material{crl}
}
