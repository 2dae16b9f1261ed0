package cmd

import (
	"errors"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/journal"
)

// lastApplied is the configuration that the latest run on a server led to, as far
// as its record says that the server kept it.
func (a *app) lastApplied(conn *connection, application string) (config.Application, error) {
	dir, err := a.runsDir()
	if err != nil {
		return config.Application{}, err
	}
	runs, damaged := journal.List(dir)
	for _, run := range runs {
		if run.Command == rehearsal || journal.ServerKey(run.URL, run.Application) != journal.ServerKey(conn.url, application) {
			continue
		}
		p := run.Progress(workflow.Mutates)
		if p.State(false) != journal.StateDone {
			continue
		}
		e, err := workflow.EarlierOf(p.Connected, p.Facts, p.Sent)
		if err != nil {
			return config.Application{}, err
		}
		after := e.Expected
		if e.Update != nil {
			after.Version = e.Update.Version
		}
		return after, nil
	}
	return config.Application{}, errors.Join(damaged, usage("compare with a file that uapush config get has written", "no run on %s is on record that went well", conn.label))
}
