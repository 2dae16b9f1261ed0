package workflow

import (
	"context"
	"time"

	"github.com/uapush/uapush/config"
)

// Target is a server under management. It outlives Sessions: a server restarts,
// and each Open discovers it afresh.
type Target interface {
	// Open discovers the server, validates its certificate and creates an
	// encrypted Session (OPC 10000-12, 7.7.2, step 1).
	Open(ctx context.Context) (Session, error)
	// Probe opens and closes a Session through another endpoint of the server,
	// and reads a value. The server certificate must be the one given (DER).
	Probe(ctx context.Context, endpointURL string, certificate []byte) (Probe, error)
}

// Probe is what a Session through an endpoint saw.
type Probe struct {
	EndpointURL       string
	SecurityMode      config.SecurityMode
	SecurityPolicyURI string
	CertificateSHA256 string
	ServerTime        time.Time // CurrentTime of ServerStatus
}

// Session is one encrypted Session, seen as OPC 10000-12. Its methods are named
// after the spec's and send the fewest messages that the protocol allows.
// Every error wraps the server's ua.StatusCode where there is one.
type Session interface {
	ServerIdentity() ServerIdentity
	// Observe reads, in batches, everything a plan depends on. TrustLists and
	// certificates are read for the named groups that exist.
	Observe(ctx context.Context, groups []string) (Observation, error)
	ConfigurationFile
	CertificateGroups
	// Close ends the Session; closing one that the server has cut is no error.
	Close(ctx context.Context) error
}

// ConfigurationFile is the role of ApplicationConfigurationFileType (7.10.20).
type ConfigurationFile interface {
	// UpdateConfiguration is Open(0x03), Write and CloseAndUpdate (7.7.6, steps 1 to 3).
	// A non-nil result comes with the error when the server judged the targets.
	UpdateConfiguration(ctx context.Context, u ConfigurationUpdate) (*ConfigurationResult, error)
	// ConfirmUpdate makes an update permanent. Bad_InvalidState: too early.
	ConfirmUpdate(ctx context.Context, id UpdateID) error
}

// CertificateGroups is the role of the methods of ServerConfigurationType (7.10)
// and TrustListType (7.8.2). Groups go by their BrowseName, which is what persists.
type CertificateGroups interface {
	// WriteTrustList is Open(0x06), Write and CloseAndUpdate (7.7.3). The returned
	// flag is ApplyChangesRequired.
	WriteTrustList(ctx context.Context, group string, list TrustList) (bool, error)
	// CreateSigningRequest returns a PKCS#10 request in DER (7.10.10).
	CreateSigningRequest(ctx context.Context, r SigningRequest) ([]byte, error)
	// UpdateCertificate returns ApplyChangesRequired (7.10.5).
	UpdateCertificate(ctx context.Context, u CertificateUpdate) (bool, error)
	// ApplyChanges ends the transaction (7.10.9). Bad_NothingToDo is no error.
	ApplyChanges(ctx context.Context) error
	// CancelChanges discards it (7.10.11). That there is none is no error; the error
	// of servers without the method is ErrNoCancelChanges.
	CancelChanges(ctx context.Context) error
}

// ServerIdentity says whom a Session reached.
type ServerIdentity struct {
	URL               string // the discovery URL that was asked for
	EndpointURL       string
	ApplicationURI    string
	ApplicationName   string
	Certificate       []byte        // DER of the leaf
	CertificateSHA256 string        // lower-case hex
	Application       config.NodeID // of the managed application; "" is the server itself
	SecurityMode      config.SecurityMode
	SecurityPolicyURI string
}

// Observation is what a server said about one application.
type Observation struct {
	// HasConfigurationFile is false on servers before NodeSet 1.05.05.
	HasConfigurationFile bool
	File                 []byte // the UABinaryFileDataType stream
	CurrentVersion       config.VersionTime
	LastUpdateTime       time.Time
	SupportedDataType    config.NodeID
	ActivityTimeout      time.Duration
	Capabilities         config.Capabilities
	ApplicationURI       string
	MaxTrustListSize     uint32 // bytes; 0 is unlimited
	SupportsTransactions bool
	PrivateKeyFormats    []string
	Groups               []GroupObservation // every CertificateGroup there is
}

// GroupObservation is a CertificateGroup Object as found.
type GroupObservation struct {
	Name    string
	Purpose config.NodeID // "" where the server does not say
	Types   []config.NodeID
	// Inspected says that TrustList and Certificates below were read.
	Inspected    bool
	TrustList    TrustList
	Certificates map[config.NodeID][]byte // DER of the filled slots, by type
	// CertificatesKnown is false where the server has no GetCertificates (optional, 7.10.8).
	CertificatesKnown bool
	// TrustListError is why a Survey could not read the TrustList.
	TrustListError error
	// TrustListUpdated is LastUpdateTime; zero where the server does not know it.
	TrustListUpdated time.Time
	// Rejected are the certificates (DER) of GetRejectedList, where they were asked
	// for; RejectedKnown is false where there is no such method.
	Rejected      [][]byte
	RejectedKnown bool
}

// TrustList is a TrustListDataType (7.8.2.8); all members are DER.
type TrustList struct {
	Lists               TrustListMask // which of the lists are meant
	TrustedCertificates [][]byte
	TrustedCRLs         [][]byte
	IssuerCertificates  [][]byte
	IssuerCRLs          [][]byte
}

// TrustListMask is a TrustListMasks value (7.8.2.9).
type TrustListMask uint32

// The four lists.
const (
	TrustedCertificates TrustListMask = 1
	TrustedCRLs         TrustListMask = 2
	IssuerCertificates  TrustListMask = 4
	IssuerCRLs          TrustListMask = 8
	AllLists            TrustListMask = 15
)

// ConfigurationUpdate are the arguments of CloseAndUpdate, and the file to write before it.
type ConfigurationUpdate struct {
	File            []byte
	VersionToUpdate config.VersionTime
	Targets         []config.UpdateTarget
	Timing          config.UpdateTiming
}

// ConfigurationResult are the results of CloseAndUpdate (7.8.5.2).
type ConfigurationResult struct {
	// TargetResults are OPC UA StatusCodes, in the order of the targets.
	TargetResults []uint32
	NewVersion    config.VersionTime
	UpdateID      UpdateID
}

// UpdateID is the Guid that ConfirmUpdate takes; the zero value needs no confirmation.
type UpdateID [16]byte

// SigningRequest are the arguments of CreateSigningRequest.
type SigningRequest struct {
	Group         string
	Type          config.NodeID
	Subject       string // "" keeps the subject of the current certificate
	RegenerateKey bool
	Nonce         []byte // at least 32 bytes with RegenerateKey
}

// CertificateUpdate are the arguments of UpdateCertificate.
type CertificateUpdate struct {
	Group       string
	Type        config.NodeID
	Certificate []byte   // DER
	Issuers     [][]byte // the leaf's issuer first, the root last
	// PrivateKeyFormat is one of the server's, with the key that belongs to the
	// certificate; both are empty where the server holds the key.
	PrivateKeyFormat string
	PrivateKey       []byte
}
