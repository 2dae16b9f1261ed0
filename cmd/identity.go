package cmd

import (
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
)

func (a *app) identityCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "identity",
		Short: "This client's own certificate",
		Long: `identity shows or exports the certificate by which servers know this client. It
is made on first use, and kept with its key in the state folder.`,
		Example: `  uapush identity show
  uapush identity export --out uapush.der`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.identityShowCommand(), a.identityExportCommand())
	return c
}

func (a *app) identityShowCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "show",
		Short:   "Show this client's certificate",
		Long:    `show prints subject, names, validity and fingerprints of the client's certificate.`,
		Example: `  uapush identity show -o json | jq -r .sha256`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			identity, err := a.clientIdentity(dir)
			if err != nil {
				return err
			}
			cert, err := identity.Certificate()
			if err != nil {
				return err
			}
			return a.view().Certificate("", cert)
		},
	}
	c.Flags().StringVar(&dir, "identity", "", "folder of the certificate and key (default in the state folder)")
	return c
}

func (a *app) identityExportCommand() *cobra.Command {
	var dir, out, format string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write this client's certificate for a server's trust list",
		Long: `export writes the certificate, never the key. Put it into the server's list of
trusted client certificates, by the vendor's tool or the file system.`,
		Example: `  uapush identity export --out uapush.der
  uapush identity export --format pem`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != "der" && format != "pem" {
				return usage("one of der, pem", "there is no certificate format %q", format)
			}
			identity, err := a.clientIdentity(dir)
			if err != nil {
				return err
			}
			data := identity.Chain[0]
			if format == "pem" {
				data = pki.EncodeCertificates(identity.Chain[:1])
			}
			if out == "" {
				_, err = a.env.Out.Write(data)
				return err
			}
			if err := pki.WriteFileAtomic(out, data, 0o644); err != nil {
				return err
			}
			a.progress().Line("wrote %s, SHA-256 %s", out, pki.Fingerprint(identity.Chain[0]))
			return nil
		},
	}
	c.Flags().StringVar(&dir, "identity", "", "folder of the certificate and key (default in the state folder)")
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	c.Flags().StringVar(&format, "format", "der", "der or pem")
	return c
}
