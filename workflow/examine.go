package workflow

import (
	"context"
	"slices"
)

// examine reads what the health of a server is judged by: TrustLists and
// certificates of the groups behind its endpoints, and what GetEndpoints shows.
type examine struct{}

func (examine) Name() string { return "look at certificates and trust lists" }

func (examine) Run(ctx context.Context, s *State) error {
	var groups []string
	for _, settings := range s.Base.SecuritySettings {
		if g := settings.CertificateGroupName; g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	o, err := s.Session.Observe(ctx, groups)
	if err != nil {
		return err
	}
	s.Examined = &Examined{Observation: o}
	if shown, ok := s.Session.(interface{ Endpoints() []EndpointCertificate }); ok {
		s.Examined.Shown, s.Examined.ShownKnown = shown.Endpoints(), true
	}
	return nil
}

// Examined is what examine saw.
type Examined struct {
	Observation
	Shown      []EndpointCertificate // of GetEndpoints, just before the Session
	ShownKnown bool
}
