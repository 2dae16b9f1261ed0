package cmd

import (
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow"
)

func (a *app) planCommand() *cobra.Command {
	f := &planFlags{}
	c := &cobra.Command{
		Use:   "plan -f MANIFEST [SERVER]",
		Short: "Show what a manifest would change on a server",
		Long: `plan reads the server's configuration, compares it with the manifest and shows
the UpdateTargets that would be sent, what would stop working, and whether apply
would refuse it for that. Nothing is written to the server.

SERVER is a discovery URL, or a name from the inventory uapush.yaml.`,
		Example: `  uapush plan -f line-a.yaml opc.tcp://plc1:4840 --user admin --password-file pw
  uapush plan -f line-a.yaml plc1 --out plan.json --detailed-exitcode
  uapush plan -f line-a.yaml plc1 -o json | jq .summary`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runPlan(c, f, args) },
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

func (a *app) runPlan(c *cobra.Command, f *planFlags, args []string) error {
	s := &workflow.State{}
	if err := f.desired(a, s); err != nil {
		return err
	}
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	a.aim(conn, s)
	s.Guard = conn.guarded(nil)
	if err := a.perform(c.Context(), conn, s, workflow.Plan()); err != nil {
		return err
	}
	return a.present(conn, s, f)
}
