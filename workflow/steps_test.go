package workflow

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPlanIsPrefixOfApply(t *testing.T) {
	for name, test := range map[string]struct{ short, long []Step }{
		"Plan of Apply":                    {Plan(), Apply()},
		"Match of ApplySaved":              {Match(), ApplySaved()},
		"ApplyConfiguration of Apply":      {ApplyConfiguration(), Apply()},
		"ApplySavedConfiguration of saved": {ApplySavedConfiguration(), ApplySaved()},
		"Read of Plan":                     {Read(), Plan()},
	} {
		if len(test.short) >= len(test.long) || !slices.Equal(test.short, test.long[:len(test.short)]) {
			t.Errorf("%s: %v is no prefix of %v", name, test.short, test.long)
		}
	}
}

func TestDistinctPurposes(t *testing.T) {
	for name, steps := range map[string][]Step{
		"Plan": Plan(), "Match": Match(), "Apply": Apply(), "ApplySaved": ApplySaved(), "Read": Read(),
		"ApplyConfiguration": ApplyConfiguration(), "ApplySavedConfiguration": ApplySavedConfiguration(),
		"Resume": Resume(), "ResumeConfiguration": ResumeConfiguration(), "Confirm": Confirm(), "Rehearse": Rehearse(), "ApplyUnconfirmed": ApplyUnconfirmed(),
		"UpdateCertificates": UpdateCertificates(), "UpdateTrustList": UpdateTrustList(), "EndWaiting": EndWaiting(),
		"ResumeCertificates": ResumeCertificates(), "ResumeTrustList": ResumeTrustList(), "ResumeEnding": ResumeEnding(),
	} {
		seen := map[string]bool{}
		for _, s := range steps {
			if seen[s.Name()] || s.Name() == "" {
				t.Errorf("%s: two steps are called %q", name, s.Name())
			}
			seen[s.Name()] = true
		}
	}
	for _, s := range slices.Concat(Plan(), Match()) {
		if _, ok := s.(Mutator); ok {
			t.Errorf("%s changes the server, and is part of a plan", s.Name())
		}
	}
}

// writersOf are the functions that may assign to a field of State where the step
// in the field's comment has them write: methods of State that the step calls.
var writersOf = map[string]string{
	"Session":     "open disconnect", // connect; closing clears it
	"Observation": "look survey",     // observe, or survey
	"File":        "look",
	"Base":        "look",
	"Expected":    "send resume",                            // upload
	"Plan":        "compute match resume recount afterMove", // upload, by the last
	"Reached":     "open",                                   // connect
	"Outcome":     "concluded revert takeUp conclude",       // reconcile
	"Issued":      "certify fill resume",                    // certify, by the last
	"slotsFilled": "certify fill recount",                   // likewise
	"adopted":     "requested",                              // certify, or obtain
	"Update":      "upload waitsForConfirmation",            // reconcile
	"Deadline":    "upload waitsForConfirmation",            // reconcile
}

// Every field of State has one writer, the step in its comment.
func TestStateHasOneWriterAField(t *testing.T) {
	allowed := stateWriters(t)
	written := map[string]bool{}
	for _, file := range sourceFiles(t) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			writer := writerName(f)
			for _, field := range assignedFields(f) {
				by, isField := allowed[field]
				if !isField {
					continue // a local struct
				}
				written[field] = true
				if !slices.Contains(by, writer) {
					t.Errorf("%s writes State.%s, which belongs to %q", writer, field, by)
				}
			}
		}
	}
	for field := range allowed {
		if len(allowed[field]) > 0 && !written[field] {
			t.Errorf("nobody writes State.%s, or the test does not see it", field)
		}
	}
}

// stateWriters reads the table from the comments in state.go. An input has no writer.
func stateWriters(t *testing.T) map[string][]string {
	t.Helper()
	steps := map[string]bool{}
	word := regexp.MustCompile(`^[a-z]+`)
	table := map[string][]string{}
	for _, file := range sourceFiles(t) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "Run" && f.Recv != nil {
				steps[writerName(f)] = true
			}
		}
	}
	for _, field := range stateFields(t) {
		for _, n := range field.Names {
			switch by := writersOf[n.Name]; {
			case by != "":
				table[n.Name] = strings.Fields(by)
			case field.Comment == nil:
				table[n.Name] = nil
			default:
				for part := range strings.SplitSeq(field.Comment.Text(), ", or ") {
					if w := word.FindString(part); steps[w] {
						table[n.Name] = append(table[n.Name], w)
					}
				}
			}
		}
	}
	for _, input := range []string{"Target", "ServerURL", "Desired", "Edit", "Saved", "Earlier", "Guard", "Insist", "TryAll", "Materials", "Issuer", "Approve", "Observe", "Now", "ReconnectWithin", "Begun", "Spare", "Reissue", "Accept"} {
		if table[input] != nil {
			t.Errorf("the input State.%s has a writer, %q", input, table[input])
		}
		table[input] = []string{}
	}
	for field, by := range table {
		if by == nil {
			t.Errorf("State.%s has no step beside it", field)
		}
	}
	return table
}

func stateFields(t *testing.T) (fields []*ast.Field) {
	t.Helper()
	for _, file := range sourceFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name == "State" {
				fields = s.Type.(*ast.StructType).Fields.List
			}
			return true
		})
	}
	return fields
}

func sourceFiles(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// writerName is the step that a Run belongs to, else the function's name.
func writerName(f *ast.FuncDecl) string {
	if f.Recv != nil && f.Name.Name == "Run" {
		if id, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
			return id.Name
		}
	}
	return f.Name.Name
}

// assignedFields lists the fields of s, a *State, that a function assigns to.
func assignedFields(f *ast.FuncDecl) (names []string) {
	add := func(e ast.Expr) {
		if i, ok := e.(*ast.IndexExpr); ok {
			e = i.X
		}
		if s, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "s" {
				names = append(names, s.Sel.Name)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				add(left)
			}
		case *ast.IncDecStmt:
			add(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				add(n.X) // whoever has the address can write
			}
		}
		return true
	})
	return names
}

// What cannot be recorded is not done.
func TestObserverThatFails(t *testing.T) {
	full := errors.New("the disk is full")
	for _, s := range Apply() {
		if s == (foresee{}) || s == (guard{}) || s == (trial{}) {
			continue // skipped here: nothing that exists is changed
		}
		bubble(t, s.Name(), func(t *testing.T) {
			r := newRig(t)
			var before []string
			r.Observe = func(e Event) error {
				if e.Step == s.Name() && e.Type != StepSkipped {
					if before == nil {
						before = append([]string{"start"}, r.server.calls...)
					}
					return full
				}
				return nil
			}
			err := r.run(t, Apply())
			if !errors.Is(err, full) {
				t.Fatalf("the error is %v, want the observer's", err)
			}
			after := append([]string{"start"}, r.server.calls...)
			// A look at the server and the end of a transaction may follow; nothing else.
			for _, c := range after[len(before):] {
				if !slices.Contains([]string{"Open", "Observe", "CancelChanges"}, c) {
					t.Errorf("after the record failed came %q", after[len(before):])
				}
			}
		})
	}
}

func TestEventsHoldNoSecrets(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.faults = []fault{{call: "Probe", n: 1, err: errLost}}
		r.must(t, Apply())
		stream, err := json.Marshal(r.events)
		if err != nil {
			t.Fatal(err)
		}
		nonce := r.server.csrs[0].Nonce
		if len(nonce) < 32 || !r.server.csrs[0].RegenerateKey {
			t.Errorf("the nonce has %d bytes, want 32 at least, with a new key", len(nonce))
		}
		for name, secret := range map[string][]byte{"nonce": nonce, "update id": {1, 2, 3, 0, 0}} {
			for _, form := range []string{hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), string(secret)} {
				if bytes.Contains(bytes.ToLower(stream), []byte(strings.ToLower(form))) {
					t.Errorf("the events hold the %s", name)
				}
			}
		}
		if !slices.Contains(stepsOf(r.events, StepDone), "confirm") {
			t.Errorf("the events are %s", stream)
		}
	})
}

func TestEventsInOrder(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.server.faults = []fault{{call: "UpdateCertificate", n: 1, err: refusal(0x80000000)}}
		_ = r.run(t, Apply())
		open := ""
		for _, e := range r.events {
			if e.Time.IsZero() {
				t.Errorf("%v has no time", e)
			}
			switch e.Type {
			case StepStarted:
				if open != "" {
					t.Errorf("%q begins before %q has ended", e.Step, open)
				}
				open = e.Step
			case StepDone, StepFailed:
				if open != e.Step {
					t.Errorf("%q ends, %q was begun", e.Step, open)
				}
				open = ""
			}
		}
		if got, want := stepsOf(r.events, StepFailed), []string{"issue certificates"}; !slices.Equal(got, want) {
			t.Errorf("failed are %q, want %q", got, want)
		}
	})
}

func TestInterruptedBeforeAStep(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("the operator pressed a key")
		cancel(why)
		if err := Run(ctx, r.State, Apply()); !errors.Is(err, why) || len(r.server.calls) != 0 {
			t.Errorf("the error is %v after %q, want the cause and no call", err, r.server.calls)
		}
	})
}
