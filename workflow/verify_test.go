package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
)

func TestVerify(t *testing.T) {
	denied := &classed{text: "another certificate", class: ClassTrust}
	always := func(err error) (faults []fault) {
		for n := range 1000 {
			faults = append(faults, fault{call: "Probe", n: n + 1, err: err})
		}
		return faults
	}
	for _, test := range []struct {
		name    string
		faults  []fault
		wantErr error
		took    time.Duration // at least
	}{
		{name: "at once"},
		{name: "once the endpoint is up", faults: always(errLost)[:3]},
		{name: "never up", faults: always(errLost), wantErr: errLost, took: 50 * time.Second},
		{name: "another certificate", faults: always(denied), wantErr: denied},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.Desired.Update.RestartDelay = 0
			r.server.faults = test.faults
			start := time.Now()
			err := r.run(t, Apply())
			took := time.Since(start)
			if !errors.Is(err, test.wantErr) || took < test.took || took > defaultReconnect {
				t.Fatalf("after %v the error is %v, want %v", took, err, test.wantErr)
			}
			if err == nil {
				if got, want := r.Probed.CertificateSHA256, pki.Fingerprint(r.issuer.chain[0]); got != want {
					t.Errorf("the certificate demanded is %s, want the one issued, %s", got, want)
				}
				return
			}
			var verify *VerifyError
			if !errors.As(err, &verify) || r.Probed != nil || !strings.Contains(err.Error(), "1 of 1 trust lists and 1 of 1 certificates were written") {
				t.Errorf("the error is %v, want a *VerifyError that says what is in force", err)
			}
			if slices.Contains(r.server.calls, "CancelChanges") {
				t.Error("what was applied was cancelled")
			}
		})
	}
}

// One of several URLs is enough.
func TestVerifyAnyURL(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.Desired.Records.ServerEndpoints[0].EndpointURLs = []string{"opc.tcp://inside:4843", "opc.tcp://outside:4843"}
		r.server.faults = []fault{{call: "Probe", n: 1, err: errLost}}
		r.must(t, Apply())
		if r.Probed.EndpointURL != "opc.tcp://outside:4843" {
			t.Errorf("the endpoint is %s", r.Probed.EndpointURL)
		}
	})
}

// A Client has no endpoint that could be tried.
func TestNoVerification(t *testing.T) {
	for name, set := range map[string]func(*rig){
		"client":              func(r *rig) { r.server.typ = config.ApplicationClient },
		"managed application": func(r *rig) { r.server.identity.Application = "ns=2;s=App" },
		"no certificate":      func(r *rig) { r.Desired.Certificates = nil },
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t)
			set(r)
			if name == "client" {
				e := r.Desired.Records.ServerEndpoints[0].Endpoint
				e.DiscoveryURLs = []string{"opc.tcp://plc1:4843"}
				r.Desired = config.Desired{Records: config.Application{ClientEndpoints: []config.Endpoint{e}}, Update: r.Desired.Update}
				r.server.app.ServerEndpoints = nil
			}
			r.must(t, Apply())
			if len(r.server.probes) != 0 || r.Probed != nil {
				t.Errorf("%q were tried", r.server.probes)
			}
		})
	}
}

func TestClassOf(t *testing.T) {
	lost := fmt.Errorf("upload: %w", errLost)
	for _, test := range []struct {
		err  error
		want Class
	}{
		{nil, ClassOther},
		{errors.New("x"), ClassOther},
		{context.Canceled, ClassOther},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), ClassNetwork},
		{lost, ClassNetwork},
		{&classed{class: ClassTrust}, ClassTrust},
		{&StaleError{}, ClassConflict},
		{&RejectedError{Err: lost}, ClassRejected},
		{&RevertedError{Err: lost}, ClassRejected},
		{&VerifyError{Err: lost}, ClassNetwork},
		{&VerifyError{}, ClassOther},
		{&PartialError{Err: lost}, ClassUnknown},
		{&PartialError{Err: lost, Unchanged: true}, ClassNetwork},
	} {
		if got := ClassOf(test.err); got != test.want {
			t.Errorf("ClassOf(%#v) = %v, want %v", test.err, got, test.want)
		}
	}
}

func TestPartialErrorHint(t *testing.T) {
	for _, test := range []struct {
		err  PartialError
		want string
	}{
		{PartialError{Err: errLost, Next: "look"}, "look"},
		{PartialError{Err: ErrNoConfigurationFile, Next: "look"}, ErrNoConfigurationFile.(noConfigurationFile).Hint() + "\nlook"},
		{PartialError{Err: errLost}, ""},
	} {
		if got := test.err.Hint(); got != test.want {
			t.Errorf("the hint is %q, want %q", got, test.want)
		}
	}
	if (&StaleError{}).Hint() == "" {
		t.Error("a stale plan has no hint")
	}
	e := &RejectedError{Err: errLost}
	if got, want := e.Error(), "the server rejected the update: the connection was lost"; got != want {
		t.Errorf("without verdicts it is %q, want %q", got, want)
	}
}

// The certificate of the Session's own endpoint is seen by a new Session alone.
func TestReplacedOwn(t *testing.T) {
	k := slot{"G", config.TypeRsaSha256}
	old, issued := []byte("old"), []byte("issued")
	for name, c := range map[string]struct {
		held    []byte // when the groups were read
		reached []byte
		filled  bool
		want    bool
	}{
		"its own":           {old, old, true, true},
		"another endpoint":  {old, []byte("other"), true, false},
		"not filled":        {old, old, false, false},
		"by an earlier run": {issued, issued, true, false},
		"an empty slot":     {nil, old, true, false},
	} {
		s := &State{
			Reached: ServerIdentity{CertificateSHA256: pki.Fingerprint(c.reached)}, Issued: map[slot][][]byte{k: {issued}}, slotsFilled: map[slot]standing{},
			Observation: Observation{Groups: []GroupObservation{{Name: "G", Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: c.held}}}},
		}
		if c.filled {
			s.slotsFilled[k] = inForce
		}
		if got := s.replacedOwn(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
