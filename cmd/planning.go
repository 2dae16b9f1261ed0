package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

// fileComplete says that a configuration file has been read to its end.
func fileComplete(stream []byte) bool {
	_, complete, err := uafile.Size(stream)
	return complete || err != nil // more bytes do not mend a broken one
}

// planFlags are what plan and apply have in common.
type planFlags struct {
	connectionFlags
	manifest         string
	out              string
	detailedExitCode bool
}

func (f *planFlags) register(c *cobra.Command) {
	f.connectionFlags.register(c)
	c.Flags().StringVarP(&f.manifest, "file", "f", "", "the manifest (- reads standard input)")
	c.Flags().StringVar(&f.out, "out", "", "save the plan in this file, for show and apply")
	c.Flags().BoolVar(&f.detailedExitCode, "detailed-exitcode", false, "exit with 2 when there are changes")
}

// desired reads the manifest that -f names into the inputs of a run.
func (f *planFlags) desired(a *app, s *workflow.State) error {
	m, err := f.load(a)
	if err != nil {
		return err
	}
	if s.Desired, err = m.Desired(); err != nil {
		return err
	}
	switch {
	case f.application == "":
		f.application = s.Desired.Application
	case s.Desired.Application != "" && s.Desired.Application != f.application:
		return usage("leave one of them out", "--application says %s, the manifest says %s", f.application, s.Desired.Application)
	}
	return nil
}

func (f *planFlags) load(a *app) (*manifest.Manifest, error) {
	if f.manifest == "" {
		return nil, usage("name the manifest with -f FILE", "there is no manifest")
	}
	if f.manifest != "-" {
		return manifest.Load(f.manifest)
	}
	if f.passwordStdin {
		return nil, usage("give one of them as a file", "-f - and --password-stdin both read standard input")
	}
	data, err := io.ReadAll(io.LimitReader(a.env.In, manifest.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return manifest.Parse("standard input", data)
}

// aim points a run at a connection.
func (a *app) aim(conn *connection, s *workflow.State) {
	s.Target, s.ServerURL = conn.target, conn.url
	s.Materials = workflow.Materials{Self: conn.self, Authority: a.currentAuthority}
}

// authority reads the public side of the built-in CA: no passphrase is needed to
// see what it is and what it revoked.
func (a *app) authority() (pki.Authority, error) {
	dir, err := a.caDir()
	if err != nil {
		return pki.Authority{}, err
	}
	return pki.ReadAuthority(dir)
}

// currentAuthority is authority for a trust list: servers refuse every
// certificate of a CA whose CRL is missing or outdated.
func (a *app) currentAuthority() (certificates, crls [][]byte, err error) {
	authority, err := a.authority()
	if err == nil {
		err = authority.Current(time.Now())
	}
	if err != nil {
		return nil, nil, err
	}
	return authority.Certificates(), authority.RevocationLists(), nil
}

// perform runs steps with the observers that the flags ask for.
func (a *app) perform(ctx context.Context, conn *connection, s *workflow.State, steps []workflow.Step) error {
	return a.performOn(ctx, conn, s, steps, nil)
}

// performOn is perform with a record of the run; nil keeps none.
func (a *app) performOn(ctx context.Context, conn *connection, s *workflow.State, steps []workflow.Step, record workflow.Observer) error {
	observe, stop, err := a.observer(record)
	if err != nil {
		return err
	}
	defer stop()
	s.Observe = observe
	ctx, cancel := within(ctx, conn.deadline)
	defer cancel()
	return workflow.Run(ctx, s, steps)
}

// present shows a plan that only had to be made, and saves it where asked.
func (a *app) present(conn *connection, s *workflow.State, f *planFlags) error {
	p := s.Plan
	if f.out != "" {
		if err := savePlan(f.out, p); err != nil {
			return err
		}
	}
	if a.events != nil {
		if err := a.events.Plan(p); err != nil {
			return err
		}
	}
	if view.Format(a.global.output) != view.NDJSON {
		if err := a.view().Plan(conn.label, p); err != nil {
			return err
		}
	}
	if s.Foreseen != nil && s.Foreseen.Refusal != nil {
		a.progress().Line("uapush apply refuses this: %v", s.Foreseen.Refusal)
		if hint := hintOf(s.Foreseen.Refusal); hint != "" {
			a.progress().Line("hint: %s", hint)
		}
	}
	if f.detailedExitCode && !p.Empty() {
		return errChanges
	}
	return nil
}

func savePlan(path string, p plan.Plan) error {
	var buf writeBuffer
	if err := plan.Save(&buf, p); err != nil {
		return err
	}
	if err := pki.WriteFileAtomic(path, buf, 0o600); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

type writeBuffer []byte

func (b *writeBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func loadPlan(path string) (plan.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return plan.Plan{}, usage("name a plan that uapush plan --out has saved", "%w", err)
	}
	defer f.Close()
	p, err := plan.Load(f)
	if err != nil && exitCode(err) == exitFailure {
		err = usage("name a plan that uapush plan --out has saved", "%w", err)
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
