package cmd

import (
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/upkeep"
)

func (a *app) rejectedCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rejected",
		Short: "The certificates that a server has turned away",
		Long: `rejected lists the client certificates that a server did not trust (GetRejectedList,
OPC 10000-12, 7.10.12), and trusts those that are named by fingerprint.`,
		Example: `  uapush rejected list plc1
  uapush rejected trust 3f9a2c71d0e8b542 --server plc1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.overFleet(a.rejectedListCommand(), reads), a.rejectedTrustCommand())
	return c
}

func (a *app) rejectedListCommand() *cobra.Command {
	f := &connectionFlags{}
	var groups selectFlags
	c := &cobra.Command{
		Use:     "list [SERVER]",
		Short:   "List rejected certificates",
		Long:    `list prints the certificates that groups have turned away, with the whole SHA-256 to compare at the client.`,
		Example: `  uapush rejected list plc1 -o json`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := groups.selection()
			if err != nil {
				return err
			}
			_, s, err := a.survey(c, f, args, func(g upkeep.Group) workflow.Parts {
				if len(sel.Groups) == 0 || sel.Takes(g) {
					return workflow.PartRejected
				}
				return 0
			})
			if err != nil {
				return err
			}
			return a.view().Rejected(s.Situation.Groups)
		},
	}
	f.register(c)
	groups.register(c)
	a.completeWithServers(c)
	return c
}

func (a *app) rejectedTrustCommand() *cobra.Command {
	f := &listFlags{}
	c := &cobra.Command{
		Use:   "trust FINGERPRINT... [--server SERVER]",
		Short: "Trust rejected certificates",
		Long: `trust moves certificates from the rejected list into the trust list of their group.
Name each by its SHA-256 (or SHA-1) in hex, or at least its first 16 digits, compared
at the client: whoever connects decides what is in the rejected list.`,
		Example: `  uapush rejected trust 3f9a2c71d0e8b542 --server plc1 --group LineA`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(a, c, workflow.PartRejected, upkeep.Trusting(args))
		},
	}
	f.register(c)
	return c
}
