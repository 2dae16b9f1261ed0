package cmd

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/hsm"
)

func (a *app) caRequestCommand() *cobra.Command {
	out := ""
	c := &cobra.Command{
		Use:   "request",
		Short: "Write the request for an intermediate's certificate",
		Long: `request writes what ca init --intermediate has made for the owner of the root, as
PEM. It is the same for a renewal: the key stays. With openssl the root signs it so:

  openssl x509 -req -in line-a-ca.csr -CA root.pem -CAkey root.key -days 1825 \
    -copy_extensions copyall -extfile aki.cnf -out line-a-ca.pem

where aki.cnf has the line authorityKeyIdentifier = keyid.`,
		Example: `  uapush ca request --out line-a-ca.csr`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.caDir()
			if err != nil {
				return err
			}
			request, err := pki.ReadCARequest(dir)
			if err != nil {
				return err
			}
			return a.deliver(out, request)
		},
	}
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	return c
}

func (a *app) caInstallCommand() *cobra.Command {
	var (
		f    issuerFlags
		crls []string
	)
	c := &cobra.Command{
		Use:   "install [CHAIN] [--crls FILE]",
		Short: "Take an intermediate's certificate, or newer CRLs, from the owner of the root",
		Long: `install takes the certificate that was made of this authority's request, with its
issuers up to the root, PEM or DER in any order. It checks that they fit: the key, cA,
keyCertSign and cRLSign, pathLen, validity, every signature, the root signed by itself.

Every authority of the chain needs a CRL, or servers refuse what is issued: give those
of the authorities above with --crls, and newer ones, without CHAIN, before the old
ones end. apply and cert renew refuse to begin while one is missing or outdated. That
needs no passphrase; CHAIN does.`,
		Example: `  uapush ca install line-a-ca.pem root.pem --crls root.crl --ca-passphrase-file ca.pass
  uapush ca install --crls root.crl`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args)+len(crls) == 0 {
				return usage("give CHAIN, --crls FILE, or both", "there is nothing to install")
			}
			b, err := installed(args, crls)
			if err != nil {
				return err
			}
			return a.runInstall(c, &f, b)
		},
	}
	f.register(c)
	c.Flags().StringSliceVar(&crls, "crls", nil, "file with CRLs of the authorities above; may be repeated")
	return c
}

// installed reads certificates, with CRLs among them, and files of CRLs alone.
func installed(chains, crls []string) (pki.Bundle, error) {
	var all pki.Bundle
	for _, path := range chains {
		b, err := pki.LoadBundle(path)
		if err != nil {
			return all, err
		}
		all.Certificates, all.CRLs = append(all.Certificates, b.Certificates...), append(all.CRLs, b.CRLs...)
	}
	if len(chains) > 0 && len(all.Certificates) == 0 {
		return all, usage("give CRLs with --crls FILE", "%s holds no certificate", chains[0])
	}
	for _, path := range crls {
		b, err := pki.LoadBundle(path)
		switch {
		case err != nil:
			return all, err
		case len(b.Certificates) > 0 || len(b.CRLs) == 0:
			return all, usage("certificates are arguments of their own", "%s holds more than CRLs, or none", path)
		}
		all.CRLs = append(all.CRLs, b.CRLs...)
	}
	return all, nil
}

func (a *app) runInstall(c *cobra.Command, f *issuerFlags, b pki.Bundle) error {
	dir, err := a.caDir()
	if err != nil {
		return err
	}
	o := pki.CAOptions{Token: hsm.Key}
	if len(b.Certificates) > 0 {
		if o.Passphrase, err = f.passphrase(a); err != nil {
			return err
		}
	}
	ca, err := pki.InstallCA(c.Context(), dir, b, o)
	if err != nil {
		return err
	}
	if err := ca.Current(time.Now()); err != nil {
		a.progress().Line("warning: %v: %s", err, hintOf(err))
	}
	records, err := pki.ReadCALedger(dir)
	if err != nil {
		return err
	}
	return a.view().Authority(ca, records)
}
