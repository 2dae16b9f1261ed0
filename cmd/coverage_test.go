package cmd

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestScriptsCoverCommands: every command runs in a script, and every flag of its
// own with it. A flag that many commands share needs one script.
func TestScriptsCoverCommands(t *testing.T) {
	lines := scriptLines(t)
	a := &app{env: Environment{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}}
	commands := commandsBelow(a.root())
	users := map[string]int{}
	for _, c := range commands {
		c.Flags().VisitAll(func(f *pflag.Flag) { users[f.Name]++ })
	}
	const shared = 4
	var missing []string
	for _, c := range commands {
		own := linesOf(lines, c.CommandPath())
		if len(own) == 0 {
			missing = append(missing, c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			among, who := own, c.CommandPath()
			if users[f.Name] >= shared {
				among, who = lines, "any command"
			}
			if f.Name != "help" && !slices.ContainsFunc(among, func(line string) bool { return gives(line, f) }) {
				missing = append(missing, who+" --"+f.Name)
			}
		})
	}
	a.root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !slices.ContainsFunc(lines, func(line string) bool { return gives(line, f) }) {
			missing = append(missing, "uapush --"+f.Name)
		}
	})
	slices.Sort(missing)
	for _, m := range slices.Compact(missing) {
		t.Errorf("no script runs %s", m)
	}
}

func commandsBelow(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		all = append(append(all, sub), commandsBelow(sub)...)
	}
	return all
}

// scriptLines are the lines of all scripts that run uapush.
func scriptLines(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.Contains(line, "uapush ") && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func linesOf(lines []string, path string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line+" ", path+" ") })
}

// gives says whether a line sets a flag.
func gives(line string, f *pflag.Flag) bool {
	words := strings.Fields(line)
	return slices.ContainsFunc(words, func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return name == "--"+f.Name || f.Shorthand != "" && name == "-"+f.Shorthand
	})
}
