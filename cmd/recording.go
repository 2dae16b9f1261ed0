package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
	"github.com/uapush/uapush/workflow/push"
)

// The folders of the state that runs use.
const (
	runsFolder  = "runs"
	locksFolder = "locks"
)

// recording keeps the journal of one run, and the locks that keep others away
// from its server. The journal is begun with what was approved: a run that has
// nothing to do leaves no file.
type recording struct {
	a      *app
	header journal.Header
	runs   string
	locks  string

	held    []*journal.Lock
	died    string // the run that was told of as dead with its locks
	journal *journal.Journal
	before  []workflow.Event // what happened until the journal was begun
	left    string           // what a run that ended well leaves to resume; "" is nothing
	stood   journal.State    // of a run that is gone on with, before
	moved   bool             // something was sent, or was seen to have happened to it
}

// beginRecording takes the lock of a server. An earlier run on it that was cut
// off, or waits to be confirmed, comes first.
func (a *app) beginRecording(conn *connection, h journal.Header) (*recording, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	h.Server, h.URL, h.Time = conn.label, conn.url, time.Now()
	h.Program, _, _ = buildVersion()
	r := &recording{a: a, header: h, runs: filepath.Join(state, runsFolder), locks: filepath.Join(state, locksFolder)}
	if err := r.lock(journal.ServerKey(conn.url, h.Application), conn.label, ""); err != nil {
		return nil, err
	}
	if !ends(h.Command) { // which may be what an unfinished run waits for
		if err := r.refuseOverUnfinished(); err != nil {
			r.release()
			return nil, err
		}
	}
	return r, nil
}

func (r *recording) lock(key, shown, run string) error {
	l, err := journal.Acquire(r.locks, key, shown, run)
	if err != nil {
		return err
	}
	r.held = append(r.held, l)
	if l.Stale != nil && l.Stale.Run != "" && l.Stale.Run != run && l.Stale.Run != r.died {
		r.died = l.Stale.Run
		r.a.progress().Line("run %s, process %d, ended without giving %s back", l.Stale.Run, l.Stale.PID, shown)
	}
	return nil
}

func (r *recording) release() {
	for _, l := range r.held {
		l.Release()
	}
	r.held = nil
}

// refuseOverUnfinished: a run that was cut off may have an update that waits, or
// a certificate on its way; starting over would issue another.
func (r *recording) refuseOverUnfinished() error {
	runs, err := journal.List(r.runs)
	if err != nil {
		r.a.progress().Line("warning: %v", err) // it concerns another run, or none that can be told
	}
	for _, run := range runs {
		another := journal.ServerKey(run.URL, run.Application) != journal.ServerKey(r.header.URL, r.header.Application)
		if another || run.Command == rehearsal || ends(run.Command) { // which the server takes back by itself; which leaves nothing to do
			continue
		}
		state := run.Progress(workflow.Mutates).State(false)
		if state == journal.StateCutOff || state == journal.StateUnconfirmed {
			return &unfinishedError{run: run.ID, state: state}
		}
		return nil // what was before the latest run was dealt with then
	}
	return nil
}

// ends says that a command only ends what others have begun.
func ends(command string) bool { return strings.HasPrefix(command, "changes ") }

// spares are the requests that failed runs on this server have left over, the
// latest of each slot. A run that was given up leaves none.
func (r *recording) spares() (spares []workflow.Spare) {
	runs, err := journal.List(r.runs)
	if err != nil {
		r.a.log.Info("left out", "error", err) // refuseOverUnfinished has told
	}
	seen := map[workflow.SlotFact]bool{}
	for _, run := range runs {
		same := journal.ServerKey(run.URL, run.Application) == journal.ServerKey(r.header.URL, r.header.Application)
		if !same || r.header.Time.Sub(run.Time) > workflow.SpareFor {
			continue
		}
		p := run.Progress(workflow.Mutates)
		left := workflow.Spares(run.ID, p.Facts, seen)
		if state := p.State(false); state == journal.StateFailed || state == journal.StatePartly {
			spares = append(spares, left...)
		}
	}
	return spares
}

// unfinishedError says that an earlier run has to be finished first.
type unfinishedError struct {
	run   string
	state journal.State
}

func (e *unfinishedError) Error() string {
	if e.state == journal.StateUnconfirmed {
		return "the update of run " + e.run + " waits to be confirmed"
	}
	return "run " + e.run + " on this server was cut off"
}

func (e *unfinishedError) Class() workflow.Class { return workflow.ClassConflict }

func (e *unfinishedError) Hint() string {
	if e.state == journal.StateUnconfirmed {
		return "uapush confirm " + e.run + " confirms it, uapush resume " + e.run + " also does the rest; uapush runs abandon " + e.run + " gives it up"
	}
	return "uapush resume " + e.run + " finds out how far it came and goes on; uapush runs abandon " + e.run + " gives it up"
}

// observe is a workflow.Observer: it records the event, and takes the lock of the
// server that was reached.
func (r *recording) observe(e workflow.Event) error {
	if f := e.Fact; f != nil && f.Connected != nil && len(r.held) == 1 {
		if err := r.lock(journal.IdentityKey(f.Connected.ApplicationURI, f.Connected.CertificateSHA256), r.header.Server, r.header.ID); err != nil {
			return err
		}
	}
	r.moved = r.moved || e.Type == workflow.StepStarted && workflow.Mutates(e.Step) || e.Fact != nil && e.Fact.Outcome != nil
	if r.journal != nil {
		return r.journal.Observe(e)
	}
	if !e.Fact.Begins() {
		r.before = append(r.before, e)
		return nil
	}
	return r.begin(e)
}

// begin creates the journal with everything that has happened.
func (r *recording) begin(approved workflow.Event) error {
	var err error
	if r.journal, err = journal.Create(r.runs, r.header, journal.Options{Recorded: r.a.env.Recorded}); err != nil {
		return err
	}
	r.header.ID = r.journal.ID()
	for _, l := range r.held {
		if err := l.Name(r.header.ID); err != nil {
			return err
		}
	}
	for _, e := range append(r.before, approved) {
		if err := r.journal.Observe(e); err != nil {
			return err
		}
	}
	r.before = nil
	return nil
}

// end records how the run ended, and gives the locks back. It returns the error
// of the run, or that of the record.
func (r *recording) end(s *workflow.State, runErr error) error {
	defer r.release()
	if r.journal == nil {
		return runErr
	}
	end, message, class := journal.Done, "", ""
	var partial *workflow.PartialError
	var lost *workflow.KeyLostError // which waits for the operator's word
	switch {
	case runErr == nil && s.Unconfirmed() && r.header.Command != rehearsal:
		end = journal.Unconfirmed
	case runErr == nil && r.left != "":
		end, message = journal.Partly, r.left
	case runErr == nil:
	case r.stood.Unfinished() && !r.moved: // whoever could not look has finished nothing
		return errors.Join(runErr, r.standsAsBefore(runErr))
	case errors.As(runErr, &partial) && !partial.Unchanged, workflow.ClassOf(runErr) == workflow.ClassUnknown, errors.As(runErr, &lost):
		end = journal.Partly
	default:
		end = journal.Failed
	}
	if runErr != nil {
		message, class = runErr.Error(), workflow.ClassOf(runErr).String()
	}
	if err := r.journal.End(end, message, class); err != nil && runErr == nil {
		return err
	}
	return runErr
}

// standsAsBefore ends an attempt to go on with a run that came to nothing, such as
// one with a wrong password. An update that waits, waits on.
func (r *recording) standsAsBefore(why error) error {
	if r.stood == journal.StateCutOff { // which is a record without an end
		return r.journal.Close()
	}
	return r.journal.End(journal.End(r.stood), why.Error(), workflow.ClassOf(why).String())
}

// carryOut performs steps that change a server, on record. A certificate that the
// run gives the server takes the place of what was pinned.
func (a *app) carryOut(ctx context.Context, conn *connection, s *workflow.State, steps []workflow.Step, h journal.Header) error {
	r, err := a.beginRecording(conn, h)
	if err != nil {
		return err
	}
	s.Begun, s.Accept, s.Spare = r.header.Time, conn.judge.accept, r.spares()
	err = conn.repinned(ctx, s, a.performOn(ctx, conn, s, steps, r.observe))
	var moved *workflow.ReplannedError
	if errors.As(err, &moved) {
		a.progress().Line("What would have to be changed now:")
		now := view.View{Out: a.env.Err, Format: view.Table, Width: a.env.Width}
		err = errors.Join(err, now.Plan(conn.label, moved.Now))
	}
	return r.end(s, err)
}

// guarded says who must stay able to administer the server.
func (c *connection) guarded(confirmed []string) *workflow.Guarded {
	return &workflow.Guarded{Token: c.target.Token(), Policies: push.Policies(), Confirmed: confirmed, OneWay: true}
}
