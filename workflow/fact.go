package workflow

import (
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow/upkeep"
)

// Fact is what a later process has to know of a run: an Event that carries one
// is on record before the next step starts. None holds a secret.
type Fact struct {
	Connected *Connected     `json:"connected,omitempty"`
	Approved  *Approved      `json:"approved,omitempty"`
	Work      *upkeep.Record `json:"work,omitempty"`   // approved upkeep, instead of a plan
	Ending    Ending         `json:"ending,omitempty"` // approved, instead of both
	Update    *UpdateFact    `json:"update,omitempty"` // the server took an upload
	Confirmed *UpdateID      `json:"confirmed,omitempty"`
	Requested *RequestedFact `json:"requested,omitempty"`
	Issued    *IssuedFact    `json:"issued,omitempty"`
	KeyLost   *SlotFact      `json:"keyLost,omitempty"` // what was requested or issued is of no use
	Trust     *TrustFact     `json:"trust,omitempty"`
	Filled    *FilledFact    `json:"filled,omitempty"`
	Activated bool           `json:"activated,omitempty"` // ApplyChanges was answered
	Outcome   *OutcomeFact   `json:"outcome,omitempty"`   // what an observation showed of an earlier run
}

// Begins says that a run is carried out from this fact on: it was approved. What
// came before has changed nothing.
func (f *Fact) Begins() bool {
	return f != nil && (f.Approved != nil || f.Work != nil || f.Ending != "")
}

// Approved is a plan that is carried out from now on, and the configuration that
// it was made for.
type Approved struct {
	Plan plan.Plan `json:"plan"`
	// PlanSHA256 is the plan's Digest.
	PlanSHA256 string             `json:"planSha256,omitempty"`
	Base       config.Application `json:"base"`
	// LetGo are the names that the operator gave to override the guard.
	LetGo []string `json:"letGo,omitempty"`
}

// Connected says whom a run has reached.
type Connected struct {
	EndpointURL       string `json:"endpointUrl"`
	ApplicationURI    string `json:"applicationUri"`
	CertificateSHA256 string `json:"certificateSha256"`
}

// UpdateFact is the answer of CloseAndUpdate.
type UpdateFact struct {
	Base     config.VersionTime `json:"base"`
	Version  config.VersionTime `json:"version"`
	UpdateID UpdateID           `json:"updateId"`
	// Due is when the server begins to apply it: it has waited its RestartDelayTime.
	Due time.Time `json:"due,omitzero"`
	// Deadline is when the server takes an unconfirmed update back; zero where it
	// asks for no confirmation.
	Deadline time.Time `json:"deadline,omitzero"`
}

// Ending is how a transaction is ended that an earlier Session has left.
type Ending string

// The endings.
const (
	EndApply  Ending = "apply"  // ApplyChanges
	EndCancel Ending = "cancel" // CancelChanges
)

// SlotFact names a slot.
type SlotFact struct {
	Group string        `json:"group"`
	Type  config.NodeID `json:"type"`
}

// RequestedFact is a signing request (PKCS#10, DER) that the issuer gets next: a
// process that goes on has the very same request signed, and no other.
type RequestedFact struct {
	SlotFact
	Key   upkeep.KeySource `json:"key"`
	CSR   []byte           `json:"csr"`
	Since time.Time        `json:"since"` // what was issued for it from then on is not issued again
}

// IssuedFact is a certificate that was issued, and perhaps not yet in its slot.
type IssuedFact struct {
	Group string        `json:"group"`
	Type  config.NodeID `json:"type"`
	Chain [][]byte      `json:"chain"` // DER, leaf first
}

// TrustFact is a TrustList that the server took.
type TrustFact struct {
	Group  string        `json:"group"`
	Lists  TrustListMask `json:"lists"`
	Staged bool          `json:"staged,omitempty"` // it waits for ApplyChanges
}

// FilledFact is a slot whose certificate the server took, or which it emptied.
type FilledFact struct {
	Group      string        `json:"group"`
	Type       config.NodeID `json:"type"`
	Thumbprint string        `json:"thumbprint,omitempty"` // SHA-1 of the certificate, as OPC UA has it; "" is emptied
	SHA256     string        `json:"sha256,omitempty"`
	Staged     bool          `json:"staged,omitempty"`
}

// OutcomeFact is what became of an update, as observed.
type OutcomeFact struct {
	Outcome Outcome            `json:"outcome"`
	Version config.VersionTime `json:"version,omitempty"` // the one seen
	Why     string             `json:"why"`               // what was seen, in words
}

// Outcome says what became of an update whose end was not seen.
type Outcome string

// The outcomes. OutcomeUnknown claims nothing.
const (
	OutcomeApplied    Outcome = "applied"
	OutcomeNotApplied Outcome = "not-applied"
	OutcomePartly     Outcome = "partly" // of upkeep: some of its changes are in force
	OutcomeReverted   Outcome = "reverted"
	OutcomeUnknown    Outcome = "unknown"
)

var classNames = map[Class]string{
	ClassOther: "other", ClassNetwork: "network", ClassTrust: "trust", ClassConflict: "conflict",
	ClassRejected: "rejected", ClassUnknown: "unknown", ClassUsage: "usage",
}

func (c Class) String() string { return classNames[c] }
