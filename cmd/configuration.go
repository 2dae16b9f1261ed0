package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Read a server's configuration",
		Long:  `config reads the ApplicationConfiguration of a server, compares it, or turns it into a manifest.`,
		Example: `  uapush config get plc1 -o yaml > plc1.yaml
  uapush config diff plc1.yaml plc1
  uapush config export plc1 --endpoint 4840`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.configGetCommand(), a.configDiffCommand(), a.configExportCommand())
	return c
}

func (a *app) configGetCommand() *cobra.Command {
	f := &connectionFlags{}
	c := &cobra.Command{
		Use:   "get [SERVER]",
		Short: "Show the whole configuration",
		Long:  `get prints every record of the server's ApplicationConfiguration. As YAML or JSON it can be kept and compared later with config diff.`,
		Example: `  uapush config get opc.tcp://plc1:4840 --user admin --password-file pw
  uapush config get plc1 -o yaml > plc1.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conn, s, err := a.read(c, f, args)
			if err != nil {
				return err
			}
			return a.view().Configuration(conn.label, s.Base)
		},
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

// read observes a server's configuration.
func (a *app) read(c *cobra.Command, f *connectionFlags, args []string) (*connection, *workflow.State, error) {
	conn, err := a.connect(c, f, args)
	if err != nil {
		return nil, nil, err
	}
	s := &workflow.State{}
	a.aim(conn, s)
	return conn, s, a.perform(c.Context(), conn, s, workflow.Read())
}

func (a *app) configDiffCommand() *cobra.Command {
	f := &connectionFlags{}
	detailed, lastRun := false, false
	c := &cobra.Command{
		Use:   "diff (FILE | --last-run) [SERVER]",
		Short: "Compare a configuration kept earlier with the server's",
		Long: `diff shows what a server's configuration has gained or lost since FILE was written
by config get (YAML or JSON). Records are matched by what persists: endpoints by
network and port, settings by content. With --last-run it is compared with what
the latest run of this client on the server led to: what shows was changed by
somebody else.`,
		Example: `  uapush config diff plc1.yaml plc1 --detailed-exitcode
  uapush config diff --last-run plc1`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var before config.Application
			var err error
			switch {
			case lastRun && len(args) > 1:
				return usage("give FILE or --last-run", "a FILE and --last-run exclude each other")
			case !lastRun && len(args) == 0:
				return usage("usage: "+c.UseLine(), "there is nothing to compare with")
			case !lastRun:
				if before, err = readConfiguration(args[0]); err != nil {
					return err
				}
				args = args[1:]
			}
			conn, s, err := a.read(c, f, args)
			if err != nil {
				return err
			}
			if lastRun {
				if before, err = a.lastApplied(conn, f.application); err != nil {
					return err
				}
			}
			changes := plan.Compute(before, s.Base)
			if err := a.view().Diff(conn.label, before.Version, s.Base.Version, changes); err != nil {
				return err
			}
			if detailed && len(changes) > 0 {
				return errChanges
			}
			return nil
		},
	}
	f.register(c)
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 when there are differences")
	c.Flags().BoolVar(&lastRun, "last-run", false, "compare with what the latest run on this server led to")
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if lastRun {
			return a.serverAfter(0)(c, args, word)
		}
		return a.serverAfter(1)(c, args, word)
	}
	return c
}

// exported prints a manifest: YAML as it was written, or what that is in another
// format.
func (a *app) exported(name string, text []byte) error {
	v := a.view()
	if v.Format == view.Table || v.Format == view.YAML {
		_, err := a.env.Out.Write(text)
		return err
	}
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("render the manifest: %w", err)
	}
	return v.Result(json.RawMessage(bytes.TrimSpace(data)), nil, []string{name})
}

// readConfiguration reads what config get has written, as YAML or JSON.
func readConfiguration(path string) (config.Application, error) {
	var app config.Application
	data, err := pki.ReadBounded(path, plan.MaxSize)
	if err != nil {
		return app, usage("name a file that uapush config get -o yaml has written", "%w", err)
	}
	// The decoder of JSON knows the fields of embedded records; the one of YAML
	// finds them sometimes.
	if data, err = yaml.YAMLToJSON(data); err == nil {
		err = decodeJSON(data, &struct {
			Schema string `json:"schema"` // none in files of earlier versions
			*config.Application
		}{Application: &app})
	}
	if err != nil {
		return app, usage("it must be what uapush config get -o yaml has written; uapush plan -f compares a manifest", "%s: %w", path, err)
	}
	return app, nil
}

func decodeJSON(data []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON value")
	}
	return nil
}

func (a *app) configExportCommand() *cobra.Command {
	f := &connectionFlags{}
	var which string
	c := &cobra.Command{
		Use:   "export [SERVER] --endpoint NAME|PORT",
		Short: "Write an endpoint of the server as a manifest",
		Long: `export writes a manifest for one endpoint with the records it uses. Applied to the
same server it changes nothing; edited, it is how further servers get the same.`,
		Example: `  uapush config export plc1 --endpoint 4840 > line-b.yaml`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := a.read(c, f, args)
			if err != nil {
				return err
			}
			e, err := plan.FindEndpoint(s.Base, which)
			if err != nil {
				return err
			}
			var buf bytes.Buffer
			if err := manifest.Write(&buf, s.Base, manifest.Selection{Application: f.application, Network: e.NetworkName, Port: e.Port}); err != nil {
				return err
			}
			return a.exported(e.Name, buf.Bytes())
		},
	}
	f.register(c)
	c.Flags().StringVar(&which, "endpoint", "", "name or port of the endpoint")
	_ = c.MarkFlagRequired("endpoint")
	a.completeWithServers(c)
	return c
}
