package cmd

import (
	"net/url"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/workflow/push"
)

func (a *app) discoverCommand() *cobra.Command {
	f := &connectionFlags{}
	c := &cobra.Command{
		Use:   "discover SERVER",
		Short: "Show what a server offers, and whether its certificates would be trusted",
		Long: `discover asks FindServers and GetEndpoints, which need no login and change nothing.
Each certificate is judged as plan and apply would judge it; nothing is pinned.`,
		Example: `  uapush discover opc.tcp://plc1:4840
  uapush discover opc.tcp://plc1:4840 --trust plant-ca.pem -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.runDiscover(c, f, args) },
	}
	f.register(c)
	a.completeWithServers(c)
	return c
}

func (a *app) runDiscover(c *cobra.Command, f *connectionFlags, args []string) error {
	_, entry, dir, err := a.server(args)
	if err != nil {
		return err
	}
	if err := f.fill(a, c, entry, dir); err != nil {
		return err
	}
	j, err := a.newJudge(f, entry.URL)
	if err != nil {
		return err
	}
	j.trustOnFirstUse = false // looking pins nothing
	ctx, cancel := within(c.Context(), f.deadline)
	defer cancel()
	d, err := push.Discover(ctx, entry.URL, f.timeout, nil)
	if err != nil {
		return err
	}
	return a.view().Discovery(d, judgements(j, entry.URL, d))
}

// judgements says of every endpoint whether its certificate would be trusted; nil
// is yes.
func judgements(j *judge, discoveryURL string, d push.Discovery) []error {
	host := ""
	if u, err := url.Parse(discoveryURL); err == nil {
		host = u.Hostname()
	}
	out := make([]error, len(d.Endpoints))
	for i, e := range d.Endpoints {
		if len(e.Chain) > 0 {
			out[i] = j.judge(e.Chain, host, e.ApplicationURI)
		}
	}
	return out
}
