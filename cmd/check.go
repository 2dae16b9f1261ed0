package cmd

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/health"
	"github.com/uapush/uapush/workflow/push"
)

type checkFlags struct {
	connectionFlags
	manifest         string
	detailedExitCode bool
	tryAll           bool // every endpoint, not only until one works
}

func (f *checkFlags) register(a *app, c *cobra.Command) {
	f.connectionFlags.register(c)
	c.Flags().StringVarP(&f.manifest, "file", "f", "", "judge the endpoint of this manifest; without it, all endpoints of the server")
	c.Flags().BoolVar(&f.detailedExitCode, "detailed-exitcode", false, "exit with 2 when the verdict is refresh or reprovision")
	a.completeWithServers(c)
}

func (a *app) checkCommand() *cobra.Command {
	f := &checkFlags{}
	c := &cobra.Command{
		Use:   "check [SERVER]",
		Short: "Say in one word what a server needs",
		Long: `check reads a server and gives one verdict, for scripts and cron:

  current       one working endpoint suffices
  refresh       a trust list or the list of endpoints is behind; no new certificate
  reprovision   a new certificate or configuration is needed
  undetermined  the network or the server did not answer, or did not let us look

Reasons are codes: ok, endpoint-unknown, issuer-missing, crl-stale,
certificate-removed, revoked, expired, key-mismatch, uri-mismatch,
configuration-lost, unreachable, timeout, server-busy, access-denied, not-observed.

It opens a session through one endpoint after the other until one works, with the
certificate that the server vouches for. An endpoint that does not let this client
or this kind of user in is judged by what else is seen of it.

Nothing is changed, and no certificate is issued. The exit code is 0, with
--detailed-exitcode 2 for refresh and reprovision, and 4 or 5 where the verdict
is undetermined because the server was not reached or denied access.`,
		Example: `  uapush check plc1
  uapush check -f line-a.yaml plc1 -o json | jq -r .verdict
  uapush check -f line-a.yaml plc1 --detailed-exitcode
  uapush apply -f line-a.yaml plc1 --if-needed --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runCheck(c, f, args, a.view().Verdict)
		},
	}
	f.register(a, c)
	return c
}

func (a *app) statusCommand() *cobra.Command {
	f := &checkFlags{tryAll: true}
	c := &cobra.Command{
		Use:   "status [SERVER]",
		Short: "Show what works on a server, and what will not",
		Long: `status is check with everything that was found, endpoint by endpoint: empty and
expired certificates, endpoints that the server does not offer, trust lists that
are behind. It opens a session through every endpoint that this client can use.`,
		Example: `  uapush status plc1
  uapush status -f line-a.yaml plc1 -o json | jq .findings`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runCheck(c, f, args, a.view().Status)
		},
	}
	f.register(a, c)
	return c
}

func (a *app) runCheck(c *cobra.Command, f *checkFlags, args []string, show func(string, health.Decision) error) error {
	s := &workflow.State{}
	if f.manifest != "" {
		p := planFlags{connectionFlags: f.connectionFlags, manifest: f.manifest}
		if err := p.desired(a, s); err != nil {
			return err
		}
		f.application = p.application
	}
	conn, err := a.connect(c, &f.connectionFlags, args)
	if err != nil {
		return err
	}
	a.aim(conn, s)
	s.TryAll = f.tryAll
	err = a.perform(c.Context(), conn, s, workflow.Examine())
	d := a.decide(s, err)
	if err != nil && view.Format(a.global.output) == view.Table {
		show = a.view().Verdict // what there would be in a table beside it is the error
	}
	if err := show(conn.label, d); err != nil {
		return err
	}
	if d.Verdict == health.Undetermined {
		return errors.Join(err, untried(s, d))
	}
	if f.detailedExitCode && (d.Verdict == health.Refresh || d.Verdict == health.Reprovision) {
		return errChanges
	}
	return nil
}

// decide judges what was seen; a failure to look is one of the facts.
func (a *app) decide(s *workflow.State, err error) health.Decision {
	if err != nil {
		return health.Decide(health.Facts{Now: time.Now(), Failure: failure(err), Detail: err.Error()})
	}
	var crls [][]byte
	for _, m := range a.ownCRLs() {
		crls = append(crls, m.DER)
	}
	return health.Decide(health.FactsOf(health.Seen{
		Base: s.Base, Examined: *s.Examined, Tried: s.Tried, Wanted: s.Desired.Records.ServerEndpoints,
		CRLs: crls, Now: time.Now(), ReasonOf: failure,
	}))
}

// untried is the error behind a verdict that the endpoints themselves left open;
// nil where it was not they.
func untried(s *workflow.State, d health.Decision) error {
	for _, t := range s.Tried {
		if t.Err != nil && slices.Contains(d.Reasons, failure(t.Err)) {
			return fmt.Errorf("no session through the endpoint %s: %w", t.URL, t.Err)
		}
	}
	return nil
}

// failure is the reason code of an error.
func failure(err error) health.Reason {
	var c *push.ConnectError
	var wrong *push.WrongServerError
	switch {
	case errors.As(err, &wrong):
		return health.NotObserved // the URL may lead to another server
	case errors.As(err, &c) && c.Kind == push.Timeout:
		return health.Timeout
	case errors.As(err, &c) && c.Kind == push.Busy:
		return health.ServerBusy
	case workflow.ClassOf(err) == workflow.ClassNetwork:
		return health.Unreachable
	case workflow.ClassOf(err) == workflow.ClassTrust:
		return health.Denied
	}
	return health.NotObserved
}

// needed looks before an apply --if-needed; it says whether to go on.
func (a *app) needed(c *cobra.Command, conn *connection, s *workflow.State) (bool, error) {
	look := &workflow.State{Desired: s.Desired}
	a.aim(conn, look)
	err := a.perform(c.Context(), conn, look, workflow.Examine())
	d := a.decide(look, err)
	if err != nil {
		return false, err // undetermined is no reason to change anything
	}
	switch d.Verdict {
	case health.Refresh, health.Reprovision:
		a.progress().Line("%s: %v, so the manifest is applied", d.Verdict, d.Reasons)
		s.Insist = d.Mismatched
		return true, nil
	case health.Undetermined:
		return false, errors.Join(a.view().Verdict(conn.label, d), untried(look, d))
	}
	return false, a.view().Verdict(conn.label, d)
}

// mended says whether an apply --if-needed had anything to apply: what a manifest
// does not change, it does not mend.
func mended(s *workflow.State, needed bool) error {
	if !needed || !s.Plan.Empty() {
		return nil
	}
	return errNotMended{}
}

type errNotMended struct{}

func (errNotMended) Error() string {
	return "the server needs attention, and the manifest changes nothing about it: everything that it asks for is there"
}
func (errNotMended) Hint() string {
	return "uapush status shows what was found; uapush changes show, whether the server waits for ApplyChanges"
}
