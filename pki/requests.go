package pki

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// KeyID is the SHA-256 of a public key (SubjectPublicKeyInfo), lower-case hex.
func KeyID(publicKeyInfo []byte) string {
	sum := sha256.Sum256(publicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// RequestKeyID is the KeyID of a request in DER.
func RequestKeyID(request []byte) (string, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return "", fmt.Errorf("a certificate request: %w", err)
	}
	return KeyID(csr.RawSubjectPublicKeyInfo), nil
}

// Requests is the file of signing requests that servers made and that are signed
// elsewhere: the latest of every slot. It is read at every call.
type Requests struct {
	file stateFile[waiting]
	now  func() time.Time
}

// waiting is the latest request of a slot.
type waiting struct {
	ApplicationURI string    `json:"applicationUri"` // whose slot it is
	Group          string    `json:"group"`
	Type           string    `json:"type"` // short name of the CertificateType
	Key            string    `json:"key"`  // KeyID
	Added          time.Time `json:"added"`
}

func (w waiting) of(applicationURI, group, typ string) bool {
	return w.ApplicationURI == applicationURI && w.Group == group && w.Type == typ
}

// NewRequests names the file; neither it nor its directory need exist. now nil is
// the system clock.
func NewRequests(path string, now func() time.Time) *Requests {
	if now == nil {
		now = time.Now
	}
	return &Requests{now: now, file: stateFile[waiting]{
		path: path, schema: "uapush.requests/1", list: "requests",
		mend: "restore the file, or remove it: uapush cert update then takes the request with --request FILE",
	}}
}

// Key is the KeyID of the latest request for a slot, "" where none is on record.
func (r *Requests) Key(applicationURI, group, typ string) (string, error) {
	all, err := r.file.read()
	if err != nil {
		return "", err
	}
	for _, w := range all {
		if w.of(applicationURI, group, typ) {
			return w.Key, nil
		}
	}
	return "", nil
}

// Add puts a request (DER) on record, in place of an earlier one for the slot: a
// server keeps the key of the latest only (OPC 10000-12, 7.10.10).
func (r *Requests) Add(ctx context.Context, applicationURI, group, typ string, request []byte) error {
	key, err := RequestKeyID(request)
	if err != nil {
		return err
	}
	return r.file.change(ctx, func(all []waiting) ([]waiting, error) {
		all = slices.DeleteFunc(all, func(w waiting) bool { return w.of(applicationURI, group, typ) })
		return append(all, waiting{applicationURI, group, typ, key, r.now().UTC().Truncate(time.Second)}), nil
	})
}
