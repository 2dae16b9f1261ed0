package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/upkeep"
)

func (a *app) changesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "changes",
		Short: "The server's transaction, and what it says of it",
		Long: `changes shows TransactionDiagnostics (OPC 10000-12, 7.10.17), or ends what waits for
ApplyChanges. A transaction belongs to the session that began it and ends with
it, so apply and cancel are of use on servers that keep changes across sessions.`,
		Example: `  uapush changes show plc1`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.changesShowCommand(), a.changesEndCommand("apply", "Apply what waits (ApplyChanges)", workflow.EndApply),
		a.changesEndCommand("cancel", "Discard what waits (CancelChanges)", workflow.EndCancel))
	return c
}

func (a *app) changesShowCommand() *cobra.Command {
	f := &connectionFlags{}
	c := &cobra.Command{
		Use:     "show [SERVER]",
		Short:   "Show the current or latest transaction",
		Long:    `show tells how far the transaction is, which groups and trust lists it affects, and what the server found wrong with each.`,
		Example: `  uapush changes show plc1 -o json`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := a.connect(c, f, args)
			if err != nil {
				return err
			}
			s := &workflow.State{}
			a.aim(conn, s)
			if err := a.perform(c.Context(), conn, s, workflow.Diagnose()); err != nil {
				return err
			}
			return a.view().Transaction(s.Transaction)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

// changesEndCommand is apply or cancel.
func (a *app) changesEndCommand(word, short string, ending workflow.Ending) *cobra.Command {
	f := &connectionFlags{}
	yes := false
	c := &cobra.Command{
		Use:   word + " [SERVER]",
		Short: short,
		Long: short + `. What waits was staged by somebody, and is not shown by the server: it
asks, or wants --yes. That nothing waits is no error.`,
		Example: `  uapush changes ` + word + ` plc1 --yes`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := a.connect(c, f, args)
			if err != nil {
				return err
			}
			s := &workflow.State{Upkeep: workflow.Upkeep{Ending: ending}}
			a.aim(conn, s)
			s.Consent = func(ctx context.Context, _ upkeep.Work) error { return a.sure(ctx, yes) }
			h := journal.Header{Command: nameOf(c), Application: f.application}
			if err := a.carryOut(c.Context(), conn, s, workflow.EndWaiting(), h); err != nil {
				return err
			}
			return a.view().Transaction(s.Transaction)
		},
	}
	f.register(c)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do it without asking")
	a.completeWithServers(c)
	return c
}

// sure asks for a plain yes.
func (a *app) sure(ctx context.Context, yes bool) error {
	if yes {
		return nil
	}
	if a.global.noInput || !a.env.Interactive {
		return usage("give --yes to go on without a question", "nobody can be asked to approve this")
	}
	answer, err := a.ask(ctx, "End the transaction? Only yes does it: ")
	if err == nil && answer != "yes" {
		err = workflow.ErrDeclined
	}
	return err
}
