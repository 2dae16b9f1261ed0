package cmd

import (
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/upkeep"
)

func (a *app) groupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "group",
		Short:   "The certificate groups of a server",
		Long:    `group lists the CertificateGroups of an application: their types, slots and trust lists (OPC 10000-12, 7.8.3).`,
		Example: `  uapush group list plc1`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.overFleet(a.groupListCommand(), reads))
	return c
}

func (a *app) groupListCommand() *cobra.Command {
	f := &connectionFlags{}
	c := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "List the certificate groups",
		Long:  `list prints a row per CertificateGroup: purpose, types, how many slots hold a certificate, and what is in its trust list.`,
		Example: `  uapush group list opc.tcp://plc1:4840 --user admin --password-file pw
  uapush group list plc1 --application urn:plant:client -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := a.survey(c, f, args, func(upkeep.Group) workflow.Parts {
				return workflow.PartTrustList | workflow.PartCertificates | workflow.PartRejected
			})
			if err != nil {
				return err
			}
			return a.view().Groups(s.Situation)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}
