package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// section is the annotation of a flag that says under which heading it is explained.
const section = "section"

// The headings. Flags without a section stand before these: they are the command's own.
const (
	connectionSection = "Connection, also keys of the inventory and UAPUSH_… variables"
	fleetSection      = "Many servers"
)

// inSection puts all flags of a set under a heading.
func inSection(set *pflag.FlagSet, heading string) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[section] = []string{heading}
	})
}

// usageFunc explains a command, what is its own first, as wide as the terminal.
func (a *app) usageFunc(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", c.CommandPath())
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	for _, heading := range []string{"", connectionSection, fleetSection} {
		flags := pflag.NewFlagSet(heading, pflag.ContinueOnError)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if strings.Join(f.Annotations[section], "") == heading {
				flags.AddFlag(f)
			}
		})
		if heading == "" {
			heading = "Flags"
		}
		a.explain(&b, heading, flags)
	}
	a.explain(&b, "Global Flags", c.InheritedFlags())
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse \"%s [command] --help\" for more information about a command.\n", c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

func (a *app) explain(b *strings.Builder, heading string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s:\n%s", heading, flags.FlagUsagesWrapped(a.env.Width))
	}
}
