package workflow

import (
	"bytes"
	"time"

	"github.com/uapush/uapush/workflow/upkeep"
)

// Spare is the request of a run that has failed before its certificate was in its
// slot. The server keeps the key across Sessions and restarts (OPC 10000-12,
// 7.10.10), so that the next run can have the same request signed: an issuer that
// has signed it already gives the same certificate, and issues no second one.
type Spare struct {
	Run string
	RequestedFact
	Leaf []byte // DER of what was issued for it; nil where nothing is on record
}

// Spares adds to those of later runs what the facts of a run leave over. A slot of
// which a later run tells is seen already.
func Spares(run string, facts []Fact, seen map[SlotFact]bool) (spares []Spare) {
	left := map[SlotFact]*Spare{}
	var order, staged []SlotFact
	for _, f := range facts {
		switch {
		case f.Requested != nil:
			order = append(order, f.Requested.SlotFact)
			left[f.Requested.SlotFact] = &Spare{Run: run, RequestedFact: *f.Requested}
		case f.Issued != nil && len(f.Issued.Chain) > 0:
			if s := left[SlotFact{f.Issued.Group, f.Issued.Type}]; s != nil {
				s.Leaf = f.Issued.Chain[0]
			}
		case f.KeyLost != nil:
			left[*f.KeyLost] = nil
		case f.Filled != nil && f.Filled.Staged:
			staged = append(staged, SlotFact{f.Filled.Group, f.Filled.Type})
		case f.Filled != nil:
			left[SlotFact{f.Filled.Group, f.Filled.Type}] = nil
		case f.Activated:
			for _, k := range staged {
				left[k] = nil
			}
		}
	}
	for _, k := range order {
		if s := left[k]; s != nil && !seen[k] && s.Key != upkeep.LocalKey {
			spares = append(spares, *s)
		}
		seen[k] = true
	}
	return spares
}

// spareFor finds a request to be used again for a slot that holds old: the same
// kind of key, and not for what is there already.
func (s *State) spareFor(k slot, key upkeep.KeySource, old []byte) (Spare, bool) {
	for _, p := range s.Spare {
		fits := p.Group == k.group && p.Type == k.typ && p.Key == key
		if fits && (len(p.Leaf) == 0 || !bytes.Equal(p.Leaf, old)) {
			return p, true
		}
	}
	return Spare{}, false
}

// requested says with which request a slot's certificate is asked for: the one on
// record, one that an earlier run has left over, or a new one.
func (s *State) requested(k slot, key upkeep.KeySource, old []byte, ask func() ([]byte, error)) (RequestedFact, error) {
	if r := s.Earlier.request(k); r != nil {
		return *r, nil
	}
	r := RequestedFact{SlotFact: SlotFact{k.group, k.typ}, Key: key, Since: s.Begun}
	if p, ok := s.spareFor(k, key, old); ok {
		s.note("run %s has left a request for %s; what was issued for it is used", p.Run, k)
		r = p.RequestedFact
		s.adopted = append(s.adopted, k)
	} else {
		var err error
		if r.CSR, err = ask(); err != nil {
			return r, err
		}
	}
	return r, s.record(Fact{Requested: &r}, "")
}

// SpareFor is how long a request is used again: what was issued for it gets older.
const SpareFor = 24 * time.Hour
