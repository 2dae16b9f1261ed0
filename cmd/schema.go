package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/config/manifest"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the manifest",
		Long:    `schema prints the JSON Schema of a manifest, for editors that complete and check YAML.`,
		Example: `  uapush schema > uapush.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := strings.TrimRight(string(manifest.JSONSchema()), "\n")
			_, err := fmt.Fprintln(a.env.Out, text)
			return err
		},
	}
}
