package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

func (a *app) endpointCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "endpoint",
		Short: "List or delete endpoints",
		Long:  `endpoint lists the endpoints of a server's configuration, or deletes one by a plan like any other.`,
		Example: `  uapush endpoint list plc1
  uapush endpoint delete line-a plc1 --confirm line-a`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.endpointListCommand(), a.endpointDeleteCommand())
	return c
}

func (a *app) endpointListCommand() *cobra.Command {
	f := &connectionFlags{}
	c := &cobra.Command{
		Use:     "list [SERVER]",
		Short:   "List the endpoints of a server's configuration",
		Long:    `list prints one row per ServerEndpoint and ClientEndpoint, with what its settings say.`,
		Example: `  uapush endpoint list opc.tcp://plc1:4840 --user admin --password-file pw`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := a.read(c, f, args)
			if err != nil {
				return err
			}
			return a.view().Endpoints(s.Base)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

type deleteFlags struct {
	planFlags
	port    uint16
	network string
	confirm string
	yes     bool
	dryRun  bool
	timing  config.UpdateTiming
}

func (a *app) endpointDeleteCommand() *cobra.Command {
	f := &deleteFlags{}
	c := &cobra.Command{
		Use:   "delete (NAME | --port PORT) [SERVER] --confirm NAME",
		Short: "Delete an endpoint",
		Long: `delete plans the removal of an endpoint, shows it, and applies it like any plan.
The records that the endpoint used stay. Clients of the endpoint lose it, so the
name (or the port) has to be said twice: --confirm.`,
		Example: `  uapush endpoint delete line-a plc1 --confirm line-a
  uapush endpoint delete --port 4843 plc1 --confirm 4843 --yes
  uapush endpoint delete line-a plc1 --dry-run`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.runEndpointDelete(c, f, args) },
	}
	f.connectionFlags.register(c)
	c.Flags().Uint16Var(&f.port, "port", 0, "the endpoint on this port")
	c.Flags().StringVar(&f.network, "network", "", "the endpoint on this network, with --port")
	c.Flags().StringVar(&f.confirm, "confirm", "", "the name, or the port, of the endpoint once more")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "delete without asking")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only plan")
	c.Flags().StringVar(&f.out, "out", "", "save the plan in this file")
	c.Flags().BoolVar(&f.detailedExitCode, "detailed-exitcode", false, "exit with 2 when there are changes")
	c.Flags().DurationVar(&f.timing.RevertAfter, "revert-after", defaultRevertAfter, "the server takes the change back when it is not confirmed by then")
	c.Flags().DurationVar(&f.timing.RestartDelay, "restart-delay", 0, "the server waits this long before it applies the change")
	c.ValidArgsFunction = a.completeDelete
	return c
}

// defaultRevertAfter leaves a server time to restart and this client to confirm.
const defaultRevertAfter = 2 * time.Minute

func (a *app) runEndpointDelete(c *cobra.Command, f *deleteFlags, args []string) error {
	name := ""
	if f.port == 0 {
		if len(args) == 0 || strings.Contains(args[0], "://") {
			return usage("give NAME or --port PORT; uapush endpoint list shows them", "no endpoint is named")
		}
		name, args = args[0], args[1:]
	} else {
		name = fmt.Sprint(f.port)
	}
	if !f.dryRun && f.confirm != name {
		return usage("add --confirm "+name, "the clients of the endpoint %s lose it: it is deleted only when it is named twice", name)
	}
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	s := &workflow.State{Desired: config.Desired{Update: f.timing}, Edit: func(base config.Application) (config.Application, error) {
		if f.port != 0 {
			return plan.WithoutEndpointAt(base, f.network, f.port)
		}
		return plan.WithoutEndpoint(base, name)
	}}
	a.aim(conn, s)
	s.Guard = conn.guarded([]string{f.confirm, name})
	if f.dryRun {
		if err := a.perform(c.Context(), conn, s, workflow.Plan()); err != nil {
			return err
		}
		return a.present(conn, s, &f.planFlags)
	}
	s.Approve = a.approve(conn, f.yes, &f.planFlags)
	h := journal.Header{Command: "endpoint delete", Application: f.application}
	if err := a.carryOut(c.Context(), conn, s, workflow.Apply(), h); err != nil {
		return err
	}
	return a.concluded(s, f.detailedExitCode)
}
