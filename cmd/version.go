package cmd

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases; otherwise the module says it.
var version string

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    `version prints the version of uapush and of the Go it was built with.`,
		Example: `  uapush version -o json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.view().Version(buildVersion())
		},
	}
}

func buildVersion() (v, revision, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, "", ""
	}
	v = version
	if v == "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = fmt.Sprintf("%.12s", s.Value)
		}
	}
	return v, revision, info.GoVersion
}
