package workflow

import (
	"context"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/pki"
)

// State is what the steps of a run share. The inputs are set before the run;
// every other field has one writer, the step named beside it.
type State struct {
	// Inputs.
	Target    Target
	ServerURL string         // as the operator named the server
	Desired   config.Desired // what the manifest asks for
	Edit      Edit           // instead of Desired: another way to say what should be
	Saved     *plan.Plan     // instead of both: a plan made earlier
	Earlier   *Earlier       // what is on record of the run that this one resumes
	Begun     time.Time      // when the run began, or the one that it resumes; certificates issued since then are its own
	Spare     []Spare        // requests that earlier runs have left over
	Reissue   bool           // the operator wants another certificate where the key of an issued one is gone
	// Accept is told of a certificate that this run gives the server, before it
	// comes into force: the server may show it from then on. nil is nobody.
	Accept func(der []byte)
	Guard  *Guarded // who must stay able to get in; nil asks for no guard
	// Insist gives a reason to fill a slot anew whose certificate looks sound; "" is none.
	Insist func(group string, typ config.NodeID) string
	// TryAll tries every endpoint, also where one works.
	TryAll    bool
	Materials Materials
	Issuer    pki.Issuer // nil where nothing may be issued
	Approve   func(context.Context, plan.Plan) error
	Observe   Observer
	Now       func() time.Time // nil is time.Now
	// ReconnectWithin bounds the wait for a server that needs no confirmation. 0 is a minute
	// and a half.
	ReconnectWithin time.Duration

	Session      Session                // connect
	Reached      ServerIdentity         // connect, and every Session after: whom the latest one reached
	Observation  Observation            // observe
	File         *uafile.File           // observe
	Base         config.Application     // observe: File, decoded
	bound        config.Desired         // compute: Desired, with the server's records that it names
	lists        []plan.TrustListAction // compute: the manifest's TrustLists, read once
	Plan         plan.Plan              // compute, or match for a saved plan, or resume, or recount: what is left of it; upload, where the version moves
	Expected     *config.Application    // upload, or resume: what the changes lead to
	Foreseen     *Foreseen              // foresee
	Examined     *Examined              // examine
	Tried        []Attempt              // attempt
	Before       *config.Application    // insist: what a rehearsal has to come back to
	Outcome      *OutcomeFact           // reconcile, or revert, or take up, or conclude: what became of what the earlier run sent
	Update       *ConfigurationResult   // upload, or reconcile where it waits to be confirmed
	Deadline     time.Time              // upload, or reconcile: when an unconfirmed update is taken back
	Confirmed    bool                   // confirm, or resume
	Issued       map[slot][][]byte      // certify, or resume: leaf first
	Activated    bool                   // activate
	Probed       *Probe                 // verify
	Held         []HeldSlot             // verify: slots that were read back, as no channel of ours can use their key
	Remaining    *plan.Plan             // recheck: what a new plan still finds
	VersionAfter config.VersionTime     // recheck
	trustWritten map[string]standing    // trust
	slotsFilled  map[slot]standing      // certify, or recount
	adopted      []slot                 // certify, or obtain: the slots that got a Spare

	Upkeep // instead of all that is about a plan
}

// Edit works out the configuration that should be from the one that is. It is
// how commands other than a manifest, such as endpoint delete, say what they want.
type Edit func(base config.Application) (config.Application, error)

// slot is one place for a certificate: a CertificateType of a CertificateGroup.
type slot struct {
	group string
	typ   config.NodeID
}

// HeldSlot is a slot that was seen to hold what was issued for it.
type HeldSlot struct {
	Group string        `json:"group"`
	Type  config.NodeID `json:"type"`
}

func (k slot) String() string { return config.CertificateTypeName(k.typ) + " of " + k.group }

// standing says how far a change got that the server took.
type standing int

const (
	waiting standing = iota + 1 // for ApplyChanges
	inForce
)

// staged says whether anything waits for ApplyChanges.
func (s *State) staged() bool {
	if s.Activated {
		return false
	}
	for _, at := range s.trustWritten {
		if at == waiting {
			return true
		}
	}
	for _, at := range s.slotsFilled {
		if at == waiting {
			return true
		}
	}
	return s.waitsForApply()
}

// disconnect closes the Session, also when the run was interrupted.
func (s *State) disconnect(ctx context.Context) {
	if s.Session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.Session.Close(ctx) // the server drops what is left when its timeout ends
	s.Session = nil
}

// IssuedFor returns the chain that was issued for a slot, leaf first; nil where
// there is none or where it did not reach the server.
func (s *State) IssuedFor(group string, typ config.NodeID) [][]byte {
	k := slot{group, typ}
	if s.slotsFilled[k] == 0 {
		return nil
	}
	return s.Issued[k]
}

// TrustWritten says whether the server took the TrustList of a group.
func (s *State) TrustWritten(group string) bool { return s.trustWritten[group] != 0 }
