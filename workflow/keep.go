package workflow

import (
	"context"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/upkeep"
)

// Upkeep is what the steps of Update Certificates and Update TrustList (OPC
// 10000-12, 7.7.2, 7.7.3) share beside the rest of State. Each field has one
// writer, as there.
type Upkeep struct {
	// Inputs.
	//
	// Decide says what to do, from what was read. It is how commands differ.
	Decide func(upkeep.Situation) (upkeep.Work, error)
	// Reads says what Decide needs to know of a group.
	Reads func(upkeep.Group) Parts
	// Consent shows Work to whoever has to agree; nil is agreed beforehand.
	Consent func(context.Context, upkeep.Work) error
	// Key is the private key that comes with an upkeep.Install, if any.
	Key []byte
	// Ending is how a transaction is ended; "" is that none is.
	Ending Ending

	Situation upkeep.Situation      // survey
	Endpoints []EndpointCertificate // survey
	Work      upkeep.Work           // decide, or take up: what is left of it
	Requests  []Request             // request
	obtained  map[slot]slotMaterial // obtain
	// What the server took.
	listsWritten map[string]standing    // prepare or write trust lists, or take up
	slotsChanged map[slot]standing      // change slots, or take up
	selfMade     map[slot][]byte        // change slots: what the server made, DER
	Verified     bool                   // agree
	Transaction  TransactionDiagnostics // diagnose
}

// slotMaterial is what goes into a slot.
type slotMaterial struct {
	chain  [][]byte // leaf first
	format string   // of key
	key    []byte   // where this client made it; wiped after use
}

// Request is a signing request (PKCS#10, DER) for a slot.
type Request struct {
	Group string
	Type  config.NodeID
	CSR   []byte
}

// keeping says that the run is one of upkeep.
func (s *State) keeping() bool { return s.Decide != nil || s.Earlier != nil && s.Earlier.Work != nil }

// Promised is the whole Work of the run, of which Work may be what was left when it
// was resumed.
func (s *State) Promised() upkeep.Work {
	if s.Earlier != nil && s.Earlier.Work != nil {
		return *s.Earlier.Work
	}
	return s.Work
}

// Certificates returns the Session's roles for certificates.
func (s *State) certificates() (CertificateSession, error) {
	c, ok := s.Session.(CertificateSession)
	if !ok {
		return nil, errNoRoles
	}
	return c, nil
}

// SlotTaken says whether the server took a change of a slot, and the certificate
// (DER, the leaf) that went into it.
func (s *State) SlotTaken(group string, typ config.NodeID) (der []byte, taken bool) {
	k := slot{group, typ}
	return s.newLeaf(k), s.slotsChanged[k] != 0
}

// newLeaf is the certificate that goes into a slot; nil where it is emptied.
func (s *State) newLeaf(k slot) []byte {
	if m := s.obtained[k]; len(m.chain) > 0 {
		return m.chain[0]
	}
	if der := s.selfMade[k]; der != nil {
		return der
	}
	return s.Earlier.leaf(k)
}

// ListTaken says whether the server took the TrustList of a group.
func (s *State) ListTaken(group string) bool { return s.listsWritten[group] != 0 }

// waitsForApply says whether an upkeep change is staged.
func (u *Upkeep) waitsForApply() bool {
	for _, at := range u.listsWritten {
		if at == waiting {
			return true
		}
	}
	for _, at := range u.slotsChanged {
		if at == waiting {
			return true
		}
	}
	return false
}
