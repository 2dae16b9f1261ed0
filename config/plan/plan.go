package plan

import (
	"time"

	"github.com/uapush/uapush/config"
)

// Schema names the format of a saved plan; a change that an older reader would
// misunderstand changes the number.
const Schema = "uapush.plan/1"

// Plan is what has to be done to one application. It holds no secret.
type Plan struct {
	Schema       string              `json:"schema"`
	Server       Server              `json:"server"`
	Application  config.NodeID       `json:"application"` // "" is the server itself
	BaseVersion  config.VersionTime  `json:"baseVersion"` // VersionToUpdate of CloseAndUpdate
	Changes      []Change            `json:"changes"`
	TrustLists   []TrustListAction   `json:"trustLists"`
	Certificates []CertificateAction `json:"certificates"`
	Update       config.UpdateTiming `json:"update"`
	// Endpoints are the URLs of the endpoint that the plan brings about; the last
	// step opens a session through one of them. Empty for a Client.
	Endpoints []string `json:"endpoints,omitempty"`
	Summary   Summary  `json:"summary"`
}

// Server says for which server a plan was made.
type Server struct {
	URL               string `json:"url"`
	ApplicationURI    string `json:"applicationUri"`
	CertificateSHA256 string `json:"certificateSha256"` // of the session's server certificate, lower-case hex
}

// Change is one record to insert, replace or delete.
type Change struct {
	Path       string            `json:"path"` // in the uploaded file
	UpdateType config.UpdateType `json:"updateType"`
	Kind       config.List       `json:"kind"`
	Name       string            `json:"name"`
	// Before and After hold the config record of the list Kind (config.CertificateGroup,
	// config.ServerEndpoint, …); nil where there is none.
	Before any     `json:"before"`
	After  any     `json:"after"`
	Fields []Field `json:"fields,omitempty"` // what a Replace changes
}

// Field is one field of a record that differs. The values are as in JSON.
type Field struct {
	Field  string `json:"field"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// TrustListAction says what has to be added to the TrustList of a group, so that
// nothing that is in it gets lost.
type TrustListAction struct {
	Group   string     `json:"group"`
	Trusted []Material `json:"trusted,omitempty"`
	CRLs    []Material `json:"crls,omitempty"`
	Issuers []Material `json:"issuers,omitempty"`
}

// Material is a certificate or a CRL. It is public by nature.
type Material struct {
	Source  string `json:"source"` // the manifest's word: self, ca or a file
	Subject string `json:"subject"`
	SHA256  string `json:"sha256"`
	DER     []byte `json:"der"`
}

// CertificateAction is one certificate slot to fill.
type CertificateAction struct {
	Group  string        `json:"group"`
	Type   config.NodeID `json:"type"`
	Action string        `json:"action"` // Issue
	Reason string        `json:"reason"` // why the slot needs it, in words
	// Replaces is the SHA-256 (lower-case hex) of the certificate that the slot has;
	// empty for an empty slot, and where it could not be read.
	Replaces    string   `json:"replaces,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	DNSNames    []string `json:"dnsNames,omitempty"`
	IPAddresses []string `json:"ipAddresses,omitempty"`
	// Validity is 0 for the issuer's default. In JSON it is text, as Go writes durations: 8760h0m0s.
	Validity time.Duration `json:"validity,omitempty"`
}

// Summary counts the changes.
type Summary struct {
	Insert  int `json:"insert"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
}

// Issue is the one Action there is: have a certificate made for a slot.
const Issue = "issue"

// Empty says that nothing has to be done.
func (p Plan) Empty() bool {
	return len(p.Changes) == 0 && len(p.TrustLists) == 0 && len(p.Certificates) == 0
}

// Summarize counts changes. An InsertOrReplace counts as what it will do.
func Summarize(changes []Change) Summary {
	var s Summary
	for _, c := range changes {
		switch rank(c) {
		case 0:
			s.Delete++
		case 1:
			s.Insert++
		default:
			s.Replace++
		}
	}
	return s
}
