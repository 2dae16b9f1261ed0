package cmd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/workflow/fleet"
)

// fleetFlags say that a command is meant for several servers of the inventory.
type fleetFlags struct {
	all                   bool
	selected              []string
	parallel, maxFailures int
}

// Readers change nothing: they go on whatever fails, several at a time.
const readersAtATime = 8

// serverPlaceholder stands for a server's name in the names of files.
const serverPlaceholder = "{server}"

// kind says what a command of a fleet is like.
type kind int

const (
	reads       kind = iota // it changes nothing, and takes SERVER as its only argument
	changes                 // likewise, and changes the server
	changesFrom             // it changes the server of --server, and takes other arguments
)

// overFleet gives a command the flags for many servers. With them the command is
// run once for each, as if it had been called with its name.
func (a *app) overFleet(c *cobra.Command, k kind) *cobra.Command {
	f := &fleetFlags{}
	set := pflag.NewFlagSet("fleet", pflag.ContinueOnError)
	set.BoolVar(&f.all, "all", false, "for every server of the inventory")
	set.StringArrayVar(&f.selected, "select", nil, "for the servers of the inventory with this label, LABEL=VALUE; may be repeated, then all have to fit")
	set.IntVar(&f.parallel, "parallel", 0, "with --all or --select, how many servers at a time (default 8 where nothing is changed, else 1)")
	if k != reads {
		set.IntVar(&f.maxFailures, "max-failures", 0, "with --all or --select, how many servers may fail before no further one is begun; then the exit code is 9")
	}
	inSection(set, fleetSection)
	c.Flags().AddFlagSet(set)
	one := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !f.all && len(f.selected) == 0 {
			return one(c, args)
		}
		set.VisitAll(func(flag *pflag.Flag) { flag.Changed = false }) // they are not for the single runs
		return a.runFleet(c, f, k, args)
	}
	return c
}

func (a *app) runFleet(c *cobra.Command, f *fleetFlags, k kind, args []string) error {
	servers, err := a.fleetServers(f)
	if err != nil {
		return err
	}
	if err := fitForFleet(c, k, args); err != nil {
		return err
	}
	o := fleet.Options{Parallel: max(f.parallel, 1), Tolerated: f.maxFailures}
	if k == reads || lookingOnly(c) {
		o.Tolerated = -1
		if f.parallel <= 0 {
			o.Parallel = readersAtATime
		}
	}
	r := &fleetRun{a: a, kind: k, path: strings.Fields(c.CommandPath())[1:], flags: givenFlags(c), args: args, outputs: map[string]*fleetOutput{}}
	results := fleet.Run(c.Context(), servers, o, r.one)
	shown := r.summary(results)
	if err := r.show(shown); err != nil {
		return err
	}
	return fleetVerdict(shown, f.maxFailures)
}

// fleetServers are the servers that are meant, by name.
func (a *app) fleetServers(f *fleetFlags) ([]string, error) {
	inventories, err := a.loadInventories()
	if err != nil {
		return nil, err
	}
	known := map[string]serverEntry{}
	for _, inv := range slices.Backward(inventories) {
		maps.Copy(known, inv.Servers) // the nearer one last
	}
	if len(known) == 0 {
		return nil, usage("write the servers into "+inventoryFile, "there is no inventory whose servers could be meant")
	}
	labels, err := parseLabels(f.selected)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(known, func(_ string, e serverEntry) bool {
		return slices.ContainsFunc(labels, func(l [2]string) bool { return e.Labels[l[0]] != l[1] })
	})
	if len(known) == 0 {
		return nil, usage("labels stand in "+inventoryFile+" as labels: {NAME: VALUE}", "no server has %s", strings.Join(f.selected, " and "))
	}
	return slices.Sorted(maps.Keys(known)), nil
}

func parseLabels(words []string) (labels [][2]string, err error) {
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			return nil, usage("write --select line=a", "--select cannot be %q", word)
		}
		labels = append(labels, [2]string{name, value})
	}
	return labels, nil
}

// fitForFleet refuses what cannot be meant for several servers.
func fitForFleet(c *cobra.Command, k kind, args []string) error {
	set := func(name string) bool { f := c.Flags().Lookup(name); return f != nil && f.Changed }
	switch {
	case len(args) > 0 && k != changesFrom:
		return usage("leave one of them out", "the servers are those of the inventory, and %q is named as well", args[0])
	case set("server"):
		return usage("leave one of them out", "the servers are those of the inventory, and --server names one as well")
	case set("file") && c.Flags().Lookup("file").Value.String() == "-":
		return usage("give it as a file", "a manifest on standard input can be read for one server only")
	case set("password-stdin"):
		return usage("use --password-file or the inventory", "--password-stdin can be read for one server only")
	case set("pin"):
		return usage("write the pins into the inventory", "--pin is the certificate of one server only")
	case k != reads && !set("yes") && !lookingOnly(c):
		return usage("look with --dry-run first, then say --yes", "nobody is asked for each server of a fleet")
	}
	for _, name := range []string{"out", "json-file"} {
		if f := c.Flags().Lookup(name); set(name) && !strings.Contains(f.Value.String(), serverPlaceholder) {
			return usage("write --"+name+" something-"+serverPlaceholder+".json", "--%s names one file for several servers", name)
		}
	}
	return nil
}

// lookingOnly says that a command that changes servers is to change nothing.
func lookingOnly(c *cobra.Command) bool {
	f := c.Flags().Lookup("dry-run")
	return f != nil && f.Value.String() == "true"
}

// fleetVerdict is how a fleet ends: the failures that are not tolerated, or what
// --detailed-exitcode wants to say of any server.
func fleetVerdict(f view.Fleet, tolerated int) error {
	if f.Summary.Failed > tolerated || f.Summary.NotBegun > 0 {
		return &fleetError{failed: f.Failures(), notBegun: f.Summary.NotBegun}
	}
	if slices.ContainsFunc(f.Servers, func(s view.FleetServer) bool { return s.ExitCode == exitChanges }) {
		return errChanges
	}
	return nil
}

// fleetError says that more servers failed than are tolerated.
type fleetError struct {
	failed   []view.FleetServer
	notBegun int
}

func (e *fleetError) Error() string {
	var names []string
	for _, s := range e.failed {
		names = append(names, fmt.Sprintf("%s (%d)", view.Clean(s.Server), s.ExitCode))
	}
	text := "no server failed"
	if len(names) > 0 {
		text = "these servers failed, with these exit codes: " + strings.Join(names, ", ")
	}
	if e.notBegun > 0 {
		text += fmt.Sprintf("; %d were not begun", e.notBegun)
	}
	return text
}

func (e *fleetError) Hint() string {
	return "why stands above, behind the name of each; what was done is not done again when the command is repeated"
}
