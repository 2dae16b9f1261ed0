package cmd

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/hsm"
)

type caInitFlags struct {
	issuerFlags
	subject, kind, out, token string
	bare, intermediate        bool
	permitDNS, permitIP       []string
}

func (a *app) caInitCommand() *cobra.Command {
	f := &caInitFlags{}
	c := &cobra.Command{
		Use:   "init --subject SUBJECT (--ca-passphrase-file FILE | --no-passphrase)",
		Short: "Make the certificate authority",
		Long: `init makes the authority's key and certificate once. An existing one is never touched.

With --intermediate it makes a key and a request for a certificate, which the owner of
the root signs wherever the root's key is; ca install takes what comes back.

--permit-dns and --permit-ip write name constraints (RFC 5280, 4.2.1.10): the authority
then refuses other names, and so does everybody who checks its certificates. Each
binds its own kind of name alone. ApplicationUris cannot be bound: a constraint on
URIs, as other authorities may have one, is on their host, and an authority that has
one can certify no urn at all.

With --hsm the key is in a token behind PKCS#11 and never leaves it; the authority's
folder keeps the URI. The token's PIN is what --ca-passphrase-file holds, here and in
every command that signs; a URI with a PIN is refused.

RSA signs for keys of every kind; a key on a curve signs for curves alone, because the
SecurityPolicies with RSA want RSA in the whole chain (OPC 10000-6, 6.2.2). Where all
slots are on curves, make the authority on one too: some stacks tell the kind of a
certificate by its signature.`,
		Example: `  uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file ca.pass
  uapush ca init --subject "CN=Bench CA/O=Plant" --no-passphrase
  uapush ca init --intermediate --subject "CN=Line A CA/O=Plant" --ca-passphrase-file ca.pass --out line-a-ca.csr
  uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file pin --hsm "pkcs11:token=plant;object=ca?module-path=/usr/lib/softhsm/libsofthsm2.so"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runCAInit(c, f) },
	}
	f.register(c)
	c.Flags().StringVar(&f.subject, "subject", "", `subject of its certificate, such as "CN=Plant CA/O=Plant"`)
	c.Flags().BoolVar(&f.bare, "no-passphrase", false, "keep the key unencrypted (0600)")
	c.Flags().StringVar(&f.kind, "key", string(pki.KeyRSA4096), "kind of its key: "+strings.Join(pki.KeyKinds(), ", "))
	c.Flags().StringVar(&f.token, "hsm", "", "PKCS#11 URI of its key in a token (RFC 7512), which is made there unless it is there; needs a program built with -tags pkcs11")
	c.Flags().BoolVar(&f.intermediate, "intermediate", false, "make a request for a root elsewhere, instead of a root")
	c.Flags().StringVar(&f.out, "out", "", "write that request to this file instead of standard output")
	c.Flags().StringSliceVar(&f.permitDNS, "permit-dns", nil, "domain that it may certify, with all below it; may be repeated (default all)")
	c.Flags().StringSliceVar(&f.permitIP, "permit-ip", nil, "network that it may certify addresses of, such as 10.1.0.0/16; may be repeated (default all)")
	_ = c.RegisterFlagCompletionFunc("key", cobra.FixedCompletions(pki.KeyKinds(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagRequired("subject")
	return c
}

func (f *caInitFlags) options(c *cobra.Command, a *app) (o pki.CAOptions, err error) {
	o = pki.CAOptions{NoPassphrase: f.bare, Key: pki.KeyKind(f.kind), TokenURI: f.token, Token: hsm.Key}
	if f.token != "" && !c.Flags().Changed("key") {
		o.Key = "" // whatever the token has
	}
	switch o.Subject, err = pki.ParseSubject(f.subject); {
	case err != nil:
		return o, usage(`write it like "CN=Plant CA/O=Plant"`, "--subject: %w", err)
	case !slices.Contains(pki.KeyKinds(), f.kind):
		return o, usage("one of "+strings.Join(pki.KeyKinds(), ", "), "--key cannot be %q", f.kind)
	case f.token != "" && f.bare:
		return o, usage("give the token's PIN with --ca-passphrase-file FILE", "--hsm and --no-passphrase exclude each other")
	case f.out != "" && !f.intermediate:
		return o, usage("say --intermediate, or leave --out away", "--out is for the request of an intermediate")
	}
	for _, domain := range f.permitDNS {
		if err := pki.CheckDomain(domain); err != nil {
			return o, usage("write it like plant.example; what is below it is meant as well", "--permit-dns: %w", err)
		}
	}
	o.PermitDNS = f.permitDNS
	for _, text := range f.permitIP {
		network, err := parseNetwork(text)
		if err != nil {
			return o, err
		}
		o.PermitIP = append(o.PermitIP, network)
	}
	o.Passphrase, err = f.passphrase(a)
	return o, err
}

func (a *app) runCAInit(c *cobra.Command, f *caInitFlags) error {
	o, err := f.options(c, a)
	if err != nil {
		return err
	}
	dir, err := a.caDir()
	if err != nil {
		return err
	}
	if !f.intermediate {
		ca, err := pki.InitCA(c.Context(), dir, o)
		if err != nil {
			return err
		}
		defer ca.Close()
		return a.view().Certificate("made the certificate authority in "+dir, ca.Certificate())
	}
	request, err := pki.InitIntermediate(c.Context(), dir, o)
	if err != nil {
		return err
	}
	a.progress().Line("made the key of an intermediate in %s; have the root sign the request, then uapush ca install CHAIN", dir)
	return a.deliver(f.out, request)
}

// parseNetwork reads a network, or one address.
func parseNetwork(text string) (*net.IPNet, error) {
	prefix, err := netip.ParsePrefix(text)
	if address, addressErr := netip.ParseAddr(text); addressErr == nil {
		prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil || prefix.Bits() == 0 || prefix != prefix.Masked() || prefix.Addr().Zone() != "" {
		return nil, usage("write a network like 10.1.0.0/16, or an address", "--permit-ip cannot be %q", text)
	}
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}, nil
}
