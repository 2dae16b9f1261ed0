package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/upkeep"
)

type resumeFlags struct {
	connectionFlags
	signerFlags
	confirm              []string
	keyFile              string
	reissue, confirmOnly bool
}

func (a *app) resumeCommand() *cobra.Command {
	f := &resumeFlags{}
	c := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a run that was cut off",
		Long: `resume looks at the server, says what became of the changes of a run that was cut
off, and does what is left: it uploads where nothing was applied, confirms what
waits, and fills trust lists and certificate slots. A certificate that was issued
and did not reach its slot is used, and a request that is on record is signed as it
is; no other is issued. A certificate that the run gave the server is accepted in
place of the pinned one. Nothing is done that the run had not shown and been
allowed, and nothing where somebody else has changed the same things since. Of changes
apply and changes cancel it only says what became of the transaction.

Private keys are on no record. A certificate for a key that was made here is of no
use once its process has ended, nor is one whose key the server has dropped: resume
says so, and has another one issued only with --reissue.

RUN is an id that uapush runs lists, or its last six characters; it may be left
out where only one run is unfinished. The server is reached as in that run; give
the same --user and password source, unless the inventory has them.`,
		Example: `  uapush resume
  uapush resume 7xk2fq --user admin --password-file pw
  uapush resume 7xk2fq --reissue --ca-passphrase-file ca.pass`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runResume(c, f, args) },
	}
	f.connectionFlags.register(c)
	f.issuerFlags.register(c)
	c.Flags().StringSliceVar(&f.confirm, "confirm", nil, "name of an endpoint whose loss to this operator is meant")
	f.registerSigner(c)
	c.Flags().BoolVar(&f.reissue, "reissue", false, "have another certificate issued where the key of the one that was issued is gone")
	c.Flags().StringVar(&f.keyFile, "key-file", "", "private key (PEM) of the certificate, as it was given to cert update")
	c.ValidArgsFunction = a.completeUnfinished
	return c
}

func (a *app) confirmCommand() *cobra.Command {
	f := &resumeFlags{confirmOnly: true}
	c := &cobra.Command{
		Use:   "confirm [RUN]",
		Short: "Confirm an update that waits for it",
		Long: `confirm makes an update permanent that was uploaded with --no-confirm, or whose run
was cut off, while the server still waits for it (OPC 10000-12, 7.8.5.3). The new
session that this takes is the proof that the server can still be reached, and a
session through the changed endpoint, where this client can use it, that it works.
It does nothing else; uapush resume also fills trust lists and certificates.`,
		Example: `  uapush apply -f line-a.yaml plc1 --no-confirm --revert-after 10m
  uapush confirm`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runResume(c, f, args) },
	}
	f.connectionFlags.register(c)
	c.ValidArgsFunction = a.completeUnfinished
	return c
}

func (a *app) runResume(c *cobra.Command, f *resumeFlags, args []string) error {
	run, err := a.unfinishedRun(args)
	if err != nil {
		return err
	}
	if run.Command == rehearsal {
		return usage("the server takes it back by itself; then uapush runs abandon "+run.ID, "run %s was a rehearsal, which is not gone on with", run.ID)
	}
	progress := run.Progress(workflow.Mutates)
	earlier, err := workflow.EarlierOf(progress.Connected, progress.Facts, progress.Sent)
	if err != nil {
		return err
	}
	if f.confirmOnly && !earlier.Configures() {
		return usage("uapush resume "+run.ID+" goes on with it", "run %s, %s, is nothing to be confirmed", run.ID, run.Command)
	}
	if f.application == "" {
		f.application = run.Application
	}
	conn, err := a.connect(c, &f.connectionFlags, []string{a.serverWord(run)})
	if err != nil {
		return err
	}
	s := &workflow.State{
		Earlier: earlier, Saved: &earlier.Plan, Begun: run.Time, Reissue: f.reissue, Accept: conn.judge.accept,
		Guard: conn.guarded(slices.Concat(earlier.LetGo, f.confirm)),
	}
	a.aim(conn, s)
	s.Target = conn.anywhere(earlier)
	for _, der := range earlier.Certificates() { // the server may show what the run brought
		conn.judge.accept(der)
	}
	if !f.confirmOnly && !run.SkipCertificates {
		if s.Issuer, err = f.sameSigner(a, run); err != nil {
			return err
		}
	}
	if !earlier.Configures() {
		return a.goOnKeeping(c.Context(), conn, s, run, f)
	}
	return a.goOn(c.Context(), conn, s, run, f)
}

// sameSigner is who signed in a run: its record names the program alone.
func (f *resumeFlags) sameSigner(a *app, run journal.Run) (pki.Issuer, error) {
	if program := f.program(); program != run.Signer {
		if run.Signer == "" {
			return nil, usage("leave --signer out", "the built-in authority signs in run %s, and not %s", run.ID, program)
		}
		return nil, usage("give --signer as in that run", "in run %s the program %s signs", run.ID, run.Signer)
	}
	if run.Signer == "" {
		return &lazyIssuer{a: a, flags: &f.issuerFlags}, nil
	}
	return f.external(a)
}

// goOnKeeping performs the rest of a run that is no apply, on its record.
func (a *app) goOnKeeping(ctx context.Context, conn *connection, s *workflow.State, run journal.Run, f *resumeFlags) error {
	steps := workflow.ResumeCertificates()
	switch w := s.Earlier.Work; {
	case w == nil:
		steps = workflow.ResumeEnding()
	case run.Lists:
		steps = workflow.ResumeTrustList()
	case f.keyFile != "":
		i := slices.IndexFunc(w.Certificates, func(c upkeep.SlotChange) bool { return c.KeyFormat != "" && len(c.Given) > 0 })
		if i < 0 {
			return usage("leave --key-file out", "run %s sends no key that was given to it", run.ID)
		}
		var err error
		if s.Key, err = keyFromFile(f.keyFile, w.Certificates[i].KeyFormat, w.Certificates[i].Given); err != nil {
			return err
		}
	}
	r, err := a.reopenRecording(conn, run)
	if err != nil {
		return err
	}
	err = conn.repinned(ctx, s, a.performOn(ctx, conn, s, steps, r.observe))
	if err := r.end(s, err); err != nil {
		return err
	}
	if s.Earlier.Work == nil {
		return a.view().Transaction(s.Transaction)
	}
	return a.kept(s, false)
}

// serverWord is how the run called its server, where that still means something.
func (a *app) serverWord(run journal.Run) string {
	if _, _, _, err := a.server([]string{run.Server}); err != nil {
		return run.URL
	}
	return run.Server
}

// anywhere is the server at the endpoint of the earlier run, or at one that its
// plan brings.
func (c *connection) anywhere(e *workflow.Earlier) workflow.Target {
	var others []workflow.Target
	for _, url := range e.Plan.Endpoints {
		if t, err := c.target.At(url); err == nil {
			others = append(others, t)
		}
	}
	return workflow.Either(c.target, others...)
}

// goOn performs the rest of a run, on its record.
func (a *app) goOn(ctx context.Context, conn *connection, s *workflow.State, run journal.Run, f *resumeFlags) error {
	r, err := a.reopenRecording(conn, run)
	if err != nil {
		return err
	}
	steps := workflow.Resume()
	switch {
	case f.confirmOnly:
		steps = workflow.Confirm()
	case run.SkipCertificates:
		steps = workflow.ResumeConfiguration()
	}
	err = conn.repinned(ctx, s, a.performOn(ctx, conn, s, steps, r.observe))
	if err == nil && f.confirmOnly {
		return a.confirmed(s, run, r)
	}
	if err := r.end(s, err); err != nil {
		return err
	}
	return a.concluded(s, false)
}

// confirmed says what confirm achieved; the rest of the plan stays for resume.
func (a *app) confirmed(s *workflow.State, run journal.Run, r *recording) error {
	o := s.Outcome
	if o != nil && o.Outcome != workflow.OutcomeApplied {
		err := &notConfirmedError{why: o.Why, run: run.ID}
		return r.end(s, err)
	}
	s.Plan, s.Confirmed = s.Earlier.Plan, s.Confirmed || s.Earlier.Confirmed // for the outcome that is shown
	rest := !run.SkipCertificates && len(s.Earlier.Plan.TrustLists)+len(s.Earlier.Plan.Certificates) > 0
	if !rest {
		if err := r.end(s, nil); err != nil {
			return err
		}
		return a.concluded(s, false)
	}
	r.left = "confirmed; trust lists and certificates are left to resume"
	if err := r.end(s, nil); err != nil {
		return err
	}
	a.progress().Line("Trust lists and certificates are still missing: uapush resume %s", run.ID)
	return a.concluded(s, false)
}

// notConfirmedError says that there is nothing to confirm any more.
type notConfirmedError struct{ why, run string }

func (e *notConfirmedError) Error() string {
	return "there is nothing to confirm: " + e.why
}
func (e *notConfirmedError) Class() workflow.Class { return workflow.ClassConflict }
func (e *notConfirmedError) Hint() string {
	return "uapush resume " + e.run + " uploads it again; uapush runs abandon " + e.run + " gives it up"
}

// unfinishedRun finds the run that is meant: by its id, or the only one there is.
func (a *app) unfinishedRun(args []string) (journal.Run, error) {
	if len(args) > 0 {
		r, err := a.findRun(args[0])
		if err != nil {
			return r, err
		}
		if state := r.Progress(workflow.Mutates).State(false); !state.Unfinished() && state != journal.StateFailed {
			return r, usage("uapush runs lists where runs stand", "run %s is %s: there is nothing to go on with, or to give up", r.ID, state)
		}
		return r, nil
	}
	dir, err := a.runsDir()
	if err != nil {
		return journal.Run{}, err
	}
	runs, err := journal.List(dir)
	var found []journal.Run
	for _, r := range runs {
		if r.Progress(workflow.Mutates).State(a.running(r)).Unfinished() {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && err != nil:
		return journal.Run{}, err
	case len(found) == 0:
		return journal.Run{}, usage("uapush runs lists where runs stand", "no run is unfinished")
	}
	var hints []string
	for _, r := range found {
		hints = append(hints, r.ID+", "+r.Command+" on "+r.Server)
	}
	return journal.Run{}, errors.Join(err, usage("name one of them:\n"+strings.Join(hints, "\n"), "%d runs are unfinished", len(found)))
}

// reopenRecording goes on with the record of a run.
func (a *app) reopenRecording(conn *connection, run journal.Run) (*recording, error) {
	runs, err := a.runsDir()
	if err != nil {
		return nil, err
	}
	locks, err := a.locksDir()
	if err != nil {
		return nil, err
	}
	r := &recording{a: a, header: run.Header, runs: runs, locks: locks}
	if err := r.lock(journal.ServerKey(run.URL, run.Application), conn.label, run.ID); err != nil {
		return nil, err
	}
	// Read again, now that nobody else writes.
	if run, err = journal.Find(runs, run.ID); err == nil {
		r.stood = run.Progress(workflow.Mutates).State(false)
		r.journal, err = journal.Reopen(run, journal.Options{Recorded: a.env.Recorded})
	}
	if err != nil {
		r.release()
		return nil, fmt.Errorf("go on with the record: %w", err)
	}
	return r, nil
}
