package workflow

import (
	"context"
	"errors"
)

// Either is a server that may answer at one of several endpoints: after an update
// whose end was not seen, the old one or the new one. Open takes the first that
// is reached; any other failure than one of the network is final.
func Either(first Target, others ...Target) Target {
	if len(others) == 0 {
		return first
	}
	return either{first, others}
}

type either struct {
	first  Target
	others []Target
}

func (e either) Open(ctx context.Context) (Session, error) {
	s, err := e.first.Open(ctx)
	if err == nil || ClassOf(err) != ClassNetwork {
		return s, err
	}
	errs := []error{err}
	for _, t := range e.others {
		if s, err = t.Open(ctx); err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (e either) Probe(ctx context.Context, endpointURL string, certificate []byte) (Probe, error) {
	return e.first.Probe(ctx, endpointURL, certificate)
}
