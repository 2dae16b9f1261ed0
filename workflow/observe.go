package workflow

import (
	"context"
	"fmt"
	"slices"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/config/uafile"
)

// observe reads everything the plan depends on.
type observe struct{}

func (observe) Name() string { return "read the configuration" }

func (observe) Run(ctx context.Context, s *State) error { return s.look(ctx) }

// reobserve reads it again once the update is in force: group Objects have
// appeared, and names may have changed with the version (OPC 10000-12, 7.8.5.5).
// Where somebody was asked to approve, others had time to change a TrustList,
// and what they added has to be kept.
type reobserve struct{}

func (reobserve) Name() string { return "read the groups" }

func (reobserve) Skip(s *State) string {
	if reason := skipUnlessCertificates(s); reason != "" {
		return reason
	}
	if len(s.Plan.Changes) == 0 && s.Approve == nil {
		return "nobody was asked, so nothing has changed since they were read"
	}
	return ""
}

func (reobserve) Run(ctx context.Context, s *State) error {
	before := s.Base
	if err := s.look(ctx); err != nil {
		return err
	}
	if s.Update == nil || s.Confirmed || len(plan.Compute(before, s.Base)) > 0 {
		return nil
	}
	return &RevertedError{Why: "asked for no confirmation, and shows its old configuration"}
}

// look is the one writer of Observation, File and Base.
func (s *State) look(ctx context.Context) error {
	o, err := s.Session.Observe(ctx, s.groups())
	if err != nil {
		return err
	}
	if !o.HasConfigurationFile {
		return ErrNoConfigurationFile
	}
	f, err := uafile.Decode(o.File)
	if err != nil {
		return fmt.Errorf("the server's configuration file: %w", err)
	}
	if l, err := uafile.LayoutFor(o.SupportedDataType); o.SupportedDataType != "" && (err != nil || l != f.Layout()) {
		s.note("SupportedDataType is %s, and the file has the layout of %v; the file counts", o.SupportedDataType, f.Layout())
	}
	base := f.Application()
	if base.Version != o.CurrentVersion {
		// The file says what was read; CloseAndUpdate compares CurrentVersion.
		s.note("the file says version %v, CurrentVersion says %v; the latter counts", base.Version, o.CurrentVersion)
		base.Version = o.CurrentVersion
	}
	s.Observation, s.File, s.Base = o, f, base
	return nil
}

// groups names the CertificateGroups whose TrustLists and certificates matter.
func (s *State) groups() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, t := range s.Desired.TrustLists {
		add(t.Group)
	}
	for _, c := range s.Desired.Certificates {
		add(c.Group)
	}
	if s.Saved != nil {
		for _, t := range s.Saved.TrustLists {
			add(t.Group)
		}
		for _, c := range s.Saved.Certificates {
			add(c.Group)
		}
	}
	return names
}

// group finds what was observed of a CertificateGroup; nil where there is none.
func (s *State) group(name string) *GroupObservation {
	i := slices.IndexFunc(s.Observation.Groups, func(g GroupObservation) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Observation.Groups[i]
}

func policyName(uri string) string { return config.PolicyName(uri) }

func skipUnlessUploaded(s *State) string {
	if s.Update == nil {
		return "the configuration is as it should be"
	}
	return ""
}

func skipUnlessCertificates(s *State) string {
	if len(s.Plan.TrustLists) == 0 && len(s.Plan.Certificates) == 0 {
		return "trust lists and certificates are as they should be"
	}
	return ""
}
