package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/workflow"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// lines decodes NDJSON.
func lines(t *testing.T, s string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(s) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		out = append(out, m)
	}
	return out
}

func TestStream(t *testing.T) {
	var b bytes.Buffer
	s := NewStream(&b)
	for _, write := range []func() error{
		func() error {
			return s.Event(workflow.Event{Time: noon, Type: workflow.StepStarted, Step: "connect"})
		},
		func() error {
			return s.Event(workflow.Event{Time: noon, Type: workflow.Waiting, Message: "a\nb <&>", Until: noon})
		},
		func() error { return s.Plan(lineA(t)) },
		func() error { return s.Result(outcome()) },
		func() error { return s.Failure(errors.New("it failed"), "look", 8) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, b.String())
	var types []string
	for _, m := range got {
		types = append(types, m["type"].(string))
	}
	if want := "version step-started waiting plan result error"; strings.Join(types, " ") != want {
		t.Fatalf("the types are %q, want %q", types, want)
	}
	if first := `{"schema":"uapush.events/1","type":"version"}` + "\n"; !strings.HasPrefix(b.String(), first) {
		t.Errorf("the first line is not %q", first)
	}
	if _, has := got[1]["until"]; has || got[1]["step"] != "connect" || got[2]["message"] != "a\nb <&>" {
		t.Errorf("the events are %v and %v", got[1], got[2])
	}
	if got[3]["plan"].(map[string]any)["schema"] != "uapush.plan/1" || got[4]["schema"] != OutcomeSchema || got[5]["exitCode"] != 8.0 {
		t.Errorf("plan, result and error are %v", got[3:])
	}
	if strings.Contains(b.String(), `\u003c`) {
		t.Error("the stream escapes for HTML")
	}
}

func TestStreamDoesNotPaint(t *testing.T) {
	var b bytes.Buffer
	s := NewStream(&b)
	if err := errors.Join(s.Plan(hostile(t)), s.Event(workflow.Event{Type: workflow.Noted, Message: "\u202e\u009b\U000e0041"})); err != nil {
		t.Fatal(err)
	}
	if found := painting(b.String()); len(found) > 0 {
		t.Errorf("%q got through", found)
	}
	if got := lines(t, b.String())[2]["message"]; got != "\u202e\u009b\U000e0041" {
		t.Errorf("the message is %q", got)
	}
}

func TestStreamAnd(t *testing.T) {
	var a, b bytes.Buffer
	var none *Stream
	if s := NewStream(&a); none.And(s) != s || s.And(nil) != s {
		t.Error("a stream and none is not that stream")
	}
	both := NewStream(&a).And(NewStream(&b))
	if err := both.Event(workflow.Event{Type: workflow.Noted}); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() || len(lines(t, b.String())) != 2 {
		t.Errorf("the streams hold\n%s\nand\n%s", a.String(), b.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// What cannot be recorded stops the run, so the error has to come out.
func TestWriteErrors(t *testing.T) {
	v := View{Out: full{}}
	for name, write := range map[string]func() error{
		"stream":       func() error { return NewStream(full{}).Event(workflow.Event{}) },
		"other stream": func() error { return NewStream(new(bytes.Buffer)).And(NewStream(full{})).Event(workflow.Event{}) },
		"progress": func() error {
			return Progress(NewText(full{}, 0, false), true)(workflow.Event{Type: workflow.StepDone})
		},
		"table": func() error { return v.Plan("", lineA(t)) },
		"json":  func() error { v.Format = JSON; return v.Plan("", lineA(t)) },
		"yaml":  func() error { v.Format = YAML; return v.Plan("", lineA(t)) },
		"name":  func() error { v.Format = Name; return v.Plan("", lineA(t)) },
	} {
		if write() == nil {
			t.Errorf("%s: the error was lost", name)
		}
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	watch := Progress(NewText(&b, 0, false), true)
	for _, e := range []workflow.Event{
		{Type: workflow.StepStarted, Step: "connect"},
		{Type: workflow.Noted, Message: "urn:\x1b[31mplc1"},
		{Type: workflow.StepDone, Step: "connect"},
		{Type: workflow.StepSkipped, Step: "confirm", Message: "the server asks for no confirmation"},
		{Type: workflow.Waiting, Message: "the server to answer", Until: noon},
		{Type: workflow.StepFailed, Step: "upload", Message: "refused"},
	} {
		if err := watch(e); err != nil {
			t.Fatal(err)
		}
	}
	want := "  urn:[31mplc1\n✓ connect\n· confirm: the server asks for no confirmation\n" +
		"  waiting for the server to answer, until " + noon.Local().Format(time.TimeOnly) + "\n✗ upload\n"
	if b.String() != want {
		t.Errorf("the progress is\n%s\nwant\n%s", b.String(), want)
	}
}

func TestFailure(t *testing.T) {
	var b bytes.Buffer
	NewText(&b, 0, false).Failure("plan.yaml:1:2: wrong\n\t1 | \x1b[31mx\n", "use \u202ethis")
	if want := "uapush: plan.yaml:1:2: wrong\n    1 | [31mx\nhint: use this\n"; b.String() != want {
		t.Errorf("it is %q, want %q", b.String(), want)
	}
	b.Reset()
	NewText(&b, 0, false).Failure("wrong", "look\nand go on")
	if got, want := b.String(), "uapush: wrong\nhint: look\nhint: and go on\n"; got != want {
		t.Errorf("several hints are\n%s\nwant\n%s", got, want)
	}
	b.Reset()
	NewText(&b, 0, true).Failure("wrong", "")
	if want := red + "uapush:" + reset + " wrong\n"; b.String() != want {
		t.Errorf("it is %q, want %q", b.String(), want)
	}
}
