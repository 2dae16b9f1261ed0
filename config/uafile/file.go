package uafile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/uapush/uapush/config"
)

// fileEncodingID is the Default Binary encoding of UABinaryFileDataType.
const fileEncodingID config.NodeID = "i=15422"

// bodyVariant is the encoding byte of a Variant that holds one ExtensionObject.
const bodyVariant = typeExtensionObject

// File is a configuration file as it was read. It does not change and may be
// used by several goroutines.
type File struct {
	form       Layout
	namespaces []string

	// The parts of the stream, in order; between them are the lengths.
	fileType      []byte // TypeId and encoding byte of the file
	namespaceList []byte // the array, with its length
	header        []byte // StructureDataTypes to FileHeader
	bodyType      []byte // TypeId and encoding byte of the body
	body          []byte

	// carriedIndex is the highest namespace index in what is carried through.
	carriedIndex int

	kept map[string]keptRecords
}

// New gives a file without records, to encode from scratch.
func New(l Layout) *File {
	f := &File{form: l}
	e := newEncoder(l, nil)
	for _, id := range []config.NodeID{fileEncodingID, l.encodingID()} {
		e.nodeID("", &id)
		e.buf = append(e.buf, 1)
	}
	half := len(e.buf) / 2
	f.fileType, f.bodyType = e.buf[:half:half], e.buf[half:]
	null := bytes.Repeat([]byte{0xFF}, 4)
	f.namespaceList, f.header = null, bytes.Repeat(null, 5)
	return f
}

// Layout says which layout the file has.
func (f *File) Layout() Layout { return f.form }

// Size says how many bytes the ExtensionObject at the start of a stream takes by
// its own account, and whether they are all there. n is 0 while too little is
// known. What follows them is left over from an older, longer file (OPC 10000-12,
// 7.8.5.1). The error, an *Error, says that the stream is no configuration file.
func Size(stream []byte) (n int, complete bool, err error) {
	d := &decoder{data: stream, end: len(stream)}
	length := d.fileEnvelope()
	switch {
	case d.truncated:
		return 0, false, nil
	case d.err != nil:
		return 0, false, d.err
	}
	return d.off + length, d.end-d.off >= length, nil
}

// fileEnvelope reads what comes before the file's fields and gives their length.
func (d *decoder) fileEnvelope() int {
	var id config.NodeID
	d.nodeID("TypeId", &id)
	if d.err == nil && id != fileEncodingID {
		d.off = 0
		d.failAt("TypeId", "%q is not %s, the encoding of UABinaryFileDataType", id, fileEncodingID)
	}
	return d.binaryBody("")
}

// binaryBody reads the encoding byte and the length of an ExtensionObject's body,
// without a look at what is left.
func (d *decoder) binaryBody(field string) int {
	if encoding := d.byte(field); d.err == nil && encoding != 1 {
		d.off--
		d.failAt(field, "0x%02X is not 0x01, the encoding byte of a binary body", encoding)
	}
	var length int32
	d.int32(field, &length)
	// The margin keeps sums of lengths within 31 bits.
	if d.err == nil && (length < 0 || length > math.MaxInt32-64) {
		d.off -= 4
		d.failAt(field, "%d is no length of a body", length)
	}
	return int(length)
}

// Decode reads a configuration file. Bytes after the ExtensionObject are ignored,
// see Size. The error is an *Error or an *UnknownBodyError. The memory it takes is
// a small multiple of the length of the stream, whatever the stream says.
func Decode(stream []byte) (*File, error) {
	n, complete, err := Size(stream)
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, &Error{Offset: len(stream), What: "the stream ends inside the file"}
	}
	data := bytes.Clone(stream[:n])
	d := &decoder{data: data, end: n, kept: map[string]keptRecords{}, room: 1<<20 + 16*n}
	f := &File{kept: d.kept}
	d.fileEnvelope()
	f.fileType = data[:d.off-4]
	start := d.off
	texts(d, "Namespaces", &d.namespaces)
	f.namespaces, f.namespaceList = d.namespaces, data[start:d.off]
	start = d.off
	d.skipHeader()
	f.header = data[start:d.off]
	f.bodyType = d.bodyEnvelope()
	f.form, f.body = d.form, data[d.off:]
	var app config.Application
	application(d, &app)
	if d.err == nil && d.off != d.end {
		d.fail("%d bytes follow the configuration", d.end-d.off)
	}
	if d.err != nil {
		return nil, d.err
	}
	f.carriedIndex = d.carriedIndex
	return f, nil
}

// bodyEnvelope reads what comes before the configuration's fields. It gives the
// bytes between the Variant's encoding byte and the length.
func (d *decoder) bodyEnvelope() []byte {
	if mask := d.byte("Body"); d.err == nil && mask != bodyVariant {
		d.off--
		d.failAt("Body", "0x%02X is not 0x%02X, a Variant that holds one ExtensionObject", mask, bodyVariant)
	}
	start := d.off
	var id config.NodeID
	d.nodeID("Body", &id)
	if d.err == nil {
		d.form, d.err = bodyLayout(id)
	}
	length := d.binaryBody("Body")
	if d.err == nil && length != d.end-d.off {
		d.off -= 4
		d.failAt("Body", "is %d bytes long, but %d are left", length, d.end-d.off-4)
	}
	if d.err != nil {
		return nil
	}
	return d.data[start : d.off-4]
}

// Application gives what the file says. The result is the caller's.
func (f *File) Application() config.Application {
	var app config.Application
	if len(f.body) == 0 {
		return app
	}
	d := &decoder{
		data: f.body, end: len(f.body), namespaces: f.namespaces, form: f.form,
		kept: map[string]keptRecords{}, room: math.MaxInt,
	}
	application(d, &app) // Decode did the same without an error
	return app
}

// Encode writes an application in the layout of the file. A record that is equal
// to one that was read is written with the bytes it was read from, so that
// nothing of it changes on the wire; null and empty are equal. The header is kept,
// but for namespace URIs that are new. ConfigurationVersion is that of app.
//
// The error is an *Error or an *UnsupportedFieldError.
func (f *File) Encode(app config.Application) ([]byte, error) {
	if f.form != Layout105_05 && f.form != Layout105_06 {
		return nil, &Error{Offset: -1, What: fmt.Sprintf("%s is no known layout", f.form)}
	}
	e := newEncoder(f.form, f.namespaces)
	if len(f.body) > 0 {
		read, plain := f.Application(), newEncoder(f.form, f.namespaces)
		if application(plain, &read); plain.err != nil {
			return nil, plain.err
		}
		e.kept, e.plain = f.kept, plain.written
	}
	if application(e, &app); e.err != nil {
		return nil, e.err
	}
	if len(e.added) > 0 && f.carriedIndex > len(f.namespaces) {
		return nil, &Error{Offset: -1, Field: "Namespaces", What: fmt.Sprintf(
			"cannot add %q: values that are carried through use index %d, which has no URI", e.added[0], f.carriedIndex)}
	}
	return f.assemble(e.added, e.buf)
}

// assemble puts the parts of a file together.
func (f *File) assemble(added []string, body []byte) ([]byte, error) {
	namespaces := f.namespaceList
	if len(added) > 0 {
		e := newEncoder(f.form, nil)
		e.length(int32(len(f.namespaces) + len(added)))
		e.buf = append(e.buf, namespaces[4:]...)
		for _, uri := range added {
			e.text("", &uri)
		}
		namespaces = e.buf
	}
	const lengthAndMask = 5
	size := len(namespaces) + len(f.header) + len(f.bodyType) + lengthAndMask + len(body)
	if size > math.MaxInt32-64 {
		return nil, &Error{Offset: -1, What: fmt.Sprintf("%d bytes are too many for one file", size)}
	}
	out := make([]byte, 0, len(f.fileType)+4+size)
	out = append(out, f.fileType...)
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	out = append(out, namespaces...)
	out = append(out, f.header...)
	out = append(out, bodyVariant)
	out = append(out, f.bodyType...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(body)))
	return append(out, body...), nil
}
