package workflow

import (
	"bytes"
	"context"
	"fmt"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/upkeep"
)

// takeUp leaves of an earlier run's Work what is still to be done. It looks at
// lists and slots alone: each is as it was, or as it was to be, and else somebody
// else has changed it, and nothing is done. What can be known to be missing, such
// as a key, is said before anything is written.
type takeUp struct{}

func (takeUp) Name() string { return "see what is left" }

func (takeUp) Run(ctx context.Context, s *State) error {
	if err := s.sameServer(); err != nil {
		return err
	}
	if s.Earlier.Undecided {
		if err := s.settleTransaction(ctx); err != nil {
			return err
		}
		if err := (survey{}).Run(ctx, s); err != nil { // as it is after that
			return err
		}
	}
	w := *s.Earlier.Work
	left := w
	left.TrustLists, left.Certificates = nil, nil
	s.listsWritten, s.slotsChanged = map[string]standing{}, map[slot]standing{}
	for _, l := range w.TrustLists {
		done, err := s.listDone(l)
		if err != nil {
			return err
		}
		if done {
			s.listsWritten[l.Group] = inForce
		} else {
			left.TrustLists = append(left.TrustLists, l)
		}
	}
	for _, c := range w.Certificates {
		done, err := s.slotDone(c)
		if err != nil {
			return err
		}
		if done {
			s.slotsChanged[slot{c.Group, c.Type}] = inForce
		} else {
			left.Certificates = append(left.Certificates, c)
		}
	}
	for _, c := range left.Certificates {
		if err := s.obtainable(c); err != nil {
			return err
		}
	}
	s.Work = left
	s.Outcome = outcomeOf(w, left)
	return s.record(Fact{Outcome: s.Outcome}, "%s", s.Outcome.Why)
}

// outcomeOf says what was seen to be in force of a Work.
func outcomeOf(w, left upkeep.Work) *OutcomeFact {
	all, open := len(w.TrustLists)+len(w.Certificates), len(left.TrustLists)+len(left.Certificates)
	switch open {
	case 0:
		return &OutcomeFact{Outcome: OutcomeApplied, Why: "Trust lists and certificates are as they were to be."}
	case all:
		return &OutcomeFact{Outcome: OutcomeNotApplied, Why: "Trust lists and certificates are as they were before the run."}
	}
	return &OutcomeFact{Outcome: OutcomePartly, Why: fmt.Sprintf("%d of %d trust lists and %d of %d certificates are as they were to be, the others as they were before the run.",
		len(w.TrustLists)-len(left.TrustLists), len(w.TrustLists), len(w.Certificates)-len(left.Certificates), len(w.Certificates))}
}

// listDone says whether a list is as it was to be.
func (s *State) listDone(l upkeep.ListChange) (bool, error) {
	g := groupIn(s.Situation, l.Group)
	switch {
	case !g.TrustRead && g.Unread != nil:
		return false, fmt.Errorf("the trust list of %s could not be read: %w", l.Group, g.Unread)
	case !g.TrustRead:
		return false, changedByOthers("the group " + l.Group + " has no trust list any more")
	case l.Done(g.Trust):
		return true, nil
	case !l.Between(g.Trust):
		return false, changedByOthers("the trust list of " + l.Group + " is neither as it was before the run nor as it was to be" + s.writtenAt(l, g))
	}
	return false, nil
}

// writtenAt is LastUpdateTime, where it moved.
func (s *State) writtenAt(l upkeep.ListChange, g upkeep.Group) string {
	if l.Updated.IsZero() || !g.Updated.After(l.Updated) {
		return ""
	}
	return ", and was last written at " + moment(g.Updated)
}

func changedByOthers(what string) error {
	return &UnclearError{
		What: what + ": somebody else has changed it",
		Next: "look at it with uapush trust list and uapush cert list, and give the run up with uapush runs abandon; then run the command again",
	}
}

// slotDone says whether a slot holds what it was to hold. Of a server that does not
// tell, the record counts.
func (s *State) slotDone(c upkeep.SlotChange) (bool, error) {
	k := slot{c.Group, c.Type}
	g := groupIn(s.Situation, c.Group)
	found := g.Certificates[c.Type]
	want := s.Earlier.leaf(k)
	switch {
	case len(found) == 0 && !g.Complete:
		waits, taken := s.Earlier.staged[k]
		return taken && !waits, nil
	case len(want) > 0 && bytes.Equal(found, want), c.Action == upkeep.Delete && len(found) == 0:
		return true, nil
	case bytes.Equal(found, c.Old):
		return false, nil
	}
	return false, changedByOthers("the slot " + k.String() + " has another certificate than before the run, which is not the one of the run")
}

// obtainable says whether a slot that is left can be filled: its certificate may
// need a key that is not on record.
func (s *State) obtainable(c upkeep.SlotChange) error {
	switch {
	case c.Action == upkeep.Renew:
		return s.renounce(slot{c.Group, c.Type}, c.Key == upkeep.LocalKey)
	case c.Action == upkeep.Install && c.Key == upkeep.LocalKey && len(s.Key) == 0:
		return &KeyNeededError{Group: c.Group, Type: c.Type}
	}
	return nil
}

// KeyNeededError says that a certificate comes with a key, which no record holds.
type KeyNeededError struct {
	Group string
	Type  config.NodeID
}

func (e *KeyNeededError) Error() string {
	return "the certificate for " + config.CertificateTypeName(e.Type) + " of " + e.Group + " is sent with its private key, and a record holds no keys"
}

// Class of a command that lacks a flag.
func (e *KeyNeededError) Class() Class { return ClassUsage }

// Hint names the flag.
func (e *KeyNeededError) Hint() string { return "give the key again: uapush resume --key-file FILE" }
