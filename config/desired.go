package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Desired is what a manifest asks of an application. It says nothing of how far
// a server is from it; package plan works that out.
type Desired struct {
	// Application is "" for the server itself, else the ApplicationUri or the
	// NodeId of a child of ManagedApplications (OPC 10000-12, 7.10.16).
	Application string
	// Records are the records that must exist. Their names are handles: those of
	// CertificateGroups and AuthorizationServices are kept by the server, the
	// others only tie the records together. A zero field is not stated: an
	// existing record keeps its value, a new one gets the default.
	Records      Application
	TrustLists   []DesiredTrustList
	Certificates []DesiredCertificate
	Update       UpdateTiming
}

// DesiredTrustList names what the TrustList of a group must contain: files, or
// the words of the manifest (self, ca). Nothing is read until it is needed.
type DesiredTrustList struct {
	Group                  string
	Trusted, Issuers, CRLs []string
}

// DesiredCertificate says how the certificate of one slot is to be issued.
type DesiredCertificate struct {
	Group       string
	Type        NodeID
	Subject     string        // as OPC 10000-12, 7.9.4 has it: CN=PLC1/O=Plant; "" leaves it to the server
	DNSNames    []string      // added to those of the signing request
	IPAddresses []string      // likewise
	Validity    time.Duration // 0: the issuer's default
}

// UpdateTiming are the two durations of CloseAndUpdate (OPC 10000-12, 7.8.5.2).
// In JSON they are written as Go writes durations: restartDelay "0s", revertAfter "2m0s".
type UpdateTiming struct {
	RestartDelay time.Duration // before the server applies the update
	RevertAfter  time.Duration // after that, until it takes an unconfirmed update back
}

type updateTimingJSON struct {
	RestartDelay string `json:"restartDelay"`
	RevertAfter  string `json:"revertAfter"`
}

// MarshalJSON writes the durations as text.
func (t UpdateTiming) MarshalJSON() ([]byte, error) {
	return json.Marshal(updateTimingJSON{t.RestartDelay.String(), t.RevertAfter.String()})
}

// UnmarshalJSON reads what MarshalJSON writes; unknown members are refused.
func (t *UpdateTiming) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var j updateTimingJSON
	if err := d.Decode(&j); err != nil {
		return err
	}
	var err error
	if t.RestartDelay, err = time.ParseDuration(j.RestartDelay); err != nil {
		return fmt.Errorf("restartDelay: %w", err)
	}
	if t.RevertAfter, err = time.ParseDuration(j.RevertAfter); err != nil {
		return fmt.Errorf("revertAfter: %w", err)
	}
	return nil
}

// Capabilities are the limits an ApplicationConfigurationFile states
// (OPC 10000-12, 7.10.20). Empty lists and zeros allow everything.
type Capabilities struct {
	ApplicationType          ApplicationType
	AvailableNetworks        []string
	AvailablePorts           string // a NumericRange such as 4840:4899
	MaxEndpoints             uint16 // client and server endpoints together
	MaxCertificateGroups     uint16
	SecurityPolicyURIs       []string
	UserTokenTypes           []UserTokenType
	CertificateTypes         []NodeID
	CertificateGroupPurposes []NodeID
}

// UserTokenType is a kind of token a server permits. IssuedTokenType is a URI
// and counts for IssuedToken only.
type UserTokenType struct {
	TokenType       TokenType
	IssuedTokenType string
}
