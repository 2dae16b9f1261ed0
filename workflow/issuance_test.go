package workflow

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/pki"
)

// TestTenThousandAttemptsIssueNothing: connecting, reading, planning, looking at
// the health, and every attempt that fails before the server is ready for a
// certificate, leave the ledger of a real authority as it was (promise 3).
func TestTenThousandAttemptsIssueNothing(t *testing.T) {
	attempts := 10000
	if testing.Short() {
		attempts = 500
	}
	subject, err := pki.ParseSubject("CN=Count CA/O=Plant")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.InitCA(t.Context(), t.TempDir(), pki.CAOptions{Subject: subject, NoPassphrase: true, Key: pki.KeyRSA2048})
	if err != nil {
		t.Fatal(err)
	}
	before, err := ca.Records()
	if err != nil {
		t.Fatal(err)
	}
	material(t) // keys are not made in fake time
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 6))
		lists := []func() []Step{Plan, Read, Examine, Apply, ApplyConfiguration}
		failures := []fault{
			{call: "Open", n: 1, err: errLost},
			{call: "Observe", n: 1, err: errLost},
			{call: "UpdateConfiguration", n: 1, err: refusal(ua.StatusBadInvalidArgument)},
			{call: "UpdateConfiguration", n: 1, err: errUnknown},
			{call: "UpdateConfiguration", n: 1, err: errUnknown, after: true},
			{call: "ConfirmUpdate", n: 1, err: refusal(ua.StatusBadInvalidArgument)},
			{call: "CreateSigningRequest", n: 1, err: errLost},
			{call: "CreateSigningRequest", n: 1, err: refusal(ua.StatusBadUserAccessDenied)},
		}
		for range attempts {
			rig := newRig(t)
			rig.Issuer = ca
			steps := lists[r.IntN(len(lists))]()
			applies := len(steps) > len(Examine())
			if applies || r.IntN(2) == 0 { // an apply that succeeds would issue, and is meant to
				rig.server.faults = []fault{failures[r.IntN(len(failures))]}
			}
			_ = rig.run(t, steps) // whether it fails is not at issue
		}
	})
	after, err := ca.Records()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("the ledger grew from %d to %d lines", len(before), len(after))
	}
}
