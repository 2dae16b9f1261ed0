package uafile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/uapush/uapush/config"
)

// decoder reads data[off:end]. Offsets in errors count from the start of data.
type decoder struct {
	data       []byte
	off, end   int
	namespaces []string // URIs; the first has index 1
	form       Layout
	kept       map[string]keptRecords // where the records are
	elements   int                    // of all lists so far
	room       int                    // bytes that namespace URIs may still take in NodeIds
	path
	truncated    bool // the failure is that the data ended
	carriedIndex int  // the highest namespace index in what was skipped
	err          error
}

// keptRecords are the records of a list as they were read. length is the
// array's length field: -1 and 0 both mean that there are none.
type keptRecords struct {
	length int32
	raw    [][]byte
}

func (d *decoder) failed() bool   { return d.err != nil }
func (d *decoder) layout() Layout { return d.form }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &Error{Offset: d.off, Field: d.path.String(), What: fmt.Sprintf(format, args...)}
	}
}

// failAt names the field that is being read.
func (d *decoder) failAt(field, format string, args ...any) {
	d.enter(field)
	d.fail(format, args...)
	d.leave()
}

// take gives the next n bytes, which belong to the stream, or nil.
func (d *decoder) take(field string, n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > d.end-d.off {
		d.truncated = true
		d.failAt(field, "needs %d bytes, %d are left", n, d.end-d.off)
		return nil
	}
	b := d.data[d.off : d.off+n]
	d.off += n
	return b
}

func (d *decoder) byte(field string) byte {
	if b := d.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) boolean(field string, v *bool) { *v = d.byte(field) != 0 }

func (d *decoder) uint16(field string, v *uint16) {
	if b := d.take(field, 2); b != nil {
		*v = binary.LittleEndian.Uint16(b)
	}
}

func (d *decoder) uint32(field string, v *uint32) {
	if b := d.take(field, 4); b != nil {
		*v = binary.LittleEndian.Uint32(b)
	}
}

func (d *decoder) int32(field string, v *int32) {
	if b := d.take(field, 4); b != nil {
		*v = int32(binary.LittleEndian.Uint32(b))
	}
}

func (d *decoder) dateTime(field string, v *time.Time) {
	if b := d.take(field, 8); b != nil {
		*v = timeOf(int64(binary.LittleEndian.Uint64(b)))
	}
}

// length reads the length of a String, ByteString or array: -1 is null
// (OPC 10000-6, 5.2.2.4, 5.2.5).
func (d *decoder) length(field string, minSize int) int32 {
	start, n := d.off, int32(0)
	d.int32(field, &n)
	if d.err == nil && (n < -1 || int64(n)*int64(minSize) > int64(d.end-d.off)) {
		left := d.end - d.off
		d.off = start
		d.failAt(field, "length %d does not fit into the %d bytes left", n, left)
		return 0
	}
	return n
}

// maxElements bounds the elements of all lists of a file together: far more than
// a server has, and few enough to hold and to show.
const maxElements = 1 << 15

func (d *decoder) count(field string, _, minSize int) int {
	return max(0, int(d.elementsOf(field, minSize)))
}

// elementsOf is the length of a list, which counts towards maxElements.
func (d *decoder) elementsOf(field string, minSize int) int32 {
	start := d.off
	n := d.length(field, minSize)
	if d.elements += max(0, int(n)); d.elements > maxElements && d.err == nil {
		d.off = start
		d.failAt(field, "more than %d records and list elements in one file", maxElements)
		return 0
	}
	return n
}

// opaque gives a ByteString, which belongs to the stream; nil when it is null.
func (d *decoder) opaque(field string) []byte {
	n := d.length(field, 1)
	if n < 0 {
		return nil
	}
	return d.take(field, int(n))
}

func (d *decoder) bytes(field string, v *[]byte) {
	if b := d.opaque(field); len(b) > 0 {
		*v = bytes.Clone(b)
	}
}

func (d *decoder) text(field string, v *string) { *v = string(d.utf8(field)) }

func (d *decoder) utf8(field string) []byte {
	b := d.opaque(field)
	if !utf8.Valid(b) {
		d.off -= len(b)
		d.failAt(field, "is not UTF-8")
		return nil
	}
	return b
}

// namespace gives the URI of an index, "" for OPC UA.
func (d *decoder) namespace(field string, index uint16) string {
	if d.err != nil || index == 0 {
		return ""
	}
	if int(index) > len(d.namespaces) || d.namespaces[index-1] == "" {
		d.failAt(field, "namespace index %d has no URI in this file", index)
		return ""
	}
	if uri := d.namespaces[index-1]; uri != config.NamespaceOPCUA {
		return uri
	}
	return ""
}

func (d *decoder) qualifiedName(field string, namespace, name *string) {
	var index uint16
	d.uint16(field, &index)
	*namespace = d.namespace(field, index)
	d.text(field, name)
}

func (d *decoder) localizedText(field string, v *config.LocalizedText) {
	mask := d.byte(field)
	if mask&^0x03 != 0 {
		d.failAt(field, "unknown encoding mask 0x%02X of a LocalizedText", mask)
		return
	}
	if mask&0x01 != 0 {
		d.text(field, &v.Locale)
	}
	if mask&0x02 != 0 {
		d.text(field, &v.Text)
	}
}

func (d *decoder) variant(field string, v *[]byte) {
	start := d.off
	d.enter(field)
	d.skipVariant(0)
	d.leave()
	if d.err == nil {
		*v = bytes.Clone(d.data[start:d.off])
	}
}

func (d *decoder) record(field string, move func(codec)) {
	start := d.off
	d.enter(field)
	move(d)
	d.leave()
	d.kept[field] = keptRecords{length: 1, raw: [][]byte{d.data[start:d.off]}}
}

func (d *decoder) records(field string, _, minSize int, move func(c codec, i int)) {
	kept := keptRecords{length: d.elementsOf(field, minSize)}
	for i := 0; i < int(kept.length) && d.err == nil; i++ {
		start := d.off
		d.element(field, i)
		move(d, i)
		d.leave()
		kept.raw = append(kept.raw, d.data[start:d.off])
	}
	d.kept[field] = kept
}
