package workflow

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

// obtain has certificates issued for the slots that are renewed (OPC 10000-12,
// 7.7.4, steps 3 and 4). No transaction is open meanwhile: a signer may take its
// time, and its refusal leaves nothing behind but a key that nobody uses.
type obtain struct{}

func (obtain) Name() string { return "obtain certificates" }

func (obtain) Skip(s *State) string {
	for _, c := range s.Work.Certificates {
		if c.Action == upkeep.Renew || c.Action == upkeep.Install {
			return ""
		}
	}
	return "no certificate is needed"
}

func (obtain) Run(ctx context.Context, s *State) error {
	got := map[slot]slotMaterial{}
	for _, c := range s.Work.Certificates {
		var m slotMaterial
		var err error
		switch c.Action {
		case upkeep.Renew:
			m, err = s.renewed(ctx, c)
		case upkeep.Install:
			m = slotMaterial{chain: c.Given, format: c.KeyFormat, key: s.Key}
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", config.CertificateTypeName(c.Type), c.Group, err)
		}
		got[slot{c.Group, c.Type}] = m
	}
	s.obtained = got
	return nil
}

// renewed gets a signing request and has it signed. A certificate that an earlier
// run has issued, and that is on its way, is not issued again.
func (s *State) renewed(ctx context.Context, c upkeep.SlotChange) (slotMaterial, error) {
	k := slot{c.Group, c.Type}
	m := slotMaterial{chain: s.Earlier.certificate(k), format: c.KeyFormat}
	if m.chain != nil {
		return m, nil
	}
	if s.Issuer == nil {
		return m, ErrNoIssuer
	}
	r, err := s.wanted(c)
	if err != nil {
		return m, err
	}
	var key crypto.Signer
	csr, chain, err := s.signed(ctx, k, r, c.Key, c.Old, func() (csr []byte, err error) {
		if c.Key != upkeep.LocalKey {
			return s.serverRequest(ctx, c)
		}
		if key, err = localKey(c); err != nil {
			return nil, err
		}
		return pki.NewRequest(key, r)
	})
	if err != nil {
		return m, err
	}
	if err := pki.CheckIssued(chain, csr, r.ApplicationURI, s.now()); err != nil {
		return m, err
	}
	m.chain = chain
	if missing := s.unlisted(c.Group, m.chain); missing != "" {
		return m, &UnlistedIssuerError{Group: c.Group, Issuer: missing}
	}
	if key != nil {
		m.key, err = pki.EncodePrivateKey(c.KeyFormat, key, m.chain)
	}
	return m, err
}

// serverRequest is CreateSigningRequest. A new key needs entropy from us (7.10.10).
func (s *State) serverRequest(ctx context.Context, c upkeep.SlotChange) ([]byte, error) {
	r := SigningRequest{Group: c.Group, Type: c.Type, Subject: c.Subject, RegenerateKey: c.Key == upkeep.ServerKey}
	if r.RegenerateKey {
		r.Nonce = make([]byte, nonceLength)
		if _, err := rand.Read(r.Nonce); err != nil {
			return nil, err
		}
	}
	csr, err := s.Session.CreateSigningRequest(ctx, r)
	if err == nil {
		s.noteNames(c.Group, c.Type, csr)
	}
	return csr, err
}

// request gets signing requests and leaves them to be signed elsewhere. The server
// keeps the new keys until their certificates come (7.10.10).
type request struct{}

func (request) Name() string { return "request signing" }

func (request) Run(ctx context.Context, s *State) error {
	var made []Request
	for _, c := range s.Work.Certificates {
		csr, err := s.serverRequest(ctx, c)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", config.CertificateTypeName(c.Type), c.Group, err)
		}
		made = append(made, Request{Group: c.Group, Type: c.Type, CSR: csr})
	}
	s.Requests = made
	return nil
}

// localKey makes the key that a slot's type asks for.
func localKey(c upkeep.SlotChange) (crypto.Signer, error) {
	name := config.CertificateTypeName(c.Type)
	if !strings.HasPrefix(name, "Ecc") {
		return pki.GenerateKey(c.Bits)
	}
	switch name {
	case "EccNistP256":
		name = "P-256"
	case "EccNistP384":
		name = "P-384"
	}
	return pki.GenerateCurveKey(name) // refuses the curves that it does not know
}

// wanted says what the issuer is to certify beside the key.
func (s *State) wanted(c upkeep.SlotChange) (pki.Request, error) {
	r := pki.Request{
		ApplicationURI: s.Situation.ApplicationURI, DNSNames: c.DNSNames, Validity: c.Validity, Server: s.Situation.IsServer,
		Slot: pki.Slot{Server: s.ServerURL, Group: c.Group, Type: config.CertificateTypeName(c.Type)},
	}
	if !groupIn(s.Situation, c.Group).ForApplications() {
		r.ApplicationURI, r.Hosts = "", true
	}
	return named(r, c.Subject, c.IPAddresses)
}

// unlisted names the issuer of a new certificate that the group's TrustList will
// not have: the server would refuse the certificate.
func (s *State) unlisted(group string, chain [][]byte) string {
	g := groupIn(s.Situation, group)
	if !g.ForApplications() {
		return ""
	}
	return upkeep.MissingIssuer(chain, s.listAfter(group))
}

// UnlistedIssuerError says that the signer's CA was not announced, so that its
// certificate could not be shown before anything was written.
type UnlistedIssuerError struct{ Group, Issuer string }

func (e *UnlistedIssuerError) Error() string {
	return fmt.Sprintf("the new certificate is issued by %s, which the trust list of %s does not have", e.Issuer, e.Group)
}

// Hint tells how to go on.
func (e *UnlistedIssuerError) Hint() string {
	return "give the signer's CAs up to the root, with their CRLs, with --issuers FILE; nothing was changed on the server"
}

// preparingLists writes the TrustLists of a server without transactions, and reads
// them back, before it is asked for a request: a certificate whose issuer is not
// there would fail with the new key made already, which some servers do not survive.
type preparingLists struct{}

func (preparingLists) Name() string { return "prepare trust lists" }
func (preparingLists) Mutates()     {}

func (preparingLists) Skip(s *State) string {
	if reason := (writeLists{}).Skip(s); reason != "" {
		return reason
	}
	if s.Observation.SupportsTransactions {
		return "they are written in one transaction with the certificates"
	}
	return ""
}

func (preparingLists) Run(ctx context.Context, s *State) error {
	if err := s.writeAll(ctx); err != nil {
		return err
	}
	session, err := s.certificates()
	if err != nil {
		return err
	}
	for _, l := range s.Work.TrustLists {
		found, err := session.ReadTrustList(ctx, l.Group, TrustListMask(l.Mask))
		if err != nil {
			return fmt.Errorf("read back the trust list of %s: %w", l.Group, err)
		}
		added, removed, _ := upkeep.Difference(l.After, content(GroupObservation{Name: l.Group, TrustList: found}))
		if lacks, extra := len(upkeep.Within(removed, l.Mask)), len(upkeep.Within(added, l.Mask)); lacks+extra > 0 {
			return &VerifyError{What: "the server accepted the change, and yet " + listDifference(l.Group, lacks, extra)}
		}
	}
	return nil
}

// writeLists writes the TrustLists (7.7.3), before the certificates that are
// judged by them.
type writeLists struct{}

func (writeLists) Name() string { return "write trust lists" }
func (writeLists) Mutates()     {}

func (writeLists) Skip(s *State) string {
	switch {
	case len(s.Work.TrustLists) == 0:
		return "the trust lists are as they should be"
	case !slices.ContainsFunc(s.Work.TrustLists, func(l upkeep.ListChange) bool { return s.listsWritten[l.Group] == 0 }):
		return "they are written"
	}
	return ""
}

func (writeLists) Run(ctx context.Context, s *State) error { return s.writeAll(ctx) }

// writeAll writes the lists of the Work.
func (s *State) writeAll(ctx context.Context) error {
	if s.listsWritten == nil { // else an earlier run has written some
		s.listsWritten = map[string]standing{}
	}
	for _, l := range s.Work.TrustLists {
		required, err := s.Session.WriteTrustList(ctx, l.Group, written(l))
		if err != nil {
			return fmt.Errorf("trust list of %s: %w", l.Group, err)
		}
		if s.listsWritten[l.Group], err = s.applyUnlessTransactional(ctx, required); err != nil {
			return err
		}
		staged := s.listsWritten[l.Group] == waiting
		if err := s.record(Fact{Trust: &TrustFact{Group: l.Group, Lists: TrustListMask(l.Mask), Staged: staged}}, ""); err != nil {
			return err
		}
	}
	return nil
}

func listDifference(group string, lacks, extra int) string {
	return fmt.Sprintf("the trust list of %s lacks %d of the entries written and has %d others", group, lacks, extra)
}

// changeSlots puts certificates into their slots (7.7.4, step 5), or takes them out.
type changeSlots struct{}

func (changeSlots) Name() string { return "update certificates" }
func (changeSlots) Mutates()     {}

func (changeSlots) Skip(s *State) string {
	if len(s.Work.Certificates) == 0 {
		return "no certificate is changed"
	}
	return ""
}

func (changeSlots) Run(ctx context.Context, s *State) error {
	if s.slotsChanged == nil { // else an earlier run has changed some
		s.slotsChanged = map[slot]standing{}
	}
	s.selfMade = map[slot][]byte{}
	session, err := s.certificates()
	if err != nil {
		return err
	}
	for _, c := range s.Work.Certificates {
		k := slot{c.Group, c.Type}
		required, err := s.changeSlot(ctx, session, c)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", config.CertificateTypeName(c.Type), c.Group, s.keyLost(k, err))
		}
		if s.slotsChanged[k], err = s.applyUnlessTransactional(ctx, required); err != nil {
			return err
		}
		if err := s.record(Fact{Filled: filled(k, s.newLeaf(k), s.slotsChanged[k] == waiting)}, ""); err != nil {
			return err
		}
	}
	return nil
}

// changeSlot calls the method of an action. Whoever judges the server is told of
// the new certificate first: a server without transactions uses it at once.
func (s *State) changeSlot(ctx context.Context, session CertificateSession, c upkeep.SlotChange) (required bool, err error) {
	m := s.obtained[slot{c.Group, c.Type}]
	switch c.Action {
	case upkeep.Delete:
		return true, session.DeleteCertificate(ctx, c.Group, c.Type)
	case upkeep.SelfSigned:
		der, err := session.CreateSelfSignedCertificate(ctx, SelfSignedRequest{
			Group: c.Group, Type: c.Type, Subject: c.Subject, DNSNames: c.DNSNames, IPAddresses: c.IPAddresses,
			LifetimeInDays: uint16(min(c.Validity.Hours()/24, 65535)), KeySizeInBits: uint16(c.Bits),
		})
		if err != nil {
			return true, err
		}
		s.selfMade[slot{c.Group, c.Type}] = der
		s.accept(der)
		return true, s.record(Fact{Issued: &IssuedFact{Group: c.Group, Type: c.Type, Chain: [][]byte{der}}}, "")
	}
	defer clear(m.key)
	s.accept(m.chain[0])
	required, err = session.UpdateCertificate(ctx, CertificateUpdate{
		Group: c.Group, Type: c.Type, Certificate: m.chain[0], Issuers: m.chain[1:], PrivateKeyFormat: m.format, PrivateKey: m.key,
	})
	return required, ownTrust(err, m.chain[0], s.listAfter(c.Group), false)
}

func (s *State) accept(der []byte) {
	if s.Accept != nil {
		s.Accept(der)
	}
}
