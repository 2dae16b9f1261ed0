package part12

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// AuditType is the NodeId of an EventType, in namespace 0.
type AuditType uint32

// The audit events of push management (7.8.2.12, 7.8.2.13, 7.8.5, 7.10.26, 7.10.27).
const (
	TrustListUpdateRequested   AuditType = 32260
	TrustListUpdated           AuditType = 12561
	CertificateUpdateRequested AuditType = 32306
	CertificateUpdated         AuditType = 12620
	ConfigurationUpdated       AuditType = 15541
)

func (t AuditType) String() string {
	switch t {
	case TrustListUpdateRequested:
		return "TrustListUpdateRequestedAuditEvent"
	case TrustListUpdated:
		return "TrustListUpdatedAuditEvent"
	case CertificateUpdateRequested:
		return "CertificateUpdateRequestedAuditEvent"
	case CertificateUpdated:
		return "CertificateUpdatedAuditEvent"
	case ConfigurationUpdated:
		return "ConfigurationUpdatedAuditEvent"
	}
	return ua.NewNumericNodeID(0, uint32(t)).String()
}

// AuditEvent is a record of an AuditEventType (OPC 10000-5, 6.4.3) with the fields
// of its subtypes. Fields that a Type does not have are zero.
type AuditEvent struct {
	Type       AuditType
	Time       time.Time // ActionTimeStamp
	SourceNode *ua.NodeID
	SourceName string
	Status     bool // the action succeeded
	// Who acted; empty when the server acted by itself.
	SessionID, ClientUserID, ClientApplicationURI string

	// Of the requests. A PrivateKey among the InputArguments is null.
	MethodID                        *ua.NodeID
	Method                          string
	InputArguments, OutputArguments []any
	StatusCode                      ua.StatusCode

	TrustListID, CertificateGroup, CertificateType *ua.NodeID
	OldVersion, NewVersion                         config.VersionTime
}

// maxAudit is how many events are kept.
const maxAudit = 1000

// AuditEvents are the latest events, the oldest first. A request comes before what
// it led to.
func (d *Device) AuditEvents() []AuditEvent {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []AuditEvent
	for _, e := range d.audit {
		out = append(out, *e)
	}
	return out
}

// record keeps an event and reports it when the lock is released.
func (d *Device) record(e AuditEvent) {
	d.report(d.keep(e))
}

func (d *Device) keep(e AuditEvent) *AuditEvent {
	kept := &e
	d.audit = append(d.audit, kept)
	d.audit = d.audit[max(0, len(d.audit)-maxAudit):]
	return kept
}

func (d *Device) report(e *AuditEvent) {
	if d.opt.Audit != nil {
		d.audits = append(d.audits, *e)
	}
}

// event begins an event of an application; by is nil when nobody asked for it.
func (a *Application) event(t AuditType, by *space.Access) AuditEvent {
	e := AuditEvent{Type: t, Time: a.d.opt.Clock(), SourceNode: a.object(), SourceName: a.prefix, Status: true}
	if a == a.d.server {
		e.SourceName = "ServerConfiguration"
	}
	if by == nil {
		return e
	}
	e.SessionID, e.ClientUserID = by.SessionID, by.User
	if c, err := x509.ParseCertificate(by.ClientCertificate); err == nil && len(c.URIs) > 0 {
		e.ClientApplicationURI = c.URIs[0].String()
	}
	return e
}

func (a *Application) object() *ua.NodeID {
	if a == a.d.server {
		return ua.NewNumericNodeID(0, id.ServerConfiguration)
	}
	return ua.NewStringNodeID(1, a.prefix)
}

func (a *Application) auditTrust(by *space.Access, name string) {
	e := a.event(TrustListUpdated, by)
	e.TrustListID = a.groupNodeID(name, "TrustList")
	e.SourceNode, e.SourceName = e.TrustListID, "TrustList"
	a.d.record(e)
}

func (a *Application) auditCertificate(by *space.Access, k slotKey) {
	e := a.event(CertificateUpdated, by)
	e.CertificateGroup, e.CertificateType = a.groupNodeID(k.group, ""), typeNodeIDs([]config.NodeID{k.kind})[0]
	a.d.record(e)
}

func (a *Application) auditConfiguration(by *space.Access, from, to config.VersionTime) {
	e := a.event(ConfigurationUpdated, by)
	e.OldVersion, e.NewVersion = from, to
	a.d.record(e)
}

// audited binds a Method of an Object whose calls are audited, with the arguments,
// but for one that holds a secret (counted from 1; 0 is none).
func (a *Application) audited(t *space.Tree, method string, kind AuditType, secret int, run space.Method) {
	object, methodID := t.ID(""), t.ID(method)
	name := "ServerConfiguration"
	if kind == TrustListUpdateRequested {
		name = "TrustList"
	} else if a != a.d.server {
		name = a.prefix
	}
	t.Bind(method, func(ctx context.Context, acc *space.Access, in []any) space.Result {
		shown := slices.Clone(in)
		if secret > 0 {
			shown[secret-1] = nil
		}
		a.d.mu.Lock()
		e := a.event(kind, acc)
		e.SourceNode, e.SourceName, e.MethodID, e.Method, e.InputArguments, e.Status = object, name, methodID, method, shown, false
		kept := a.d.keep(e)
		a.d.mu.Unlock()

		r := run(ctx, acc, in)

		a.d.mu.Lock()
		kept.StatusCode, kept.Status, kept.OutputArguments = r.Status, !notGood(r.Status), r.Outputs
		a.d.report(kept)
		a.d.unlock()
		return r
	})
}
