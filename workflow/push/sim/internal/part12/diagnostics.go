package part12

import (
	"time"

	"github.com/gopcua/opcua/ua"
)

// Phase says how far a transaction is.
type Phase int

// The phases that TransactionDiagnostics tells apart (7.10.17).
const (
	NoTransaction Phase = iota
	Active
	Completed
)

// Diagnostics describe the current or latest transaction (7.10.17).
type Diagnostics struct {
	Phase      Phase
	Start, End time.Time
	Result     ua.StatusCode // of a completed one
	TrustLists []string      // CertificateGroups whose TrustList is part of it
	Groups     []string      // CertificateGroups whose certificates are part of it
	Errors     []TransactionError
}

// TransactionError says what ApplyChanges did not accept (7.10.18).
type TransactionError struct {
	Group     string
	TrustList bool // the group's TrustList is at fault, not a certificate
	Status    ua.StatusCode
	Message   string
}

// Diagnostics of the application's current or latest transaction.
func (a *Application) Diagnostics() Diagnostics {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return a.diagnostics
}

// diagnosticsProperty gives one Property of the TransactionDiagnostics Object. Before the
// first transaction there is no value; the result of an active one is not known.
func (a *Application) diagnosticsProperty(name string) (any, ua.StatusCode) {
	d := a.Diagnostics()
	switch {
	case d.Phase == NoTransaction:
		return nil, ua.StatusBadOutOfService
	case d.Phase == Active && name == "Result":
		return nil, ua.StatusBadInvalidState
	}
	switch name {
	case "StartTime":
		return d.Start, ua.StatusOK
	case "EndTime":
		return d.End, ua.StatusOK
	case "Result":
		return d.Result, ua.StatusOK
	case "AffectedTrustLists":
		return a.nodeIDs(d.TrustLists, "TrustList"), ua.StatusOK
	case "AffectedCertificateGroups":
		return a.nodeIDs(d.Groups, ""), ua.StatusOK
	}
	errs := []*ua.ExtensionObject{}
	for _, e := range d.Errors {
		path := ""
		if e.TrustList {
			path = "TrustList"
		}
		errs = append(errs, ua.NewExtensionObject(&ua.TransactionErrorType{
			TargetID: a.groupNodeID(e.Group, path), Error: e.Status, Message: ua.NewLocalizedText(e.Message),
		}))
	}
	return errs, ua.StatusOK
}

func (a *Application) nodeIDs(groups []string, path string) []*ua.NodeID {
	ids := []*ua.NodeID{}
	for _, g := range groups {
		ids = append(ids, a.groupNodeID(g, path))
	}
	return ids
}
