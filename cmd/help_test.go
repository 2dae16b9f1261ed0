package cmd

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandExplainsItself: Short, Long and an Example that names the command.
func TestEveryCommandExplainsItself(t *testing.T) {
	a := &app{env: Environment{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}, log: slog.New(slog.DiscardHandler)}
	root := a.root()
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		seen++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q, want a line without a full stop", c.CommandPath(), c.Short)
		}
		if c.Long == "" || c.Long == c.Short {
			t.Errorf("%s has no Long", c.CommandPath())
		}
		if !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: no line of the Example runs it:\n%s", c.CommandPath(), c.Example)
		}
		if c.Args == nil {
			t.Errorf("%s does not judge its arguments", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	if seen < 22 {
		t.Errorf("found %d commands, want at least 22", seen)
	}
}

// TestExamplesParse: what an Example shows is a command line that is understood:
// its commands and its flags exist.
func TestExamplesParse(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, " # ")
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " > ")
			words := splitQuoted(line)
			if len(words) == 0 || words[0] != "uapush" { // what another program does in between
				continue
			}
			a := &app{env: Environment{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}}
			found, rest, err := a.root().Find(words[1:])
			if err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	a := &app{env: Environment{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}}
	walk(a.root())
}

// splitQuoted cuts a line at blanks outside of double quotes.
func splitQuoted(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
