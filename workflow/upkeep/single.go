package upkeep

import (
	"fmt"
	"time"

	"github.com/uapush/uapush/config"
)

// SelfSign lets the server fill an empty slot by itself (7.10.6).
type SelfSign struct {
	Selection
	Subject  string
	Names    []string
	Validity time.Duration
	Bits     int
}

// Decide refuses a slot that is filled, as the server would.
func (s SelfSign) Decide(in Situation) (Work, error) {
	g, t, err := s.One(in)
	if err != nil {
		return Work{}, err
	}
	if err := CanMake(t); err != nil {
		return Work{}, err
	}
	if old := Brief(g.Certificates[t]); old != nil {
		return Work{}, &FilledError{Slot: g.Name + " " + config.CertificateTypeName(t), Subject: old.Subject}
	}
	c := Renewal{Names: s.Names}.slot(in, g, t, []Need{{Missing, "the slot is empty"}})
	c.Action, c.Key, c.Subject, c.Validity, c.Bits = SelfSigned, "", s.Subject, s.Validity, s.Bits
	w := start(in)
	w.Certificates = append(w.Certificates, c)
	return w, nil
}

// FilledError says that a slot has a certificate where it must have none.
type FilledError struct{ Slot, Subject string }

func (e *FilledError) Error() string {
	return fmt.Sprintf("the slot %s has a certificate already: %s", e.Slot, e.Subject)
}

// Hint tells how to go on.
func (e *FilledError) Hint() string {
	return "delete it with uapush cert delete first, or use uapush cert renew"
}

// Deletion empties a slot (7.10.7).
type Deletion struct{ Selection }

// Decide does nothing for a slot that is empty.
func (d Deletion) Decide(in Situation) (Work, error) {
	g, t, err := d.One(in)
	if err != nil {
		return Work{}, err
	}
	w := start(in)
	old := g.Certificates[t]
	if len(old) == 0 && g.Complete {
		w.Kept = append(w.Kept, SlotKept{g.Name, t, "the slot is empty"})
		return w, nil
	}
	w.Certificates = append(w.Certificates, SlotChange{Group: g.Name, Type: t, Action: Delete, Old: old, Before: Brief(old)})
	return w, nil
}

// Asking asks for a signing request for one slot.
type Asking struct {
	Selection
	Subject string
	SameKey bool
}

// Decide picks the slot.
func (a Asking) Decide(in Situation) (Work, error) {
	g, t, err := a.One(in)
	if err == nil {
		err = CanMake(t)
	}
	if err != nil {
		return Work{}, err
	}
	c := SlotChange{Group: g.Name, Type: t, Action: Renew, Key: ServerKey, Subject: a.Subject, Old: g.Certificates[t], Before: Brief(g.Certificates[t])}
	if a.SameKey {
		c.Key = SameKey
	}
	w := start(in)
	w.Certificates = append(w.Certificates, c)
	return w, nil
}
