package cmd

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
)

func (a *app) caSignCommand() *cobra.Command {
	var (
		f     issuerFlags
		r     pki.Request
		out   string
		again bool
	)
	c := &cobra.Command{
		Use:   "sign REQUEST --application-uri URI",
		Short: "Sign a certificate request",
		Long: `sign checks a PKCS#10 request (PEM or DER) and signs it. Names are copied from
the request; key usages are set by the authority (OPC 10000-6, 6.2.2). The chain
is written as PEM, the certificate first.

A request that was signed before gets the same certificate, as long as it is valid,
not revoked, and what is asked for; --again makes another one.`,
		Example: `  uapush ca sign plc1.csr --application-uri urn:plant:plc1 --out plc1.pem --ca-passphrase-file ca.pass`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := pki.ReadBounded(args[0], pki.MaxFileSize)
			if err != nil {
				return err
			}
			csr, err := pki.ParseRequest(data)
			if err != nil {
				return usage(hintOf(err), "%s: %w", args[0], err)
			}
			r.Server = true
			if !again {
				r.Since = time.Unix(0, 0) // whenever it was
			}
			ca, err := a.openCA(&f)
			if err != nil {
				return err
			}
			defer ca.Close()
			began := time.Now()
			chain, err := ca.Issue(c.Context(), csr, r)
			if is[*pki.RequestError](err) {
				return usage(hintOf(err), "%s: %w", args[0], err)
			}
			if err != nil {
				return err
			}
			if err := a.sayWhen(ca, chain[0], began); err != nil {
				return err
			}
			return a.deliver(out, pki.EncodeCertificates(chain))
		},
	}
	f.register(c)
	c.Flags().StringVar(&r.ApplicationURI, "application-uri", "", "the ApplicationUri that the request must have")
	c.Flags().StringSliceVar(&r.DNSNames, "dns", nil, "DNS names to add")
	c.Flags().IPSliceVar(&r.IPAddresses, "ip", nil, "IP addresses to add")
	c.Flags().DurationVar(&r.Validity, "validity", 0, "how long it is valid, such as 8760h (default 365 days)")
	c.Flags().StringVar(&out, "out", "", "write the chain to this file instead of standard output")
	c.Flags().BoolVar(&again, "again", false, "make another certificate of a request that was signed before")
	_ = c.MarkFlagRequired("application-uri")
	return c
}

// sayWhen tells of a certificate that the ledger had before this command began.
func (a *app) sayWhen(ca *pki.CA, leaf []byte, began time.Time) error {
	records, err := ca.Records()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(r pki.LedgerRecord) bool { return r.Event == pki.EventIssued && r.SHA256 == pki.Fingerprint(leaf) })
	if i >= 0 && records[i].Time.Before(began) {
		a.progress().Line("this request was signed before: the certificate is the one of %s, serial %s; --again makes another",
			records[i].Time.UTC().Format(time.DateTime), records[i].Serial)
	}
	return nil
}
