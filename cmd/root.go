package cmd

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
)

// app is one invocation: its environment and what every command shares.
type app struct {
	env    Environment
	log    *slog.Logger // root's PersistentPreRunE
	global globalFlags
	// Where events go besides the terminal; both are nil where nobody asked.
	events    *view.Stream // observer
	eventFile *os.File     // observer
	underway  *underway    // observer; an invocation for each server of a fleet shares it
}

type globalFlags struct {
	output, colour   string
	jsonFile         string
	noInput, verbose bool
	state            string
}

// colours are the values of --color.
var colours = []string{"auto", "always", "never"}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "uapush",
		Short: "Create OPC UA endpoints, and keep their certificates and trust lists current",
		Long: `uapush is an OPC UA CertificateManager for PushManagement (OPC 10000-12, 7.7).

A manifest says which Endpoint a server should have. uapush reads the server's
configuration over an encrypted session, shows what is missing, uploads it,
confirms it, and fills trust lists and certificate slots.`,
		Example: `  uapush demo                                   # the whole tour on an embedded server
  uapush plan -f line-a.yaml opc.tcp://plc1:4840 --user admin --password-file pw
  uapush apply -f line-a.yaml opc.tcp://plc1:4840 --user admin --password-file pw`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.prepare() },
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.global.output, "output", "o", "table", "result as "+strings.Join(view.Formats(), ", "))
	f.StringVar(&a.global.colour, "color", "auto", "colour: auto, always or never (NO_COLOR is respected)")
	f.StringVar(&a.global.jsonFile, "json-file", "", "also write the events of the run to this file, as NDJSON")
	f.BoolVar(&a.global.noInput, "no-input", false, "never ask; fail and name the missing flag instead")
	f.BoolVarP(&a.global.verbose, "verbose", "v", false, "say more on stderr: what is skipped and why, and what happens on the wire")
	f.StringVar(&a.global.state, "state", "", "folder for pins, the client's identity and the certificate authority (default $XDG_STATE_HOME/uapush)")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(a.usageFunc)
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(view.Formats(), cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(
		a.overFleet(a.planCommand(), reads), a.overFleet(a.applyCommand(), changes), a.showCommand(),
		a.confirmCommand(), a.resumeCommand(), a.runsCommand(),
		a.overFleet(a.statusCommand(), reads), a.overFleet(a.checkCommand(), reads), a.rehearseCommand(),
		a.configCommand(), a.endpointCommand(),
		a.groupCommand(), a.certCommand(), a.trustCommand(), a.rejectedCommand(), a.changesCommand(),
		a.overFleet(a.discoverCommand(), reads), a.identityCommand(), a.caCommand(),
		a.simCommand(), a.demoCommand(),
		a.schemaCommand(), a.versionCommand(),
	)
	a.completes(root)
	markUsage(root)
	return root
}

// markUsage makes wrong arguments and missing flags usage errors, with the nearest
// command for an unknown word.
func markUsage(c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) != nil {
				return argumentError(c, check, args)
			}
			return missingFlag(c)
		}
	}
	for _, sub := range c.Commands() {
		markUsage(sub)
	}
}

// prepare checks the global flags before any command runs.
func (a *app) prepare() error {
	if !slices.Contains(view.Formats(), a.global.output) {
		return usage("one of "+strings.Join(view.Formats(), ", "), "there is no output format %q", a.global.output)
	}
	if !slices.Contains(colours, a.global.colour) {
		return usage("one of "+strings.Join(colours, ", "), "--color cannot be %q", a.global.colour)
	}
	if a.global.verbose {
		a.log = slog.New(slog.NewTextHandler(a.env.Err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return nil
}

func (a *app) view() view.View {
	return view.View{Out: a.env.Out, Format: view.Format(a.global.output), Width: a.env.Width, Colour: a.colour(a.env.Width > 0)}
}

func (a *app) colour(terminal bool) bool {
	switch a.global.colour {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"
}

func (a *app) colourErr() bool { return a.colour(a.env.Interactive) }

// progress is where a person reads what a run does.
func (a *app) progress() *view.Text { return view.NewText(a.env.Err, a.env.Width, a.colourErr()) }

// stateDir is the folder that outlives runs.
func (a *app) stateDir() (string, error) {
	for _, dir := range []string{a.global.state, a.env.Getenv("UAPUSH_STATE")} {
		if dir != "" {
			return dir, nil
		}
	}
	if dir := a.env.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "uapush"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usage("name it with --state", "there is no folder for the state: %w", err)
	}
	return filepath.Join(home, ".local", "state", "uapush"), nil
}
