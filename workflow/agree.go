package workflow

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/upkeep"
)

// rejoin opens a new Session, with the new certificate where the endpoint in use
// has one now (OPC 10000-12, 7.7.2, step 5).
type rejoin struct{}

func (rejoin) Name() string { return "reconnect" }

func (rejoin) Skip(s *State) string {
	if len(s.slotsChanged) == 0 {
		return "no certificate was changed"
	}
	return ""
}

func (rejoin) Run(ctx context.Context, s *State) error {
	if err := s.reopen(ctx, s.now().Add(s.reconnectWithin())); err != nil {
		return &VerifyError{What: "the server cannot be reached with its new certificate", Err: err}
	}
	return nil
}

// agree sees that the server does what it accepted: TrustLists read back as they
// were written, slots hold the new certificates, and no endpoint shows an old one.
// A server may need a moment for the latter.
type agree struct{}

func (agree) Name() string { return "verify" }

func (agree) Skip(s *State) string {
	if s.Promised().Empty() {
		return "nothing was changed"
	}
	return ""
}

func (agree) Run(ctx context.Context, s *State) error {
	deadline := s.now().Add(s.reconnectWithin())
	if len(s.slotsChanged) == 0 {
		deadline = s.now().Add(min(s.reconnectWithin(), 5*time.Second)) // a list is read as it was written, at once
	}
	err := s.retry(ctx, deadline, "the server to use what it accepted", func() error {
		differs, err := s.disagreement(ctx)
		switch {
		case err != nil && ClassOf(err) == ClassNetwork:
			s.disconnect(ctx)
			return err
		case err != nil:
			return backoff.Permanent(err)
		case differs != "":
			s.disconnect(ctx) // the next look discovers afresh
			return &VerifyError{What: "the server accepted the change, and yet " + differs}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Verified = true
	return nil
}

// disagreement says in which respect the server is not as it should be, or "".
func (s *State) disagreement(ctx context.Context) (string, error) {
	if s.Session == nil {
		if err := s.open(ctx); err != nil {
			return "", err
		}
	}
	_, now, err := s.situation(ctx)
	if err != nil {
		return "", err
	}
	session, err := s.certificates()
	if err != nil {
		return "", err
	}
	var all []string
	promised := s.Promised()
	for _, l := range promised.TrustLists {
		if lacks, extra := s.listDiffers(l, now); lacks+extra > 0 {
			all = append(all, listDifference(l.Group, lacks, extra))
		}
	}
	for _, c := range promised.Certificates {
		if differs := s.slotDiffers(c, now, session); differs != "" {
			all = append(all, differs)
		}
	}
	return strings.Join(all, "; "), nil
}

// listDiffers compares the lists that were written.
func (s *State) listDiffers(l upkeep.ListChange, now upkeep.Situation) (lacks, extra int) {
	added, removed, _ := upkeep.Difference(l.After, groupIn(now, l.Group).Trust)
	return len(upkeep.Within(removed, l.Mask)), len(upkeep.Within(added, l.Mask))
}

// slotDiffers compares what GetCertificates, the endpoints and the channel say.
func (s *State) slotDiffers(c upkeep.SlotChange, now upkeep.Situation, session CertificateSession) string {
	name := config.CertificateTypeName(c.Type) + " of " + c.Group
	g := groupIn(now, c.Group)
	want := s.newLeaf(slot{c.Group, c.Type})
	if found := g.Certificates[c.Type]; (g.Complete || len(found) > 0) && !bytes.Equal(found, want) {
		return "the slot " + name + " has another certificate"
	}
	if len(c.Old) == 0 || bytes.Equal(c.Old, want) {
		return ""
	}
	for _, e := range session.Endpoints() {
		if t, ok := typeShown(e, g.Types); ok && t != c.Type {
			continue
		}
		if e.Secured() && bytes.Equal(e.Certificate, c.Old) {
			return "its endpoint " + e.URL + " still shows the old certificate of " + name
		}
	}
	return ""
}

// afterUpkeep looks at the server after a failure, and says what it saw: above
// all, which certificate is in force.
func (s *State) afterUpkeep(ctx context.Context, cause error) error {
	s.tellDiagnostics(ctx, cause)
	s.cancelStaged(ctx)
	p := &PartialError{Err: cause, Next: "run the command again: it does only what is missing"}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now, err := s.lookAgainAfter(ctx)
	if err != nil {
		p.Observed = fmt.Sprintf("What the server looks like now was not observed: %v.", err)
		p.Next = "run uapush cert list when the server answers: it shows what is in force"
		return p
	}
	lists, slots := 0, 0
	for _, l := range s.Work.TrustLists {
		if _, _, mask := upkeep.Difference(l.Before, groupIn(now, l.Group).Trust); mask != 0 {
			lists++
		}
	}
	for _, c := range s.Work.Certificates {
		if found := groupIn(now, c.Group).Certificates[c.Type]; !bytes.Equal(found, c.Old) {
			slots++
		}
	}
	if lists+slots == 0 {
		p.Observed, p.Unchanged = "The server is as it was: trust lists and certificates are the old ones.", true
		if p.Next = ""; ClassOf(cause) == ClassUnknown {
			p.Next = "the session that was lost may still hold a transaction, until the server times it out (minutes): uapush resume waits for that, and goes on"
		}
		return p
	}
	p.Observed = fmt.Sprintf("%d of %d trust lists and %d of %d certificates have changed; the others are as they were.",
		lists, len(s.Work.TrustLists), slots, len(s.Work.Certificates))
	return p
}

// lookAgainAfter surveys over a Session of its own: the one of the run may be the
// reason for the failure, and staged changes end with it.
func (s *State) lookAgainAfter(ctx context.Context) (upkeep.Situation, error) {
	if err := s.reopen(ctx, s.now().Add(5*time.Second)); err != nil {
		return upkeep.Situation{}, err
	}
	_, now, err := s.situation(ctx)
	return now, err
}

// tellDiagnostics notes what the server says of each target of a transaction that
// it refused. Servers without the Object say nothing.
func (s *State) tellDiagnostics(ctx context.Context, cause error) {
	session, err := s.certificates()
	if s.Session == nil || err != nil || ClassOf(cause) == ClassNetwork || ClassOf(cause) == ClassUnknown {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	d, err := session.TransactionDiagnostics(ctx)
	if err != nil {
		return
	}
	for _, e := range d.Errors {
		s.note("%s: %s %s", e.Target, e.Status, e.Message)
	}
}
