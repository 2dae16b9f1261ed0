package pki

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	requestsSchema = "uapush.requests/1"
	maxRequests    = 4 << 20 // bytes of the file
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
	path string
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
	return &Requests{path: path, now: now}
}

// Key is the KeyID of the latest request for a slot, "" where none is on record.
func (r *Requests) Key(applicationURI, group, typ string) (string, error) {
	all, err := r.read()
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
	dir := filepath.Dir(r.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the requests: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "."+filepath.Base(r.path)+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	all, err := r.read()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(w waiting) bool { return w.of(applicationURI, group, typ) })
	all = append(all, waiting{applicationURI, group, typ, key, r.now().UTC().Truncate(time.Second)})
	data, err := json.MarshalIndent(requestsFile{requestsSchema, all}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode requests: %w", err)
	}
	return WriteFileAtomic(r.path, append(data, '\n'), 0o600)
}

type requestsFile struct {
	Schema   string    `json:"schema"`
	Requests []waiting `json:"requests"`
}

func (r *Requests) read() ([]waiting, error) {
	data, err := ReadBounded(r.path, maxRequests)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var file requestsFile
	if err = d.Decode(&file); err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the JSON value")
		} else if file.Schema != requestsSchema {
			err = fmt.Errorf("schema is %q, expected %q", file.Schema, requestsSchema)
		}
	}
	if err != nil {
		return nil, &FileError{Path: r.path, Err: fmt.Errorf("%w: %w", ErrDamaged, err),
			hint: "restore the file, or remove it: uapush cert update then takes the request with --request FILE"}
	}
	return file.Requests, nil
}
