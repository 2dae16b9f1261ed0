package view

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

// OutcomeSchema names the format of the result of apply.
const OutcomeSchema = "uapush.result/1"

// Outcome is what an apply achieved, as observed.
type Outcome struct {
	Schema      string             `json:"schema"`
	Changed     bool               `json:"changed"`
	Summary     plan.Summary       `json:"summary"`
	BaseVersion config.VersionTime `json:"baseVersion"`
	Version     config.VersionTime `json:"version,omitempty"` // afterwards
	Confirmed   bool               `json:"confirmed"`
	// ConfirmBy is set where the update waits: the server takes it back at that time.
	ConfirmBy    time.Time           `json:"confirmBy,omitzero"`
	Certificates []IssuedCertificate `json:"certificates,omitempty"`
	TrustLists   []string            `json:"trustLists,omitempty"` // groups whose list was written
	Verified     *Verified           `json:"verified,omitempty"`
	// Held are slots whose certificate was read back and no session could use.
	Held    []workflow.HeldSlot `json:"held,omitempty"`
	LeftOut []string            `json:"leftOut,omitempty"` // what of the plan was not to be done, in words
}

// IssuedCertificate is a certificate that went into a slot.
type IssuedCertificate struct {
	Group    string        `json:"group"`
	Type     config.NodeID `json:"type"`
	Subject  string        `json:"subject"`
	SHA256   string        `json:"sha256"`
	NotAfter time.Time     `json:"notAfter"`
}

// Verified is the session that proved an endpoint.
type Verified struct {
	EndpointURL       string    `json:"endpointUrl"`
	SecurityPolicyURI string    `json:"securityPolicyUri"`
	SecurityMode      string    `json:"securityMode"`
	CertificateSHA256 string    `json:"certificateSha256"`
	ServerTime        time.Time `json:"serverTime"`
}

// OutcomeOf reads what a run left in its State.
func OutcomeOf(s *workflow.State) Outcome {
	o := Outcome{
		Schema: OutcomeSchema, Summary: s.Plan.Summary,
		BaseVersion: s.Plan.BaseVersion, Version: s.VersionAfter, Confirmed: s.Confirmed,
	}
	if s.Unconfirmed() {
		o.ConfirmBy = s.Deadline
	}
	if o.Version == 0 && s.Update != nil {
		o.Version = s.Update.NewVersion
	}
	for _, c := range s.Plan.Certificates {
		if chain := s.IssuedFor(c.Group, c.Type); len(chain) > 0 {
			o.Certificates = append(o.Certificates, issued(c, chain[0]))
			continue
		}
		o.LeftOut = append(o.LeftOut, fmt.Sprintf("%s certificate of %s", config.CertificateTypeName(c.Type), c.Group))
	}
	for _, l := range s.Plan.TrustLists {
		if s.TrustWritten(l.Group) {
			o.TrustLists = append(o.TrustLists, l.Group)
			continue
		}
		o.LeftOut = append(o.LeftOut, "trust list of "+l.Group)
	}
	o.Held = s.Held
	o.Changed = s.Update != nil || len(o.Certificates)+len(o.TrustLists) > 0
	if p := s.Probed; p != nil {
		o.Verified = &Verified{
			EndpointURL: p.EndpointURL, SecurityPolicyURI: p.SecurityPolicyURI, SecurityMode: p.SecurityMode.String(),
			CertificateSHA256: p.CertificateSHA256, ServerTime: p.ServerTime,
		}
	}
	return o
}

func issued(c plan.CertificateAction, der []byte) IssuedCertificate {
	sum := sha256.Sum256(der)
	out := IssuedCertificate{Group: c.Group, Type: c.Type, SHA256: hex.EncodeToString(sum[:])}
	if cert, err := x509.ParseCertificate(der); err == nil {
		out.Subject, out.NotAfter = pki.Describe(cert).Subject, cert.NotAfter
	}
	return out
}

// Outcome shows the end of an apply.
func (v View) Outcome(o Outcome) error {
	return v.Result(o, func(t *Text) { t.outcome(o) }, nil)
}

func (t *Text) outcome(o Outcome) {
	if !o.Changed && len(o.LeftOut) == 0 {
		t.Line("Nothing to do.")
		return
	}
	how := "in force"
	switch {
	case o.Confirmed:
		how = "confirmed"
	case !o.ConfirmBy.IsZero():
		how = "not confirmed"
	}
	if o.Summary != (plan.Summary{}) {
		t.Line("Configuration %v is %s: %d inserted, %d replaced, %d deleted.", o.Version, how, o.Summary.Insert, o.Summary.Replace, o.Summary.Delete)
	}
	if !o.ConfirmBy.IsZero() {
		t.Line("The server takes it back at %s unless uapush confirm comes first.", o.ConfirmBy.Local().Format(time.TimeOnly))
	}
	for _, g := range o.TrustLists {
		t.Line("Trust list of %s is written.", Clean(g))
	}
	for _, c := range o.Certificates {
		t.Line("%s certificate of %s is issued: %s, until %s, SHA-256 %.16s….", config.CertificateTypeName(c.Type), Clean(c.Group),
			Clean(c.Subject), c.NotAfter.UTC().Format(time.DateOnly), c.SHA256)
	}
	if len(o.LeftOut) > 0 {
		t.Line("Left out: %s.", Clean(strings.Join(o.LeftOut, ", ")))
	}
	for _, h := range o.Held {
		t.Line("The slot %s of %s holds it, for the key of the server's request. No session was tried: this program's channels are RSA.",
			config.CertificateTypeName(h.Type), Clean(h.Group))
	}
	if v := o.Verified; v != nil {
		t.Line("A session through %s works (%s, %s).", Clean(v.EndpointURL), v.SecurityMode, strings.TrimSpace(config.PolicyName(v.SecurityPolicyURI)))
	}
}
