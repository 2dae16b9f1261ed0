package cmd

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/workflow/fleet"
)

// fleetRun is a command over several servers.
type fleetRun struct {
	a     *app
	kind  kind
	path  []string // of the command
	flags []givenFlag
	args  []string

	mu      sync.Mutex
	outputs map[string]*fleetOutput
}

// fleetOutput is what the command of one server came to.
type fleetOutput struct {
	out  bytes.Buffer
	err  string
	code int
}

// errServer says that the command of one server failed; why is in its output.
var errServer = errors.New("the command failed")

// one runs the command for one server, in an invocation of its own.
func (r *fleetRun) one(ctx context.Context, server string) error {
	o := &fleetOutput{}
	env := r.a.env
	env.Width, env.Interactive, env.In = 0, false, strings.NewReader("")
	lines := &lineWriter{mu: &r.mu, to: r.a.env.Err, prefix: view.Clean(server) + ": "}
	env.Err, env.Out = lines, &o.out
	results := &lineWriter{mu: &r.mu, to: r.a.env.Out, wrap: func(line []byte) []byte { return view.OfServer(server, line) }}
	if r.format() == view.NDJSON {
		env.Out = results
	}
	single := &app{env: env, log: slog.New(slog.DiscardHandler), underway: r.a.underway}
	err := single.execute(ctx, r.words(server))
	if err != nil && ctx.Err() != nil {
		err = &interruptedError{err: err}
	}
	if o.code = single.finish(err); err != nil && o.code != exitChanges {
		o.err = message(err)
	}
	r.a.underway.ended(single)
	if err := errors.Join(lines.finish(), results.finish()); err != nil && o.err == "" {
		o.err, o.code = err.Error(), exitFailure
	}
	r.mu.Lock()
	r.outputs[server] = o
	r.mu.Unlock()
	if o.code != exitDone && o.code != exitChanges {
		return errServer
	}
	return nil
}

func (r *fleetRun) format() view.Format { return view.Format(r.a.global.output) }

// words is the command line for one server.
func (r *fleetRun) words(server string) []string {
	words := slices.Clone(r.path)
	for _, f := range r.flags {
		value := f.value
		if f.isFile {
			value = strings.ReplaceAll(value, serverPlaceholder, server)
		}
		words = append(words, "--"+f.name+"="+value)
	}
	if r.kind == changesFrom {
		return append(append(words, "--no-input", "--server="+server), r.args...)
	}
	return append(words, "--no-input", server)
}

// givenFlag is a flag that was given, for the single runs.
type givenFlag struct {
	name, value string
	isFile      bool // whose name can hold the serverPlaceholder
}

func givenFlags(c *cobra.Command) (given []givenFlag) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if !f.Changed {
			return // of the fleet
		}
		for _, value := range flagWords(f) {
			switch f.Name {
			case "file", "out", "json-file":
				given = append(given, givenFlag{f.Name, value, true})
				continue
			case "output":
				if value == string(view.YAML) { // of the whole
					value = string(view.JSON)
				}
			}
			given = append(given, givenFlag{f.Name, value, false})
		}
	})
	return given
}

// flagWords are the values of a flag as a command line has them.
func flagWords(f *pflag.Flag) []string {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return []string{f.Value.String()}
	}
	words := list.GetSlice()
	if f.Value.Type() == "stringSlice" { // which are read as CSV
		for i, w := range words {
			var b strings.Builder
			c := csv.NewWriter(&b)
			_ = c.Write([]string{w}) // into memory
			c.Flush()
			words[i] = strings.TrimSuffix(b.String(), "\n")
		}
	}
	return words
}

func (r *fleetRun) summary(results []fleet.Result) view.Fleet {
	var f view.Fleet
	for _, result := range results {
		s := view.FleetServer{Server: result.Server, Begun: result.Begun, Failed: result.Err != nil}
		if o := r.outputs[result.Server]; o != nil {
			s.ExitCode, s.Error = o.code, o.err
			if text := bytes.TrimSpace(o.out.Bytes()); json.Valid(text) {
				s.Result = json.RawMessage(text)
			}
			s.Text = o.out.String()
		}
		f.Servers = append(f.Servers, s)
	}
	failed, notBegun := fleet.Failed(results)
	f.Summary = view.FleetSummary{Servers: len(results), Failed: failed, NotBegun: notBegun}
	return f
}

func (r *fleetRun) show(f view.Fleet) error {
	if err := r.a.view().Fleet(f); err != nil {
		return err
	}
	r.a.progress().Line("%s", f.Summary)
	return nil
}
