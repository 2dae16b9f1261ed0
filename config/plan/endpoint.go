package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
)

// WithoutEndpoint returns base without the endpoint of that name. The settings
// and groups that it used stay. The error is a *NotFoundError or an *AmbiguousError.
func WithoutEndpoint(base config.Application, name string) (config.Application, error) {
	same := func(e config.Endpoint) bool { return e.Name == name }
	found := matching(base, same)
	switch len(found) {
	case 0:
		return config.Application{}, notFound(base, fmt.Sprintf("named %q", name), name)
	case 1:
		return without(base, same), nil
	}
	return config.Application{}, &AmbiguousError{Name: name, Endpoints: describeAll(found)}
}

// WithoutEndpointAt returns base without the endpoint at a network and port,
// which name at most one (OPC 10000-12, 7.10.22). The error is a *NotFoundError.
func WithoutEndpointAt(base config.Application, network string, port uint16) (config.Application, error) {
	same := func(e config.Endpoint) bool { return e.NetworkName == network && e.Port == port }
	if !slices.ContainsFunc(endpoints(base), same) {
		what := fmt.Sprintf("at port %d of every network", port)
		if network != "" {
			what = fmt.Sprintf("at port %d of network %q", port, network)
		}
		return config.Application{}, notFound(base, what, addressOf(config.Endpoint{NetworkName: network, Port: port}))
	}
	return without(base, same), nil
}

func without(base config.Application, gone func(config.Endpoint) bool) config.Application {
	out := base.Clone()
	out.ServerEndpoints = slices.DeleteFunc(out.ServerEndpoints, func(e config.ServerEndpoint) bool { return gone(e.Endpoint) })
	out.ClientEndpoints = slices.DeleteFunc(out.ClientEndpoints, gone)
	return out
}

func endpoints(a config.Application) []config.Endpoint {
	var out []config.Endpoint
	for _, e := range a.ServerEndpoints {
		out = append(out, e.Endpoint)
	}
	return append(out, a.ClientEndpoints...)
}

func describe(e config.Endpoint) string { return fmt.Sprintf("%s (%s)", e.Name, addressOf(e)) }

func notFound(base config.Application, what, asked string) error {
	all := endpoints(base)
	slices.SortStableFunc(all, func(a, b config.Endpoint) int {
		return cmp.Compare(endpointDistance(a, asked), endpointDistance(b, asked))
	})
	return &NotFoundError{What: what, Endpoints: describeAll(all)}
}

// endpointDistance puts the same port of another network first.
func endpointDistance(e config.Endpoint, asked string) int {
	if strings.HasSuffix(addressOf(e), asked) {
		return 0
	}
	return min(config.Distance(e.Name, asked), config.Distance(addressOf(e), asked))
}

// nearest returns the names, quoted, the most similar to name first; at most ten.
func nearest(name string, names []string) []string {
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(config.Distance(a, name), config.Distance(b, name)) })
	var out []string
	for _, n := range sorted[:min(len(sorted), 10)] {
		out = append(out, fmt.Sprintf("%q", n))
	}
	return out
}
