package part12

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// certificateUpdate are the arguments of UpdateCertificate (7.10.5).
type certificateUpdate struct {
	Group       string
	Type        config.NodeID
	Certificate []byte // DER; may be a chain, the certificate first
	Issuers     [][]byte
	KeyFormat   string
	Key         []byte
}

// updateCertificate stages a certificate for a slot (7.10.5).
func (a *Application) updateCertificate(acc *space.Access, u certificateUpdate) (applyChangesRequired bool, err error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	old, err := a.slot(u.Group, u.Type)
	if err != nil {
		return false, err
	}
	if err := a.mayStage(acc); err != nil {
		return false, err
	}
	chain, err := parseChain(u.Certificate)
	if err != nil || !fits(chain[0].PublicKey, u.Type) {
		return false, ua.StatusBadCertificateInvalid
	}
	k := slotKey{u.Group, u.Type}
	key, err := a.keyFor(chain[0], old, k, u)
	if err != nil {
		return false, err
	}
	if status := a.checkOwn(u.Group, chain[0]); status != ua.StatusOK {
		return false, status
	}
	if status := a.d.opt.Validation.issuers(u.Issuers); status != ua.StatusOK {
		return false, status
	}
	s := slot{Key: key}
	for _, c := range chain {
		s.Chain = append(s.Chain, c.Raw)
	}
	return a.change(acc, func(tx *transaction) { tx.stage(k, staged{slot: s}) })
}

// slot finds a slot by the first two arguments of a Method.
func (a *Application) slot(name string, kind config.NodeID) (slot, error) {
	r := a.state.record(name)
	if r == nil {
		return slot{}, badArgument(1)
	}
	if !slices.Contains(r.CertificateTypes, kind) {
		return slot{}, badArgument(2)
	}
	return a.state.groups[name].Slots[kind], nil
}

// keyFor finds the private key of a new certificate: the one that came with it,
// else one the server has for the slot, active, pending or staged.
func (a *Application) keyFor(c *x509.Certificate, old slot, k slotKey, u certificateUpdate) (privateKey, error) {
	if u.KeyFormat != "" || len(u.Key) > 0 {
		if !slices.ContainsFunc(a.d.opt.PrivateKeyFormats, func(f string) bool { return strings.EqualFold(f, u.KeyFormat) }) {
			return nil, ua.StatusBadNotSupported
		}
		key, err := decodeKey(u.KeyFormat, u.Key)
		if err != nil {
			return nil, ua.StatusBadNotSupported
		}
		if !owns(key, c) {
			return nil, ua.StatusBadSecurityChecksFailed
		}
		return key, nil
	}
	known := []privateKey{old.Key, old.Pending}
	if tx := a.d.tx; tx != nil && tx.app == a {
		known = append(known, tx.slots[k].Key)
	}
	for _, key := range known {
		if key != nil && owns(key, c) {
			return key, nil
		}
	}
	return nil, ua.StatusBadSecurityChecksFailed
}

// checkOwn judges a certificate of the application itself. The issuers must be in
// the group's TrustList, as the transaction leaves it (7.10.5).
func (a *Application) checkOwn(name string, c *x509.Certificate) ua.StatusCode {
	r := a.state.record(name)
	if r == nil {
		return ua.StatusBadInvalidState
	}
	p, err := parsePool(a.trust(name))
	if err != nil {
		return ua.StatusBadCertificateInvalid
	}
	usage := x509.ExtKeyUsageServerAuth
	if a.kind == config.ApplicationClient {
		usage = x509.ExtKeyUsageClientAuth
	}
	return a.d.opt.Validation.own(own{
		certificate: c, pool: p, usage: usage, options: r.ValidationOptions, now: a.d.opt.Clock(),
		application: r.Purpose == config.PurposeApplicationCertificate, uri: a.state.config.Identity.ApplicationURI,
	})
}

// signingRequest are the arguments of CreateSigningRequest (7.10.10).
type signingRequest struct {
	Group      string
	Type       config.NodeID
	Subject    string
	Regenerate bool
	Nonce      []byte
}

// createSigningRequest makes a PKCS#10 request. A new key is stored and stays
// until its certificate comes or another request replaces it, across Sessions and
// restarts (7.10.10).
func (a *Application) createSigningRequest(acc *space.Access, r signingRequest) ([]byte, error) {
	if err := a.checkRequest(acc, r); err != nil {
		return nil, err
	}
	var fresh privateKey
	if r.Regenerate { // takes long: not under the lock
		var err error
		if fresh, err = a.d.generate(r.Type, 0); err != nil {
			return nil, err
		}
		if err := a.checkRequest(acc, r); err != nil {
			return nil, err
		}
	}
	a.d.mu.Lock()
	defer a.d.unlock()
	old, err := a.slot(r.Group, r.Type)
	if err != nil {
		return nil, err
	}
	key := old.Key
	if fresh != nil {
		key = fresh
	}
	if key == nil {
		return nil, badArgument(4)
	}
	der, err := a.buildRequest(r.Group, old, key, r.Subject)
	if err != nil || fresh == nil {
		return der, err
	}
	a.everywhere(r.Group, func(g *group) {
		if s, ok := g.Slots[r.Type]; ok {
			s.Pending = fresh
			g.Slots[r.Type] = s
		}
	})
	return der, a.d.save()
}

func (a *Application) checkRequest(acc *space.Access, r signingRequest) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	if _, err := a.slot(r.Group, r.Type); err != nil {
		return err
	}
	if len(keySizes(r.Type)) == 0 { // no key of ours is for it
		return ua.StatusBadNotSupported
	}
	if _, err := parseSubject(r.Subject); r.Subject != "" && err != nil {
		return badArgument(3)
	}
	if r.Regenerate && len(r.Nonce) < 32 {
		return badArgument(5)
	}
	if tx := a.d.tx; tx != nil && tx.session != acc.SessionID {
		return ua.StatusBadTransactionPending
	}
	return nil
}

// getCertificates is GetCertificates (7.10.8): the slots that hold a certificate,
// as they are in force.
func (a *Application) getCertificates(name string) (types []config.NodeID, certificates [][]byte, err error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	r := a.state.record(name)
	if r == nil {
		return nil, nil, badArgument(1)
	}
	for _, t := range r.CertificateTypes {
		if s := a.state.groups[name].Slots[t]; len(s.Chain) > 0 {
			types, certificates = append(types, t), append(certificates, s.Chain[0])
		}
	}
	return types, certificates, nil
}

// rejected is GetRejectedList (7.8.3.2): the latest that fit one message of 64 KiB.
func (a *Application) rejected(name string) [][]byte {
	a.d.mu.Lock()
	defer a.d.unlock()
	g := a.state.groups[name]
	if g == nil || a.d.opt.EmptyRejectedList {
		return [][]byte{}
	}
	size, out := 0, [][]byte{}
	for _, der := range slices.Backward(g.Rejected) {
		if size += len(der); size > 60000 {
			break
		}
		out = append(out, der)
	}
	return out
}

// parseChain reads a ByteString that holds a certificate and maybe its issuers
// (OPC 10000-6, 6.2.6).
func parseChain(der []byte) ([]*x509.Certificate, error) {
	chain, err := x509.ParseCertificates(der)
	switch {
	case err != nil:
		return nil, err
	case len(chain) == 0 || len(chain) > maxChain:
		return nil, errors.New("no usable chain of certificates")
	}
	return chain, nil
}
