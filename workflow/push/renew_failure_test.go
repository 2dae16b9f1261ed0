package push_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/sim"
)

// renewalCall is a method of a renewal, and the steps of which the first one that
// begins arms its fault; none is from the start.
type renewalCall struct {
	name, method string
	from         []string
}

// renewalCalls are the methods of a renewal that can fail, in order.
var renewalCalls = []renewalCall{
	{"read the list", "TrustList/Open", nil},
	{"CreateSigningRequest", "CreateSigningRequest", nil},
	{"Open to write", "TrustList/Open", []string{"write trust lists", "prepare trust lists"}},
	{"Write", "TrustList/Write", nil},
	{"CloseAndUpdate", "TrustList/CloseAndUpdate", nil},
	{"ApplyChanges after the list", "ApplyChanges", []string{"prepare trust lists"}},
	{"read the list back", "TrustList/OpenWithMasks", []string{"prepare trust lists"}},
	{"UpdateCertificate", "UpdateCertificate", nil},
	{"ApplyChanges", "ApplyChanges", []string{"update certificates"}},
	{"reconnect", "CreateSession", []string{"reconnect"}},
}

// TestRenewalFailsAtEachMethod makes each method of a renewal fail in turn: refused,
// lost on the way, or carried out and its answer lost. The old certificate still
// works afterwards, or the new one where the server had it in force; slot, endpoints
// and channel agree; and no transaction is left in the way of the next renewal.
func TestRenewalFailsAtEachMethod(t *testing.T) {
	kinds := []sim.FaultKind{sim.Refuse, sim.DropBefore, sim.DropAfter}
	if testing.Short() {
		kinds = kinds[:1]
	}
	for _, profile := range []string{"full", "single-group", "no-configfile", "no-transactions", "delays-changes"} {
		for _, call := range renewalCalls {
			for _, kind := range kinds {
				if kind == sim.DropBefore && profile != "full" { // as refused, but for the time that it takes
					continue
				}
				if notCalled[profile][call.name] == "" {
					t.Run(profile+"/"+call.name+"/"+kind.String(), func(t *testing.T) {
						t.Parallel()
						failRenewal(t, profile, call, kind)
					})
				}
			}
		}
	}
}

// notCalled says why a profile is not asked for a method.
var notCalled = map[string]map[string]string{
	"full":         inOneTransaction,
	"single-group": inOneTransaction,
	"no-transactions": {
		"ApplyChanges": "every change is in force at once", "ApplyChanges after the list": "every change is in force at once",
	},
}

var inOneTransaction = map[string]string{
	"ApplyChanges after the list": "it waits for the certificate", "read the list back": "it is not in force before the certificate",
}

// inForce says whether the new certificate is in force after a failure: the server
// had carried out what puts it there, and only the answer or the way back was lost.
func inForce(profile, call string, kind sim.FaultKind) bool {
	last := "ApplyChanges"
	if profile == "no-transactions" {
		last = "UpdateCertificate"
	}
	return call == "reconnect" || call == last && kind == sim.DropAfter
}

func failRenewal(t *testing.T, profile string, call renewalCall, kind sim.FaultKind) {
	server := start(t, func(o *sim.Options) {
		o.Profile, o.GenerateKey = profile, simKeys()
		// A lost Session holds its transaction, and an open list, until it times out.
		o.Limits = sim.Limits{MinSessionTimeout: time.Second, MaxSessionTimeout: time.Second, ActivityTimeout: time.Second}
	})
	before := server.Certificate()
	s, armed := renewal(t, server, false), false
	arm := func() {
		if !armed {
			server.AddFault(sim.Fault{Method: call.method, Kind: kind, Status: ua.StatusBadUnexpectedError})
		}
		armed = true
	}
	if len(call.from) == 0 {
		arm()
	}
	s.Observe = func(e workflow.Event) error {
		if e.Type == workflow.StepStarted && slices.Contains(call.from, e.Step) {
			arm()
		}
		return nil
	}
	err := workflow.Run(t.Context(), s, workflow.UpdateCertificates())
	if err == nil && (call.name != "reconnect" || kind == sim.Refuse) { // a connection that is lost is tried again
		t.Fatal("the renewal succeeds")
	}
	now := agreed(t, server)
	if want := inForce(profile, call.name, kind); want == bytes.Equal(now, before) {
		t.Errorf("the new certificate is in force: %v, want %v, after %v", !want, want, err)
	}
	for limit := time.Now().Add(15 * time.Second); ; {
		again, err := renewAt(t, server, false)
		if err == nil {
			if !again.Verified {
				t.Error("the next renewal was not verified")
			}
			break
		}
		// What a lost Session has left open is in the way until its timeout.
		if time.Now().After(limit) {
			t.Fatalf("the next renewal fails: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	agreed(t, server)
}

// agreed is the certificate that endpoints, channel and slot have.
func agreed(t *testing.T, server *sim.Server) []byte {
	t.Helper()
	s := upkeep(t, open(t, target(t, server))) // with the certificate of its endpoint, and no other
	own := s.ServerIdentity().Certificate
	if !bytes.Equal(own, server.Certificate()) {
		t.Error("the channel has another certificate than the endpoint")
	}
	for _, e := range s.Endpoints() {
		if len(e.Certificate) > 0 && !bytes.Equal(e.Certificate, own) {
			t.Errorf("%s shows another certificate", e.URL)
		}
	}
	slots, err := s.GetCertificates(t.Context(), config.DefaultApplicationGroup)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(slots[config.TypeRsaSha256], own) {
		t.Error("the slot has another certificate")
	}
	return own
}
