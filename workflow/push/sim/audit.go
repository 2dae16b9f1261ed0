package sim

import (
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
)

// AuditEvent is a record of an audit event of push management (OPC 10000-12, 7.8.2,
// 7.8.5 and 7.10). No private key is in it.
type AuditEvent = part12.AuditEvent

// AuditType is the NodeId of an audit EventType, in namespace 0.
type AuditType = part12.AuditType

// The audit events of push management.
const (
	TrustListUpdateRequested   = part12.TrustListUpdateRequested
	TrustListUpdated           = part12.TrustListUpdated
	CertificateUpdateRequested = part12.CertificateUpdateRequested
	CertificateUpdated         = part12.CertificateUpdated
	ConfigurationUpdated       = part12.ConfigurationUpdated
)

// AuditEvents are the latest audit events, the oldest first. A restart with a
// stored state forgets them.
func (s *Server) AuditEvents() []AuditEvent { return s.device().AuditEvents() }

// logAudit writes an event to the log, without the arguments of Methods.
func (s *Server) logAudit(e AuditEvent) {
	attrs := []any{
		"event", e.Type.String(), "source", e.SourceName, "success", e.Status,
		"session", e.SessionID, "user", e.ClientUserID, "client", e.ClientApplicationURI,
	}
	if e.Method != "" {
		attrs = append(attrs, "method", e.Method, "status", e.StatusCode.Error())
	}
	if e.TrustListID != nil {
		attrs = append(attrs, "trustList", e.TrustListID.String())
	}
	if e.CertificateGroup != nil {
		attrs = append(attrs, "group", e.CertificateGroup.String(), "type", e.CertificateType.String())
	}
	if e.Type == ConfigurationUpdated {
		attrs = append(attrs, "oldVersion", uint32(e.OldVersion), "newVersion", uint32(e.NewVersion))
	}
	s.log.Info("audit", attrs...)
}
