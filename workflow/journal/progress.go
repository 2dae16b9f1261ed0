package journal

import (
	"github.com/uapush/uapush/workflow"
)

// State is where a run stands.
type State string

// The states. A run is running as long as somebody holds its lock; without it and
// without an end it was cut off.
const (
	StateRunning     State = "running"
	StateCutOff      State = "cut-off"
	StateHarmless    State = "not-begun" // cut off before anything was sent that changes the server
	StateDone              = State(Done)
	StateUnconfirmed       = State(Unconfirmed)
	StateFailed            = State(Failed)
	StatePartly            = State(Partly)
	StateAbandoned         = State(Abandoned)
)

// Unfinished says that there is something to confirm or to resume.
func (s State) Unfinished() bool {
	return s == StateCutOff || s == StateUnconfirmed || s == StatePartly
}

// Progress is what a journal tells, folded: the last word on everything.
type Progress struct {
	Connected *workflow.Connected
	// Facts begin with what was approved, and are in the order in which they came
	// about. Certificates that were asked for under an earlier plan stay.
	Facts []workflow.Fact
	// Sent is the begin of the step that may have sent a change whose answer is
	// not on record; zero where there is none.
	Sent   workflow.Event
	Begun  bool // a step that changes the server was begun, or a certificate asked for
	End    End
	Failed string // the last error
}

// answered are the classes of errors that a server gave as its answer.
var answered = map[string]bool{
	workflow.ClassRejected.String(): true, workflow.ClassConflict.String(): true,
	workflow.ClassTrust.String(): true, workflow.ClassUsage.String(): true,
}

// Progress folds the entries. mutates says which steps change a server.
func (r Run) Progress(mutates func(step string) bool) Progress {
	var p Progress
	for _, e := range r.Entries {
		p.End = e.End
		switch {
		case e.Type == workflow.StepStarted && mutates(e.Step):
			p.Begun = true
			p.Sent = workflow.Event{Type: e.Type, Time: e.Time, Step: e.Step}
		case e.Type == workflow.StepDone, e.Type == workflow.StepFailed && answered[e.Class]:
			p.Sent = workflow.Event{}
		}
		if e.Type == workflow.StepFailed {
			p.Failed = e.Message
		}
		if e.Fact != nil {
			p.fold(*e.Fact)
		}
	}
	return p
}

func (p *Progress) fold(f workflow.Fact) {
	switch {
	case f.Connected != nil:
		p.Connected = f.Connected
	case f.Approved != nil: // what an earlier plan led to was looked at before
		kept := []workflow.Fact{f}
		for _, old := range p.Facts {
			if old.Requested != nil || old.Issued != nil || old.KeyLost != nil {
				kept = append(kept, old)
			}
		}
		p.Facts = kept
	default:
		p.Begun = p.Begun || f.Requested != nil || f.Issued != nil
		p.Facts = append(p.Facts, f)
	}
}

// State says where the run stands; running says that somebody holds its lock.
func (p Progress) State(running bool) State {
	switch {
	case running:
		return StateRunning
	case p.End != "":
		return State(p.End)
	case !p.Begun:
		return StateHarmless
	}
	return StateCutOff
}
