package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/uapush/uapush/"

// rule forbids imports, and says why. Paths are prefixes; ours are relative to
// the module.
type rule struct {
	from   string
	except []string // below from
	not    []string
	why    string
}

var rules = []rule{
	{from: "config", except: []string{"config/"}, not: []string{"workflow", "cmd", "pki", "config/", "github.com/", "golang.org/", "software."},
		why: "the vocabulary is everybody's: it imports the standard library only"},
	{from: "config/plan", not: []string{"workflow", "cmd", "pki", "config/manifest", "config/uafile", "github.com/gopcua", "os", "net", "time/"},
		why: "a plan is pure: no input or output"},
	{from: "config/manifest", not: []string{"workflow", "cmd", "pki", "config/plan", "config/uafile", "github.com/gopcua"},
		why: "a manifest says what should be, and knows nothing of how far a server is from it"},
	{from: "config/uafile", not: []string{"workflow", "cmd", "pki", "config/plan", "config/manifest"},
		why: "client and embedded server share the codec; neither may leak into it"},
	{from: "pki", not: []string{"workflow", "cmd", "config"},
		why: "certificates do not depend on what they are used for"},
	{from: "pki", except: []string{"pki/hsm"}, not: []string{"pki/hsm", "github.com/ThalesGroup", "github.com/miekg"},
		why: "what needs cgo stays behind one build tag, in one package"},
	{from: "workflow", except: []string{"workflow/push"}, not: []string{"cmd", "workflow/push", "github.com/spf13", "github.com/olekukonko"},
		why: "steps know a Session by its interface, and no terminal"},
	{from: "workflow/fleet", not: []string{"workflow", "config", "pki"},
		why: "a fleet knows names, and nothing of what is done on them"},
	{from: "workflow/push", except: []string{"workflow/push/sim", "workflow/push/secureconv"}, not: []string{"cmd", "workflow/push/sim", "pki", "github.com/spf13", "github.com/olekukonko"},
		why: "the client must not share code with the server it is tested against, and judges certificates by a function it is given"},
	{from: "workflow/push/secureconv", not: []string{"cmd", "config", "pki", "workflow/push/sim"},
		why: "the conversation knows neither of its ends"},
	{from: "workflow/push/sim", not: []string{"cmd", "pki", "config/plan", "config/manifest"},
		why: "two peers that share code can share a mistake; they share secureconv, uafile and config, which other stacks' bytes check"},
	{from: "cmd", except: []string{"cmd/internal/view"}, not: []string{"github.com/olekukonko"},
		why: "only the view renders tables"},
}

// exactly lists packages that a folder may not import although its children may.
var exactly = map[string]map[string]string{
	"workflow/push/sim": {
		module + "workflow":      "the server is written from the spec, not from the client",
		module + "workflow/push": "the server is written from the spec, not from the client",
	},
	"workflow/push/secureconv": {
		module + "workflow":      "the conversation knows neither of its ends",
		module + "workflow/push": "the conversation knows neither of its ends",
	},
}

func TestDependencyDirection(t *testing.T) {
	seen := map[string]bool{}
	for file, imports := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		for _, r := range rules {
			if !within(folder, r.from) || slices.ContainsFunc(r.except, func(e string) bool { return within(folder, strings.TrimSuffix(e, "/")) && folder != r.from }) {
				continue
			}
			seen[r.from] = true
			for _, imported := range imports {
				for _, forbidden := range r.not {
					if matches(imported, forbidden) {
						t.Errorf("%s imports %s: %s", file, imported, r.why)
					}
				}
			}
		}
		for from, not := range exactly {
			for _, imported := range imports {
				if why, bad := not[imported]; bad && within(folder, from) {
					t.Errorf("%s imports %s: %s", file, imported, why)
				}
			}
		}
	}
	for _, r := range rules {
		if !seen[r.from] {
			t.Errorf("the rule for %s applies to no file; is the folder gone?", r.from)
		}
	}
}

func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

// matches takes a forbidden path as a prefix: ours at a path element, others as text.
func matches(imported, forbidden string) bool {
	ours, isOurs := strings.CutPrefix(imported, module)
	switch {
	case strings.Contains(forbidden, ".") && !isOurs:
		return strings.HasPrefix(imported, forbidden)
	case isOurs && strings.HasSuffix(forbidden, "/"):
		return strings.HasPrefix(ours, forbidden)
	case isOurs:
		return within(ours, forbidden)
	}
	return imported == forbidden
}

// sources lists the imports of every file that is no test.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	root := os.DirFS("../..")
	out := map[string][]string{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		data, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, data, parser.ImportsOnly)
		if err != nil {
			return err
		}
		out[path] = nil
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			out[path] = append(out[path], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("found %d files; the walk is wrong", len(out))
	}
	return out
}

// TestLayout keeps the top level and the names of folders.
func TestLayout(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"cmd", "workflow", "config", "pki", "testdata", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != "uapush" && e.Name() != "dist" && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s stands at the top level, which is fixed", e.Name())
		}
	}
	for file := range sources(t) {
		for _, name := range []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"} {
			if slices.Contains(strings.Split(filepath.ToSlash(file), "/"), name) {
				t.Errorf("%s: a folder %q says nothing about what lives there", file, name)
			}
		}
	}
}
