package uafile

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/uapush/uapush/config"
)

// Forms of a NodeId (OPC 10000-6, 5.2.2.9).
const (
	formTwoByte  = 0
	formFourByte = 1
	formNumeric  = 2
	formString   = 3
	formGUID     = 4
	formOpaque   = 5

	// Flags of an ExpandedNodeId (5.2.2.10).
	flagNamespaceURI = 0x80
	flagServerIndex  = 0x40
)

func (d *decoder) nodeID(field string, v *config.NodeID) {
	form := d.byte(field)
	index, id := d.identifier(field, form)
	uri := d.namespace(field, index)
	if strings.Contains(uri, ";") {
		d.failAt(field, "namespace URI %q with a semicolon cannot be written in a NodeId", uri)
	}
	// A few bytes on the wire can name a long URI, over and over.
	if d.room -= len(uri); d.room < 0 {
		d.failAt(field, "the namespace URIs of all NodeIds take too much room")
	}
	switch {
	case d.err != nil:
	case uri != "":
		*v = config.NodeID("nsu=" + uri + ";" + id)
	default:
		canonical, err := config.ParseNodeID(id) // several forms are null
		if err != nil {
			d.failAt(field, "%v", err)
		}
		*v = canonical
	}
}

// identifier reads what follows the form of a NodeId.
func (d *decoder) identifier(field string, form byte) (namespace uint16, id string) {
	if form == formTwoByte {
		return 0, "i=" + strconv.Itoa(int(d.byte(field)))
	}
	if form == formFourByte {
		namespace = uint16(d.byte(field))
		var n uint16
		d.uint16(field, &n)
		return namespace, "i=" + strconv.Itoa(int(n))
	}
	if form > formOpaque {
		d.off--
		d.failAt(field, "0x%02X is no form of a NodeId", form)
		return 0, ""
	}
	d.uint16(field, &namespace)
	switch form {
	case formNumeric:
		var n uint32
		d.uint32(field, &n)
		return namespace, "i=" + strconv.FormatUint(uint64(n), 10)
	case formString:
		return namespace, "s=" + string(d.utf8(field))
	case formGUID:
		return namespace, "g=" + guidText(d.take(field, 16))
	}
	return namespace, "b=" + base64.StdEncoding.EncodeToString(d.opaque(field))
}

// guidText writes a Guid, whose first three parts are little-endian (5.2.2.6).
func guidText(b []byte) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", binary.LittleEndian.Uint32(b),
		binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:16])
}

func guidBytes(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, fmt.Errorf("%q is no Guid", text)
	}
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return b, nil
}

// nodeID writes the shortest form, as other stacks do.
func (e *encoder) nodeID(field string, v *config.NodeID) {
	text := string(*v)
	if text != "" {
		if id, err := config.ParseNodeID(text); err != nil {
			e.failAt(field, "%v", err)
			return
		} else if id != *v {
			text = string(id)
		}
	}
	uri, kind, id := config.NodeID(text).Split()
	index := e.namespace(field, uri)
	if kind == 'i' {
		e.numericNodeID(field, index, id)
		return
	}
	forms := map[byte]byte{'s': formString, 'g': formGUID, 'b': formOpaque}
	e.buf = append(e.buf, forms[kind])
	e.buf = binary.LittleEndian.AppendUint16(e.buf, index)
	switch kind {
	case 's':
		e.text(field, &id)
	case 'g':
		b, err := guidBytes(id)
		if err != nil {
			e.failAt(field, "%v", err)
		}
		e.buf = append(e.buf, b...)
	case 'b':
		b, err := base64.StdEncoding.DecodeString(id)
		if err != nil {
			e.failAt(field, "%q is no base64", id)
		}
		e.bytes(field, &b)
	}
}

func (e *encoder) numericNodeID(field string, index uint16, id string) {
	n, err := strconv.ParseUint(id, 10, 32)
	switch {
	case err != nil:
		e.failAt(field, "%q is no numeric identifier", id)
	case index == 0 && n <= math.MaxUint8:
		e.buf = append(e.buf, formTwoByte, byte(n))
	case index <= math.MaxUint8 && n <= math.MaxUint16:
		e.buf = append(e.buf, formFourByte, byte(index))
		e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(n))
	default:
		e.buf = append(e.buf, formNumeric)
		e.buf = binary.LittleEndian.AppendUint16(e.buf, index)
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(n))
	}
}
