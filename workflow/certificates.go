package workflow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

// nonceLength is the least entropy that CreateSigningRequest takes for a new key
// (OPC 10000-12, 7.10.10).
const nonceLength = 32

// issue gets a signing request and has it signed.
func (s *State) issue(ctx context.Context, c plan.CertificateAction) ([][]byte, error) {
	r, err := s.request(c)
	if err != nil {
		return nil, err
	}
	var old []byte
	if g := s.group(c.Group); g != nil {
		old = g.Certificates[c.Type]
	}
	_, chain, err := s.signed(ctx, slot{c.Group, c.Type}, r, upkeep.ServerKey, old, func() ([]byte, error) {
		return s.serverRequest(ctx, upkeep.SlotChange{Group: c.Group, Type: c.Type, Subject: c.Subject, Key: upkeep.ServerKey})
	})
	return chain, err
}

// signed gets a request, from ask where none is at hand, and a certificate from the
// issuer. The request is on record before the issuer is called, and the certificate
// before it is used: whoever goes on has the same request signed, for which an
// issuer has one certificate to give and no second. old is what the slot holds.
func (s *State) signed(ctx context.Context, k slot, r pki.Request, key upkeep.KeySource, old []byte, ask func() ([]byte, error)) (csr []byte, chain [][]byte, err error) {
	requested, err := s.requested(k, key, old, ask)
	if err != nil {
		return nil, nil, err
	}
	r.Since = requested.Since
	chain, err = s.Issuer.Issue(ctx, requested.CSR, r)
	if err == nil && len(chain) == 0 {
		err = errors.New("the issuer returned no certificate")
	}
	if err != nil {
		return nil, nil, err
	}
	return requested.CSR, chain, s.record(Fact{Issued: &IssuedFact{Group: k.group, Type: k.typ, Chain: chain}}, "")
}

// request says what the issuer is to certify beside the key.
func (s *State) request(c plan.CertificateAction) (pki.Request, error) {
	r := pki.Request{
		ApplicationURI: s.applicationURI(),
		DNSNames:       c.DNSNames,
		Validity:       c.Validity,
		Server:         s.Observation.Capabilities.ApplicationType != config.ApplicationClient,
		Slot:           pki.Slot{Server: s.ServerURL, Group: c.Group, Type: config.CertificateTypeName(c.Type)},
	}
	return named(r, c.Subject, c.IPAddresses)
}

// named adds a subject (OPC 10000-12, 7.9.4; "" leaves it to the request) and
// addresses to what is to be certified.
func named(r pki.Request, subject string, addresses []string) (pki.Request, error) {
	if subject != "" {
		var err error
		if r.Subject, err = pki.ParseSubject(subject); err != nil {
			return r, err
		}
	}
	for _, text := range addresses {
		ip := net.ParseIP(text)
		if ip == nil {
			return r, fmt.Errorf("%q is no IP address", text)
		}
		r.IPAddresses = append(r.IPAddresses, ip)
	}
	return r, nil
}

// noteNames says which host names a server's request asks for: they go into the
// certificate, and no plan could show them.
func (s *State) noteNames(group string, typ config.NodeID, csr []byte) {
	if names := pki.RequestNames(csr); len(names) > 0 {
		s.note("the server's request for %s of %s names %s", config.CertificateTypeName(typ), group, strings.Join(names, ", "))
	}
}

// ErrNoIssuer says that certificates are needed and nobody can sign them.
var ErrNoIssuer = errors.New("the plan needs certificates, and there is no certificate authority to sign them")

// trust writes the TrustLists of the plan (7.7.3). A list gets what it lacks and
// keeps what it has; lists that lack nothing are left out by the mask.
type trust struct{}

func (trust) Name() string { return "write trust lists" }
func (trust) Mutates()     {}

func (trust) Skip(s *State) string {
	if len(s.Plan.TrustLists) == 0 {
		return "no trust list lacks anything"
	}
	return ""
}

func (trust) Run(ctx context.Context, s *State) error {
	s.trustWritten = map[string]standing{}
	if err := s.listsWritable(); err != nil {
		return err
	}
	for _, a := range s.Plan.TrustLists {
		list := partial(plan.Extend(content(*s.group(a.Group)), a))
		required, err := s.Session.WriteTrustList(ctx, a.Group, list)
		if err != nil {
			return fmt.Errorf("trust list of %s: %w", a.Group, err)
		}
		if s.trustWritten[a.Group], err = s.applyUnlessTransactional(ctx, required); err != nil {
			return err
		}
		staged := s.trustWritten[a.Group] == waiting
		if err := s.record(Fact{Trust: &TrustFact{Group: a.Group, Lists: list.Lists, Staged: staged}}, ""); err != nil {
			return err
		}
	}
	return nil
}

// listsWritable says whether every TrustList of the plan can be written.
func (s *State) listsWritable() error {
	for _, a := range s.Plan.TrustLists {
		switch g := s.group(a.Group); {
		case g == nil:
			return fmt.Errorf("the server has no CertificateGroup %s", a.Group)
		case !g.Inspected: // what is not known cannot be kept
			return fmt.Errorf("the trust list of %s was not read, so nothing can be added to it", a.Group)
		}
	}
	return s.checkSizes(s.Plan.TrustLists)
}

// partial turns a TrustList into a partial update: only the lists that it has.
func partial(t plan.TrustList) TrustList {
	out := TrustList{
		TrustedCertificates: t.Trusted, TrustedCRLs: t.TrustedCRLs, IssuerCertificates: t.Issuers, IssuerCRLs: t.IssuerCRLs,
	}
	for _, l := range []struct {
		mask TrustListMask
		list [][]byte
	}{
		{TrustedCertificates, t.Trusted}, {TrustedCRLs, t.TrustedCRLs}, {IssuerCertificates, t.Issuers}, {IssuerCRLs, t.IssuerCRLs},
	} {
		if l.list != nil {
			out.Lists |= l.mask
		}
	}
	return out
}

// certify fills the slots one after the other (7.7.4, steps 3 to 5): the server
// makes a key and a request, the issuer signs it, the slot gets the certificate.
// Nothing comes in between: on a server without transactions ApplyChanges would
// put a new key in force without its certificate, and nobody gets in again.
type certify struct{}

func (certify) Name() string { return "issue certificates" }
func (certify) Mutates()     {}

func (certify) Skip(s *State) string {
	if len(s.Plan.Certificates) == 0 {
		return "no certificate is needed"
	}
	return ""
}

func (certify) Run(ctx context.Context, s *State) error {
	if s.Issuer == nil {
		return ErrNoIssuer
	}
	if s.slotsFilled == nil { // else an earlier run has filled some
		s.slotsFilled = map[slot]standing{}
	}
	if s.Issued == nil { // likewise issued
		s.Issued = map[slot][][]byte{}
	}
	for _, c := range s.Plan.Certificates {
		if err := s.fill(ctx, c); err != nil {
			return fmt.Errorf("%s of %s: %w", config.CertificateTypeName(c.Type), c.Group, err)
		}
	}
	return nil
}

// fill brings a certificate into its slot. One that an earlier run has issued, and
// that is on its way, is not issued again.
func (s *State) fill(ctx context.Context, c plan.CertificateAction) error {
	k := slot{c.Group, c.Type}
	if err := s.renounce(k, false); err != nil {
		return err
	}
	if s.Earlier.certificate(k) == nil {
		chain, err := s.issue(ctx, c)
		if err != nil {
			return err
		}
		s.Issued[k] = chain
	}
	chain := s.Issued[k]
	s.accept(chain[0]) // the session's endpoint may show it from now on
	required, err := s.Session.UpdateCertificate(ctx, CertificateUpdate{
		Group: c.Group, Type: c.Type, Certificate: chain[0], Issuers: chain[1:],
	})
	if err != nil {
		return s.keyLost(k, ownTrust(err, chain[0], s.plannedList(c.Group), true))
	}
	if s.slotsFilled[k], err = s.applyUnlessTransactional(ctx, required); err != nil {
		return err
	}
	return s.record(Fact{Filled: filled(k, chain[0], s.slotsFilled[k] == waiting)}, "")
}

// applyUnlessTransactional ends what a method began on a server that asks for
// ApplyChanges and has no transactions: several changes at once are undefined
// there (7.10.2). It says how far the change got, also with an error.
func (s *State) applyUnlessTransactional(ctx context.Context, required bool) (standing, error) {
	if !required {
		return inForce, nil
	}
	if s.Observation.SupportsTransactions {
		return waiting, nil
	}
	if err := s.Session.ApplyChanges(ctx); err != nil {
		return waiting, fmt.Errorf("apply the change: %w", err)
	}
	return inForce, nil
}

// activate calls ApplyChanges, once for everything that was staged (7.7.2, step 5).
type activate struct{}

func (activate) Name() string { return "apply changes" }
func (activate) Mutates()     {}

func (activate) Skip(s *State) string {
	if !s.staged() {
		return "the server has applied every change by itself"
	}
	return ""
}

func (activate) Run(ctx context.Context, s *State) error {
	if err := s.Session.ApplyChanges(ctx); err != nil {
		return s.distrusted(err)
	}
	s.Activated = true
	return s.record(Fact{Activated: true}, "")
}

// filled says what a slot holds now; no leaf is nothing.
func filled(k slot, leaf []byte, staged bool) *FilledFact {
	f := &FilledFact{Group: k.group, Type: k.typ, Staged: staged}
	if len(leaf) > 0 {
		f.Thumbprint, f.SHA256 = pki.Thumbprint(leaf), pki.Fingerprint(leaf)
	}
	return f
}

// keyLost explains why a certificate of an earlier run is refused, and records it:
// another one is issued only where the operator says so.
func (s *State) keyLost(k slot, err error) error {
	known := s.Earlier.begun(k) || slices.Contains(s.adopted, k)
	if !known || !errors.Is(err, ua.StatusBadSecurityChecksFailed) {
		return err
	}
	if err := s.record(Fact{KeyLost: &SlotFact{k.group, k.typ}}, ""); err != nil {
		return err
	}
	lost := s.withoutKey(k, false)
	lost.Err = err
	return lost
}

func (s *State) withoutKey(k slot, local bool) *KeyLostError {
	e := &KeyLostError{Group: k.group, Type: k.typ, Local: local, Resumed: s.Earlier != nil, Issued: s.newLeaf(k)}
	if chain := s.Issued[k]; e.Issued == nil && len(chain) > 0 {
		e.Issued = chain[0]
	}
	return e
}

// renounce gives up a certificate of the earlier run whose key is gone, where the
// operator has asked for another one; else the error is a *KeyLostError. local
// says that the key was made here.
func (s *State) renounce(k slot, local bool) error {
	if !s.Earlier.lost(k) && !(local && s.Earlier.begun(k)) {
		return nil
	}
	lost := s.withoutKey(k, local)
	if !s.Reissue {
		return lost
	}
	if lost.Issued != nil {
		s.note("%v; another one is issued, and the one with SHA-256 %s is of no use any more", lost, pki.Fingerprint(lost.Issued))
	} else {
		s.note("%v; another one is issued", lost)
	}
	s.Earlier.forget(k)
	return nil
}
