package cmd

import (
	"bytes"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/upkeep"
)

func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trust",
		Short: "The trust lists of a server, by group",
		Long: `trust shows and changes trust lists (OPC 10000-12, 7.7.3, 7.8.2). Every change is shown
first, checked here (every CA has a CRL, every issuer is there, the size fits, this
client stays trusted), written as a partial update, and read back.

A FILE holds certificates or CRLs in PEM or DER; the word self stands for this
client's own certificate, ca for the built-in authority and its CRL.`,
		Example: `  uapush trust list plc1
  uapush trust add ops-ca.pem ops-ca.crl --server plc1 --group LineA
  uapush trust remove 3f9a… --server plc1 --group LineA`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.overFleet(a.trustListCommand(), reads), a.overFleet(a.trustAddCommand(), changesFrom), a.overFleet(a.trustRemoveCommand(), changesFrom),
		a.overFleet(a.trustSyncCommand(), changesFrom), a.trustExportCommand(),
	)
	return c
}

func readLists(sel upkeep.Selection) func(upkeep.Group) workflow.Parts {
	return func(g upkeep.Group) workflow.Parts {
		if sel.Takes(g) {
			return workflow.PartTrustList
		}
		return 0
	}
}

func (a *app) trustListCommand() *cobra.Command {
	f := &connectionFlags{}
	var groups selectFlags
	details := false
	c := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "Show trust lists",
		Long: `list prints the certificates and CRLs of trust lists, and what is wrong with them: out
of date, a CA without a CRL, problems by the rules of OPC 10000-6, 6.2.2. With
--details it prints all there is to say of each: names, key, usages, time left,
fingerprints.`,
		Example: `  uapush trust list plc1
  uapush trust list plc1 --details
  uapush trust list plc1 --group DefaultUserTokenGroup -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := groups.selection()
			if err != nil {
				return err
			}
			_, s, err := a.survey(c, f, args, readLists(sel))
			if err != nil {
				return err
			}
			found, err := sel.Among(s.Situation)
			if err != nil {
				return err
			}
			if err := a.view().TrustLists(found, s.Situation, details); err != nil {
				return err
			}
			var refused []error // seen beside the others, and no success
			for _, g := range found {
				refused = append(refused, g.Refusal())
			}
			return errors.Join(refused...)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&details, "details", false, "everything there is to say of each certificate and CRL")
	groups.register(c)
	a.completeWithServers(c)
	return c
}

// listFlags are what the commands have that change trust lists.
type listFlags struct {
	changeFlags
	server      string
	allGroups   bool
	issuers     []string
	confirm     []string
	allowNoCRLs bool
}

func (f *listFlags) register(c *cobra.Command) {
	f.changeFlags.register(c)
	f.selectFlags.register(c)
	c.Flags().StringVar(&f.server, "server", "", "the server: a discovery URL or a name of the inventory")
	c.Flags().BoolVar(&f.allGroups, "all-groups", false, "every group for application certificates, where there is more than one")
	c.Flags().StringSliceVar(&f.confirm, "confirm", nil, "name of a group whose list may cease to trust this client")
	c.Flags().BoolVar(&f.allowNoCRLs, "allow-missing-crl", false, "accept a CA without a CRL")
}

func (f *listFlags) registerIssuers(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.issuers, "issuers", nil, "file with CAs that only complete chains, and their CRLs; may be repeated")
}

func (f *listFlags) arguments() []string {
	if f.server == "" {
		return nil
	}
	return []string{f.server}
}

// change runs a change of trust lists.
func (f *listFlags) change(a *app, c *cobra.Command, parts workflow.Parts, change func(plan.TrustList, upkeep.Situation, upkeep.Group) (plan.TrustList, error)) error {
	sel, err := f.selection()
	if err != nil {
		return err
	}
	l := upkeep.Listing{Selection: sel, Single: !f.allGroups, Change: change, Guard: upkeep.Guard{Lockout: f.confirm, NoCRL: f.allowNoCRLs}}
	s := &workflow.State{Upkeep: workflow.Upkeep{Decide: l.Decide, Reads: func(g upkeep.Group) workflow.Parts {
		if sel.Takes(g) {
			return workflow.PartTrustList | workflow.PartCertificates | parts // by its certificate the group of this session is known
		}
		return 0
	}}}
	return a.keep(c, &f.changeFlags, f.arguments(), s, workflow.UpdateTrustList(), journal.Header{Lists: true})
}

// wanted reads files into what a list should have; self is resolved once the
// client's identity is known.
func (f *listFlags) wanted(a *app, files []string) (func(upkeep.Situation) (plan.TrustListAction, error), error) {
	self := slices.Contains(files, "self")
	found, crls, err := a.materials(slices.DeleteFunc(slices.Clone(files), func(w string) bool { return w == "self" }))
	if err != nil {
		return nil, err
	}
	issuers, more, err := a.materials(f.issuers)
	if err != nil {
		return nil, err
	}
	trusted, above := ownFirst(found)
	issuers = slices.Concat(above, issuers)
	return func(in upkeep.Situation) (plan.TrustListAction, error) {
		want := plan.TrustListAction{Trusted: trusted, Issuers: issuers, CRLs: slices.Concat(crls, more)}
		if self && len(in.Self) > 0 {
			m, err := plan.Certificate("self", in.Self[0])
			if err != nil {
				return want, err
			}
			want.Trusted = append(slices.Clone(want.Trusted), m)
		}
		return want, nil
	}, nil
}

// syncing is the change that brings files into a list.
func (f *listFlags) syncing(a *app, files []string, mode upkeep.SyncMode) (func(plan.TrustList, upkeep.Situation, upkeep.Group) (plan.TrustList, error), error) {
	wanted, err := f.wanted(a, files)
	if err != nil {
		return nil, err
	}
	return func(have plan.TrustList, in upkeep.Situation, _ upkeep.Group) (plan.TrustList, error) {
		want, err := wanted(in)
		if err != nil {
			return have, err
		}
		return upkeep.Sync(have, want, mode, in.Now), nil
	}, nil
}

func (a *app) trustAddCommand() *cobra.Command {
	f := &listFlags{}
	c := &cobra.Command{
		Use:   "add FILE... [--server SERVER]",
		Short: "Add certificates and CRLs to a trust list",
		Long: `add puts the certificates of FILEs among the trusted ones, and CRLs beside their CA.
What is there stays; a CRL that a newer one of the same CA replaces goes.`,
		Example: `  uapush trust add ops-ca.pem ops-ca.crl --server plc1 --group LineA
  uapush trust add self --server plc1 --group LineA --dry-run
  uapush trust add hmi.der --issuers ops-ca-with-crl.pem --server plc1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change, err := f.syncing(a, args, upkeep.Union)
			if err != nil {
				return err
			}
			return f.change(a, c, 0, change)
		},
	}
	f.register(c)
	f.registerIssuers(c)
	return c
}

func (a *app) trustRemoveCommand() *cobra.Command {
	f := &listFlags{}
	c := &cobra.Command{
		Use:   "remove FINGERPRINT... [--server SERVER]",
		Short: "Remove certificates and CRLs from a trust list",
		Long: `remove takes out what the fingerprints name: SHA-256 or SHA-1 in hex, or at least
their first 16 digits. A CA goes together with its CRLs. A list that would no longer
trust this client needs --confirm GROUP.`,
		Example: `  uapush trust remove sha256:3f9a2c… --server plc1 --group LineA`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(a, c, 0, func(have plan.TrustList, _ upkeep.Situation, _ upkeep.Group) (plan.TrustList, error) {
				return upkeep.Remove(have, args)
			})
		},
	}
	f.register(c)
	return c
}

func (a *app) trustSyncCommand() *cobra.Command {
	f := &listFlags{}
	mode := ""
	c := &cobra.Command{
		Use:   "sync FILE... [--server SERVER]",
		Short: "Bring a trust list in line with files",
		Long: `sync makes a trust list have what FILEs hold. With --mode union (the default)
nothing else changes; replace removes everything else; prune removes what is dead:
expired certificates, and CRLs whose CA is gone or which a newer one replaces.`,
		Example: `  uapush trust sync trust/line-a/*.pem self --server plc1 --group LineA --mode replace --dry-run
  uapush trust sync ca --server plc1 --group LineA`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(upkeep.SyncModes(), mode) {
				return usage("one of "+strings.Join(upkeep.SyncModes(), ", "), "--mode cannot be %q", mode)
			}
			if len(args) == 0 && mode != string(upkeep.Prune) {
				return usage("name files, self or ca", "there is nothing to bring the list in line with")
			}
			change, err := f.syncing(a, args, upkeep.SyncMode(mode))
			if err != nil {
				return err
			}
			return f.change(a, c, 0, change)
		},
	}
	f.register(c)
	f.registerIssuers(c)
	c.Flags().StringVar(&mode, "mode", string(upkeep.Union), "what becomes of the rest: "+strings.Join(upkeep.SyncModes(), ", "))
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions(upkeep.SyncModes(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) trustExportCommand() *cobra.Command {
	f := &connectionFlags{}
	var groups selectFlags
	out := ""
	c := &cobra.Command{
		Use:   "export [SERVER] --group GROUP",
		Short: "Write a trust list to a file",
		Long: `export writes the certificates and CRLs of a group's trust list as PEM, for trust
sync on another server. It holds no private key.`,
		Example: `  uapush trust export plc1 --group LineA --out line-a-trust.pem`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel, err := groups.selection()
			if err != nil {
				return err
			}
			_, s, err := a.survey(c, f, args, readLists(sel))
			if err != nil {
				return err
			}
			g, err := sel.OneGroup(s.Situation)
			if err != nil {
				return err
			}
			return a.deliver(out, encodeTrust(g.Trust))
		},
	}
	f.register(c)
	groups.register(c)
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	a.completeWithServers(c)
	return c
}

func encodeTrust(l plan.TrustList) []byte {
	var buf bytes.Buffer
	for _, m := range upkeep.Members(l) {
		kind := "CERTIFICATE"
		if m.List == upkeep.ListTrustedCRLs || m.List == upkeep.ListIssuerCRLs {
			kind = "X509 CRL"
		}
		_ = pem.Encode(&buf, &pem.Block{Type: kind, Bytes: m.DER}) // memory takes everything
	}
	return buf.Bytes()
}

// ownFirst leaves of the built-in authority's chain its own certificate to trust;
// those above it are issuers, or all that their owner signs would be trusted.
func ownFirst(found []plan.Material) (trusted, above []plan.Material) {
	own := false
	for _, m := range found {
		if m.Source == "ca" && own {
			above = append(above, m)
			continue
		}
		own = own || m.Source == "ca"
		trusted = append(trusted, m)
	}
	return trusted, above
}
