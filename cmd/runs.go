package cmd

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/workflow/journal"
)

func (a *app) runsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs that changed a server, or began to",
		Long: `runs lists what apply, endpoint delete, cert renew, trust add and all others that
change a server have on record in the state folder, the latest first. A run that was
cut off, or whose update waits to be confirmed, is gone on with by resume or confirm;
until then, or until it is given up, no other run on its server begins.`,
		Example: `  uapush runs
  uapush runs show 7xk2fq
  uapush runs -o json | jq '.runs[] | select(.state == "cut-off")'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.runsDir()
			if err != nil {
				return err
			}
			runs, err := journal.List(dir)
			var all []view.RunSummary
			for _, r := range runs {
				all = append(all, view.Summarize(r, a.running(r)))
			}
			if shown := a.view().Runs(all); shown != nil {
				return shown
			}
			return err // of the journals that could not be read
		},
	}
	c.AddCommand(a.runsShowCommand(), a.runsAbandonCommand())
	return c
}

func (a *app) runsDir() (string, error) {
	state, err := a.stateDir()
	return filepath.Join(state, runsFolder), err
}

func (a *app) locksDir() (string, error) {
	state, err := a.stateDir()
	return filepath.Join(state, locksFolder), err
}

// running says that the process of a run holds its server's lock.
func (a *app) running(r journal.Run) bool {
	dir, err := a.locksDir()
	if err != nil {
		return false
	}
	holder, held := journal.Held(dir, journal.ServerKey(r.URL, r.Application))
	return held && holder.Run == r.ID
}

func (a *app) runsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [RUN]",
		Short: "Tell what a run did",
		Long: `show prints the record of a run, step by step. RUN is an id that runs lists, or
its last six characters; without it the latest is shown. The record's chain of
sums is checked first.`,
		Example: `  uapush runs show 7xk2fq
  uapush runs show 7xk2fq -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRun,
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.latestRun(args)
			if err != nil {
				return err
			}
			return a.view().Run(r, a.running(r))
		},
	}
}

func (a *app) runsAbandonCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "abandon [RUN]",
		Short: "Give up a run that was cut off",
		Long: `abandon notes that a run will not be gone on with, so that the next one may begin.
It connects to nothing: an update that waits to be confirmed is taken back by the
server when its time is up, and a certificate that was issued stays valid until
it is revoked. RUN may be left out where only one run is unfinished.`,
		Example:           `  uapush runs abandon 7xk2fq`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeUnfinished,
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.unfinishedRun(args)
			if err != nil {
				return err
			}
			locks, err := a.locksDir()
			if err != nil {
				return err
			}
			l, err := journal.Acquire(locks, journal.ServerKey(r.URL, r.Application), r.Server, r.ID)
			if err != nil {
				return err
			}
			defer l.Release()
			j, err := journal.Reopen(r, journal.Options{})
			if err != nil {
				return err
			}
			if err := j.End(journal.Abandoned, "given up by the operator", ""); err != nil {
				return err
			}
			a.progress().Line("run %s is given up", r.ID)
			return nil
		},
	}
}

// latestRun is the run that is named, or the latest.
func (a *app) latestRun(args []string) (journal.Run, error) {
	if len(args) > 0 {
		return a.findRun(args[0])
	}
	dir, err := a.runsDir()
	if err != nil {
		return journal.Run{}, err
	}
	runs, err := journal.List(dir)
	if len(runs) > 0 {
		return runs[0], nil
	}
	return journal.Run{}, errors.Join(err, &journal.NotFoundError{What: "on record"})
}

func (a *app) findRun(word string) (journal.Run, error) {
	dir, err := a.runsDir()
	if err != nil {
		return journal.Run{}, err
	}
	return journal.Find(dir, word)
}
