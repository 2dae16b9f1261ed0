package workflow

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

// Earlier is what is on record of a run that another process goes on with. Plan,
// Work or Ending says what it was approved to do; the others are empty.
type Earlier struct {
	Plan     plan.Plan
	Base     config.Application // the configuration that the plan was made for
	Expected config.Application // the one that its changes lead to
	LetGo    []string           // Guarded.Confirmed of that run
	Update   *UpdateFact        // what CloseAndUpdate answered; nil where that is not on record
	// Sending is the time from which on CloseAndUpdate may have been sent, and
	// Confirming likewise for ConfirmUpdate; zero where it was not, or the answer is
	// on record.
	Sending, Confirming time.Time
	Confirmed           bool

	Work   *upkeep.Work
	Ending Ending

	Requested []RequestedFact // one for a slot, the latest
	Issued    []IssuedFact    // likewise; of the request, where there is one
	Lost      []SlotFact      // slots whose key is gone
	Connected *Connected      // the last time

	staged map[slot]bool // slots that the server took; true still waits for ApplyChanges
	// Undecided says that something was sent to be applied, and how that ended is not
	// on record.
	Undecided bool
}

// ErrNothingApproved says that a run was cut off before its plan was approved.
var ErrNothingApproved error = nothingApproved{}

type nothingApproved struct{}

func (nothingApproved) Error() string {
	return "the run ended before its plan was approved, so there is nothing to go on with"
}
func (nothingApproved) Hint() string { return "run the command again; nothing was changed" }
func (nothingApproved) Class() Class { return ClassUsage }

// EarlierOf folds the facts of a run; sent is the begin of the step whose end is
// not on record. The error is ErrNothingApproved, or about a plan that does not
// hold together.
func EarlierOf(connected *Connected, facts []Fact, sent Event) (*Earlier, error) {
	e := &Earlier{Connected: connected, staged: map[slot]bool{}}
	for _, f := range facts {
		if err := e.fold(f); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(facts, func(f Fact) bool { return f.Begins() }) {
		return nil, ErrNothingApproved
	}
	switch sent.Step {
	case upload{}.Name():
		if e.Update == nil {
			e.Sending = sent.Time
		}
	case confirm{}.Name():
		e.Confirming = sent.Time
	case trust{}.Name(), preparingLists{}.Name(), addSingly{}.Name(), removeSingly{}.Name(), certify{}.Name(), changeSlots{}.Name(), activate{}.Name():
		e.Undecided = true
	}
	return e, nil
}

func (e *Earlier) fold(f Fact) error {
	switch {
	case f.Approved != nil:
		return e.approved(*f.Approved)
	case f.Work != nil:
		w, err := f.Work.Work()
		if err != nil {
			return fmt.Errorf("the work on record: %w", err)
		}
		e.Work = &w
	case f.Ending != "":
		e.Ending = f.Ending
	case f.Update != nil:
		e.Update, e.Confirmed = f.Update, false
	case f.Confirmed != nil:
		e.Confirmed = e.Update != nil && e.Update.UpdateID == *f.Confirmed
	case f.Outcome != nil && (f.Outcome.Outcome == OutcomeReverted || f.Outcome.Outcome == OutcomeNotApplied):
		e.Update, e.Confirmed = nil, false
	case f.Trust != nil:
		e.Undecided = e.Undecided || f.Trust.Staged
	case f.Filled != nil:
		e.staged[slot{f.Filled.Group, f.Filled.Type}] = f.Filled.Staged
		e.Undecided = e.Undecided || f.Filled.Staged
	case f.Activated:
		for k := range e.staged {
			e.staged[k] = false
		}
		e.Undecided = false
	default:
		e.certifying(f)
	}
	return nil
}

func (e *Earlier) approved(a Approved) error {
	if err := a.Plan.Validate(); err != nil {
		return fmt.Errorf("the plan on record: %w", err)
	}
	expected, err := plan.Result(a.Base, a.Plan.Changes)
	if err != nil {
		return fmt.Errorf("the plan on record: %w", err)
	}
	e.Plan, e.Base, e.Expected, e.LetGo = a.Plan, a.Base, expected, a.LetGo
	e.Update, e.Confirmed = nil, false
	return nil
}

// certifying keeps the latest of a slot: a new request makes what was before void.
func (e *Earlier) certifying(f Fact) {
	switch {
	case f.Requested != nil:
		e.forget(slot{f.Requested.Group, f.Requested.Type})
		e.Requested = append(e.Requested, *f.Requested)
	case f.Issued != nil:
		k := slot{f.Issued.Group, f.Issued.Type}
		e.Issued = slices.DeleteFunc(e.Issued, func(o IssuedFact) bool { return slot{o.Group, o.Type} == k })
		e.Issued = append(e.Issued, *f.Issued)
	case f.KeyLost != nil:
		e.Lost = append(e.Lost, *f.KeyLost)
	}
}

// forget drops what is on record of the certificate of a slot.
func (e *Earlier) forget(k slot) {
	e.Requested = slices.DeleteFunc(e.Requested, func(o RequestedFact) bool { return slot{o.Group, o.Type} == k })
	e.Issued = slices.DeleteFunc(e.Issued, func(o IssuedFact) bool { return slot{o.Group, o.Type} == k })
	e.Lost = slices.DeleteFunc(e.Lost, func(o SlotFact) bool { return slot{o.Group, o.Type} == k })
}

// certificate is the chain that was issued for a slot; nil where there is none.
func (e *Earlier) certificate(k slot) [][]byte {
	if e == nil {
		return nil
	}
	for _, f := range e.Issued {
		if f.Group == k.group && f.Type == k.typ && len(f.Chain) > 0 {
			return f.Chain
		}
	}
	return nil
}

// leaf is the certificate that the run brings to a slot; nil where there is none.
func (e *Earlier) leaf(k slot) []byte {
	if chain := e.certificate(k); chain != nil {
		return chain[0]
	}
	if e == nil || e.Work == nil {
		return nil
	}
	for _, c := range e.Work.Certificates {
		if c.Group == k.group && c.Type == k.typ && len(c.Given) > 0 {
			return c.Given[0]
		}
	}
	return nil
}

// request is the signing request of a slot; nil where there is none.
func (e *Earlier) request(k slot) *RequestedFact {
	if e == nil {
		return nil
	}
	for i, f := range e.Requested {
		if f.Group == k.group && f.Type == k.typ {
			return &e.Requested[i]
		}
	}
	return nil
}

// begun says that a certificate for a slot was asked for, and may have been issued.
func (e *Earlier) begun(k slot) bool { return e.certificate(k) != nil || e.request(k) != nil }

// lost says that the server has refused the certificate of a slot for want of its key.
func (e *Earlier) lost(k slot) bool {
	return e != nil && slices.Contains(e.Lost, SlotFact{k.group, k.typ})
}

// Configures says that the run was to carry out a Plan.
func (e *Earlier) Configures() bool { return e.Work == nil && e.Ending == "" }

// lists are the groups whose TrustLists the run writes, with their LastUpdateTime
// when it had read them; zero is not on record.
func (e *Earlier) lists() map[string]time.Time {
	out := map[string]time.Time{}
	for _, a := range e.Plan.TrustLists {
		out[a.Group] = time.Time{}
	}
	if e.Work != nil {
		for _, l := range e.Work.TrustLists {
			out[l.Group] = l.Updated
		}
	}
	return out
}

// server is the one that the run was approved for.
func (e *Earlier) server() plan.Server {
	if e.Work != nil {
		return e.Work.Server
	}
	return e.Plan.Server
}

// Certificates are the leaves (DER) that the run brings to its server: it may show
// one of them already.
func (e *Earlier) Certificates() [][]byte {
	var out [][]byte
	for _, f := range e.Issued {
		if len(f.Chain) > 0 {
			out = append(out, f.Chain[0])
		}
	}
	if e.Work != nil {
		for _, c := range e.Work.Certificates {
			if len(c.Given) > 0 {
				out = append(out, c.Given[0])
			}
		}
	}
	return out
}

// UnclearError says that it could not be seen what became of an update.
type UnclearError struct {
	What string
	Next string
}

func (e *UnclearError) Error() string { return e.What }

// Class of an outcome that was not seen.
func (e *UnclearError) Class() Class { return ClassUnknown }

// Hint tells how to go on.
func (e *UnclearError) Hint() string { return e.Next }

// Mutates says whether the step of that name can change a server. A confirmation
// does, although what the server looks like is the same after it.
func Mutates(name string) bool {
	if name == (confirm{}).Name() {
		return true
	}
	for _, step := range list(configuring, certifying, replacing, listing, []Step{endWaiting{}}) {
		if _, ok := step.(Mutator); ok && step.Name() == name {
			return true
		}
	}
	return false
}

// KeyLostError says that a certificate that an earlier run has asked for has no key
// any more: servers may drop it at a restart, or for another request, and one that
// was made here ends with its process.
type KeyLostError struct {
	Group   string
	Type    config.NodeID
	Local   bool   // made here
	Resumed bool   // the run is one that is gone on with
	Issued  []byte // DER of the certificate, where it is on record
	Err     error  // what the server said, if it was asked
}

func (e *KeyLostError) Error() string {
	what := "the certificate of " + config.CertificateTypeName(e.Type) + " of " + e.Group
	switch {
	case e.Local:
		return "the key for " + what + " was made here, and is gone with the process of the earlier run: it is never written to a disk"
	case e.Err == nil:
		return "the server no longer has the key for " + what + " that the earlier run had issued"
	}
	return fmt.Sprintf("the server no longer has the key for %s that the earlier run had issued: %v", what, e.Err)
}
func (e *KeyLostError) Unwrap() error { return e.Err }

// Class of a refusal.
func (e *KeyLostError) Class() Class { return ClassRejected }

// Hint tells how to go on; another certificate is not issued unasked.
func (e *KeyLostError) Hint() string {
	again := "run the command again, and another certificate is issued, for a new key; "
	if e.Resumed {
		again = "uapush resume --reissue has another certificate issued, for a new key; "
	}
	cert, err := x509.ParseCertificate(e.Issued)
	if err != nil {
		return again + "uapush ca show says whether one was issued for the key that is lost, to be revoked"
	}
	return again + fmt.Sprintf("revoke the one that is of no use: serial %s, SHA-256 %s", cert.SerialNumber.Text(16), pki.Fingerprint(e.Issued))
}

// Unconfirmed says that the server waits for a confirmation that this run did not send.
func (s *State) Unconfirmed() bool {
	return s.Update != nil && s.Update.UpdateID != (UpdateID{}) && !s.Confirmed
}
