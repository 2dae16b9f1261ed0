package workflow

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/config/uafile"
)

func TestApply(t *testing.T) {
	bubble(t, "all of it", func(t *testing.T) {
		r := newRig(t)
		r.must(t, Apply())
		want := []string{
			"Open", "Observe", "UpdateConfiguration",
			"Open", "ConfirmUpdate", "Observe",
			"WriteTrustList", "CreateSigningRequest", "Issue", "UpdateCertificate", "ApplyChanges",
			"Probe", "Observe",
		}
		if got := r.server.calls; !slices.Equal(got, want) {
			t.Errorf("the calls are %q, want %q", got, want)
		}
		if !r.Confirmed || !r.Activated || r.Probed == nil || r.Remaining == nil || !r.Remaining.Empty() {
			t.Errorf("confirmed %v, activated %v, probed %v, remaining %v", r.Confirmed, r.Activated, r.Probed, r.Remaining)
		}
		if r.Session != nil || r.server.closed != r.server.sessions {
			t.Errorf("%d of %d sessions were closed", r.server.closed, r.server.sessions)
		}
		if r.VersionAfter != r.Plan.BaseVersion+1 {
			t.Errorf("the version afterwards is %v, want the one after %v", r.VersionAfter, r.Plan.BaseVersion)
		}
	})
	bubble(t, "twice", func(t *testing.T) { // promise 2
		r := newRig(t)
		r.must(t, Apply())
		r = r.again(t)
		r.must(t, Apply())
		if want := []string{"Open", "Observe"}; !slices.Equal(r.server.calls, want) || len(r.issuer.requests) != 0 {
			t.Errorf("the second run calls %q and issues %d, want %q and none", r.server.calls, len(r.issuer.requests), want)
		}
		want := map[string]string{
			"guard against lock-out":          "it is not this server's endpoints that change",
			"look at what would stop working": "it is not this server's endpoints that change",
			"try the changed endpoint":        "the configuration is as it should be",
			"approve":                         "there is nothing to do", "upload": "the configuration is as it should be",
			"reconnect": "the configuration is as it should be", "confirm": "the configuration is as it should be",
			"read the groups":   "trust lists and certificates are as they should be",
			"write trust lists": "no trust list lacks anything", "issue certificates": "no certificate is needed",
			"apply changes":       "the server has applied every change by itself",
			"verify the endpoint": "nothing was changed", "plan again": "nothing was changed",
		}
		got := map[string]string{}
		for _, e := range r.events {
			if e.Type == StepSkipped {
				got[e.Step] = e.Message
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the reasons to skip are %q, want %q", got, want)
		}
	})
	bubble(t, "from a saved plan", func(t *testing.T) {
		r := savedPlan(t, newRig(t))
		r.must(t, ApplySaved())
		if len(r.server.updates) != 1 || len(r.server.certs) != 1 || !r.Remaining.Empty() {
			t.Errorf("%d uploads, %d certificates, remaining %v", len(r.server.updates), len(r.server.certs), r.Remaining)
		}
	})
	bubble(t, "configuration alone", func(t *testing.T) {
		r := newRig(t)
		r.must(t, ApplyConfiguration())
		if !r.Confirmed || len(r.server.csrs)+len(r.server.lists)+len(r.server.certs) != 0 {
			t.Errorf("confirmed %v, calls %q", r.Confirmed, r.server.calls)
		}
	})
	bubble(t, "an edit", func(t *testing.T) {
		r := newRig(t)
		r.Desired = config.Desired{Update: r.Desired.Update}
		r.Edit = func(base config.Application) (config.Application, error) { return plan.WithoutEndpoint(base, "first") }
		r.must(t, Apply())
		if len(r.server.app.ServerEndpoints) != 0 || !r.Confirmed {
			t.Errorf("endpoints %v, confirmed %v", r.server.app.ServerEndpoints, r.Confirmed)
		}
	})
}

// Nothing is written that was not shown: what is sent is derived from the plan.
func TestUploadSendsThePlan(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		base := r.server.app.Clone()
		var shown plan.Plan
		r.Approve = func(_ context.Context, p plan.Plan) error {
			if shown = p; len(r.server.updates) != 0 {
				t.Error("something was sent before the approval")
			}
			return nil
		}
		r.must(t, Apply())
		u := r.server.updates[0]
		var want []config.UpdateTarget
		for _, c := range shown.Changes {
			want = append(want, config.UpdateTarget{Path: c.Path, Type: c.UpdateType})
		}
		if !slices.Equal(u.Targets, want) || len(want) != 4 {
			t.Errorf("the targets are %v, want those shown, %v", u.Targets, want)
		}
		if u.VersionToUpdate != base.Version || u.Timing != shown.Update {
			t.Errorf("version %v and timing %v, want %v and %v", u.VersionToUpdate, u.Timing, base.Version, shown.Update)
		}
		f, err := uafile.Decode(u.File)
		if err != nil {
			t.Fatal(err)
		}
		body := f.Application()
		if body.Version != base.Version {
			t.Errorf("the body says version %v, want %v", body.Version, base.Version)
		}
		if left := plan.Compute(body, r.server.app); len(left) != 0 {
			t.Errorf("the body is not the whole configuration: it lacks %v", left)
		}
		if len(body.ServerEndpoints) != 2 || !reflect.DeepEqual(body.ServerEndpoints[0], base.ServerEndpoints[0]) {
			t.Errorf("the endpoints of the body are %+v, want the first as it was, and another", body.ServerEndpoints)
		}
	})
}

func TestDecline(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.Approve = func(context.Context, plan.Plan) error { return ErrDeclined }
		err := r.run(t, Apply())
		var partial *PartialError
		if !errors.Is(err, ErrDeclined) || errors.As(err, &partial) {
			t.Errorf("the error is %v, want ErrDeclined alone", err)
		}
		if want := []string{"Open", "Observe"}; !slices.Equal(r.server.calls, want) {
			t.Errorf("the calls are %q, want %q", r.server.calls, want)
		}
	})
}

// A null NewVersion says that nothing was applied, whatever the status (OPC 10000-12, 7.8.5.2).
func TestNothingApplied(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.idle = true
		var rejected *RejectedError
		if err := r.run(t, Apply()); !errors.As(err, &rejected) || ClassOf(err) != ClassRejected {
			t.Errorf("the error is %v of class %d, want a *RejectedError", err, ClassOf(err))
		}
	})
}

// Where the two disagree on the layout, the file counts, and that is said.
func TestLayoutOfTheFile(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.dataType = "i=15549"
		r.must(t, Plan())
		if !slices.ContainsFunc(r.events, func(e Event) bool { return strings.Contains(e.Message, "SupportedDataType is i=15549") }) {
			t.Errorf("the events do not tell: %v", r.events)
		}
	})
}

func TestRejectedTargets(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		const entryExists, insertedGood, uncertain = 0x809F0000, 0x00A20000, 0x40000000
		r := newRig(t)
		r.server.rejection = refusal(entryExists)
		r.server.verdicts = []uint32{insertedGood, entryExists, uncertain, 0}
		err := r.run(t, Apply())
		var rejected *RejectedError
		if !errors.As(err, &rejected) {
			t.Fatalf("the error is %v, want a *RejectedError", err)
		}
		var good, names []string
		for _, v := range rejected.Results {
			names = append(names, v.Name)
			if v.Status == nil {
				good = append(good, v.Name)
			}
		}
		if want := []string{"LineA", "operators", "encrypted", "line-a"}; !slices.Equal(names, want) {
			t.Errorf("the verdicts are on %q, want %q", names, want)
		}
		if want := []string{"LineA", "line-a"}; !slices.Equal(good, want) { // Good_EntryInserted is good, Uncertain is not
			t.Errorf("%q count as good, want %q", good, want)
		}
		for _, part := range []string{`Insert UserTokenSettings.[1] "operators"`, `Insert SecuritySettings.[1] "encrypted"`, "nothing was applied"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
		if strings.Contains(err.Error(), "line-a") {
			t.Errorf("the error names a target that was good: %v", err)
		}
		var partial *PartialError
		if !errors.As(err, &partial) || !partial.Unchanged || ClassOf(err) != ClassRejected {
			t.Errorf("unchanged and rejected expected, the class is %v: %+v", ClassOf(err), partial)
		}
		if r.Update != nil || len(r.issuer.requests) != 0 {
			t.Error("the run went on")
		}
	})
}

func TestStale(t *testing.T) {
	for _, test := range []struct {
		name, what string
		move       func(*server)
	}{
		{"uri", "the server's ApplicationUri", func(s *server) { s.identity.ApplicationURI = "urn:other" }},
		{"certificate", "the server's certificate", func(s *server) { s.identity.CertificateSHA256 = "beef" }},
		{"application", "the managed application", func(s *server) { s.identity.Application = "ns=2;s=App" }},
		{"version", "the configuration version", func(s *server) { s.app.Version++ }},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := savedPlan(t, newRig(t))
			test.move(r.server)
			err := r.run(t, ApplySaved())
			var stale *StaleError
			if !errors.As(err, &stale) || stale.What != test.what || ClassOf(err) != ClassConflict {
				t.Errorf("the error is %v of class %v, want %s to be stale", err, ClassOf(err), test.what)
			}
			if want := []string{"Open", "Observe"}; !slices.Equal(r.server.calls, want) {
				t.Errorf("the calls are %q, want %q", r.server.calls, want)
			}
		})
	}
}

func TestRecheck(t *testing.T) {
	bubble(t, "a server that forgets", func(t *testing.T) {
		r := newRig(t)
		r.Desired.TrustLists, r.Desired.Certificates = nil, nil
		r.server.forgetful = true
		err := r.run(t, Apply())
		var verify *VerifyError
		if !errors.As(err, &verify) || !strings.Contains(err.Error(), "4 records to insert") {
			t.Errorf("the error is %v, want a *VerifyError that counts", err)
		}
		if r.Remaining == nil || len(r.Remaining.Changes) != 4 || ClassOf(err) != ClassUnknown {
			t.Errorf("remaining %v, class %v", r.Remaining, ClassOf(err))
		}
	})
	bubble(t, "the session was cut", func(t *testing.T) { // right after ApplyChanges, OPC 10000-12, 7.10.9
		r := newRig(t)
		r.server.faults = []fault{{call: "Observe", n: 3, err: errLost}}
		r.must(t, Apply())
		if n := r.server.counts["Open"]; n != 3 {
			t.Errorf("%d sessions were opened, want 3", n)
		}
	})
}

func TestNoConfigurationFile(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.noFile = true
		if err := r.run(t, Apply()); !errors.Is(err, ErrNoConfigurationFile) {
			t.Errorf("the error is %v, want ErrNoConfigurationFile", err)
		}
	})
}

// Connecting, reading and failing never issue a certificate (promise 3).
func TestNothingIssued(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []Step
		fault fault
	}{
		{name: "plan", steps: Plan()},
		{"no connection", Apply(), fault{call: "Open", n: 1, err: errLost}},
		{"no reading", Apply(), fault{call: "Observe", n: 1, err: errLost}},
		{"no upload", Apply(), fault{call: "UpdateConfiguration", n: 1, err: refusal(0x80000000)}},
		{"no confirmation", Apply(), fault{call: "ConfirmUpdate", n: 1, err: refusal(0x80000000)}},
		{"no request", Apply(), fault{call: "CreateSigningRequest", n: 1, err: refusal(0x80000000)}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.server.faults = []fault{test.fault}
			if err := r.run(t, test.steps); (err == nil) != (test.fault.call == "") {
				t.Errorf("the error is %v", err)
			}
			if len(r.issuer.requests) != 0 || slices.Contains(r.server.calls, "Issue") {
				t.Errorf("a certificate was issued: %q", r.server.calls)
			}
		})
	}
}
