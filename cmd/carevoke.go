package cmd

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
)

func (a *app) caRevokeCommand() *cobra.Command {
	var f issuerFlags
	reason := ""
	c := &cobra.Command{
		Use:   "revoke SERIAL",
		Short: "Withdraw a certificate that the authority issued",
		Long: `revoke records that a certificate is withdrawn and makes a new CRL. Servers learn of
it from their trust lists: bring the CRL there with trust sync ca. The serial is as
ca show prints it with -o json.`,
		Example: `  uapush ca revoke 5f3a9c… --reason superseded --ca-passphrase-file ca.pass
  uapush trust sync ca --server plc1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason != "" && !slices.Contains(pki.RevocationReasons(), reason) {
				return usage("one of "+strings.Join(pki.RevocationReasons(), ", "), "--reason cannot be %q", reason)
			}
			ca, err := a.openCA(&f)
			if err != nil {
				return err
			}
			defer ca.Close()
			if err := ca.RevokeFor(c.Context(), args[0], reason); err != nil {
				return err
			}
			return a.showCRL(c, ca)
		},
	}
	f.register(c)
	c.Flags().StringVar(&reason, "reason", "", "why: "+strings.Join(pki.RevocationReasons(), ", ")+" (default none is given)")
	_ = c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(pki.RevocationReasons(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) showCRL(c *cobra.Command, ca *pki.CA) error {
	der, err := ca.CRL(c.Context())
	if err != nil {
		return err
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	a.progress().Line("CRL %v, next update %s, %d revoked", crl.Number, crl.NextUpdate.UTC().Format("2006-01-02"), len(crl.RevokedCertificateEntries))
	return nil
}

func (a *app) caCRLCommand() *cobra.Command {
	var f issuerFlags
	out := ""
	c := &cobra.Command{
		Use:   "crl",
		Short: "Write the authority's revocation list",
		Long: `crl writes the CRL as PEM. One whose validity is more than half over is made anew
first, with the next number, which needs the authority's key.`,
		Example: `  uapush ca crl --out plant-ca.crl --ca-passphrase-file ca.pass`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ca, err := a.openCA(&f)
			if err != nil {
				return err
			}
			defer ca.Close()
			der, err := ca.CRL(c.Context())
			if err != nil {
				return err
			}
			return a.deliver(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
		},
	}
	f.register(c)
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	return c
}
