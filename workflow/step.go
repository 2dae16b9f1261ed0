package workflow

import (
	"context"
	"fmt"
	"time"
)

// Step does one thing to the State. It never prefixes an error with its own
// name: the runner does that once.
type Step interface {
	// Name is a verb and its object, as the operator reads it.
	Name() string
	Run(ctx context.Context, s *State) error
}

// Skipper is a Step that can be unnecessary.
type Skipper interface {
	// Skip gives the reason to skip the step, or "".
	Skip(s *State) string
}

// Mutator is a Step that changes the server. Once one has begun, a failure of
// the run has to say what the server looks like.
type Mutator interface {
	Mutates()
}

// Observer is told of every event, in order. A step does not start when its
// observer returns an error: what cannot be recorded is not done.
type Observer func(Event) error

// Event is something that a run did or waits for.
type Event struct {
	Time    time.Time `json:"time"`
	Type    EventType `json:"type"`
	Step    string    `json:"step,omitempty"`
	Message string    `json:"message,omitempty"`
	// Until ends a wait, where an end is known.
	Until time.Time `json:"until,omitzero"`
	// Class is that of the error of a step that failed.
	Class string `json:"class,omitempty"`
	// Fact is what a later process has to know. It belongs into the record of the
	// run and into no other stream.
	Fact *Fact `json:"-"`
}

// EventType says what an event is about.
type EventType string

// The events of a run.
const (
	StepStarted EventType = "step-started"
	StepDone    EventType = "step-done"
	StepSkipped EventType = "step-skipped"
	StepFailed  EventType = "step-failed"
	Waiting     EventType = "waiting"  // for Message, at most Until
	Noted       EventType = "noted"    // something observed on the way
	Recorded    EventType = "recorded" // a Fact
)

// Run runs the steps in order and closes the Session that they leave open. When
// a step fails after the server was touched, the error is a *PartialError that
// says what was observed of the server afterwards.
func Run(ctx context.Context, s *State, steps []Step) (err error) {
	touched := false
	defer func() {
		if err != nil && touched {
			err = s.aftermath(ctx, err)
		}
		s.disconnect(ctx)
	}()
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", step.Name(), context.Cause(ctx))
		}
		if sk, ok := step.(Skipper); ok {
			if reason := sk.Skip(s); reason != "" {
				if err := s.emit(StepSkipped, step.Name(), reason); err != nil {
					return err
				}
				continue
			}
		}
		if err := s.emit(StepStarted, step.Name(), ""); err != nil {
			return err
		}
		if _, ok := step.(Mutator); ok {
			touched = true
		}
		if err := step.Run(ctx, s); err != nil {
			_ = s.emitEvent(Event{Type: StepFailed, Step: step.Name(), Message: err.Error(), Class: ClassOf(err).String()}) // the step's own error is the one to return
			return fmt.Errorf("%s: %w", step.Name(), err)
		}
		if err := s.emit(StepDone, step.Name(), ""); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) emit(t EventType, step, message string) error {
	return s.emitEvent(Event{Type: t, Step: step, Message: message})
}

func (s *State) emitEvent(e Event) error {
	if s.Observe == nil {
		return nil
	}
	e.Time = s.now()
	if err := s.Observe(e); err != nil {
		return fmt.Errorf("cannot record the run: %w", err)
	}
	return nil
}

// record hands over a fact, with what an operator wants to read of it; "" for
// what he sees anyway.
func (s *State) record(f Fact, format string, args ...any) error {
	e := Event{Type: Recorded, Fact: &f}
	if format != "" {
		e.Type, e.Message = Noted, fmt.Sprintf(format, args...)
	}
	return s.emitEvent(e)
}

// note tells of something observed; an observer that fails stops the run at the
// next step, so its error is not lost by leaving it here.
func (s *State) note(format string, args ...any) {
	_ = s.emitEvent(Event{Type: Noted, Message: fmt.Sprintf(format, args...)})
}

func (s *State) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
