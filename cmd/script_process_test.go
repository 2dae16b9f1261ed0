package cmd_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// running is a program that a script has started and not yet awaited.
type running struct {
	cmd           *exec.Cmd
	out, err, all *eventLog
	done          chan error
}

func (p *running) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// process is the command
//
//	process start NAME PROGRAM ARGS...  run a program beside the script
//	process await NAME WORD             wait until it prints WORD
//	process interrupt NAME              send it an interrupt, as Ctrl-C does
//	process exits NAME CODE             wait for its end; NAME.out and NAME.err hold what it printed
func process(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: process start|await|interrupt|exits NAME ...")
	}
	r, name := rigOf(ts), args[1]
	if args[0] == "start" {
		r.processes[name] = r.startProcess(ts, args[2], args[3:])
		return
	}
	p := r.processes[name]
	if p == nil {
		ts.Fatalf("there is no process %s", name)
	}
	switch args[0] {
	case "await":
		if !p.all.await(args[2], 20*time.Second) {
			ts.Fatalf("%s never printed %s:\n%s", name, args[2], p.all)
		}
	case "interrupt":
		ts.Check(p.cmd.Process.Signal(os.Interrupt))
	case "exits":
		r.awaitProcess(ts, name, p, args[2])
	default:
		ts.Fatalf("process knows no %s", args[0])
	}
}

func (r *rig) startProcess(ts *testscript.TestScript, program string, args []string) *running {
	path, err := exec.LookPath(program) // testscript.Main has put uapush there
	ts.Check(err)
	p := &running{cmd: exec.Command(path, args...), out: newEventLog(), err: newEventLog(), all: newEventLog(), done: make(chan error, 1)}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Stdout, p.cmd.Stderr = io.MultiWriter(p.out, p.all), io.MultiWriter(p.err, p.all)
	for _, name := range r.names {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(p.cmd.Start())
	go func() {
		err := p.cmd.Wait()
		p.all.finish()
		p.done <- err
	}()
	return p
}

func (r *rig) awaitProcess(ts *testscript.TestScript, name string, p *running, want string) {
	var err error
	select {
	case err = <-p.done:
	case <-time.After(30 * time.Second):
		p.kill()
		err = errors.New("it did not end")
	}
	delete(r.processes, name)
	ts.Logf("[stdout of %s]\n%s[stderr of %s]\n%s", name, p.out, name, p.err)
	ts.Check(os.WriteFile(ts.MkAbs(name+".out"), []byte(p.out.String()), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(name+".err"), []byte(p.err.String()), 0o644))
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", name, err)
	}
	if fmt.Sprint(got) != want {
		ts.Fatalf("%s exits with %d, want %s", name, got, want)
	}
}
