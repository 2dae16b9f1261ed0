package upkeep

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Schema names the format of Work as JSON.
const Schema = "uapush.upkeep/1"

// Work is what has to be done to one application. It holds no secret.
type Work struct {
	Schema       string        `json:"schema"`
	Server       plan.Server   `json:"server"`
	Application  config.NodeID `json:"application"`
	TrustLists   []ListChange  `json:"trustLists"`
	Certificates []SlotChange  `json:"certificates"`
	Kept         []SlotKept    `json:"kept,omitempty"` // slots that were looked at and need nothing
	Notes        []string      `json:"notes,omitempty"`
}

// Empty says that there is nothing to do.
func (w Work) Empty() bool { return len(w.TrustLists) == 0 && len(w.Certificates) == 0 }

// ListChange is a TrustList to write.
type ListChange struct {
	Group   string   `json:"group"`
	Added   []Member `json:"added,omitempty"`
	Removed []Member `json:"removed,omitempty"`
	Mask    uint32   `json:"mask"`            // of the lists that are written (7.8.2.9)
	Size    int      `json:"size"`            // bytes of the whole list afterwards
	Limit   uint32   `json:"limit,omitempty"` // MaxTrustListSize; 0 is none

	Before  plan.TrustList `json:"-"`
	After   plan.TrustList `json:"-"`
	Updated time.Time      `json:"-"` // LastUpdateTime of Before; zero is not known
}

// SlotAction says what is done to a slot.
type SlotAction string

// The actions.
const (
	Renew      SlotAction = "renew"       // have a certificate issued, and update
	Install    SlotAction = "update"      // update with a certificate that is there
	SelfSigned SlotAction = "self-signed" // let the server make one
	Delete     SlotAction = "delete"
)

// KeySource says whose key a renewed certificate is for.
type KeySource string

// The sources.
const (
	ServerKey KeySource = "server" // a new one, made by the server
	SameKey   KeySource = "same"   // the one that the server has
	LocalKey  KeySource = "local"  // a new one, made by this client and sent
)

// SlotChange is a certificate slot to change.
type SlotChange struct {
	Group       string        `json:"group"`
	Type        config.NodeID `json:"type"`
	Action      SlotAction    `json:"action"`
	Reasons     []Need        `json:"reasons,omitempty"`
	Key         KeySource     `json:"key,omitempty"`
	Bits        int           `json:"bits,omitempty"` // of a LocalKey
	KeyFormat   string        `json:"keyFormat,omitempty"`
	Subject     string        `json:"subject,omitempty"` // "" keeps the one there is
	DNSNames    []string      `json:"dnsNames,omitempty"`
	IPAddresses []string      `json:"ipAddresses,omitempty"`
	Validity    time.Duration `json:"-"`
	Before      *Certificate  `json:"before,omitempty"`
	After       *Certificate  `json:"after,omitempty"` // of Install

	Old   []byte   `json:"-"` // DER; nil for an empty slot, or one that is not known
	Given [][]byte `json:"-"` // of Install: leaf first
}

// SlotKept is a slot that needs nothing.
type SlotKept struct {
	Group string        `json:"group"`
	Type  config.NodeID `json:"type"`
	Why   string        `json:"why"`
}

// Certificate is a certificate in few words.
type Certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	SHA256   string    `json:"sha256"`
	NotAfter time.Time `json:"notAfter"`
}

// Brief describes a certificate; nil for what is none.
func Brief(der []byte) *Certificate {
	c, err := pki.ReadCertificate(der)
	if err != nil {
		return nil
	}
	d := pki.Describe(c)
	return &Certificate{Subject: d.Subject, Issuer: d.Issuer, SHA256: d.SHA256, NotAfter: d.NotAfter}
}

func issuerName(l *x509.RevocationList) pkix.Name { return l.Issuer }

func normalHex(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimPrefix(strings.TrimPrefix(text, "sha256:"), "sha1:")
	return strings.TrimSuffix(strings.NewReplacer(":", "", " ", "").Replace(text), "…")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
