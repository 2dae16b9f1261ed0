package view

import (
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/workflow/journal"
)

// What lies in the past is not foretold.
func TestRunsTellTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name  string
		left  time.Duration
		state journal.State
		want  string
	}{
		{"waits", time.Hour, journal.StateUnconfirmed, "the server takes the update back at "},
		{"has waited", -time.Hour, journal.StatePartly, "the server was to take the update back at "},
		{"is over", time.Hour, journal.StateFailed, "it broke"},
	} {
		run := RunSummary{ID: "20260101T000000Z-abcdef", State: test.state, Deadline: time.Now().Add(test.left), Failed: "it broke"}
		got := text(t, View{}, func(v View) error { return v.Runs([]RunSummary{run}) })
		if !strings.Contains(got, test.want) {
			t.Errorf("%s: got\n%s\nwant it to say %q", test.name, got, test.want)
		}
	}
}
