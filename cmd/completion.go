package cmd

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/push/sim"
	"github.com/uapush/uapush/workflow/upkeep"
)

// completes says which values a flag can have, wherever it is; FILE flags are left
// to the shell.
func (a *app) completes(c *cobra.Command) {
	var suppressible []string
	for _, r := range pki.Suppressible() {
		suppressible = append(suppressible, string(r))
	}
	var profiles []string
	for _, name := range sim.Profiles() {
		profiles = append(profiles, name+"\t"+sim.AboutProfile(name))
	}
	fixed := map[string][]string{
		"color":    colours,
		"suppress": suppressible,
		"profile":  profiles,
	}
	switch c.CommandPath() {
	case "uapush identity export":
		fixed["format"] = []string{"der", "pem"}
	case "uapush cert renew":
		fixed["key"] = []string{string(upkeep.ServerKey), string(upkeep.SameKey), string(upkeep.LocalKey)}
	}
	for name, values := range fixed {
		if c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil {
			_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // once each
		}
	}
	if c.Flags().Lookup("server") != nil {
		_ = c.RegisterFlagCompletionFunc("server", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeServer(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	if c.Flags().Lookup("select") != nil {
		_ = c.RegisterFlagCompletionFunc("select", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.labels(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	for _, sub := range c.Commands() {
		a.completes(sub)
	}
}

// labels are those of the inventories, as --select takes them.
func (a *app) labels() []cobra.Completion {
	inventories, err := a.loadInventories()
	if err != nil {
		return nil
	}
	var all []cobra.Completion
	for _, inv := range inventories {
		for _, server := range inv.Servers {
			for name, value := range server.Labels {
				all = append(all, name+"="+value)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// completeWithServers completes SERVER, the only argument.
func (a *app) completeWithServers(c *cobra.Command) {
	c.ValidArgsFunction = a.serverAfter(0)
}

// serverAfter completes a SERVER that follows n other arguments; those are files.
func (a *app) serverAfter(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) < n:
			return nil, cobra.ShellCompDirectiveDefault
		case len(args) > n:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeServer(), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeApply completes SERVER after -f, else a saved plan and then SERVER.
func (a *app) completeApply(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if c.Flags().Changed("file") {
		return a.serverAfter(0)(c, args, word)
	}
	if len(args) == 0 {
		return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return a.serverAfter(1)(c, args, word)
}

// completeDelete completes SERVER after a name, which only the server knows.
func (a *app) completeDelete(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	n := 1
	if c.Flags().Changed("port") {
		n = 0
	}
	if len(args) < n {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.serverAfter(n)(c, args, word)
}

func (a *app) completeRun(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completeRuns(func(journal.State) bool { return true })
}

// completeUnfinished completes the runs that resume, confirm and abandon take.
func (a *app) completeUnfinished(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completeRuns(func(s journal.State) bool { return s.Unfinished() || s == journal.StateFailed })
}

func (a *app) completeRuns(fits func(journal.State) bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	dir, err := a.runsDir()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	runs, _ := journal.List(dir) // those that can be read
	var ids []cobra.Completion
	for _, r := range runs {
		if state := r.Progress(workflow.Mutates).State(a.running(r)); fits(state) {
			ids = append(ids, r.ID+"\t"+r.Command+" on "+r.Server+", "+string(state))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
