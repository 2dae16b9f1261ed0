package uafile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/uapush/uapush/config"
)

// encoder appends to buf. It writes null for what is empty (OPC 10000-6, 5.2.5).
type encoder struct {
	buf        []byte
	namespaces map[string]int // index by URI
	added      []string       // the URIs that the file lacked, in the order of their indices
	next       int            // index of the next one
	form       Layout
	// kept are the records that were read, plain the same records as this
	// encoder writes them, which is how it knows a record again.
	kept  map[string]keptRecords
	plain map[string][][]byte
	// written are the records of this encoder, before any was replaced.
	written map[string][][]byte
	path
	err error
}

func newEncoder(form Layout, namespaces []string) *encoder {
	e := &encoder{form: form, namespaces: map[string]int{}, next: len(namespaces) + 1, written: map[string][][]byte{}}
	for i, uri := range namespaces {
		if _, ok := e.namespaces[uri]; !ok {
			e.namespaces[uri] = i + 1
		}
	}
	return e
}

func (e *encoder) failed() bool   { return e.err != nil }
func (e *encoder) layout() Layout { return e.form }

func (e *encoder) failAt(field, format string, args ...any) {
	if e.err != nil {
		return
	}
	e.enter(field)
	e.err = &Error{Offset: -1, Field: e.path.String(), What: fmt.Sprintf(format, args...)}
	e.leave()
}

// refuse fails when a field is set that the layout does not have.
func (e *encoder) refuse(field string, set bool) {
	if e.err != nil || !set {
		return
	}
	e.enter(field)
	e.err = &UnsupportedFieldError{Layout: e.form, Field: e.path.String()}
	e.leave()
}

func (e *encoder) boolean(_ string, v *bool) {
	if *v {
		e.buf = append(e.buf, 1)
		return
	}
	e.buf = append(e.buf, 0)
}

func (e *encoder) uint16(_ string, v *uint16) { e.buf = binary.LittleEndian.AppendUint16(e.buf, *v) }
func (e *encoder) uint32(_ string, v *uint32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, *v) }
func (e *encoder) int32(_ string, v *int32)   { e.length(*v) }

func (e *encoder) length(n int32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(n)) }

func (e *encoder) dateTime(_ string, v *time.Time) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(ticksOf(*v)))
}

func (e *encoder) count(field string, have, _ int) int {
	switch {
	case have == 0:
		e.length(-1)
	case have > math.MaxInt32:
		e.failAt(field, "has %d elements", have)
	default:
		e.length(int32(have))
	}
	return have
}

func (e *encoder) text(field string, v *string) {
	if !utf8.ValidString(*v) {
		e.failAt(field, "%q is not UTF-8", *v)
	}
	if e.count(field, len(*v), 1) > 0 {
		e.buf = append(e.buf, *v...)
	}
}

func (e *encoder) bytes(field string, v *[]byte) {
	if e.count(field, len(*v), 1) > 0 {
		e.buf = append(e.buf, *v...)
	}
}

// namespace gives the index of a URI, which is added when it is new.
func (e *encoder) namespace(field, uri string) uint16 {
	if uri == "" || uri == config.NamespaceOPCUA {
		return 0
	}
	if i, ok := e.namespaces[uri]; ok && i <= math.MaxUint16 {
		return uint16(i)
	}
	switch {
	case !utf8.ValidString(uri):
		e.failAt(field, "namespace %q is not UTF-8", uri)
	case e.next > math.MaxUint16:
		e.failAt(field, "no index is left for the namespace %q", uri)
	}
	e.namespaces[uri] = e.next
	e.added = append(e.added, uri)
	e.next++
	return uint16(e.next - 1)
}

func (e *encoder) qualifiedName(field string, namespace, name *string) {
	index := e.namespace(field, *namespace)
	e.uint16(field, &index)
	e.text(field, name)
}

func (e *encoder) localizedText(field string, v *config.LocalizedText) {
	mask := byte(0)
	if v.Locale != "" {
		mask |= 0x01
	}
	if v.Text != "" {
		mask |= 0x02
	}
	e.buf = append(e.buf, mask)
	if v.Locale != "" {
		e.text(field, &v.Locale)
	}
	if v.Text != "" {
		e.text(field, &v.Text)
	}
}

// variant writes an encoded Variant after checking that it is one; nothing at
// all is the null Variant.
func (e *encoder) variant(field string, v *[]byte) {
	if len(*v) == 0 {
		e.buf = append(e.buf, 0)
		return
	}
	d := decoder{data: *v, end: len(*v)}
	d.skipVariant(0)
	if d.err == nil && d.off != d.end {
		d.fail("%d bytes follow the Variant", d.end-d.off)
	}
	if err, ok := d.err.(*Error); ok {
		e.failAt(field, "is no encoded Variant: byte %d: %s", err.Offset, err.What)
	}
	e.buf = append(e.buf, *v...)
}

func (e *encoder) record(field string, move func(codec)) {
	e.enter(field)
	plain := [][]byte{e.capture(func() { move(e) })}
	e.leave()
	e.place(field, plain)
}

func (e *encoder) records(field string, have, _ int, move func(c codec, i int)) {
	plain := make([][]byte, 0, have)
	for i := 0; i < have && e.err == nil; i++ {
		e.element(field, i)
		plain = append(plain, e.capture(func() { move(e, i) }))
		e.leave()
	}
	if kept, ok := e.kept[field]; ok && have == 0 && kept.length <= 0 {
		e.length(kept.length)
	} else {
		e.count(field, have, 1)
	}
	e.place(field, plain)
}

// capture gives what write appends, without appending it.
func (e *encoder) capture(write func()) []byte {
	start := len(e.buf)
	write()
	b := bytes.Clone(e.buf[start:])
	e.buf = e.buf[:start]
	return b
}

// place writes records, each with its original bytes where it is equal to one
// that was read: the one in the same place, else any that is not taken.
func (e *encoder) place(field string, plain [][]byte) {
	e.written[field] = plain
	known, raw := e.plain[field], e.kept[field].raw
	chosen := make([]int, len(plain))
	free := map[string][]int{}
	for i, p := range known {
		if i < len(plain) && bytes.Equal(p, plain[i]) {
			chosen[i] = i + 1
		} else {
			free[string(p)] = append(free[string(p)], i)
		}
	}
	for i, p := range plain {
		if f := free[string(p)]; chosen[i] == 0 && len(f) > 0 {
			chosen[i], free[string(p)] = f[0]+1, f[1:]
		}
		if chosen[i] > 0 {
			p = raw[chosen[i]-1]
		}
		e.buf = append(e.buf, p...)
	}
}
