package cmd

import (
	"encoding/pem"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/upkeep"
)

type renewFlags struct {
	changeFlags
	signerFlags
	expiresIn, key, subject string
	force, trustIssuer      bool
	bits, minBits           int
	names                   []string
	validity                string
}

func (a *app) certRenewCommand() *cobra.Command {
	f := &renewFlags{}
	c := &cobra.Command{
		Use:   "renew [SERVER]",
		Short: "Renew the certificates that need it",
		Long: `renew looks at every slot, shows which ones need another certificate and why, asks,
and does Update Certificates (OPC 10000-12, 7.7.2): it gets requests from the
server, has them signed by the built-in authority or by --signer, writes the CAs and
CRLs that the trust lists lack, updates the certificates, applies the changes once,
reconnects trusting the new certificate, and sees that slots and endpoints agree.

A failure before the changes are applied leaves the old certificates in force.

A signer is a program that reads a request in PEM on standard input and writes the
chain in PEM on standard output, the new certificate first. It runs without a shell,
for at most a minute. Its environment tells it more:

  UAPUSH_APPLICATION_URI   the URI that subjectAltName must have
  UAPUSH_DNS_NAMES         names to certify beside the request's, between commas
  UAPUSH_IP_ADDRESSES      addresses, likewise
  UAPUSH_SUBJECT           the subject wanted, as CN=…/O=…; empty is the request's
  UAPUSH_VALIDITY_DAYS     how long it should be valid
  UAPUSH_USAGE             server or client: the extended key usages that are needed
  UAPUSH_SERVER            the server's URL
  UAPUSH_GROUP             the CertificateGroup
  UAPUSH_TYPE              the CertificateType, by its short name

What it returns is checked before anything is sent.`,
		Example: `  uapush cert renew plc1 --dry-run
  uapush cert renew plc1 --expires-in 30d --yes --ca-passphrase-file ca.pass
  uapush cert renew plc1 --force --group LineA --key local --bits 3072
  uapush cert renew plc1 --signer "exec:./sign-with-step.sh" --issuers plant-ca-with-crl.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runRenew(c, f, args) },
	}
	f.changeFlags.register(c)
	f.selectFlags.registerTypes(c)
	f.signerFlags.register(c)
	c.Flags().StringVar(&f.expiresIn, "expires-in", defaultThreshold, "renew what ends within this share of its life, or this time: 20%, 30d, 72h")
	c.Flags().BoolVar(&f.force, "force", false, "renew what needs nothing, too")
	registerTrustIssuer(c, &f.trustIssuer)
	c.Flags().StringVar(&f.key, "key", string(upkeep.ServerKey), "whose key: server (a new one), same (the one there is), local (made here and sent)")
	c.Flags().IntVar(&f.bits, "bits", 2048, "length of an RSA key with --key local: 2048, 3072 or 4096")
	c.Flags().IntVar(&f.minBits, "min-bits", 0, "also renew certificates with shorter RSA keys")
	c.Flags().StringVar(&f.subject, "subject", "", "subject of the new certificates (default that of the old one)")
	c.Flags().StringSliceVar(&f.names, "name", nil, "DNS name or address that the certificates must have; may be repeated")
	c.Flags().StringVar(&f.validity, "validity", "", "how long they are valid: 365d, 8760h")
	a.completeWithServers(c)
	return c
}

func (a *app) runRenew(c *cobra.Command, f *renewFlags, args []string) error {
	sel, err := f.selection()
	if err != nil {
		return err
	}
	r := upkeep.Renewal{Selection: sel, All: f.force, Key: upkeep.KeySource(f.key), Bits: f.bits, MinBits: f.minBits, Subject: f.subject, Names: f.names}
	if r.Threshold, err = parseThreshold(f.expiresIn); err != nil {
		return err
	}
	if r.Validity, err = parseValidity(f.validity); err != nil {
		return err
	}
	switch r.Key {
	case upkeep.ServerKey, upkeep.SameKey, upkeep.LocalKey:
	default:
		return usage("one of server, same, local", "--key cannot be %q", f.key)
	}
	issuer, cas, crls, err := f.issuer(a)
	if err != nil {
		return err
	}
	r.Issuers, r.CRLs, r.TrustIssuer = cas, crls, f.trustIssuer
	s := &workflow.State{Issuer: issuer, Upkeep: workflow.Upkeep{Decide: r.Decide, Reads: readWhole(sel)}}
	if lazy, ok := issuer.(*lazyIssuer); ok {
		s.Consent = lazy.prepared
	}
	return a.keep(c, &f.changeFlags, args, s, workflow.UpdateCertificates(), journal.Header{Signer: f.program()})
}

// registerTrustIssuer is for servers that want to trust the CA of their own
// certificate (OPC 10000-12, 7.10.5 can be read so).
func registerTrustIssuer(c *cobra.Command, trust *bool) {
	c.Flags().BoolVar(trust, "trust-issuer", false, "put the CA that signs among the trusted certificates, not the issuers only: its clients may connect then")
}

func parseValidity(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	t, err := upkeep.ParseThreshold(text)
	if err != nil || t.Before <= 0 {
		return 0, usage("write 365d or 8760h", "--validity cannot be %q", text)
	}
	return t.Before, nil
}

func (a *app) certUpdateCommand() *cobra.Command {
	f := &changeFlags{}
	var issuers []string
	var keyFile, request string
	trustIssuer := false
	c := &cobra.Command{
		Use:   "update CHAIN [SERVER]",
		Short: "Put a certificate into its slot that was signed elsewhere",
		Long: `update sends the first certificate of CHAIN (PEM or DER) to a slot, applies the
change and verifies it. The key is the one that cert csr had the server make, or
the one of --key-file, sent in a format that the server takes. CAs and CRLs that
the group's trust list lacks come from --issuers and from the rest of CHAIN.

A certificate for a key that the server cannot have is not sent, as some servers
take it and are not reached any more: its key has to be the one in use, or that of
the latest cert csr from here, or of the request given with --request.`,
		Example: `  uapush cert update line-a.pem plc1 --group LineA --type RsaSha256
  uapush cert update line-a.pem plc1 --group LineA --key-file line-a.key --issuers plant-ca-with-crl.pem`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := f.selection()
			if err != nil {
				return err
			}
			i := upkeep.Installation{Selection: sel, TrustIssuer: trustIssuer}
			if err := a.readChain(&i, args[0], issuers); err != nil {
				return err
			}
			if i.Asked, err = requestKey(request); err != nil {
				return err
			}
			if i.OnRecord, err = a.requestOnRecord(); err != nil {
				return err
			}
			s := &workflow.State{Upkeep: workflow.Upkeep{Decide: i.Decide, Reads: readWhole(sel)}}
			if keyFile != "" {
				i.HasKey = true
				s.Decide = func(in upkeep.Situation) (upkeep.Work, error) {
					w, err := i.Decide(in)
					if err == nil && len(w.Certificates) > 0 {
						s.Key, err = keyFromFile(keyFile, w.Certificates[0].KeyFormat, i.Chain)
					}
					return w, err
				}
			}
			return a.keep(c, f, args[1:], s, workflow.UpdateCertificates(), journal.Header{})
		},
	}
	f.changeFlagsWithTypes(c)
	c.Flags().StringSliceVar(&issuers, "issuers", nil, "file with CAs and CRLs that the trust list needs for the certificate; may be repeated")
	c.Flags().StringVar(&request, "request", "", "the request (PEM or DER) that the certificate answers, when cert csr was not run from here")
	registerTrustIssuer(c, &trustIssuer)
	c.Flags().StringVar(&keyFile, "key-file", "", "private key of the certificate (PEM), when the server does not have it")
	c.ValidArgsFunction = a.serverAfter(1)
	return c
}

// requestKey is the key of a request in a file; "" without a file.
func requestKey(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	data, err := pki.ReadBounded(path, pki.MaxFileSize)
	if err != nil {
		return "", err
	}
	der, err := pki.ParseRequest(data)
	if err != nil {
		return "", usage("give the request that uapush cert csr wrote", "%s: %w", path, err)
	}
	return pki.RequestKeyID(der)
}

// requests are those that were made from here and are signed elsewhere.
func (a *app) requests() (*pki.Requests, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return pki.NewRequests(filepath.Join(state, "requests.json"), nil), nil
}

func (a *app) requestOnRecord() (func(applicationURI, group string, t config.NodeID) (string, error), error) {
	all, err := a.requests()
	return func(applicationURI, group string, t config.NodeID) (string, error) {
		return all.Key(applicationURI, group, config.CertificateTypeName(t))
	}, err
}

func (f *changeFlags) changeFlagsWithTypes(c *cobra.Command) {
	f.register(c)
	f.selectFlags.registerTypes(c)
}

// readChain reads a certificate with its issuers.
func (a *app) readChain(i *upkeep.Installation, path string, issuers []string) error {
	b, err := pki.LoadBundle(path)
	if err != nil {
		return err
	}
	if len(b.Certificates) == 0 {
		return usage("give the signed certificate, in PEM or DER", "%s holds no certificate", path)
	}
	for _, c := range b.Certificates {
		i.Chain = append(i.Chain, c.Raw)
	}
	if i.Issuers, i.CRLs, err = a.materials(issuers); err != nil {
		return err
	}
	var lists [][]byte
	for _, l := range b.CRLs {
		lists = append(lists, l.Raw)
	}
	i.Issuers, i.CRLs, err = describe(path, i.Issuers, i.CRLs, i.Chain[1:], lists)
	return err
}

// keyFromFile reads a key, checks that it is the certificate's, and encodes it.
func keyFromFile(path, format string, chain [][]byte) ([]byte, error) {
	data, err := pki.ReadBounded(path, pki.MaxFileSize)
	if err != nil {
		return nil, err
	}
	key, err := pki.ParseAnyKey(data)
	if err != nil {
		return nil, usage("give an unencrypted key in PEM", "%s: %w", path, err)
	}
	if err := pki.CheckPair(chain[0], key); err != nil {
		return nil, usage("give the key for which the certificate was signed", "%s: %w", path, err)
	}
	return pki.EncodePrivateKey(format, key, chain)
}

func (a *app) certSelfSignedCommand() *cobra.Command {
	f := &changeFlags{}
	var request upkeep.SelfSign
	var validity string
	c := &cobra.Command{
		Use:   "self-signed [SERVER] --group GROUP --type TYPE --name NAME",
		Short: "Have the server sign a certificate for itself",
		Long: `self-signed fills an empty slot with a certificate that the server makes
(CreateSelfSignedCertificate, OPC 10000-12, 7.10.6). The method is optional.`,
		Example: `  uapush cert self-signed plc1 --group LineA --type RsaSha256 --name plc1 --validity 365d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := f.selection()
			if err != nil {
				return err
			}
			if len(request.Names) == 0 {
				return usage("give --name plc1 or --name 192.0.2.1", "the server needs at least one name or address for the certificate")
			}
			if request.Validity, err = parseValidity(validity); err != nil {
				return err
			}
			request.Selection = sel
			s := &workflow.State{Upkeep: workflow.Upkeep{Decide: request.Decide, Reads: readWhole(sel)}}
			return a.keep(c, f, args, s, workflow.UpdateCertificates(), journal.Header{})
		},
	}
	f.changeFlagsWithTypes(c)
	c.Flags().StringVar(&request.Subject, "subject", "", "subject, such as CN=PLC1/O=Plant (default the server's choice)")
	c.Flags().StringSliceVar(&request.Names, "name", nil, "DNS name or address; may be repeated")
	c.Flags().IntVar(&request.Bits, "bits", 0, "length of the key (default the server's choice)")
	c.Flags().StringVar(&validity, "validity", "365d", "how long it is valid")
	a.completeWithServers(c)
	return c
}

func (a *app) certDeleteCommand() *cobra.Command {
	f := &changeFlags{}
	var confirm string
	c := &cobra.Command{
		Use:   "delete [SERVER] --group GROUP --type TYPE --confirm GROUP/TYPE",
		Short: "Empty a certificate slot",
		Long: `delete empties a slot (DeleteCertificate, OPC 10000-12, 7.10.7; the method is
optional). A server refuses it for a certificate that an endpoint shows.`,
		Example: `  uapush cert delete plc1 --group LineA --type RsaSha256 --confirm LineA/RsaSha256`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := f.selection()
			if err != nil {
				return err
			}
			name := slotName(sel)
			switch {
			case name == "":
				return usage("name the slot with --group and --type", "one slot is needed, and it is not named")
			case confirm != name && !f.dryRun:
				return usage("say --confirm "+name, "deleting the certificate %s needs --confirm %s", name, name)
			}
			s := &workflow.State{Upkeep: workflow.Upkeep{Decide: upkeep.Deletion{Selection: sel}.Decide, Reads: readWhole(sel)}}
			return a.keep(c, f, args, s, workflow.UpdateCertificates(), journal.Header{})
		},
	}
	f.changeFlagsWithTypes(c)
	c.Flags().StringVar(&confirm, "confirm", "", "the slot once more, as GROUP/TYPE")
	a.completeWithServers(c)
	return c
}

// deliver writes a result to a file, or to standard output.
func (a *app) deliver(path string, data []byte) error {
	if path == "" {
		_, err := a.env.Out.Write(data)
		return err
	}
	if err := pki.WriteFileAtomic(path, data, 0o644); err != nil {
		return err
	}
	a.progress().Line("wrote %s", path)
	return nil
}

func encodeRequest(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// ownCRLs are those of the built-in authority, where there is one: it may know of a
// revocation that the server does not.
func (a *app) ownCRLs() []plan.Material {
	authority, err := a.authority()
	if err != nil {
		return nil
	}
	_, crls, err := describe("ca", nil, nil, nil, authority.RevocationLists())
	if err != nil {
		return nil
	}
	return crls
}
