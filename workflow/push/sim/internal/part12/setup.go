package part12

import (
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// InApplicationSetup says whether any client certificate is accepted (G.2).
func (d *Device) InApplicationSetup() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.setup
}

// configured ends application setup when a state is complete: the default
// TrustList says whom to accept, and somebody has the SecurityAdmin Role. Emptying
// the list later does not bring it back (G.2).
func (d *Device) configured(s *state) (left bool) {
	if !d.setup || d.unadministered() || s.groups[config.DefaultApplicationGroup].Trust.empty() {
		return false
	}
	d.setup = false
	return true
}

// resetToServerDefaults makes the state of a first start, with other keys, and
// begins application setup. Nobody is trusted then: the TrustLists are empty
// (7.10.13). What was staged, open or scheduled is lost.
func (d *Device) resetToServerDefaults(acc *space.Access) error {
	if err := d.mayReset(acc); err != nil {
		return err
	}
	o := d.opt
	o.Dir, o.First.TrustClients, o.AcceptClients = "", nil, true
	fresh, err := Open(o) // makes keys, so not under the lock
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.unlock()
	if err := d.resettable(acc); err != nil {
		return err
	}
	if d.tx != nil {
		d.endTransaction(ua.StatusBadRequestCancelledByClient, nil)
	}
	for _, h := range d.handles {
		d.drop(h)
	}
	d.adopt(acc, d.server, fresh.server)
	d.adopt(acc, d.client, fresh.client)
	d.setup, d.rules = true, nil
	d.server.changed(Change{Reset: true, groups: true})
	return d.save()
}

func (d *Device) mayReset(acc *space.Access) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.resettable(acc)
}

// resettable refuses while somebody else changes something: what the two would do
// together is not specified.
func (d *Device) resettable(acc *space.Access) error {
	if d.updating() || d.tx != nil && d.tx.session != acc.SessionID {
		return ua.StatusBadTransactionPending
	}
	return nil
}

// adopt takes the state of a first start. Versions go on.
func (d *Device) adopt(by *space.Access, a, fresh *Application) {
	fresh.state.config.Version = a.nextVersion()
	a.auditConfiguration(by, a.state.config.Version, fresh.state.config.Version)
	a.state, a.previous, a.update, a.failed = fresh.state, nil, nil, ""
	a.multicast, a.product, a.updated = false, fresh.product, d.opt.Clock()
	a.diagnostics = Diagnostics{}
}
