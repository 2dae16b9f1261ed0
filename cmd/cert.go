package cmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/upkeep"
)

// defaultThreshold is how near its end a certificate is renewed.
const defaultThreshold = "20%"

func (a *app) certCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cert",
		Short: "The certificates of a server, by group and type",
		Long: `cert shows, renews and replaces the certificates behind the endpoints. A
CertificateGroup has a slot for each of its CertificateTypes (OPC 10000-12, 7.8.3).`,
		Example: `  uapush cert list plc1
  uapush cert renew plc1 --expires-in 30d
  uapush cert csr plc1 --group LineA --out line-a.csr
  uapush cert update line-a.pem plc1 --group LineA`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.overFleet(a.certListCommand(), reads), a.certShowCommand(), a.overFleet(a.certRenewCommand(), changes), a.certCSRCommand(), a.certUpdateCommand(),
		a.certSelfSignedCommand(), a.certDeleteCommand(),
	)
	return c
}

// slotFlags judge slots.
type slotFlags struct {
	connectionFlags
	selectFlags
	expiresIn string
}

func (f *slotFlags) register(c *cobra.Command) {
	f.connectionFlags.register(c)
	f.selectFlags.registerTypes(c)
	c.Flags().StringVar(&f.expiresIn, "expires-in", "", "only slots that need a certificate, or whose certificate ends within: 20%, 30d, 72h")
}

func (a *app) certListCommand() *cobra.Command {
	f := &slotFlags{}
	c := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "List the certificate slots and what they need",
		Long: `list prints a row per slot. The state is ok, or why the slot needs another
certificate: missing, expired, expiring (within ` + defaultThreshold + ` of its life), revoked, applicationUri,
names, key, issuer.`,
		Example: `  uapush cert list plc1
  uapush cert list plc1 --expires-in 30d -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			slots, err := a.slots(c, f, args)
			if err != nil {
				return err
			}
			return a.view().Slots(slots)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

func (a *app) certShowCommand() *cobra.Command {
	f := &slotFlags{}
	c := &cobra.Command{
		Use:   "show [SERVER]",
		Short: "Show certificates with everything there is to say",
		Long: `show prints subject, names, ApplicationUri, key, usages, time left, issuer and
fingerprints of the certificates, what is wrong with them by the rules of
OPC 10000-6, 6.2.2, and which endpoints show them.`,
		Example: `  uapush cert show plc1 --group DefaultApplicationGroup --type RsaSha256`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			slots, err := a.slots(c, f, args)
			if err != nil {
				return err
			}
			return a.view().SlotDetails(slots)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

// slots reads and judges the selected slots.
func (a *app) slots(c *cobra.Command, f *slotFlags, args []string) ([]view.Slot, error) {
	sel, err := f.selection()
	if err != nil {
		return nil, err
	}
	threshold, err := parseThreshold(f.expiresIn)
	if err != nil {
		return nil, err
	}
	_, s, err := a.survey(c, &f.connectionFlags, args, readWhole(sel))
	if err != nil {
		return nil, err
	}
	w, err := upkeep.Renewal{Selection: sel, Threshold: threshold, CRLs: a.ownCRLs()}.Judge(s.Situation)
	if err != nil {
		return nil, err
	}
	var out []view.Slot
	for _, j := range w {
		if f.expiresIn != "" && len(j.Needs) == 0 {
			continue
		}
		out = append(out, view.SlotOf(j.Group, j.Type, j.Needs, endpointsOf(s, j.Group.Certificates[j.Type])))
	}
	return out, nil
}

func parseThreshold(text string) (upkeep.Threshold, error) {
	if text == "" {
		text = defaultThreshold
	}
	t, err := upkeep.ParseThreshold(text)
	if err != nil {
		return t, usage("write 20%, 30d or 72h", "--expires-in: %w", err)
	}
	return t, nil
}

func (a *app) certCSRCommand() *cobra.Command {
	var (
		f       connectionFlags
		sel     selectFlags
		subject string
		out     string
		keep    bool
	)
	c := &cobra.Command{
		Use:   "csr [SERVER] --group GROUP --type TYPE",
		Short: "Get a certificate request to be signed elsewhere",
		Long: `csr has the server make a new key and a request for it (PKCS#10). The server keeps
the key until its certificate comes, also across sessions and restarts; the old
certificate stays in force. Asking again discards a key that waits. Bring the
signed certificate with cert update, today or tomorrow.`,
		Example: `  uapush cert csr plc1 --group LineA --type RsaSha256 --out line-a.csr
  openssl x509 -req -in line-a.csr -CA ca.pem -CAkey ca.key -copy_extensions copy -out line-a.pem
  uapush cert update line-a.pem plc1 --group LineA --type RsaSha256 --issuers ca-with-crl.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := sel.selection()
			if err != nil {
				return err
			}
			pem, err := a.signingRequest(c, &f, args, upkeep.Asking{Selection: s, Subject: subject, SameKey: keep})
			if err != nil {
				return err
			}
			return a.deliver(out, pem)
		},
	}
	f.register(c)
	sel.registerTypes(c)
	c.Flags().StringVar(&subject, "subject", "", `subject to ask for, such as "CN=PLC1/O=Plant" (default that of the certificate there is)`)
	c.Flags().BoolVar(&keep, "keep-key", false, "for the key that the server has, instead of a new one")
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	a.completeWithServers(c)
	return c
}

func (a *app) signingRequest(c *cobra.Command, f *connectionFlags, args []string, ask upkeep.Asking) ([]byte, error) {
	conn, err := a.connect(c, f, args)
	if err != nil {
		return nil, err
	}
	s := &workflow.State{Upkeep: workflow.Upkeep{
		Decide: ask.Decide, Reads: func(upkeep.Group) workflow.Parts { return workflow.PartCertificates },
	}}
	a.aim(conn, s)
	record, err := a.requests()
	if err != nil {
		return nil, err
	}
	if err := a.perform(c.Context(), conn, s, workflow.RequestCertificates()); err != nil {
		return nil, err
	}
	r := s.Requests[0]
	if err := record.Add(c.Context(), s.Situation.ApplicationURI, r.Group, config.CertificateTypeName(r.Type), r.CSR); err != nil {
		return nil, err
	}
	a.progress().Line("request for %s of %s", config.CertificateTypeName(r.Type), view.Clean(r.Group))
	return encodeRequest(r.CSR), nil
}

// slotName is for --confirm.
func slotName(sel upkeep.Selection) string {
	if len(sel.Groups) != 1 || len(sel.Types) != 1 {
		return ""
	}
	return fmt.Sprintf("%s/%s", sel.Groups[0], config.CertificateTypeName(slices.Clone(sel.Types)[0]))
}
