package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow"
)

func mutates(step string) bool { return step == "upload" }

func header() Header {
	return Header{Command: "apply", Server: "plc1", URL: "opc.tcp://plc1:4840"}
}

// began is a journal up to an upload whose answer is not there yet.
func began(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Create(dir, header(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	for _, e := range []workflow.Event{
		{Type: workflow.StepStarted, Step: "connect"},
		{Type: workflow.Recorded, Fact: &workflow.Fact{Connected: &workflow.Connected{ApplicationURI: "urn:plc1"}}},
		{Type: workflow.StepDone, Step: "connect"},
		{Type: workflow.Recorded, Fact: &workflow.Fact{Approved: &workflow.Approved{Plan: plan.Plan{Schema: plan.Schema, BaseVersion: 7}}}},
		{Type: workflow.StepStarted, Step: "upload"},
	} {
		if err := j.Observe(e); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestJournalTellsHowFarARunCame(t *testing.T) {
	dir := t.TempDir()
	j := began(t, dir)
	path := filepath.Join(dir, j.ID()+".ndjson")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Fatalf("the journal has mode %v, error %v, want 0600", info.Mode(), err)
	}
	r, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Progress(mutates)
	if p.Sent.Step != "upload" || p.Connected.ApplicationURI != "urn:plc1" || len(p.Facts) != 1 || p.Facts[0].Approved.Plan.BaseVersion != 7 {
		t.Errorf("progress %+v, want an upload under way", p)
	}
	if got := p.State(false); got != StateCutOff || !got.Unfinished() {
		t.Errorf("state %s, want %s", got, StateCutOff)
	}
	if got := p.State(true); got != StateRunning {
		t.Errorf("state of a run that holds its lock %s, want %s", got, StateRunning)
	}
	update := &workflow.UpdateFact{Base: 7, Version: 8, UpdateID: workflow.UpdateID{1}, Deadline: time.Unix(1e9, 0).UTC()}
	for _, e := range []workflow.Event{
		{Type: workflow.Recorded, Fact: &workflow.Fact{Update: update}},
		{Type: workflow.StepDone, Step: "upload"},
	} {
		if err := j.Observe(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.End(Unconfirmed, "left to confirm", ""); err != nil {
		t.Fatal(err)
	}
	if r, err = Read(path); err != nil {
		t.Fatal(err)
	}
	p = r.Progress(mutates)
	if p.Sent.Step != "" || p.State(false) != StateUnconfirmed || *p.Facts[1].Update != *update {
		t.Errorf("progress %+v, want an update that waits", p)
	}
}

func TestAnsweredRefusalLeavesNothingOpen(t *testing.T) {
	for class, want := range map[string]string{"rejected": "", "conflict": "", "unknown": "upload", "network": "upload", "other": "upload"} {
		j := began(t, t.TempDir())
		if err := j.Observe(workflow.Event{Type: workflow.StepFailed, Step: "upload", Class: class, Message: "no"}); err != nil {
			t.Fatal(err)
		}
		r, err := Read(j.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Progress(mutates).Sent.Step; got != want {
			t.Errorf("after an error of class %s the open step is %q, want %q", class, got, want)
		}
	}
}

func TestReopenGoesOnBehindATornLine(t *testing.T) {
	dir := t.TempDir()
	j := began(t, dir)
	whole, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Observe(workflow.Event{Type: workflow.StepDone, Step: "upload"}); err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole) + 1; cut < len(more); cut += 7 {
		if err := os.WriteFile(j.path, more[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Read(j.path)
		if err != nil || !r.Torn || len(r.Entries) != 5 {
			t.Fatalf("cut at %d: %d entries, torn %v, error %v", cut, len(r.Entries), r.Torn, err)
		}
		again, err := Reopen(r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.End(Done, "", ""); err != nil {
			t.Fatal(err)
		}
		if r, err = Read(j.path); err != nil || r.Torn || r.Progress(mutates).State(false) != StateDone {
			t.Fatalf("resumed after a cut at %d: %+v, error %v", cut, r, err)
		}
	}
}

func TestDamageShows(t *testing.T) {
	j := began(t, t.TempDir())
	whole, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	changed := func(edit func(l [][]byte) [][]byte) []byte { return bytes.Join(edit(slices.Clone(lines)), nil) }
	for name, data := range map[string][]byte{
		"a byte is changed":   bytes.Replace(whole, []byte("urn:plc1"), []byte("urn:plc2"), 1),
		"a line is missing":   changed(func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }),
		"lines are exchanged": changed(func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }),
		"a line is repeated":  changed(func(l [][]byte) [][]byte { return append(l, l[len(l)-1]) }),
		"a line is added":     append(slices.Clone(whole), "{\"type\":\"ended\",\"end\":\"done\"}\n"...),
		"no header":           nil,
		"a torn header":       lines[0][:20],
		"the header is gone":  changed(func(l [][]byte) [][]byte { return l[1:] }),
		"another run's":       bytes.Replace(whole, []byte("plc1"), []byte("plc9"), 1),
	} {
		if err := os.WriteFile(j.path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var damaged *DamagedError
		if _, err := Read(j.path); !errors.As(err, &damaged) || damaged.Hint() == "" {
			t.Errorf("%s: error %v, want a *DamagedError", name, err)
		}
	}
	line, _, err := encodeLine("", Header{Schema: "uapush.run/9", ID: j.ID()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.path, append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	var schema *SchemaError
	if _, err := Read(j.path); !errors.As(err, &schema) || schema.Found != "uapush.run/9" {
		t.Errorf("error %v, want a *SchemaError", err)
	}
}

func TestNothingIsRecordedAfterAFailure(t *testing.T) {
	j := began(t, t.TempDir())
	if err := j.file.Close(); err != nil { // as a disk that is full, or gone
		t.Fatal(err)
	}
	for range 2 {
		var write *WriteError
		if err := j.Observe(workflow.Event{Type: workflow.StepStarted, Step: "confirm"}); !errors.As(err, &write) || write.Hint() == "" {
			t.Errorf("error %v, want a *WriteError", err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var write *WriteError
	if _, err := Create(file, header(), Options{}); !errors.As(err, &write) {
		t.Errorf("error %v of a folder that cannot be made, want a *WriteError", err)
	}
}

func TestListAndFind(t *testing.T) {
	dir := t.TempDir()
	if runs, err := List(filepath.Join(dir, "none")); err != nil || runs != nil {
		t.Errorf("runs %v, error %v where there is no folder", runs, err)
	}
	var ids []string
	for i := range 3 {
		h := header()
		h.Time = time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
		j, err := Create(dir, h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		ids = append([]string{j.ID()}, ids...)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName(newID(time.Now()))), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := List(dir)
	var damaged *DamagedError
	if !errors.As(err, &damaged) || len(runs) != 3 {
		t.Fatalf("%d runs, error %v, want 3 beside a damaged one", len(runs), err)
	}
	for i, r := range runs {
		if r.ID != ids[i] {
			t.Errorf("run %d is %s, want %s: the latest first", i, r.ID, ids[i])
		}
	}
	_, short, _ := strings.Cut(ids[1], "-")
	if r, err := Find(dir, short); err != nil || r.ID != ids[1] {
		t.Errorf("Find(%q) = %s, %v, want %s", short, r.ID, err, ids[1])
	}
	for _, word := range []string{"", "nope", "../" + ids[0], "-"} {
		var none *NotFoundError
		if _, err := Find(dir, word); !errors.As(err, &none) || len(none.Known) != 4 {
			t.Errorf("Find(%q): error %v, want a *NotFoundError", word, err)
		}
	}
}

func TestRecordedIsToldOfEveryLine(t *testing.T) {
	var lines []int
	j, err := Create(t.TempDir(), header(), Options{Recorded: func(n int) { lines = append(lines, n) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Append(Entry{Type: workflow.Noted}), j.End(Done, "", "")); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines, []int{1, 2, 3}) {
		t.Errorf("told of %v, want 1 2 3", lines)
	}
}

func FuzzParse(f *testing.F) {
	var data []byte
	line, sum, err := encodeLine("", Header{Schema: Schema, ID: newID(time.Unix(0, 0)), Command: "apply"})
	if err != nil {
		f.Fatal(err)
	}
	data = append(append(data, line...), '\n')
	f.Add(data)
	line, _, err = encodeLine(sum, Entry{Type: Ended, End: Done})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append(data, line...), '\n'))
	f.Add(data[:len(data)-3])
	f.Add([]byte("{\"sum\":\"\",\"entry\":}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		id := idOf(data)
		r, err := parse(fileName(id), data)
		if err != nil {
			var damaged *DamagedError
			var schema *SchemaError
			if !errors.As(err, &damaged) && !errors.As(err, &schema) {
				t.Fatalf("an error without a type: %v", err)
			}
			return
		}
		// What was read is what was written: the sums hold over the whole lines.
		previous := ""
		for line := range bytes.Lines(data[:r.size]) {
			if _, previous, err = openLine(previous, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				t.Fatalf("accepted a line with a wrong sum: %v", err)
			}
		}
		if previous != r.sum {
			t.Fatalf("the last sum is %s, want %s", r.sum, previous)
		}
	})
}

// idOf finds the id that a journal claims, so that its name fits.
func idOf(data []byte) string {
	_, rest, _ := bytes.Cut(data, []byte(`"id":"`))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}
