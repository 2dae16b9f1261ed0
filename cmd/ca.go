package cmd

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
)

// issuerFlags say how the key of the built-in CA is opened.
type issuerFlags struct{ passphraseFile string }

func (f *issuerFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.passphraseFile, "ca-passphrase-file", "", "file that holds the passphrase of the certificate authority's key")
}

func (f *issuerFlags) passphrase(a *app) ([]byte, error) {
	if f.passphraseFile == "" {
		return nil, nil
	}
	return a.secret(pki.SecretSource{Kind: pki.SecretFile, Name: f.passphraseFile})
}

func (a *app) caDir() (string, error) {
	state, err := a.stateDir()
	return filepath.Join(state, "ca"), err
}

// openCA opens the built-in CA with its key.
func (a *app) openCA(f *issuerFlags) (*pki.CA, error) {
	dir, err := a.caDir()
	if err != nil {
		return nil, err
	}
	passphrase, err := f.passphrase(a)
	if err != nil {
		return nil, err
	}
	return pki.OpenCA(dir, pki.CAOptions{Passphrase: passphrase})
}

// lazyIssuer opens the CA when the first certificate is needed: a run that issues
// none asks for no passphrase.
type lazyIssuer struct {
	a     *app
	flags *issuerFlags

	once sync.Once
	ca   *pki.CA
	err  error
}

func (l *lazyIssuer) open() error {
	l.once.Do(func() { l.ca, l.err = l.a.openCA(l.flags) })
	return l.err
}

func (l *lazyIssuer) Issue(ctx context.Context, csr []byte, r pki.Request) ([][]byte, error) {
	if err := l.open(); err != nil {
		return nil, err
	}
	return l.ca.Issue(ctx, csr, r)
}

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
