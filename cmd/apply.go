package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

type applyFlags struct {
	planFlags
	issuerFlags
	timingFlags
	dryRun, yes, skipCertificates, noConfirm, ifNeeded bool
	confirm                                            []string
}

func (a *app) applyCommand() *cobra.Command {
	f := &applyFlags{}
	c := &cobra.Command{
		Use:   "apply -f MANIFEST [SERVER] | apply PLAN.json [SERVER]",
		Short: "Make a server what a manifest or a saved plan says",
		Long: `apply makes a plan, shows it, asks, and then does what it showed: it uploads the
configuration, reconnects, confirms, writes trust lists, issues certificates and
applies them, opens a session through the new endpoint, and plans once more to
see that nothing is left to do. A certificate that has expired, was revoked, or is
for another ApplicationUri is replaced; one that only comes to its end is left to
uapush cert renew.

A saved plan is applied as it is, and refused when the server has moved on. It
goes to the server it was made for, unless SERVER names it otherwise.`,
		Example: `  uapush apply -f line-a.yaml opc.tcp://plc1:4840 --user admin --password-file pw
  uapush apply -f line-a.yaml plc1 --yes --json-file run.ndjson
  uapush apply plan.json --user admin --password-file pw --yes`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.runApply(c, f, args) },
	}
	f.planFlags.register(c)
	f.issuerFlags.register(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only plan")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "apply without asking")
	f.timingFlags.register(c)
	c.Flags().BoolVar(&f.ifNeeded, "if-needed", false, "look first as uapush check does, and act only where its verdict is refresh or reprovision")
	c.Flags().BoolVar(&f.skipCertificates, "skip-certificates", false, "stop after the configuration is confirmed")
	c.Flags().BoolVar(&f.noConfirm, "no-confirm", false, "stop after the upload; uapush confirm or uapush resume goes on while the server waits")
	c.Flags().StringSliceVar(&f.confirm, "confirm", nil, "name of an endpoint whose loss to this operator is meant")
	c.ValidArgsFunction = a.completeApply
	return c
}

func (a *app) runApply(c *cobra.Command, f *applyFlags, args []string) error {
	s := &workflow.State{}
	args, err := f.inputs(a, s, args)
	if err != nil {
		return err
	}
	if err := f.timingFlags.apply(updateOf(s)); err != nil {
		return err
	}
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	a.aim(conn, s)
	if f.ifNeeded {
		if goOn, err := a.needed(c, conn, s); err != nil || !goOn {
			return err
		}
	}
	s.Guard = conn.guarded(f.confirm)
	steps := f.steps(s)
	if f.dryRun {
		if err := a.perform(c.Context(), conn, s, steps); err != nil {
			return err
		}
		return a.present(conn, s, &f.planFlags)
	}
	s.Approve = a.approve(conn, f.yes, &f.planFlags)
	if !f.skipCertificates && !f.noConfirm {
		issuer := &lazyIssuer{a: a, flags: &f.issuerFlags}
		s.Issuer, s.Approve = issuer, issuer.beforehand(s.Approve)
	}
	h := journal.Header{Command: "apply", Application: f.application, SkipCertificates: f.skipCertificates}
	if err := a.carryOut(c.Context(), conn, s, steps, h); err != nil {
		return err
	}
	if err := a.concluded(s, f.detailedExitCode); err != nil {
		return err
	}
	return mended(s, f.ifNeeded)
}

// inputs reads a saved plan or a manifest, and leaves the arguments that name
// the server.
func (f *applyFlags) inputs(a *app, s *workflow.State, args []string) ([]string, error) {
	if f.manifest != "" {
		if len(args) > 1 {
			return nil, usage("give one SERVER", "-f and a saved plan exclude each other")
		}
		return args, f.desired(a, s)
	}
	if len(args) > 0 && (strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml")) {
		return nil, usage("write -f "+args[0], "a manifest is named with -f")
	}
	if len(args) == 0 || !strings.HasSuffix(args[0], ".json") {
		return nil, usage("name a manifest with -f FILE, or a plan saved by uapush plan --out", "there is nothing to apply")
	}
	p, err := loadPlan(args[0])
	if err != nil {
		return nil, err
	}
	s.Saved = &p
	if f.application == "" {
		f.application = string(p.Application)
	}
	if len(args) == 1 {
		return []string{a.known(p.Server.URL)}, nil
	}
	return args[1:], nil
}

// updateOf is where a run takes the times of its update from.
func updateOf(s *workflow.State) *config.UpdateTiming {
	if s.Saved != nil {
		return &s.Saved.Update
	}
	return &s.Desired.Update
}

// steps chooses the list: a dry run is a shorter one.
func (f *applyFlags) steps(s *workflow.State) []workflow.Step {
	switch {
	case f.dryRun && s.Saved != nil:
		return workflow.Match()
	case f.dryRun:
		return workflow.Plan()
	case f.noConfirm && s.Saved != nil:
		return workflow.ApplySavedUnconfirmed()
	case f.noConfirm:
		return workflow.ApplyUnconfirmed()
	case f.skipCertificates && s.Saved != nil:
		return workflow.ApplySavedConfiguration()
	case f.skipCertificates:
		return workflow.ApplyConfiguration()
	case s.Saved != nil:
		return workflow.ApplySaved()
	}
	return workflow.Apply()
}

// concluded shows what a run achieved.
func (a *app) concluded(s *workflow.State, detailed bool) error {
	o := view.OutcomeOf(s)
	return a.achieved(detailed && o.Changed,
		func(events *view.Stream) error { return events.Result(o) },
		func(v view.View) error { return v.Outcome(o) })
}

// achieved puts a result where it is wanted: at the end of the events, and on
// stdout unless that is where the events go.
func (a *app) achieved(sayChanged bool, record func(*view.Stream) error, show func(view.View) error) error {
	if a.events != nil {
		if err := record(a.events); err != nil {
			return err
		}
	}
	if view.Format(a.global.output) != view.NDJSON {
		if err := show(a.view()); err != nil {
			return err
		}
	}
	if sayChanged {
		return errChanges
	}
	return nil
}

func (a *app) showCommand() *cobra.Command {
	markdown := false
	c := &cobra.Command{
		Use:   "show PLAN.json",
		Short: "Show a saved plan, stale or not",
		Long:  `show renders a plan that plan --out has saved. It connects to nothing.`,
		Example: `  uapush show plan.json
  uapush show plan.json --markdown > comment.md`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := loadPlan(args[0])
			if err != nil {
				return err
			}
			if markdown {
				return a.view().Markdown(shortLabel(p.Server.URL), p)
			}
			return a.view().Plan(shortLabel(p.Server.URL), p)
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "write it as Markdown, for the description of a merge request")
	return c
}

var _ pki.Issuer = (*lazyIssuer)(nil)
