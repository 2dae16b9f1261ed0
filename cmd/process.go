package cmd

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// Environment is everything a command takes from the process it runs in, so that
// a test can give it another one.
type Environment struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	// Width is the width of the terminal that Out is, 0 where it is none.
	Width int
	// Interactive says that a person can be asked: In and Err are a terminal.
	Interactive bool
	// Recorded is told when a line of a run's record is on the disk, with the
	// line's number from 1. nil, as in a process, tells nobody.
	Recorded func(line int)
	// Issued is told when the built-in authority has issued a certificate, which is
	// in its ledger and not yet in the record of the run. nil tells nobody.
	Issued func()
}

// Process returns the environment of this process.
func Process() Environment {
	env := Environment{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			env.Width = w
		}
	}
	env.Interactive = term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
	return env
}

// Main runs one command and returns its exit code.
func Main(args []string, env Environment) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run in order, the next one at once.
	again := make(chan os.Signal, 1)
	context.AfterFunc(ctx, func() { signal.Notify(again, os.Interrupt, syscall.SIGTERM) })
	defer signal.Stop(again)

	// A reader that goes away, such as tee at the interrupt that ends a run in order,
	// makes a write fail; it does not kill a run that is changing a server.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	a := &app{env: env, log: slog.New(slog.DiscardHandler), underway: &underway{}}
	ended := make(chan error, 1)
	go func() { ended <- a.execute(ctx, args) }()
	var err error
	select {
	case err = <-ended:
	case <-again:
		return a.leave()
	}
	if err != nil && ctx.Err() != nil {
		err = &interruptedError{err: err}
	}
	return a.finish(err)
}

// execute runs one command.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.env.In)
	root.SetOut(a.env.Out)
	root.SetErr(a.env.Err)
	return root.ExecuteContext(ctx)
}

// leave says what state the server may be in, for an operator who does not want
// to wait until that is seen.
func (a *app) leave() int {
	t := a.progress()
	if steps := a.underway.String(); steps != "" {
		t.Line("uapush: interrupted again while it was to %s: the server may have carried that out, or not", steps)
		t.Line("hint: uapush runs shows how far the run came; uapush resume finds out the rest")
	} else {
		t.Line("uapush: interrupted again; nothing was being changed on the server just then")
	}
	return exitInterrupted
}
