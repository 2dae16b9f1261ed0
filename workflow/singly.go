package workflow

import (
	"context"
	"fmt"
	"slices"

	"github.com/uapush/uapush/workflow/upkeep"
)

// addSingly reads the lists of a server without transactions back. One that took a
// list and did nothing may still know AddCertificate (node-opcua 2.157); only
// trusted certificates can be added that way (7.8.2.6).
type addSingly struct{}

func (addSingly) Name() string { return "add single certificates" }
func (addSingly) Mutates()     {}

func (addSingly) Skip(s *State) string {
	return s.takesWholeLists(onlyTrusted)
}

// takesWholeLists is why nothing has to be done singly to the lists of a kind.
func (s *State) takesWholeLists(of func(upkeep.ListChange) bool) string {
	switch {
	case !slices.ContainsFunc(s.Work.TrustLists, of):
		return "no trust list has changed in this way"
	case s.Observation.SupportsTransactions:
		return "the server takes whole lists"
	}
	return ""
}

func (addSingly) Run(ctx context.Context, s *State) error {
	return s.singly(ctx, func(session CertificateSession, l upkeep.ListChange, added, removed []upkeep.Member) (bool, error) {
		if !onlyTrusted(l) || len(upkeep.Within(added, l.Mask))+len(upkeep.Within(removed, l.Mask)) > 0 {
			return false, nil // it did something
		}
		s.note("the server accepted the trust list of %s and did not change it; adding certificates one by one", l.Group)
		for _, m := range l.Added {
			if err := session.AddCertificate(ctx, l.Group, m.DER); err != nil {
				return false, fmt.Errorf("%s: %w", l.Group, err)
			}
		}
		return true, nil
	})
}

// onlyTrusted says that a change only adds trusted certificates.
func onlyTrusted(l upkeep.ListChange) bool {
	return len(l.Removed) == 0 && l.Mask == uint32(TrustedCertificates)
}

// removeSingly does the same for what a list should have lost: a server may add to
// its list what is written, and remove nothing (node-opcua 2.178). CRLs go with
// their CA (7.8.2.7).
type removeSingly struct{}

func (removeSingly) Name() string { return "remove single certificates" }
func (removeSingly) Mutates()     {}

func (removeSingly) Skip(s *State) string {
	return s.takesWholeLists(func(l upkeep.ListChange) bool { return len(certificatesRemoved(l)) > 0 })
}

func certificatesRemoved(l upkeep.ListChange) []upkeep.Member {
	return upkeep.Within(l.Removed, uint32(TrustedCertificates|IssuerCertificates))
}

func (removeSingly) Run(ctx context.Context, s *State) error {
	return s.singly(ctx, func(session CertificateSession, l upkeep.ListChange, _, removed []upkeep.Member) (bool, error) {
		gone := map[string]bool{}
		for _, m := range removed {
			gone[m.List+m.SHA256] = true
		}
		var stayed []upkeep.Member
		for _, m := range certificatesRemoved(l) {
			if !gone[m.List+m.SHA256] {
				stayed = append(stayed, m)
			}
		}
		if len(stayed) == 0 {
			return false, nil
		}
		s.note("the server accepted the trust list of %s and kept what is not in it; removing certificates one by one", l.Group)
		for _, m := range stayed {
			if err := session.RemoveCertificate(ctx, l.Group, m.Thumbprint, m.List == upkeep.ListTrusted); err != nil {
				return false, fmt.Errorf("%s: %w", l.Group, err)
			}
		}
		return true, nil
	})
}

// singly reads every list back that was written, and has it corrected, given what
// was added and removed since it was first read.
func (s *State) singly(ctx context.Context, correct func(_ CertificateSession, _ upkeep.ListChange, added, removed []upkeep.Member) (bool, error)) error {
	session, err := s.certificates()
	if err != nil {
		return err
	}
	for _, l := range s.Work.TrustLists {
		found, err := session.ReadTrustList(ctx, l.Group, TrustListMask(l.Mask))
		if ClassOf(err) == ClassNetwork {
			return nil // a changed list may end the channel: the next step connects again
		}
		if err != nil {
			return fmt.Errorf("read back the trust list of %s: %w", l.Group, err)
		}
		added, removed, _ := upkeep.Difference(l.Before, content(GroupObservation{Name: l.Group, TrustList: found}))
		corrected, err := correct(session, l, added, removed)
		if err != nil {
			return err
		}
		if !corrected {
			continue
		}
		// Neither method says whether ApplyChanges is needed, and a refusal may only say
		// that it is not; what came of it is seen next.
		if err := s.Session.ApplyChanges(ctx); err != nil {
			s.note("%v", err)
		}
	}
	return nil
}
