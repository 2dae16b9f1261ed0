package view

import (
	"fmt"
	"io"
	"time"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow"
)

// EventSchema names the format of an event stream.
const EventSchema = "uapush.events/1"

// Stream writes events as NDJSON. Its first line says which format follows.
type Stream struct {
	w       io.Writer
	started bool
	also    *Stream
}

// NewStream returns a Stream onto w.
func NewStream(w io.Writer) *Stream { return &Stream{w: w} }

func (s *Stream) write(value any) error {
	if !s.started {
		s.started = true
		if err := writeJSON(s.w, map[string]string{"type": "version", "schema": EventSchema}, ""); err != nil {
			return err
		}
	}
	if err := writeJSON(s.w, value, ""); err != nil || s.also == nil {
		return err
	}
	return s.also.write(value)
}

// Event writes an event of a run.
func (s *Stream) Event(e workflow.Event) error { return s.write(e) }

// Plan writes the plan of a run.
func (s *Stream) Plan(p plan.Plan) error {
	return s.write(struct {
		Type   string    `json:"type"`
		SHA256 string    `json:"sha256"`
		Plan   plan.Plan `json:"plan"`
	}{"plan", p.Digest(), p})
}

// Result writes what a run achieved.
func (s *Stream) Result(o Outcome) error {
	return s.write(struct {
		Type string `json:"type"`
		Outcome
	}{"result", o})
}

// Failure writes why a run ended.
func (s *Stream) Failure(err error, hint string, code int) error {
	return s.write(struct {
		Type     string `json:"type"`
		Error    string `json:"error"`
		Hint     string `json:"hint,omitempty"`
		ExitCode int    `json:"exitCode"`
	}{"error", err.Error(), hint, code})
}

// Progress shows the events of a run to a person, one line each. Steps that were
// skipped are worth a line only to who asks for all.
func Progress(t *Text, all bool) workflow.Observer {
	return func(e workflow.Event) error {
		switch e.Type {
		case workflow.StepDone:
			t.Line("%s %s", t.paint(green, "✓"), e.Step)
		case workflow.StepSkipped:
			if !all {
				break
			}
			t.Line("%s", t.paint(dim, fmt.Sprintf("· %s: %s", e.Step, e.Message)))
		case workflow.StepFailed:
			t.Line("%s %s", t.paint(red, "✗"), e.Step)
		case workflow.Noted:
			t.Line("  %s", t.paint(dim, Clean(e.Message)))
		case workflow.Waiting:
			t.Line("  waiting for %s, until %s", Clean(e.Message), e.Until.Local().Format(time.TimeOnly))
		}
		return t.err
	}
}

// And returns a Stream that writes to both; either may be nil.
func (s *Stream) And(other *Stream) *Stream {
	if s == nil {
		return other
	}
	s.also = other
	return s
}
