package cmd

import (
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
)

func (a *app) caCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ca",
		Short: "The built-in certificate authority",
		Long: `ca keeps a certificate authority in the state folder: its key, a ledger of what
it issued, and its CRL. apply signs the servers' requests with it. It is a root, or an
intermediate that a root elsewhere has certified.`,
		Example: `  uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file ca.pass
  uapush ca show`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.caInitCommand(), a.caRequestCommand(), a.caInstallCommand(), a.caShowCommand(),
		a.caSignCommand(), a.caRevokeCommand(), a.caCRLCommand())
	return c
}

func (a *app) caShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the authority and what it issued",
		Long: `show prints the authority's certificate and those above it, their CRLs, and the
ledger of issued certificates. It needs no passphrase.`,
		Example: `  uapush ca show -o json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ca, err := a.authority()
			if err != nil {
				return err
			}
			records, err := pki.ReadCALedger(ca.Dir)
			if err != nil {
				return err
			}
			return a.view().Authority(ca, records)
		},
	}
}
