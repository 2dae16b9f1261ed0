package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/uapush/uapush/config"
)

// FindEndpoint returns the endpoint that the operator calls by its name or by its
// port. The error is a *NotFoundError or an *AmbiguousError.
func FindEndpoint(base config.Application, word string) (config.Endpoint, error) {
	// A name is meant before a port.
	found := matching(base, func(e config.Endpoint) bool { return e.Name == word })
	if port, err := strconv.ParseUint(word, 10, 16); err == nil && len(found) == 0 {
		found = matching(base, func(e config.Endpoint) bool { return uint64(e.Port) == port })
	}
	switch len(found) {
	case 0:
		return config.Endpoint{}, notFound(base, fmt.Sprintf("named %q, or at that port", word), word)
	case 1:
		return found[0], nil
	}
	return config.Endpoint{}, &AmbiguousError{Name: word, Endpoints: describeAll(found)}
}

func matching(base config.Application, is func(config.Endpoint) bool) []config.Endpoint {
	return slices.DeleteFunc(endpoints(base), func(e config.Endpoint) bool { return !is(e) })
}

func describeAll(all []config.Endpoint) []string {
	var out []string
	for _, e := range all {
		out = append(out, describe(e))
	}
	return out
}
