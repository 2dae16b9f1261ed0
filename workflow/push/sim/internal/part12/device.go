package part12

import (
	"sync"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// statusTransactionFailed is Bad_TransactionFailed, new in NodeSet 1.05.05.
const statusTransactionFailed ua.StatusCode = 0x80F10000

// Device is a server with push management and one managed client application.
// Its methods may be called concurrently.
type Device struct {
	opt    Options
	server *Application
	client *Application

	mu       sync.Mutex // guards everything below, and the applications
	closed   bool
	tx       *transaction
	setup    bool   // application setup (G.2)
	rules    []Rule // who holds the SecurityAdmin Role, besides those of Options
	handles  map[uint32]*handle
	last     uint32 // handle given out last
	pending  Change // collected under mu, reported after it
	onChange []func(Change)
	audit    []*AuditEvent // the latest
	audits   []AuditEvent  // to be reported when mu is released

	nodes nodes
}

// Change says what of the server is different now.
type Change struct {
	Endpoints    bool     // what must listen, or what is offered there
	Certificates []string // CertificateGroups with another certificate
	Trust        []string // CertificateGroups with another TrustList or other ValidationOptions
	Setup        bool     // application setup ended or began
	Roles        bool     // others hold the SecurityAdmin Role
	Applied      bool     // changes of certificates or TrustLists were applied
	Updated      bool     // an update of the configuration was applied, or taken back
	Reset        bool     // everything is as on a first start, and the server has to restart
	groups       bool     // CertificateGroups came or went, of any application
}

func (c Change) empty() bool {
	return !c.Endpoints && len(c.Certificates) == 0 && len(c.Trust) == 0 && !c.Setup && !c.Roles && !c.Applied && !c.Updated && !c.Reset
}

// Open loads the state of Options.Dir, or makes a new one with fresh keys and
// self-signed certificates. An update that was not confirmed when the state was
// left behind is gone: only confirmed configurations are stored.
func Open(o Options) (*Device, error) {
	d := &Device{opt: o.withDefaults(), handles: map[uint32]*handle{}}
	d.server = &Application{d: d, kind: config.ApplicationServer, prefix: "Server"}
	d.client = &Application{d: d, name: "Client", kind: config.ApplicationClient, prefix: "Client"}
	found, err := d.load()
	if err == nil && !found {
		err = d.firstStart()
	}
	if err != nil {
		return nil, err
	}
	if d.opt.AcceptClients && d.server.state.groups[config.DefaultApplicationGroup].Trust.empty() {
		d.setup = true
	}
	if found {
		return d, nil
	}
	return d, d.save()
}

// Close stops the timers. A configuration that was not confirmed is not stored.
func (d *Device) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, h := range d.handles {
		h.stop()
	}
	for _, a := range d.applications() {
		if a.update != nil {
			a.update.stop()
		}
	}
}

func (d *Device) applications() []*Application { return []*Application{d.server, d.client} }

// OnChange registers a function that is told of changes, without locks held. The
// response of the Call that made the change was not sent yet.
func (d *Device) OnChange(f func(Change)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onChange = append(d.onChange, f)
}

// unlock releases mu and then tells what changed under it.
func (d *Device) unlock() {
	c, listeners, audits := d.pending, d.onChange, d.audits
	d.pending, d.audits = Change{}, nil
	d.mu.Unlock()
	for _, e := range audits {
		d.opt.Audit(e)
	}
	if c.groups {
		d.syncGroups()
	}
	if c.empty() {
		return
	}
	for _, f := range listeners {
		f(c)
	}
}

// changed collects a change of an application. Only the server's matter to listeners.
func (a *Application) changed(c Change) {
	p := &a.d.pending
	p.groups = p.groups || c.groups
	if a != a.d.server {
		return
	}
	p.Endpoints = p.Endpoints || c.Endpoints
	p.Setup = p.Setup || c.Setup
	p.Roles = p.Roles || c.Roles
	p.Applied = p.Applied || c.Applied
	p.Updated = p.Updated || c.Updated
	p.Reset = p.Reset || c.Reset
	p.Certificates = append(p.Certificates, c.Certificates...)
	p.Trust = append(p.Trust, c.Trust...)
}

// SessionClosed cancels the Session's transaction and closes its files (7.10.2).
func (d *Device) SessionClosed(id string) {
	d.mu.Lock()
	defer d.unlock()
	for _, h := range d.handles {
		if h.session == id {
			d.drop(h)
		}
	}
	if d.tx != nil && d.tx.session == id {
		d.endTransaction(ua.StatusBadRequestCancelledByClient, nil)
	}
}

// mayStage refuses what would begin or continue a transaction while another one,
// or an update of a configuration, is under way (7.10.2, 7.10.20).
func (a *Application) mayStage(acc *space.Access) error {
	d := a.d
	if d.updating() || d.tx != nil && (d.tx.session != acc.SessionID || d.tx.app != a) {
		return ua.StatusBadTransactionPending
	}
	return nil
}

// updating says whether a ConfigurationFile is open for writing, or an update of
// one is not finished.
func (d *Device) updating() bool {
	for _, a := range d.applications() {
		if a.update != nil || d.open(a, "", modeWrite) > 0 {
			return true
		}
	}
	return false
}
