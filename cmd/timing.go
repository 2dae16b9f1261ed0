package cmd

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uapush/uapush/config"
)

// timingFlags override what a manifest or a saved plan says of the two times of
// an update (OPC 10000-12, 7.8.5.2).
type timingFlags struct {
	revertAfter, restartDelay time.Duration
	set                       *pflag.FlagSet
}

func (f *timingFlags) register(c *cobra.Command) {
	f.set = c.Flags()
	f.set.DurationVar(&f.revertAfter, "revert-after", 0, "the server takes the update back when it is not confirmed by then (default as the manifest says)")
	f.set.DurationVar(&f.restartDelay, "restart-delay", 0, "the server waits this long before it applies the update (default as the manifest says)")
}

func (f *timingFlags) apply(t *config.UpdateTiming) error {
	if f.revertAfter < 0 || f.restartDelay < 0 {
		return usage("give a time such as 2m", "--revert-after and --restart-delay cannot be negative")
	}
	if f.set.Changed("revert-after") {
		t.RevertAfter = f.revertAfter
	}
	if f.set.Changed("restart-delay") {
		t.RestartDelay = f.restartDelay
	}
	return nil
}
