package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

// RunsSchema names the format of the list of runs, and RunSchema that of one.
const (
	RunsSchema = "uapush.runs/1"
	RunSchema  = "uapush.run.story/1"
)

// RunSummary is a run in a list.
type RunSummary struct {
	ID      string        `json:"id"`
	Time    time.Time     `json:"time"`
	Server  string        `json:"server"`
	URL     string        `json:"url"`
	Command string        `json:"command"`
	State   journal.State `json:"state"`
	// Deadline is when the server takes an update back that waits to be confirmed.
	Deadline time.Time `json:"deadline,omitzero"`
	Failed   string    `json:"failed,omitempty"` // the last error
}

// Summarize folds a run; running says that somebody holds its lock.
func Summarize(r journal.Run, running bool) RunSummary {
	p := r.Progress(workflow.Mutates)
	s := RunSummary{ID: r.ID, Time: r.Time, Server: r.Server, URL: r.URL, Command: r.Command, State: p.State(running), Failed: p.Failed}
	for _, f := range p.Facts {
		switch {
		case f.Update != nil:
			s.Deadline = f.Update.Deadline
		case f.Confirmed != nil, f.Outcome != nil:
			s.Deadline = time.Time{}
		}
	}
	if s.State == journal.StateDone {
		s.Failed = ""
	}
	return s
}

// Runs shows a list of runs.
func (v View) Runs(runs []RunSummary) error {
	value := struct {
		Schema string       `json:"schema"`
		Runs   []RunSummary `json:"runs"`
	}{RunsSchema, append([]RunSummary{}, runs...)}
	var names []string
	for _, r := range runs {
		names = append(names, r.ID)
	}
	return v.Result(value, func(t *Text) {
		if len(runs) == 0 {
			t.Line("There are no runs.")
			return
		}
		var rows [][]string
		for _, r := range runs {
			rows = append(rows, []string{r.ID, r.Time.Local().Format(time.DateTime), Clean(r.Server), r.Command, string(r.State), Clean(r.note())})
		}
		t.Rows([]string{"RUN", "BEGUN", "SERVER", "COMMAND", "STATE", ""}, rows)
	}, names)
}

func (r RunSummary) note() string {
	if !r.Deadline.IsZero() && r.State.Unfinished() && time.Now().After(r.Deadline) {
		return "the server was to take the update back at " + r.Deadline.Local().Format(time.TimeOnly)
	}
	if !r.Deadline.IsZero() && r.State.Unfinished() {
		return "the server takes the update back at " + r.Deadline.Local().Format(time.TimeOnly)
	}
	text, _, _ := strings.Cut(r.Failed, "\n")
	return text
}

// Run tells the story of a run.
func (v View) Run(r journal.Run, running bool) error {
	s := Summarize(r, running)
	value := struct {
		Schema string `json:"schema"`
		RunSummary
		Torn    bool            `json:"torn,omitempty"`
		Entries []journal.Entry `json:"entries"`
	}{RunSchema, s, r.Torn, r.Entries}
	return v.Result(value, func(t *Text) {
		t.Line("run %s: %s on %s (%s), begun %s, %s", r.ID, r.Command, Clean(r.Server), Clean(r.URL), r.Time.Local().Format(time.DateTime), s.State)
		t.Line("")
		for _, e := range r.Entries {
			if text := story(e); text != "" {
				t.Line("%s  %s", e.Time.Local().Format(time.TimeOnly), text)
			}
		}
		if r.Torn {
			t.Line("          a last line was being written when the machine stopped")
		}
	}, []string{r.ID})
}

// story is an entry in words; "" for what another entry says as well.
func story(e journal.Entry) string {
	switch e.Type {
	case workflow.StepStarted:
		return "… " + e.Step
	case workflow.StepDone:
		return "✓ " + e.Step
	case workflow.StepFailed:
		return fmt.Sprintf("✗ %s: %s", e.Step, cleanLines(e.Message))
	case workflow.Waiting:
		return "  waiting for " + Clean(e.Message)
	case journal.Resumed:
		return "resumed by another process"
	case journal.Ended:
		return strings.TrimSpace(fmt.Sprintf("ended: %s. %s", e.End, cleanLines(e.Message)))
	case workflow.Noted, workflow.Recorded:
		return tell(e)
	}
	return ""
}

// tell puts a fact into words.
func tell(e journal.Entry) string {
	f := e.Fact
	switch {
	case f == nil || f.Connected != nil || f.Outcome != nil:
		return "  " + Clean(e.Message)
	case f.Approved != nil:
		s := f.Approved.Plan.Summary
		return fmt.Sprintf("  the plan is approved: %d to insert, %d to replace, %d to delete, for version %v, SHA-256 %s",
			s.Insert, s.Replace, s.Delete, f.Approved.Plan.BaseVersion, f.Approved.PlanSHA256)
	case f.Update != nil && !f.Update.Deadline.IsZero():
		return fmt.Sprintf("  the server took the update: version %v, to be confirmed by %s", f.Update.Version, f.Update.Deadline.Local().Format(time.TimeOnly))
	case f.Update != nil:
		return fmt.Sprintf("  the server took the update: version %v, no confirmation needed", f.Update.Version)
	case f.Confirmed != nil:
		return "  the update is confirmed"
	case f.Work != nil:
		return fmt.Sprintf("  approved: %d %s to write, %d %s to change", len(f.Work.TrustLists), plural(len(f.Work.TrustLists), "trust list", "trust lists"),
			len(f.Work.Certificates), plural(len(f.Work.Certificates), "certificate", "certificates"))
	case f.Ending != "":
		return "  approved: to " + string(f.Ending) + " what waits"
	case f.Requested != nil:
		return "  a certificate is requested for " + Clean(f.Requested.Group)
	case f.Issued != nil:
		return "  a certificate was issued for " + Clean(f.Issued.Group)
	case f.KeyLost != nil:
		return "  the key of the certificate for " + Clean(f.KeyLost.Group) + " is gone"
	case f.Trust != nil:
		return "  the trust list of " + Clean(f.Trust.Group) + " was written"
	case f.Filled != nil && f.Filled.SHA256 == "":
		return "  the certificate of " + Clean(f.Filled.Group) + " was deleted"
	case f.Filled != nil:
		return fmt.Sprintf("  the certificate of %s was handed over, SHA-1 %s", Clean(f.Filled.Group), f.Filled.Thumbprint)
	case f.Activated:
		return "  the server was told to apply the changes"
	}
	return ""
}
