package upkeep

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// RecordSchema names the format of a Record; a change that an older reader would
// misunderstand changes the number.
const RecordSchema = "uapush.upkeep-record/1"

// MaxRecord bounds the certificates and CRLs of a Record, in bytes.
const MaxRecord = 48 << 20

// ErrRecordTooLarge says that a Work exceeds MaxRecord.
var ErrRecordTooLarge = fmt.Errorf("the trust lists together are more than %d MiB, which is more than a record of the run takes", MaxRecord>>20)

// Record is Work as the record of a run keeps it: with the certificates and CRLs,
// so that another process can go on. It holds no key.
type Record struct {
	Schema       string         `json:"schema"`
	Server       plan.Server    `json:"server"`
	Application  config.NodeID  `json:"application"`
	TrustLists   []RecordedList `json:"trustLists,omitempty"`
	Certificates []RecordedSlot `json:"certificates,omitempty"`
}

// RecordedList is a ListChange; what it adds and removes follows from the lists.
type RecordedList struct {
	Group   string          `json:"group"`
	Limit   uint32          `json:"limit,omitempty"`
	Updated time.Time       `json:"updated,omitzero"`
	Before  RecordedMembers `json:"before"`
	After   RecordedMembers `json:"after"`
}

// RecordedMembers are the members of a TrustList, in DER.
type RecordedMembers struct {
	Trusted     [][]byte `json:"trusted,omitempty"`
	TrustedCRLs [][]byte `json:"trustedCrls,omitempty"`
	Issuers     [][]byte `json:"issuers,omitempty"`
	IssuerCRLs  [][]byte `json:"issuerCrls,omitempty"`
}

// RecordedSlot is a SlotChange with what its own JSON leaves out.
type RecordedSlot struct {
	SlotChange
	Validity string   `json:"validity,omitempty"` // as Go writes durations
	Old      []byte   `json:"old,omitempty"`
	Given    [][]byte `json:"given,omitempty"`
}

// Recorded gives the Record of a Work. The error is ErrRecordTooLarge, or that of
// Record.Work: what could not be read again is not begun.
func Recorded(w Work) (*Record, error) {
	r := &Record{Schema: RecordSchema, Server: w.Server, Application: w.Application}
	for _, l := range w.TrustLists {
		r.TrustLists = append(r.TrustLists, RecordedList{
			Group: l.Group, Limit: l.Limit, Updated: l.Updated.UTC(), Before: membersOf(l.Before), After: membersOf(l.After),
		})
	}
	for _, c := range w.Certificates {
		s := RecordedSlot{SlotChange: c, Old: c.Old, Given: c.Given}
		s.Before, s.After = nil, nil // they follow from Old and Given
		if c.Validity != 0 {
			s.Validity = c.Validity.String()
		}
		r.Certificates = append(r.Certificates, s)
	}
	if r.size() > MaxRecord {
		return nil, ErrRecordTooLarge
	}
	if _, err := r.Work(); err != nil {
		return nil, fmt.Errorf("this cannot be put on record: %w", err)
	}
	return r, nil
}

func membersOf(l plan.TrustList) RecordedMembers {
	return RecordedMembers{l.Trusted, l.TrustedCRLs, l.Issuers, l.IssuerCRLs}
}

func (m RecordedMembers) list(group string) plan.TrustList {
	return plan.TrustList{Group: group, Trusted: m.Trusted, TrustedCRLs: m.TrustedCRLs, Issuers: m.Issuers, IssuerCRLs: m.IssuerCRLs}
}

func (r *Record) size() int {
	n := 0
	count := func(lists ...[][]byte) {
		for _, ders := range lists {
			for _, der := range ders {
				n += len(der)
			}
		}
	}
	for _, l := range r.TrustLists {
		for _, m := range []RecordedMembers{l.Before, l.After} {
			count(m.Trusted, m.TrustedCRLs, m.Issuers, m.IssuerCRLs)
		}
	}
	for _, s := range r.Certificates {
		count(s.Given, [][]byte{s.Old})
	}
	return n
}

// RecordError says that a part of a Record breaks what a Work promises.
type RecordError struct {
	Field   string // where, as in the JSON
	Problem string
}

func (e *RecordError) Error() string { return e.Field + ": " + e.Problem }

// Hint tells how to go on.
func (e *RecordError) Hint() string {
	return "the record is not what uapush writes; uapush runs abandon gives the run up, and the command can then be run again"
}

// Work gives back what was recorded. A Record is not trusted: everything that a
// Work promises is checked again. The errors are *RecordError, joined, or
// ErrRecordTooLarge.
func (r *Record) Work() (Work, error) {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &RecordError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	switch {
	case r.Schema != RecordSchema:
		bad("schema", "it is %q; this program reads %q", r.Schema, RecordSchema)
	case r.size() > MaxRecord:
		return Work{}, ErrRecordTooLarge
	case len(r.TrustLists)+len(r.Certificates) == 0:
		bad("trustLists", "there is nothing to do")
	}
	if s := r.Server.CertificateSHA256; s != "" && !hexSHA256.MatchString(s) {
		bad("server.certificateSha256", "%q is no SHA-256 in lower-case hex", s)
	}
	if r.Application != "" && !portable(r.Application) {
		bad("application", "%q is no NodeId in its portable form", r.Application)
	}
	w := Work{Schema: Schema, Server: r.Server, Application: r.Application, TrustLists: []ListChange{}, Certificates: []SlotChange{}}
	seen := map[string]bool{}
	for i, l := range r.TrustLists {
		if l.Group == "" || seen[l.Group] {
			bad(fmt.Sprintf("trustLists[%d].group", i), "%q is empty or named twice", l.Group)
		}
		seen[l.Group] = true
		c := ListChange{Group: l.Group, Limit: l.Limit, Updated: l.Updated, Before: l.Before.list(l.Group), After: l.After.list(l.Group)}
		c.Added, c.Removed, c.Mask = Difference(c.Before, c.After)
		if c.Size = Size(c.After); c.Mask == 0 {
			bad(fmt.Sprintf("trustLists[%d]", i), "it changes nothing")
		}
		w.TrustLists = append(w.TrustLists, c)
	}
	slots := map[slotName]bool{}
	for i, s := range r.Certificates {
		field := fmt.Sprintf("certificates[%d]", i)
		if slots[slotName{s.Group, s.Type}] {
			bad(field, "the slot is named twice")
		}
		slots[slotName{s.Group, s.Type}] = true
		c, problem := s.change()
		if problem != "" {
			bad(field, "%s", problem)
		}
		w.Certificates = append(w.Certificates, c)
	}
	return w, errors.Join(errs...)
}

type slotName struct {
	group string
	typ   config.NodeID
}

// change gives back the SlotChange, and says what is wrong with it, or "".
func (s RecordedSlot) change() (c SlotChange, problem string) {
	c = s.SlotChange
	c.Old, c.Given, c.Before, c.After = s.Old, s.Given, Brief(s.Old), nil
	if len(s.Given) > 0 {
		c.After = Brief(s.Given[0])
	}
	if s.Validity != "" {
		var err error
		if c.Validity, err = time.ParseDuration(s.Validity); err != nil || c.Validity < 0 {
			return c, fmt.Sprintf("validity %q is none", s.Validity)
		}
	}
	return c, c.problem()
}

func (c SlotChange) problem() string {
	switch {
	case c.Group == "":
		return "it names no group"
	case !portable(c.Type):
		return fmt.Sprintf("type %q is no NodeId in its portable form", c.Type)
	case c.Bits < 0 || c.Bits > 1<<16-1:
		return fmt.Sprintf("a key of %d bits", c.Bits)
	case (c.Key == LocalKey) != (c.KeyFormat != ""), c.KeyFormat != "" && !slices.Contains(pki.PrivateKeyFormats(), c.KeyFormat):
		return fmt.Sprintf("key format %q does not go with the key %q", c.KeyFormat, c.Key)
	case (c.Action == Install) != (len(c.Given) > 0), len(c.Given) > pki.MaxChainLength:
		return fmt.Sprintf("%d certificates do not go with the action %q", len(c.Given), c.Action)
	}
	for _, der := range c.Given {
		if _, err := x509.ParseCertificate(der); err != nil {
			return "bytes that are no certificate: " + err.Error()
		}
	}
	if c.Subject != "" {
		if _, err := pki.ParseSubject(c.Subject); err != nil {
			return err.Error()
		}
	}
	for _, ip := range c.IPAddresses {
		if _, err := netip.ParseAddr(ip); err != nil {
			return fmt.Sprintf("%q is no IP address", ip)
		}
	}
	if !slices.Contains(keysOf[c.Action], c.Key) {
		return fmt.Sprintf("the key %q does not go with the action %q", c.Key, c.Action)
	}
	return ""
}

// keysOf says whose key can go with an action.
var keysOf = map[SlotAction][]KeySource{
	Renew: {ServerKey, SameKey, LocalKey}, Install: {SameKey, LocalKey}, SelfSigned: {""}, Delete: {""},
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func portable(id config.NodeID) bool {
	parsed, err := config.ParseNodeID(string(id))
	return err == nil && parsed == id
}

// Between says whether a list is on the way from the one to the other: all that it
// has is in one of them, and it has all that both have. Writing the other one then
// undoes nobody else's change. Only the lists that a mask names count.
func (l ListChange) Between(now plan.TrustList) bool {
	was, is := parts(l.Before), parts(now)
	for i, p := range parts(l.After) {
		if p.mask&l.Mask == 0 {
			continue
		}
		common := missingIn(p.ders, missingIn(p.ders, was[i].ders))
		if len(missingIn(is[i].ders, slices.Concat(was[i].ders, p.ders)))+len(missingIn(common, is[i].ders)) > 0 {
			return false
		}
	}
	return true
}

// Done says whether a list is as it was to be, in the lists that are changed.
func (l ListChange) Done(now plan.TrustList) bool {
	_, _, mask := Difference(l.After, now)
	return mask&l.Mask == 0
}
