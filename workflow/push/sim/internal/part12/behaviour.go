package part12

import (
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// Behaviour is what a Device does otherwise than the newest edition with all its
// options. The zero value does nothing otherwise.
type Behaviour struct {
	// Omit are optional members below ServerConfiguration that there are not, and
	// OmitFromGroups those below every CertificateGroup; both are paths.
	Omit, OmitFromGroups  []string
	NoManagedApplications bool
	NoUserTokenGroup      bool
	UnlimitedLists        bool     // MaxTrustListSize is 0
	EmptyRejectedList     bool     // GetRejectedList has nothing to tell
	PrivateKeyFormats     []string // nil: PEM, PFX and PKCS8

	// MoreTypes are CertificateTypes that the DefaultApplicationGroup of the server
	// has beside RsaSha256. One for a curve that this server has no keys for comes
	// with the factory's certificate, or is empty.
	MoreTypes []config.NodeID

	Transactions Transactions
	Validation   Validation

	// Of the ConfigurationFile.

	Layout           uafile.Layout // of the stream; 0 is that of NodeSet 1.05.06
	RenameRecords    bool          // names of endpoints, settings and tokens change with every version (7.10.22 to 7.10.25 allow it)
	OtherModes       ua.StatusCode // of Open with a mode that there is not; 0 is Bad_NotSupported
	LastOpenWins     bool          // Open closes what was open before, of any Session
	EmptyWriteStream bool          // a file open for writing holds nothing at first
	IgnoreTargets    bool          // the body replaces the configuration, and there is one result for all targets
	ConfirmOnlyLoss  bool          // an update that only adds records is permanent without ConfirmUpdate
	OrderedTargets   bool          // Delete comes before Insert, and that before Replace, or the target is invalid (7.10.19)
	LateRevert       bool          // the countdown to the revert is RestartDelayTime longer
}

// Transactions says when changes of certificates and TrustLists take effect (7.10.2).
type Transactions int

// What servers do.
const (
	Staged  Transactions = iota // with ApplyChanges, all of them or none
	AtOnce                      // before the response; there is nothing to apply
	Delayed                     // with ApplyChanges, and only the latest: several changes are undefined
)

// Validation says how a Device judges its own certificates and its TrustLists.
// Clients are always judged in full.
type Validation int

// The readings of OPC 10000-12, 7.8.2.5, 7.8.2.6 and 7.10.5.
const (
	// Tolerant: 1.05.07, in its more probable reading. What OPC 10000-4, 6.1.3 allows
	// to suppress is ignored. The TrustList must contain the issuers of a certificate
	// of the server, as trusted ones or as issuers; a server need not trust itself.
	Tolerant Validation = iota
	// OwnTrust: 1.05.07, in its other reading. A certificate of the server must be
	// trusted by its TrustList, itself or a CA of its chain: the table of OPC 10000-4
	// does not call that step suppressible.
	OwnTrust
	// Strict106: 1.05.06. Nothing is ignored that the ValidationOptions do not
	// suppress, whatever the Purpose, and everything is Bad_CertificateInvalid.
	// IssuerCertificates are judged too.
	Strict106
)

func (b Behaviour) withDefaults() Behaviour {
	defaultTo(&b.Layout, uafile.Layout105_06)
	defaultTo(&b.OtherModes, ua.StatusBadNotSupported)
	if b.PrivateKeyFormats == nil {
		b.PrivateKeyFormats = []string{"PEM", "PFX", "PKCS8"}
	}
	return b
}

// supportedDataType is the DataType of the body of the ConfigurationFile (7.10.19).
func (b Behaviour) supportedDataType() uint32 {
	if b.Layout == uafile.Layout105_05 {
		return 15549
	}
	return 23743
}
