package workflow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/upkeep"
)

// What a failed run leaves over is what was requested and is not known to be in force.
func TestSpares(t *testing.T) {
	at := SlotFact{"G", config.TypeRsaSha256}
	requested := func(key upkeep.KeySource) Fact {
		return Fact{Requested: &RequestedFact{SlotFact: at, Key: key, CSR: []byte("csr")}}
	}
	issued := Fact{Issued: &IssuedFact{Group: at.Group, Type: at.Type, Chain: [][]byte{[]byte("leaf")}}}
	filled := func(staged bool) Fact {
		return Fact{Filled: &FilledFact{Group: at.Group, Type: at.Type, Staged: staged}}
	}
	for name, c := range map[string]struct {
		facts []Fact
		seen  bool
		want  int
	}{
		"nothing":               {nil, false, 0},
		"requested":             {[]Fact{requested(upkeep.ServerKey)}, false, 1},
		"issued":                {[]Fact{requested(upkeep.ServerKey), issued}, false, 1},
		"staged":                {[]Fact{requested(upkeep.SameKey), issued, filled(true)}, false, 1},
		"staged, and applied":   {[]Fact{requested(upkeep.ServerKey), issued, filled(true), {Activated: true}}, false, 0},
		"in force":              {[]Fact{requested(upkeep.ServerKey), issued, filled(false)}, false, 0},
		"the key is gone":       {[]Fact{requested(upkeep.ServerKey), issued, {KeyLost: &at}}, false, 0},
		"asked for again":       {[]Fact{requested(upkeep.ServerKey), issued, {KeyLost: &at}, requested(upkeep.ServerKey)}, false, 1},
		"made here":             {[]Fact{requested(upkeep.LocalKey), issued}, false, 0},
		"a later run has more":  {[]Fact{requested(upkeep.ServerKey), issued}, true, 0},
		"signed by the server":  {[]Fact{issued}, false, 0},
		"issued after the next": {[]Fact{issued, requested(upkeep.ServerKey)}, false, 1},
	} {
		seen := map[SlotFact]bool{at: c.seen}
		got := Spares("run", c.facts, seen)
		if len(got) != c.want {
			t.Errorf("%s: %d are left over, want %d", name, len(got), c.want)
		}
	}
}

// The next run has the same request signed. Where the server has dropped its key, that
// is said, and recorded for the run after it.
func TestSpareIsUsed(t *testing.T) {
	spare := func(r *keptRig) {
		r.Spare = []Spare{{Run: "earlier", RequestedFact: RequestedFact{SlotFact: SlotFact{"G", config.TypeRsaSha256}, Key: upkeep.ServerKey, CSR: csr()}}}
	}
	bubble(t, "used", func(t *testing.T) {
		r := newKept(t)
		spare(r)
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(r.k.calls, "CreateSigningRequest") {
			t.Errorf("the calls are %q, want no other request", r.k.calls)
		}
		if !slices.ContainsFunc(r.events, func(e Event) bool { return strings.Contains(e.Message, "run earlier has left a request") }) {
			t.Error("nobody is told")
		}
	})
	bubble(t, "for what is there already", func(t *testing.T) {
		r := newKept(t)
		spare(r)
		r.Spare[0].Leaf = keptOnce.old
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(r.k.calls, "CreateSigningRequest") {
			t.Errorf("the calls are %q, want a new request", r.k.calls)
		}
	})
	bubble(t, "its key is gone", func(t *testing.T) {
		r := newKept(t)
		spare(r)
		r.k.faults = []fault{{call: "UpdateCertificate", n: 1, err: refusal(ua.StatusBadSecurityChecksFailed)}}
		err := Run(t.Context(), r.State, UpdateCertificates())
		var lost *KeyLostError
		if !errors.As(err, &lost) || lost.Resumed || !strings.Contains(lost.Hint(), "run the command again") {
			t.Fatalf("got %v", err)
		}
		if !slices.ContainsFunc(r.events, func(e Event) bool { return e.Fact != nil && e.Fact.KeyLost != nil }) {
			t.Error("it is not on record")
		}
	})
}
