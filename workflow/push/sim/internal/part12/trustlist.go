package part12

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Bits of TrustListMasks (7.8.2.9).
const (
	maskTrusted     uint32 = 1
	maskTrustedCRLs uint32 = 2
	maskIssuers     uint32 = 4
	maskIssuerCRLs  uint32 = 8
	maskAll         uint32 = 15
)

// trustList is the content of a TrustListDataType (7.8.2.8), all DER.
type trustList struct {
	Trusted, TrustedCRLs, Issuers, IssuerCRLs [][]byte
}

func (l trustList) empty() bool { return len(l.Trusted) == 0 }

// lists are the arrays in the order of the mask bits and of the encoding.
func (l *trustList) lists() []*[][]byte {
	return []*[][]byte{&l.Trusted, &l.TrustedCRLs, &l.Issuers, &l.IssuerCRLs}
}

// encode writes the bare TrustListDataType: the mask, and the lists it names.
func (l trustList) encode(mask uint32) []byte {
	out := binary.LittleEndian.AppendUint32(nil, mask)
	for bit, list := range l.lists() {
		if mask&(1<<bit) == 0 {
			out = binary.LittleEndian.AppendUint32(out, 0)
			continue
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(len(*list)))
		for _, b := range *list {
			out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
			out = append(out, b...)
		}
	}
	return out
}

// decodeTrustList reads what a client wrote. Every length is compared with the
// bytes that remain before anything is allocated; trailing bytes are refused.
func decodeTrustList(data []byte) (l trustList, mask uint32, ok bool) {
	u32 := func() (uint32, bool) {
		if len(data) < 4 {
			return 0, false
		}
		v := binary.LittleEndian.Uint32(data)
		data = data[4:]
		return v, true
	}
	if mask, ok = u32(); !ok || mask&^maskAll != 0 {
		return l, 0, false
	}
	for _, list := range l.lists() {
		n, ok := u32()
		if n == 0xFFFFFFFF {
			n = 0
		}
		if !ok || uint64(n)*4 > uint64(len(data)) {
			return l, 0, false
		}
		for range n {
			size, ok := u32()
			if !ok || size == 0xFFFFFFFF || uint64(size) > uint64(len(data)) {
				return l, 0, false
			}
			*list = append(*list, slices.Clone(data[:size]))
			data = data[size:]
		}
	}
	return l, mask, len(data) == 0
}

// merge replaces the lists that the mask names (7.8.2.5); doubles are dropped.
func (l trustList) merge(update trustList, mask uint32) trustList {
	for bit, list := range l.lists() {
		if mask&(1<<bit) == 0 {
			continue
		}
		*list = nil
		for _, b := range *update.lists()[bit] {
			if !containsDER(*list, b) {
				*list = append(*list, b)
			}
		}
	}
	return l
}

func containsDER(list [][]byte, der []byte) bool {
	return slices.ContainsFunc(list, func(b []byte) bool { return bytes.Equal(b, der) })
}

// trust is the TrustList as the transaction under way leaves it; outside of one
// it is the list in force.
func (a *Application) trust(name string) trustList {
	if tx := a.d.tx; tx != nil && tx.app == a {
		if l, ok := tx.trust[name]; ok {
			return l
		}
	}
	return a.state.groups[name].Trust
}

// openTrustList opens for reading (0x01) or for writing from scratch (0x06). The
// latter begins a transaction (7.8.2.2). Readers see the list in force.
func (a *Application) openTrustList(acc *space.Access, name string, mode byte) (uint32, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	switch mode {
	case modeRead:
		return a.readTrustList(acc, name, maskAll)
	case modeWrite | modeErase:
	default:
		return 0, ua.StatusBadNotSupported
	}
	if err := a.mayStage(acc); err != nil {
		return 0, err
	}
	if err := a.d.available(a, name, mode); err != nil {
		return 0, err
	}
	id, err := a.d.newHandle(acc, handle{app: a, group: name, mode: modeWrite, limit: a.uploadLimit()})
	if err == nil && a.d.opt.Transactions == Staged {
		a.begin(acc).affectList(name)
	}
	return id, err
}

// uploadLimit bounds memory only; CloseAndUpdate compares with MaxTrustListSize.
func (a *Application) uploadLimit() int { return 2*a.d.opt.listLimit() + 65536 }

// openWithMasks opens parts of the list for reading (7.8.2.3).
func (a *Application) openWithMasks(acc *space.Access, name string, mask uint32) (uint32, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	if mask&^maskAll != 0 {
		return 0, badArgument(1)
	}
	if tx := a.d.tx; tx != nil && tx.app == a && tx.session != acc.SessionID && slices.Contains(a.diagnostics.TrustLists, name) {
		return 0, ua.StatusBadTransactionPending
	}
	return a.readTrustList(acc, name, mask)
}

func (a *Application) readTrustList(acc *space.Access, name string, mask uint32) (uint32, error) {
	if err := a.d.available(a, name, modeRead); err != nil {
		return 0, err
	}
	data := a.state.groups[name].Trust.encode(mask)
	return a.d.newHandle(acc, handle{app: a, group: name, mode: modeRead, data: data})
}

// updateTrustList is CloseAndUpdate: what was written joins the transaction, or is
// lost with an error (7.8.2.5).
func (a *Application) updateTrustList(acc *space.Access, name string, id uint32) (applyChangesRequired bool, err error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, name, id)
	switch {
	case err != nil:
		return false, err
	case h.mode&modeWrite == 0:
		return false, ua.StatusBadInvalidState
	}
	a.d.drop(h)
	if err := a.mayStage(acc); err != nil {
		return false, err
	}
	update, mask, ok := decodeTrustList(h.data)
	if !ok {
		return false, ua.StatusBadDecodingError
	}
	next := a.trust(name).merge(update, mask)
	if err := a.acceptable(name, next); err != nil {
		return false, err
	}
	return a.change(acc, func(tx *transaction) {
		tx.affectList(name)
		tx.trust[name] = next
	})
}

// acceptable checks the size of a list, then its content.
func (a *Application) acceptable(name string, l trustList) error {
	if len(l.encode(maskAll)) > a.d.opt.listLimit() {
		return ua.StatusBadRequestTooLarge
	}
	return asError(a.d.opt.Validation.list(l, a.state.record(name), a.d.opt.Clock()))
}

// mayEdit is what AddCertificate and RemoveCertificate ask for. They take effect
// at once, so no transaction may be under way, not even the caller's (7.8.2.6, 7.8.2.7).
func (a *Application) mayEdit(name string) error {
	switch {
	case a.d.open(a, name, modeRead|modeWrite) > 0:
		return ua.StatusBadInvalidState
	case a.d.tx != nil || a.d.updating():
		return ua.StatusBadTransactionPending
	}
	return nil
}

// addCertificate adds to the trusted certificates (7.8.2.6). Issuers come with a
// CRL and are written as a whole list.
func (a *Application) addCertificate(acc *space.Access, name string, der []byte, trusted bool) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	if err := a.mayEdit(name); err != nil {
		return err
	}
	chain, err := parseChain(der)
	if err != nil || !trusted {
		return ua.StatusBadCertificateInvalid
	}
	l := a.state.groups[name].Trust
	if containsDER(l.Trusted, chain[0].Raw) {
		return nil
	}
	l.Trusted = append(slices.Clone(l.Trusted), chain[0].Raw)
	if err := a.acceptable(name, l); err != nil {
		return err
	}
	return a.setTrust(acc, name, l)
}

// removeCertificate removes a certificate, and the CRLs of a CA with it (7.8.2.7).
// The thumbprint is the SHA-1 of the DER, in hexadecimal digits of either case.
func (a *Application) removeCertificate(acc *space.Access, name, thumbprint string, trusted bool) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	l := a.state.groups[name].Trust
	list := l.Issuers
	if trusted {
		list = l.Trusted
	}
	i := slices.IndexFunc(list, func(der []byte) bool { return strings.EqualFold(digest(der), thumbprint) })
	if err := a.mayEdit(name); err != nil {
		return err
	}
	if i < 0 {
		return badArgument(1)
	}
	next, err := l.without(list[i], trusted)
	if err != nil {
		return err
	}
	return a.setTrust(acc, name, next)
}

// setTrust puts a list into force.
func (a *Application) setTrust(by *space.Access, name string, l trustList) error {
	before := a.state
	a.state = before.clone()
	g := a.state.groups[name]
	g.Trust, g.Updated = l, a.d.opt.Clock()
	left := a == a.d.server && a.d.configured(a.state)
	if err := a.d.save(); err != nil {
		a.state, a.d.setup = before, a.d.setup || left
		return err
	}
	a.auditTrust(by, name)
	a.changed(Change{Trust: []string{name}, Setup: left})
	return nil
}

// digest is the CertificateDigest (OPC 10000-6, 3.1.1) in upper-case hexadecimal.
func digest(der []byte) string {
	sum := sha1.Sum(der)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// trustUpdated is LastUpdateTime of a TrustList.
func (a *Application) trustUpdated(name string) time.Time {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if g := a.state.groups[name]; g != nil {
		return g.Updated
	}
	return time.Time{}
}

// validationOptions are the DefaultValidationOptions of a TrustList: the
// ValidationOptions of the group's record.
func (a *Application) validationOptions(name string) uint32 {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if r := a.state.record(name); r != nil {
		return uint32(r.ValidationOptions)
	}
	return 0
}

// setValidationOptions makes a new version of the configuration.
func (a *Application) setValidationOptions(name string, options uint32) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	if a.d.updating() {
		return ua.StatusBadInvalidState
	}
	if config.ValidationOptions(options)&^knownOptions != 0 {
		return ua.StatusBadOutOfRange
	}
	before := a.state
	next := before.clone()
	next.config.CertificateGroups = slices.Clone(next.config.CertificateGroups)
	r := next.record(name)
	if r == nil {
		return ua.StatusBadNotWritable
	}
	r.ValidationOptions = config.ValidationOptions(options)
	next.config.Version = a.nextVersion()
	a.state = next
	if err := a.d.save(); err != nil {
		a.state = before
		return err
	}
	a.updated = a.d.opt.Clock()
	a.auditConfiguration(nil, before.config.Version, next.config.Version)
	a.changed(Change{Trust: []string{name}})
	return nil
}
