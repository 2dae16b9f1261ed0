package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/upkeep"
)

// selectFlags say which groups and types are meant.
type selectFlags struct{ groups, types []string }

func (f *selectFlags) register(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.groups, "group", nil, "name of a CertificateGroup; may be repeated (default every group for application certificates)")
}

func (f *selectFlags) registerTypes(c *cobra.Command) {
	f.register(c)
	c.Flags().StringSliceVar(&f.types, "type", nil, "CertificateType, by short name or NodeId; may be repeated (default every type)")
	_ = c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(config.CertificateTypeNames(), cobra.ShellCompDirectiveNoFileComp))
}

func (f *selectFlags) selection() (upkeep.Selection, error) {
	s := upkeep.Selection{Groups: f.groups}
	for _, word := range f.types {
		id, ok := config.CertificateTypeID(word)
		if !ok {
			var err error
			if id, err = config.ParseNodeID(word); err != nil {
				return s, usage("one of "+strings.Join(config.CertificateTypeNames(), ", ")+", or a NodeId", "there is no certificate type %q", word)
			}
		}
		s.Types = append(s.Types, id)
	}
	return s, nil
}

// changeFlags are what every command has that changes groups.
type changeFlags struct {
	connectionFlags
	selectFlags
	dryRun, yes, detailedExitCode bool
}

func (f *changeFlags) register(c *cobra.Command) {
	f.connectionFlags.register(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only show what would be done")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do it without asking")
	c.Flags().BoolVar(&f.detailedExitCode, "detailed-exitcode", false, "exit with 2 when there are changes")
}

// survey reads groups of a server; it changes nothing.
func (a *app) survey(c *cobra.Command, f *connectionFlags, args []string, reads func(upkeep.Group) workflow.Parts) (*connection, *workflow.State, error) {
	conn, err := a.connect(c, f, args)
	if err != nil {
		return nil, nil, err
	}
	s := &workflow.State{Upkeep: workflow.Upkeep{Reads: reads}}
	a.aim(conn, s)
	return conn, s, a.perform(c.Context(), conn, s, workflow.Survey())
}

// keep decides what has to be done, shows it, asks, and does it, on record.
func (a *app) keep(c *cobra.Command, f *changeFlags, args []string, s *workflow.State, steps []workflow.Step, h journal.Header) error {
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	a.aim(conn, s)
	if f.dryRun {
		if err := a.perform(c.Context(), conn, s, workflow.Weigh()); err != nil {
			return err
		}
		return a.presentWork(conn, s.Work, f.detailedExitCode)
	}
	s.Consent = a.consent(conn, f.yes, s.Consent)
	h.Command, h.Application = nameOf(c), f.application
	if err := a.carryOut(c.Context(), conn, s, steps, h); err != nil {
		return err
	}
	return a.kept(s, f.detailedExitCode)
}

// nameOf is a command as the operator says it: cert renew.
func nameOf(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}

func (a *app) presentWork(conn *connection, w upkeep.Work, detailed bool) error {
	if a.events != nil {
		if err := a.events.Work(w); err != nil {
			return err
		}
	}
	if view.Format(a.global.output) != view.NDJSON {
		if err := a.view().Work(conn.label, w); err != nil {
			return err
		}
	}
	if detailed && !w.Empty() {
		return errChanges
	}
	return nil
}

// consent shows the work and asks. prepare, which may be nil, comes first: what
// would fail later, such as a wrong passphrase, must not leave work half done.
func (a *app) consent(conn *connection, yes bool, prepare func(context.Context, upkeep.Work) error) func(context.Context, upkeep.Work) error {
	return func(ctx context.Context, w upkeep.Work) error {
		if prepare != nil {
			if err := prepare(ctx, w); err != nil {
				return err
			}
		}
		shown := a.view()
		if shown.Format != view.Table {
			shown = view.View{Out: a.env.Err, Format: view.Table, Width: a.env.Width}
		}
		if err := shown.Work(conn.label, w); err != nil {
			return err
		}
		if a.events != nil {
			if err := a.events.Work(w); err != nil {
				return err
			}
		}
		if yes {
			return nil
		}
		if a.global.noInput || !a.env.Interactive {
			return usage("give --yes to go on without a question, or --dry-run to only look", "nobody can be asked to approve this")
		}
		answer, err := a.ask(ctx, "Do this? Only yes does it: ")
		if err != nil {
			return err
		}
		if answer != "yes" {
			return workflow.ErrDeclined
		}
		return nil
	}
}

func (a *app) kept(s *workflow.State, detailed bool) error {
	k := view.KeptOf(s)
	return a.achieved(detailed && k.Changed,
		func(events *view.Stream) error { return events.UpkeepResult(k) },
		func(v view.View) error { return v.Kept(k) })
}

// materialFlags name certificates and CRLs beside the main thing.
func (a *app) materials(files []string) (certificates, crls []plan.Material, err error) {
	for _, path := range files {
		if path == "ca" {
			certs, lists, err := a.currentAuthority()
			if err != nil {
				return nil, nil, err
			}
			if certificates, crls, err = describe(path, certificates, crls, certs, lists); err != nil {
				return nil, nil, err
			}
			continue
		}
		b, err := pki.LoadBundle(path)
		if err != nil {
			return nil, nil, err
		}
		var certs, lists [][]byte
		for _, c := range b.Certificates {
			certs = append(certs, c.Raw)
		}
		for _, l := range b.CRLs {
			lists = append(lists, l.Raw)
		}
		if certificates, crls, err = describe(path, certificates, crls, certs, lists); err != nil {
			return nil, nil, err
		}
	}
	return certificates, crls, nil
}

func describe(source string, certificates, crls []plan.Material, certs, lists [][]byte) ([]plan.Material, []plan.Material, error) {
	for _, der := range certs {
		m, err := plan.Certificate(source, der)
		if err != nil {
			return nil, nil, err
		}
		certificates = append(certificates, m)
	}
	for _, der := range lists {
		m, err := plan.CRL(source, der)
		if err != nil {
			return nil, nil, err
		}
		crls = append(crls, m)
	}
	return certificates, crls, nil
}

// signerFlags say who signs.
type signerFlags struct {
	issuerFlags
	signer  string
	issuers []string
}

func (f *signerFlags) register(c *cobra.Command) {
	f.issuerFlags.register(c)
	f.registerSigner(c)
	c.Flags().StringSliceVar(&f.issuers, "issuers", nil, "file with the CAs up to the root, and their CRLs, that the trust list needs for the new certificate; may be repeated")
}

func (f *signerFlags) registerSigner(c *cobra.Command) {
	c.Flags().StringVar(&f.signer, "signer", "", `"exec:PROGRAM ARGUMENTS" that signs instead of the built-in authority: a request in PEM goes in, the chain in PEM comes out`)
}

// program is the signer's program without its arguments; "" is the built-in authority.
func (f *signerFlags) program() string {
	words := strings.Fields(strings.TrimPrefix(f.signer, "exec:"))
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// issuer gives who signs and the CAs that vouch for what is signed.
func (f *signerFlags) issuer(a *app) (issuer pki.Issuer, cas, crls []plan.Material, err error) {
	if f.signer == "" {
		cas, crls, err = a.materials(append([]string{"ca"}, f.issuers...))
		return &lazyIssuer{a: a, flags: &f.issuerFlags}, cas, crls, err
	}
	if issuer, err = f.external(a); err != nil {
		return nil, nil, nil, err
	}
	cas, crls, err = a.materials(f.issuers)
	return issuer, cas, crls, err
}

// external is the program that signs.
func (f *signerFlags) external(a *app) (pki.Issuer, error) {
	command, ok := strings.CutPrefix(f.signer, "exec:")
	if !ok || strings.TrimSpace(command) == "" {
		return nil, usage(`write --signer "exec:PROGRAM ARGUMENTS"`, "--signer cannot be %q", f.signer)
	}
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(state, "signer")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &pki.ExecSigner{Command: command, Ledger: filepath.Join(dir, pki.CALedgerFile)}, nil
}

// readWhole reads everything of the selected groups that a change depends on.
func readWhole(sel upkeep.Selection) func(upkeep.Group) workflow.Parts {
	return func(g upkeep.Group) workflow.Parts {
		if !sel.Takes(g) {
			return 0
		}
		return workflow.PartTrustList | workflow.PartCertificates
	}
}

// endpointsOf lists the endpoints that show a certificate.
func endpointsOf(s *workflow.State, der []byte) []string {
	var urls []string
	for _, e := range s.Endpoints {
		if len(der) > 0 && bytes.Equal(e.Certificate, der) && !slices.Contains(urls, e.URL) {
			urls = append(urls, e.URL)
		}
	}
	return urls
}
