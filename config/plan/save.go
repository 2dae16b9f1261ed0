package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uapush/uapush/config"
)

// MaxSize bounds a saved plan, in bytes.
const MaxSize = 16 << 20

// ErrTooLarge says that a plan exceeds MaxSize.
var ErrTooLarge = fmt.Errorf("a saved plan is at most %d MiB", MaxSize>>20)

// SchemaError says that a file is no plan, or one of another version of uapush.
type SchemaError struct {
	Found string // what the file says it is; "" where it says nothing
}

func (e *SchemaError) Error() string {
	if e.Found == "" {
		return "this is no saved plan: it does not say its schema"
	}
	return fmt.Sprintf("the plan has schema %q; this program reads %q", e.Found, Schema)
}

// Hint tells how to go on.
func (e *SchemaError) Hint() string {
	if strings.HasPrefix(e.Found, "uapush.plan/") {
		return "apply it with the version of uapush that made it, or make a new plan"
	}
	return "save a plan with uapush plan --out FILE"
}

// Save writes p as JSON that Load reads. A plan that Load would refuse, or read
// differently, is not written.
func Save(w io.Writer, p Plan) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	if !validText(reflect.ValueOf(p)) {
		return errors.New("save plan: the server sent text that is not UTF-8, which JSON cannot hold")
	}
	data, err := encode(p)
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	if len(data) > MaxSize {
		return fmt.Errorf("save plan: %w", ErrTooLarge)
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	return nil
}

func encode(p Plan) ([]byte, error) {
	p.Schema = Schema
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(p)
	return b.Bytes(), err
}

// Digest is the SHA-256, in lower-case hex, of the file that Save writes: by it the
// plan that was looked at and the one that was carried out can be compared. It is
// "" for a plan that JSON cannot hold.
func (p Plan) Digest() string {
	data, err := encode(p)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Load reads a saved plan. The file is not trusted: unknown members, data after
// the plan and more than MaxSize bytes are refused, and everything that a plan
// promises is checked again. The errors are *SchemaError, ErrTooLarge,
// *ChangeError, *InvalidError, or about the JSON.
func Load(r io.Reader) (Plan, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return Plan{}, fmt.Errorf("load plan: %w", err)
	}
	if len(data) > MaxSize {
		return Plan{}, fmt.Errorf("load plan: %w", ErrTooLarge)
	}
	p, err := decode(data)
	if err != nil {
		return Plan{}, fmt.Errorf("load plan: %w", err)
	}
	return p, nil
}

func decode(data []byte) (Plan, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Plan{}, err // trailing data, too
	}
	if head.Schema != Schema {
		return Plan{}, &SchemaError{Found: head.Schema}
	}
	var p Plan
	if err := strict(data, &p); err != nil {
		return Plan{}, err
	}
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	// Null and empty mean the same; callers see one of them only.
	p.Changes, p.TrustLists, p.Certificates = noEmpty(p.Changes), noEmpty(p.TrustLists), noEmpty(p.Certificates)
	return p, nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func noEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// MarshalJSON writes lists that are empty as [], so that readers find them.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	p.Changes, p.TrustLists, p.Certificates = orEmpty(p.Changes), orEmpty(p.TrustLists), orEmpty(p.Certificates)
	return json.Marshal(plain(p))
}

type changeJSON struct {
	Path       string            `json:"path"`
	UpdateType config.UpdateType `json:"updateType"`
	Kind       config.List       `json:"kind"`
	Name       string            `json:"name"`
	Before     json.RawMessage   `json:"before"`
	After      json.RawMessage   `json:"after"`
	Fields     []Field           `json:"fields"`
}

// UnmarshalJSON decodes Before and After to the record type of Kind.
func (c *Change) UnmarshalJSON(data []byte) error {
	var j changeJSON
	if err := strict(data, &j); err != nil {
		return err
	}
	l, ok := listOf(j.Kind)
	if !ok {
		return &ChangeError{Path: j.Path, Problem: fmt.Sprintf("there is no list %q", j.Kind)}
	}
	*c = Change{Path: j.Path, UpdateType: j.UpdateType, Kind: j.Kind, Name: j.Name, Fields: noEmpty(j.Fields)}
	for _, part := range []struct {
		raw  json.RawMessage
		into *any
	}{{j.Before, &c.Before}, {j.After, &c.After}} {
		if len(part.raw) == 0 || string(part.raw) == "null" {
			continue
		}
		record, err := l.decode(part.raw)
		if err != nil {
			return fmt.Errorf("change %q: %w", j.Path, err)
		}
		*part.into = record
	}
	return nil
}

// certificateActionJSON shadows the field that JSON has as text.
type certificateActionJSON struct {
	plainCertificateAction
	Validity string `json:"validity,omitempty"`
}

type plainCertificateAction CertificateAction

// MarshalJSON writes Validity as text.
func (a CertificateAction) MarshalJSON() ([]byte, error) {
	j := certificateActionJSON{plainCertificateAction: plainCertificateAction(a)}
	if a.Validity != 0 {
		j.Validity = a.Validity.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *CertificateAction) UnmarshalJSON(data []byte) error {
	var j certificateActionJSON
	if err := strict(data, &j); err != nil {
		return err
	}
	*a = CertificateAction(j.plainCertificateAction)
	if j.Validity == "" {
		return nil
	}
	v, err := time.ParseDuration(j.Validity)
	if err != nil {
		return fmt.Errorf("validity: %w", err)
	}
	a.Validity = v
	return nil
}

// validText says whether every string in v is UTF-8.
func validText(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return utf8.ValidString(v.String())
	case reflect.Interface:
		return v.IsNil() || validText(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !validText(v.Field(i)) {
				return false
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return true
		}
		for i := range v.Len() {
			if !validText(v.Index(i)) {
				return false
			}
		}
	case reflect.Map: // of a field's JSON value
		for _, k := range v.MapKeys() {
			if !validText(k) || !validText(v.MapIndex(k)) {
				return false
			}
		}
	}
	return true
}
