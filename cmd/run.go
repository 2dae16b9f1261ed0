package cmd

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow"
)

// observer sends the events of a run to whoever watches: the record of the run
// before all others, a person on stderr, and the streams that were asked for.
func (a *app) observer(record workflow.Observer) (observe workflow.Observer, stop func(), err error) {
	watchers := []workflow.Observer{}
	if a.global.output == string(view.NDJSON) {
		a.events = view.NewStream(a.env.Out)
		watchers = append(watchers, a.events.Event)
	}
	if a.global.jsonFile != "" {
		f, err := os.OpenFile(a.global.jsonFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, nil, usage("name a file that can be written", "--json-file: %w", err)
		}
		a.eventFile = f
		a.events = a.events.And(view.NewStream(f))
		watchers = []workflow.Observer{a.events.Event}
	}
	stop = func() {}
	if a.env.Interactive {
		var counting workflow.Observer
		counting, stop = view.Countdown(a.progress(), a.global.verbose, time.Now)
		watchers = append(watchers, unheard(counting))
	} else {
		watchers = append(watchers, unheard(view.Progress(a.progress(), a.global.verbose)))
	}
	return func(e workflow.Event) error {
		if record != nil {
			if err := record(e); err != nil {
				return err
			}
		}
		a.underway.follow(a, e)
		if e.Type == workflow.Recorded {
			return nil // a fact for the record alone
		}
		for _, w := range watchers {
			if err := w(e); err != nil {
				return err
			}
		}
		return nil
	}, stop, nil
}

// unheard is progress that goes on when nobody reads it: a terminal that is closed
// is no reason to leave a server half done.
func unheard(watch workflow.Observer) workflow.Observer {
	return func(e workflow.Event) error {
		_ = watch(e)
		return nil
	}
}

// approve asks the operator, after showing what will be done.
func (a *app) approve(conn *connection, yes bool, f *planFlags) func(context.Context, plan.Plan) error {
	return func(ctx context.Context, p plan.Plan) error {
		shown := a.view()
		if shown.Format != view.Table { // stdout belongs to the machine-readable result
			shown = view.View{Out: a.env.Err, Format: view.Table, Width: a.env.Width}
		}
		if err := shown.Plan(conn.label, p); err != nil {
			return err
		}
		if a.events != nil {
			if err := a.events.Plan(p); err != nil {
				return err
			}
		}
		if f.out != "" {
			if err := savePlan(f.out, p); err != nil {
				return err
			}
		}
		if yes {
			return nil
		}
		if a.global.noInput || !a.env.Interactive {
			return usage("give --yes to apply without a question, or use uapush plan to only look", "nobody can be asked to approve the plan")
		}
		answer, err := a.ask(ctx, "Apply this plan? Only yes applies it: ")
		if err != nil {
			return err
		}
		if answer != "yes" {
			return workflow.ErrDeclined
		}
		return nil
	}
}

// ask reads one line; an interrupt ends the question.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	if _, err := fmt.Fprint(a.env.Err, question); err != nil {
		return "", err
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.env.In).ReadString('\n') // an end of input is no yes
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		return line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
