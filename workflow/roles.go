package workflow

import (
	"context"
	"time"

	"github.com/uapush/uapush/config"
)

// CertificateSession is a Session with all of Update Certificates (OPC 10000-12,
// 7.7.2). It stands apart from Session because creating an endpoint needs less.
type CertificateSession interface {
	Session
	GroupSurvey
	TrustLists
	CertificateSlots
	RejectedLists
	Transactions
}

// GroupSurvey reads what upkeep of certificates depends on. Unlike Observe it
// leaves the ConfigurationFile alone, which many servers lack.
type GroupSurvey interface {
	// Survey reads the properties of the application and of every CertificateGroup;
	// parts says, once those are known, what else to read of a group.
	Survey(ctx context.Context, parts func(GroupObservation) Parts) (Observation, error)
	// Endpoints are what GetEndpoints showed just before the Session was created.
	Endpoints() []EndpointCertificate
}

// Parts says what to read of a CertificateGroup.
type Parts uint8

// The parts.
const (
	PartTrustList Parts = 1 << iota
	PartCertificates
	PartRejected
)

// EndpointCertificate is the certificate (DER, the leaf alone) that an endpoint shows.
type EndpointCertificate struct {
	URL, SecurityPolicyURI string
	SecurityMode           config.SecurityMode
	Certificate            []byte
	// Usable says that this client can speak with it, and that it takes users of
	// this kind.
	Usable bool
}

// Secured says that the certificate secures the endpoint. Where SecurityMode is None
// nothing has to be proven with it: open62541 goes on to show the one that it was
// started with.
func (e EndpointCertificate) Secured() bool { return e.SecurityMode != config.ModeNone }

// TrustLists is the role of TrustListType (7.8.2) beside WriteTrustList.
type TrustLists interface {
	// ReadTrustList is OpenWithMasks, Read and Close. A server may return more lists
	// than were asked for; Lists of the result says which.
	ReadTrustList(ctx context.Context, group string, masks TrustListMask) (TrustList, error)
	// AddCertificate adds to the trusted certificates (7.8.2.6). It has no
	// ApplyChangesRequired.
	AddCertificate(ctx context.Context, group string, der []byte) error
	// RemoveCertificate removes by thumbprint, SHA-1 in hex (7.8.2.7). A CA goes
	// with its CRLs.
	RemoveCertificate(ctx context.Context, group, thumbprint string, trusted bool) error
}

// RejectedLists is the role of GetRejectedList (7.10.12; of a group 7.8.3.2).
type RejectedLists interface {
	// GetRejectedList returns DER. group "" asks the application.
	GetRejectedList(ctx context.Context, group string) ([][]byte, error)
}

// CertificateSlots is the role of the optional methods on slots.
type CertificateSlots interface {
	// GetCertificates returns the leaf certificates (DER) of the filled slots (7.10.8).
	GetCertificates(ctx context.Context, group string) (map[config.NodeID][]byte, error)
	// CreateSelfSignedCertificate fills an empty slot (7.10.6) and returns DER. It
	// always needs ApplyChanges.
	CreateSelfSignedCertificate(ctx context.Context, r SelfSignedRequest) ([]byte, error)
	// DeleteCertificate empties a slot (7.10.7). It always needs ApplyChanges.
	DeleteCertificate(ctx context.Context, group string, typ config.NodeID) error
}

// SelfSignedRequest are the arguments of CreateSelfSignedCertificate.
type SelfSignedRequest struct {
	Group          string
	Type           config.NodeID
	Subject        string // "" lets the server choose
	DNSNames       []string
	IPAddresses    []string // with DNSNames at least one
	LifetimeInDays uint16
	KeySizeInBits  uint16 // 0 lets the server choose
}

// Transactions is the role of TransactionDiagnosticsType (7.10.17).
type Transactions interface {
	TransactionDiagnostics(ctx context.Context) (TransactionDiagnostics, error)
}

// TransactionPhase says how far the current or latest transaction is.
type TransactionPhase string

// The phases.
const (
	NoTransaction        TransactionPhase = "none"
	TransactionActive    TransactionPhase = "active"
	TransactionCompleted TransactionPhase = "completed"
	TransactionUnknown   TransactionPhase = "unknown" // the server does not say
)

// TransactionDiagnostics describe the current or latest transaction.
type TransactionDiagnostics struct {
	Phase      TransactionPhase   `json:"phase"`
	StartTime  time.Time          `json:"startTime,omitzero"`
	EndTime    time.Time          `json:"endTime,omitzero"`
	Result     string             `json:"result,omitempty"` // as the specification names it
	TrustLists []string           `json:"trustLists,omitempty"`
	Groups     []string           `json:"groups,omitempty"`
	Errors     []TransactionError `json:"errors,omitempty"`
}

// TransactionError is what the server found wrong with one target (7.10.18).
type TransactionError struct {
	Target  string `json:"target"` // a group, or "trust list of" a group; else a NodeId
	Status  string `json:"status"`
	Message string `json:"message,omitempty"` // of the server; not trusted
}
