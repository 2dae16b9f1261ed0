package workflow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/upkeep"
)

var (
	openSince = TransactionDiagnostics{Phase: TransactionActive, StartTime: time.Unix(1e9, 0)}
	endedGood = TransactionDiagnostics{Phase: TransactionCompleted, EndTime: time.Unix(1e9, 0), Result: "Good", Groups: []string{"G"}}
)

// ending is a run of uapush changes apply or cancel.
func ending(t *testing.T, e Ending) *keptRig {
	t.Helper()
	r := newKept(t)
	r.Decide, r.Reads, r.Ending = nil, nil, e
	r.Consent = func(context.Context, upkeep.Work) error { return nil }
	return r
}

// Somebody's transaction is ended on record; what became of it is what the server says.
func TestEndWaiting(t *testing.T) {
	for e, call := range map[Ending]string{EndApply: "ApplyChanges", EndCancel: "CancelChanges"} {
		bubble(t, string(e), func(t *testing.T) {
			r := ending(t, e)
			if err := Run(t.Context(), r.State, EndWaiting()); err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Join(r.k.calls, " "), "Open "+call+" TransactionDiagnostics"; got != want {
				t.Errorf("the calls are %s, want %s", got, want)
			}
			if !slices.ContainsFunc(r.events, func(v Event) bool { return v.Fact.Begins() && v.Fact.Ending == e }) {
				t.Error("the approval is not on record")
			}
		})
	}
	for name, c := range map[string]struct {
		err       error
		told      []TransactionDiagnostics
		unchanged bool
		want      string
	}{
		"refused":          {refusal(ua.StatusBadUserAccessDenied), []TransactionDiagnostics{openSince}, true, "a transaction is open since "},
		"lost":             {errUnknown, []TransactionDiagnostics{endedGood}, false, "its latest transaction ended at 2001-09-09 01:46:40 (the server's clock) with Good, and affected G."},
		"lost, and silent": {errUnknown, []TransactionDiagnostics{{}}, false, "What became of the transaction was not observed: "},
	} {
		bubble(t, name, func(t *testing.T) {
			r := ending(t, EndApply)
			r.k.faults = []fault{{call: "ApplyChanges", n: 1, err: c.err}}
			r.k.told = c.told
			err := Run(t.Context(), r.State, EndWaiting())
			var partial *PartialError
			if !errors.As(err, &partial) || partial.Unchanged != c.unchanged || !strings.Contains(partial.Observed, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A run of changes that was cut off is looked at, and nothing is ended again: what
// waits now may be something else.
func TestResumeEnding(t *testing.T) {
	for name, c := range map[string]struct {
		told TransactionDiagnostics
		want string // of the error; "" is none
	}{
		"ended":   {endedGood, ""},
		"none":    {TransactionDiagnostics{Phase: NoTransaction}, ""},
		"open":    {openSince, "which may be another one than was meant"},
		"unknown": {TransactionDiagnostics{Phase: TransactionUnknown}, "the server does not say"},
		"missing": {TransactionDiagnostics{}, "the server does not say"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := ending(t, EndApply)
			next := r.cutOff(t, EndWaiting(), begun(endWaiting{}))
			next.k.told, next.k.calls = []TransactionDiagnostics{c.told}, nil
			if next.Earlier.Ending != EndApply || next.Earlier.Configures() {
				t.Fatalf("the record says %+v", next.Earlier)
			}
			err := Run(t.Context(), next.State, ResumeEnding())
			var unclear *UnclearError
			if c.want == "" && (err != nil || next.Outcome == nil || next.Outcome.Outcome != OutcomeUnknown) {
				t.Errorf("got %v, %+v", err, next.Outcome)
			}
			if c.want != "" && (!errors.As(err, &unclear) || !strings.Contains(err.Error(), c.want) || next.Outcome != nil) {
				t.Errorf("got %v, %+v", err, next.Outcome)
			}
			if slices.Contains(next.k.calls, "ApplyChanges") || slices.Contains(next.k.calls, "CancelChanges") {
				t.Errorf("the calls are %q, want nothing but looking", next.k.calls)
			}
		})
	}
}

// A transaction that a lost Session has left open is waited for, with a sign of life,
// and not for ever.
func TestSettleTransaction(t *testing.T) {
	for name, c := range map[string]struct {
		told []TransactionDiagnostics
		said string
	}{
		"it ends":         {[]TransactionDiagnostics{openSince, openSince, endedGood}, "The server says that its latest transaction ended at "},
		"it does not end": {[]TransactionDiagnostics{openSince}, "The server says that a transaction is open since "},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			next := r.cutOff(t, UpdateCertificates(), begun(activate{}))
			next.k.told = c.told
			began := time.Now()
			if err := Run(t.Context(), next.State, ResumeCertificates()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 50*time.Millisecond || took > leftoverWithin+time.Minute {
				t.Errorf("it took %v", took)
			}
			waits := slices.ContainsFunc(next.events, func(e Event) bool {
				return e.Type == Waiting && strings.Contains(e.Message, "left open") && !e.Until.IsZero()
			})
			said := slices.ContainsFunc(next.events, func(e Event) bool { return strings.HasPrefix(e.Message, c.said) })
			if !waits || !said {
				t.Errorf("a sign of life: %v; what the server says: %v", waits, said)
			}
		})
	}
}
