package cmd

import (
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

// rehearsal is the command that the record of a rehearsal names.
const rehearsal = "rehearse"

type rehearseFlags struct {
	planFlags
	yes                       bool
	confirm                   []string
	revertAfter, restartDelay time.Duration
}

func (a *app) rehearseCommand() *cobra.Command {
	f := &rehearseFlags{}
	c := &cobra.Command{
		Use:   "rehearse -f MANIFEST [SERVER]",
		Short: "Try an update without keeping it",
		Long: `rehearse uploads what the manifest asks for with a short time to confirm, reads the
new configuration over a new session, tries the changed endpoint where it can,
and then does not confirm: it watches the server come back to the old version. No
trust list is written and no certificate issued.

A server that gives no UpdateId would keep the update, so it is refused there:
where an earlier run has shown that, before anything is sent; else the old
configuration is uploaded again at once.`,
		Example: `  uapush rehearse -f line-a.yaml plc1 --revert-after 30s`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.runRehearse(c, f, args) },
	}
	f.planFlags.register(c)
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "rehearse without asking")
	c.Flags().StringSliceVar(&f.confirm, "confirm", nil, "name of an endpoint whose loss to this operator is meant")
	c.Flags().DurationVar(&f.revertAfter, "revert-after", 30*time.Second, "the server takes the update back after this time")
	c.Flags().DurationVar(&f.restartDelay, "restart-delay", 0, "the server waits this long before it applies the update")
	a.completeWithServers(c)
	return c
}

func (a *app) runRehearse(c *cobra.Command, f *rehearseFlags, args []string) error {
	if f.revertAfter <= 0 || f.restartDelay < 0 {
		return usage("give a time such as 30s", "a rehearsal needs a --revert-after, or the server would keep the update")
	}
	s := &workflow.State{}
	if err := f.desired(a, s); err != nil {
		return err
	}
	s.Desired.Update.RevertAfter, s.Desired.Update.RestartDelay = f.revertAfter, f.restartDelay
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	if err := a.refuseRehearsal(conn, f.application); err != nil {
		return err
	}
	a.aim(conn, s)
	s.Approve = a.approve(conn, f.yes, &f.planFlags)
	s.Guard = conn.guarded(f.confirm)
	h := journal.Header{Command: rehearsal, Application: f.application, SkipCertificates: true}
	if err := a.carryOut(c.Context(), conn, s, workflow.Rehearse(), h); err != nil {
		return err
	}
	a.progress().Line("The rehearsal is over. %s", s.Outcome.Why)
	return nil
}

// refuseRehearsal asks the record: a server that once gave no UpdateId for an
// update that could be taken back will not do so now.
func (a *app) refuseRehearsal(conn *connection, application string) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	runs, _ := journal.List(filepath.Join(state, runsFolder)) // those that can be read
	for _, run := range runs {
		if journal.ServerKey(run.URL, run.Application) != journal.ServerKey(conn.url, application) {
			continue
		}
		var approved *workflow.Approved
		for _, fact := range run.Progress(workflow.Mutates).Facts {
			if fact.Approved != nil {
				approved = fact.Approved
			}
			if fact.Update == nil || approved == nil || approved.Plan.Update.RevertAfter == 0 {
				continue
			}
			if fact.Update.UpdateID == (workflow.UpdateID{}) {
				return &workflow.NoRehearsalError{Why: "the server asked for no confirmation in run " + run.ID + ", so it would keep what is meant as a rehearsal"}
			}
			return nil
		}
	}
	return nil
}
