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
	port, err := strconv.ParseUint(word, 10, 16)
	isPort := err == nil
	var found []config.Endpoint
	for _, e := range endpoints(base) {
		if e.Name == word || isPort && uint64(e.Port) == port {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return config.Endpoint{}, notFound(base, fmt.Sprintf("named %q, or at that port", word), word)
	case 1:
		return found[0], nil
	}
	// A name is meant before a port.
	if i := slices.IndexFunc(found, func(e config.Endpoint) bool { return e.Name == word }); i >= 0 {
		return found[i], nil
	}
	var which []string
	for _, e := range found {
		which = append(which, describe(e))
	}
	return config.Endpoint{}, &AmbiguousError{Name: word, Endpoints: which}
}
