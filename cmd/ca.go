package cmd

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"slices"
	"strings"
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
it issued, and its CRL. apply signs the servers' requests with it.`,
		Example: `  uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file ca.pass
  uapush ca show`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.caInitCommand(), a.caShowCommand(), a.caSignCommand(), a.caRevokeCommand(), a.caCRLCommand())
	return c
}

func (a *app) caInitCommand() *cobra.Command {
	var (
		f       issuerFlags
		subject string
		kind    string
		bare    bool
		options pki.CAOptions
	)
	c := &cobra.Command{
		Use:   "init --subject SUBJECT (--ca-passphrase-file FILE | --no-passphrase)",
		Short: "Make the certificate authority",
		Long: `init makes the authority's key and certificate once. An existing one is never touched.

RSA signs for keys of every kind; a key on a curve signs for curves alone, because the
SecurityPolicies with RSA want RSA in the whole chain (OPC 10000-6, 6.2.2). Where all
slots are on curves, make the authority on one too: some stacks tell the kind of a
certificate by its signature.`,
		Example: `  uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file ca.pass
  uapush ca init --subject "CN=Bench CA/O=Plant" --no-passphrase`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			name, err := pki.ParseSubject(subject)
			if err != nil {
				return usage(`write it like "CN=Plant CA/O=Plant"`, "--subject: %w", err)
			}
			if !slices.Contains(pki.KeyKinds(), kind) {
				return usage("one of "+strings.Join(pki.KeyKinds(), ", "), "--key cannot be %q", kind)
			}
			if options.Passphrase, err = f.passphrase(a); err != nil {
				return err
			}
			dir, err := a.caDir()
			if err != nil {
				return err
			}
			options.Subject, options.NoPassphrase, options.Key = name, bare, pki.KeyKind(kind)
			ca, err := pki.InitCA(c.Context(), dir, options)
			if err != nil {
				return err
			}
			return a.view().Certificate("made the certificate authority in "+dir, ca.Certificate())
		},
	}
	f.register(c)
	c.Flags().StringVar(&subject, "subject", "", `subject of its certificate, such as "CN=Plant CA/O=Plant"`)
	c.Flags().BoolVar(&bare, "no-passphrase", false, "keep the key unencrypted (0600)")
	c.Flags().StringVar(&kind, "key", string(pki.KeyRSA4096), "kind of its key: "+strings.Join(pki.KeyKinds(), ", "))
	_ = c.RegisterFlagCompletionFunc("key", cobra.FixedCompletions(pki.KeyKinds(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagRequired("subject")
	return c
}

func (a *app) caShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the authority and what it issued",
		Long:    `show prints the authority's certificate, its CRL and the ledger of issued certificates. It needs no passphrase.`,
		Example: `  uapush ca show -o json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.caDir()
			if err != nil {
				return err
			}
			cert, der, err := a.authority()
			if err != nil {
				return err
			}
			ca, err := x509.ParseCertificate(cert)
			if err != nil {
				return err
			}
			crl, err := x509.ParseRevocationList(der)
			if err != nil {
				return err
			}
			records, err := pki.ReadCALedger(dir)
			if err != nil {
				return err
			}
			return a.view().Authority(dir, ca, crl, records)
		},
	}
}
