package part12

import (
	"crypto/x509"
	"maps"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// transaction holds what is staged until ApplyChanges. There is one per server; it
// belongs to a Session and to one application's Object (7.10.2).
type transaction struct {
	app     *Application
	session string
	by      *space.Access // whoever changed something last
	trust   map[string]trustList
	slots   map[slotKey]staged
	queue   []slotKey // slots in the order they were staged
}

// staged is what a slot will hold: Chain and Key only. Without a Chain it becomes
// empty.
type staged struct {
	slot
	made    bool       // by the server itself: 7.10.5 does not judge it
	discard privateKey // the pending key that goes with what the slot held (7.10.10)
}

type slotKey struct {
	group string
	kind  config.NodeID
}

// begin gives the Session's transaction, a new one if there is none. The caller
// asked mayStage.
func (a *Application) begin(acc *space.Access) *transaction {
	if a.d.tx == nil {
		a.d.tx = a.newTransaction(acc)
		a.diagnostics = Diagnostics{Phase: Active, Start: a.d.opt.Clock()}
	}
	return a.d.tx
}

func (a *Application) newTransaction(acc *space.Access) *transaction {
	return &transaction{app: a, session: acc.SessionID, by: acc, trust: map[string]trustList{}, slots: map[slotKey]staged{}}
}

// change makes a change that was judged: as a part of the Session's transaction,
// or, where the server has no transactions, at once or alone.
func (a *Application) change(acc *space.Access, edit func(*transaction)) (applyChangesRequired bool, err error) {
	switch a.d.opt.Transactions {
	case AtOnce:
		tx := a.newTransaction(acc)
		edit(tx)
		return false, a.commit(tx)
	case Delayed:
		a.d.tx = nil // the change before is lost
	}
	tx := a.begin(acc)
	tx.by = acc
	edit(tx)
	return true, nil
}

func (tx *transaction) affectList(name string) {
	if d := &tx.app.diagnostics; !slices.Contains(d.TrustLists, name) {
		d.TrustLists = append(d.TrustLists, name)
	}
}

func (tx *transaction) stage(k slotKey, s staged) {
	tx.slots[k] = s
	tx.queue = append(slices.DeleteFunc(tx.queue, func(o slotKey) bool { return o == k }), k)
	if d := &tx.app.diagnostics; !slices.Contains(d.Groups, k.group) {
		d.Groups = append(d.Groups, k.group)
	}
}

// endTransaction drops what is staged and closes the lists that are still open
// for writing. Changes that take effect were taken out before.
func (d *Device) endTransaction(result ua.StatusCode, errs []TransactionError) {
	a := d.tx.app
	for _, h := range d.handles {
		if h.app == a && h.group != "" && h.mode&modeWrite != 0 {
			d.drop(h)
		}
	}
	a.diagnostics.Phase, a.diagnostics.End = Completed, d.opt.Clock()
	a.diagnostics.Result, a.diagnostics.Errors = result, errs
	d.tx = nil
}

// owned finds the transaction for ApplyChanges and CancelChanges.
func (a *Application) owned(acc *space.Access) error {
	switch tx := a.d.tx; {
	case tx == nil || tx.app != a:
		return ua.StatusBadNothingToDo
	case tx.session != acc.SessionID:
		return ua.StatusBadSessionIDInvalid
	}
	return nil
}

// cancelChanges is CancelChanges (7.10.11).
func (a *Application) cancelChanges(acc *space.Access) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	if err := a.owned(acc); err != nil {
		return err
	}
	a.d.endTransaction(ua.StatusBadRequestCancelledByClient, nil)
	return nil
}

// applyChanges is ApplyChanges (7.10.9): all of the transaction or nothing.
func (a *Application) applyChanges(acc *space.Access) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	if err := a.owned(acc); err != nil {
		return err
	}
	for _, h := range a.d.handles {
		if h.app == a && h.group != "" && h.mode&modeWrite != 0 {
			return ua.StatusBadInvalidState
		}
	}
	tx := a.d.tx
	if errs := a.inconsistencies(tx); len(errs) > 0 {
		a.d.endTransaction(errs[0].Status, errs)
		return errs[0].Status
	}
	err := a.commit(tx)
	a.d.endTransaction(statusOf(err), nil)
	return err
}

// inconsistencies judges the changes together: each was sound when it was staged,
// but a later TrustList may lack the issuer of an earlier certificate.
func (a *Application) inconsistencies(tx *transaction) []TransactionError {
	var errs []TransactionError
	for _, name := range slices.Sorted(maps.Keys(tx.trust)) {
		if err := a.acceptable(name, tx.trust[name]); err != nil {
			errs = append(errs, TransactionError{Group: name, TrustList: true, Status: statusOf(err), Message: "the TrustList is not consistent"})
		}
	}
	for _, k := range tx.queue {
		if err := a.applicable(k, tx.slots[k]); err != nil {
			errs = append(errs, *err)
		}
	}
	return errs
}

// applicable judges what a slot is to hold.
func (a *Application) applicable(k slotKey, s staged) *TransactionError {
	old := a.state.groups[k.group].Slots[k.kind]
	switch {
	case len(s.Chain) == 0 && a.needed(old):
		return &TransactionError{Group: k.group, Status: ua.StatusBadInvalidState,
			Message: "endpoints use the certificate " + digest(old.Chain[0])}
	case len(s.Chain) == 0 || s.made:
		return nil
	}
	c, err := x509.ParseCertificate(s.Chain[0])
	if err == nil {
		err = asError(a.checkOwn(k.group, c))
	}
	if err == nil {
		return nil
	}
	return &TransactionError{Group: k.group, Status: statusOf(err), Message: "certificate " + digest(s.Chain[0])}
}

// commit puts a consistent transaction into force and stores it.
func (a *Application) commit(tx *transaction) error {
	before := a.state
	next := before.clone()
	var c Change
	for name, list := range tx.trust {
		next.groups[name].Trust, next.groups[name].Updated = list, a.d.opt.Clock()
		c.Trust = append(c.Trust, name)
	}
	for k, s := range tx.slots {
		g := next.groups[k.group]
		s.Pending = g.Slots[k.kind].Pending
		if s.Pending != nil && (s.Pending == s.discard || s.Key != nil && s.Pending.Equal(s.Key)) {
			s.Pending = nil
		}
		g.Slots[k.kind] = s.slot
		c.Certificates = append(c.Certificates, k.group)
	}
	a.state = next
	left := a == a.d.server && a.d.configured(next)
	if err := a.d.save(); err != nil {
		a.state, a.d.setup = before, a.d.setup || left
		return err
	}
	slices.Sort(c.Trust)
	slices.Sort(c.Certificates)
	c.Certificates = slices.Compact(c.Certificates)
	c.Endpoints = len(c.Certificates) > 0 // an endpoint may be enabled now
	for _, name := range c.Trust {
		a.auditTrust(tx.by, name)
	}
	for _, k := range tx.queue {
		a.auditCertificate(tx.by, k)
	}
	c.Setup, c.Applied = left, true
	a.changed(c)
	return nil
}
