package cmd

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uapush/uapush/config"
)

// argumentError says which word is too many, or that one is missing, or which
// command may be meant.
func argumentError(c *cobra.Command, check cobra.PositionalArgs, args []string) error {
	if c.HasSubCommands() && len(args) > 0 {
		hint := "see " + c.CommandPath() + " --help"
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage(hint, "%s knows no command %q", c.CommandPath(), args[0])
	}
	hint := "usage: " + c.UseLine()
	for n := range slices.Backward(args) {
		if check(c, args[:n]) == nil {
			return usage(hint, "%s cannot make use of %q", c.CommandPath(), args[n])
		}
	}
	return usage(hint, "%s: an argument is missing", c.CommandPath())
}

// missingFlag names the flags that a command cannot do without.
func missingFlag(c *cobra.Command) error {
	if c.ValidateRequiredFlags() == nil {
		return nil
	}
	var missing []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	return usage("usage: "+c.UseLine(), "%s is missing", strings.Join(missing, ", "))
}

// flagError is a wrong flag in words, with what to write instead.
func flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	var (
		unknown *pflag.NotExistError
		value   *pflag.InvalidValueError
		without *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown):
		flag := "--" + unknown.GetSpecifiedName()
		if shorts := unknown.GetSpecifiedShortnames(); shorts != "" {
			flag = "-" + unknown.GetSpecifiedName()
		} else if near := nearFlags(c, unknown.GetSpecifiedName()); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage(hint, "%s knows no flag %s", c.CommandPath(), flag)
	case errors.As(err, &value):
		return badValue(value.GetFlag(), "--"+value.GetFlag().Name, value.GetValue(), hint)
	case errors.As(err, &without):
		return usage(hint, "--%s needs a value", without.GetFlag().Name)
	}
	return usage(hint, "%w", err)
}

// badValue says what kind of value a flag wants, wherever the wrong one came from.
func badValue(f *pflag.Flag, from, value, hint string) error {
	switch f.Value.Type() {
	case "bool": // it may have been a secret: UAPUSH_PASSWORD_STDIN
		return usage("write true or false", "%s is neither true nor false", from)
	case "duration":
		hint = "write a time with its unit, such as 10s, 2m or 1h"
	case "uint16":
		hint = "write a number from 0 to 65535"
	case "uint32", "int":
		hint = "write a whole number"
	}
	return usage(hint, "%s cannot be %q", from, value)
}

// farthest is how many letters may differ in a word that is meant.
const farthest = 2

// nearFlags are the flags that a word begins, or that it nearly is.
func nearFlags(c *cobra.Command, word string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	c.Flags().VisitAll(func(f *pflag.Flag) {
		far := config.Distance(word, f.Name)
		if f.Hidden || far > min(farthest, len(word)/2) && (len(word) < 3 || !strings.HasPrefix(f.Name, word)) {
			return
		}
		found = append(found, candidate{"--" + f.Name, far})
	})
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, f := range found[:min(len(found), 3)] {
		names = append(names, f.name)
	}
	return names
}
