package workflow

import (
	"errors"
	"fmt"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/workflow/upkeep"
)

// OwnTrustError says that a server refused a certificate of its own because its
// TrustList has the CA among the issuers only. OPC 10000-12, 7.10.5 can be read in
// both ways.
type OwnTrustError struct {
	Group, Issuer string
	Planned       bool // by a manifest
	Err           error
}

func (e *OwnTrustError) Error() string {
	wants := "wants"
	if !e.certain() {
		wants = "may want"
	}
	return fmt.Sprintf("%v; the trust list of %s has %s among the issuers, and this server %s to trust the CA of its own certificate", e.Err, e.Group, e.Issuer, wants)
}

// certain is what S2OPC is not: its status can be about the key as well.
func (e *OwnTrustError) certain() bool { return errors.Is(e.Err, ua.StatusBadCertificateUntrusted) }

func (e *OwnTrustError) Unwrap() error { return e.Err }

// Hint names the way to mean it.
func (e *OwnTrustError) Hint() string {
	how := "--trust-issuer puts that CA"
	if e.Planned {
		how = "name the CA under trust.trusted of the group in the manifest, to put it"
	}
	how += " among the trusted certificates of " + e.Group + ", which lets in every client that the CA has certified; it is shown before it is done"
	if !e.certain() {
		how += ". Or the key is not the server's: a newer signing request takes the place of an older one"
	}
	return how
}

// ownTrust explains why a server refused a certificate for a slot.
func ownTrust(err error, leaf []byte, list plan.TrustList, planned bool) error {
	if !errors.Is(err, ua.StatusBadCertificateUntrusted) && !errors.Is(err, ua.StatusBadSecurityChecksFailed) {
		return err
	}
	issuer := upkeep.IssuerOnly(leaf, list)
	if issuer == "" {
		return err
	}
	return &OwnTrustError{Group: list.Group, Issuer: issuer, Planned: planned, Err: err}
}

// listAfter is the TrustList of a group as the Work leaves it.
func (s *State) listAfter(group string) plan.TrustList {
	for _, l := range s.Work.TrustLists {
		if l.Group == group {
			return l.After
		}
	}
	return groupIn(s.Situation, group).Trust
}

// plannedList is the TrustList of a group as the plan leaves it.
func (s *State) plannedList(group string) plan.TrustList {
	have := plan.TrustList{Group: group}
	if g := s.group(group); g != nil {
		have = content(*g)
	}
	for _, a := range s.Plan.TrustLists {
		if a.Group == group {
			return upkeep.Filled(have, plan.Extend(have, a))
		}
	}
	return have
}

// distrusted is ownTrust for a transaction, which a server may judge at its end.
func (s *State) distrusted(err error) error {
	for k, chain := range s.Issued {
		if explained := ownTrust(err, chain[0], s.plannedList(k.group), true); explained != err {
			return explained
		}
	}
	for k, m := range s.obtained {
		if explained := ownTrust(err, m.chain[0], s.listAfter(k.group), false); explained != err {
			return explained
		}
	}
	return err
}
