package secureconv

import (
	"encoding/binary"
	"reflect"

	"github.com/gopcua/opcua/ua"
)

// nodeID: OPC 10000-6, 5.2.2.9; expanded: 5.2.2.10.
func (s *scanner) nodeID(expanded bool) error {
	if err := s.spend(int(reflect.TypeFor[ua.NodeID]().Size())); err != nil {
		return err
	}
	mask, err := s.byte()
	if err != nil {
		return err
	}
	switch ua.NodeIDType(mask & 0x0F) {
	case ua.NodeIDTypeTwoByte:
		err = s.skip(1)
	case ua.NodeIDTypeFourByte:
		err = s.skip(3)
	case ua.NodeIDTypeNumeric:
		err = s.skip(6)
	case ua.NodeIDTypeGUID:
		err = s.skip(18)
	case ua.NodeIDTypeString, ua.NodeIDTypeByteString:
		if err = s.skip(2); err == nil {
			err = s.bytes()
		}
	default:
		return s.fail("unknown kind of NodeId")
	}
	if err == nil && expanded && mask&0x80 != 0 {
		err = s.bytes()
	}
	if err == nil && expanded && mask&0x40 != 0 {
		err = s.skip(4)
	}
	return err
}

func (s *scanner) localizedText() error {
	if err := s.spend(int(reflect.TypeFor[ua.LocalizedText]().Size())); err != nil {
		return err
	}
	mask, err := s.byte()
	if err == nil && mask&ua.LocalizedTextLocale != 0 {
		err = s.bytes()
	}
	if err == nil && mask&ua.LocalizedTextText != 0 {
		err = s.bytes()
	}
	return err
}

func (s *scanner) dataValue() error {
	mask, err := s.byte()
	if err != nil {
		return err
	}
	if mask&ua.DataValueValue != 0 {
		if err := s.nested(s.variant); err != nil {
			return err
		}
	}
	size := 0
	for _, field := range [...]struct{ bit, size byte }{
		{ua.DataValueStatusCode, 4},
		{ua.DataValueSourceTimestamp, 8},
		{ua.DataValueServerTimestamp, 8},
		{ua.DataValueSourcePicoseconds, 2},
		{ua.DataValueServerPicoseconds, 2},
	} {
		if mask&field.bit != 0 {
			size += int(field.size)
		}
	}
	return s.skip(size)
}

func (s *scanner) diagnosticInfo() error {
	mask, err := s.byte()
	if err != nil {
		return err
	}
	for _, bit := range []byte{ua.DiagnosticInfoSymbolicID, ua.DiagnosticInfoNamespaceURI, ua.DiagnosticInfoLocale, ua.DiagnosticInfoLocalizedText} {
		if mask&bit == 0 {
			continue
		}
		if err := s.skip(4); err != nil {
			return err
		}
	}
	if mask&ua.DiagnosticInfoAdditionalInfo != 0 {
		if err := s.bytes(); err != nil {
			return err
		}
	}
	if mask&ua.DiagnosticInfoInnerStatusCode != 0 {
		if err := s.skip(4); err != nil {
			return err
		}
	}
	if mask&ua.DiagnosticInfoInnerDiagnosticInfo != 0 {
		return s.nested(s.diagnosticInfo)
	}
	return nil
}

// extensionObject: OPC 10000-6, 5.2.2.15. The body of a type that is not
// registered is skipped by the decoder, and here.
func (s *scanner) extensionObject() error {
	start := s.off
	if err := s.nodeID(true); err != nil {
		return err
	}
	typeID := s.b[start:s.off]
	mask, err := s.byte()
	if err != nil || mask == ua.ExtensionObjectEmpty {
		return err
	}
	n, err := s.length()
	if err != nil || n <= 0 {
		return err
	}
	body := &scanner{b: s.b[:s.off+n], off: s.off, depth: s.depth, budget: s.budget}
	s.off += n
	if mask == ua.ExtensionObjectXML {
		return body.bytes()
	}
	v := registered(typeID)
	if v == nil {
		return nil
	}
	if _, ok := v.(ua.BinaryDecoder); ok { // brings its own decoder, which has to guard itself
		return body.spend(n)
	}
	return body.value(reflect.TypeOf(v))
}

// registered asks gopcua's registry, which cannot be read, for a value of a
// type: it decodes an object whose body is a single zero.
func registered(typeID []byte) any {
	probe := append(append([]byte(nil), typeID...), ua.ExtensionObjectBinary, 1, 0, 0, 0, 0)
	var o ua.ExtensionObject
	_, _ = o.Decode(probe)
	return o.Value
}

// variant: OPC 10000-6, 5.2.2.16.
func (s *scanner) variant() error {
	mask, err := s.byte()
	if err != nil {
		return err
	}
	t := ua.TypeID(mask & 0x3F)
	if t == ua.TypeIDNull {
		return nil
	}
	if t > ua.TypeIDDiagnosticInfo {
		return s.fail("unknown built-in type")
	}
	if mask&ua.VariantArrayValues == 0 {
		return s.builtIn(t)
	}
	n, err := s.length()
	if err != nil {
		return err
	}
	if n > ua.MaxVariantArrayLength {
		return s.fail("array too long")
	}
	if err := s.spend(max(n, 0) * 24); err != nil { // a slice header or a time, the largest elements
		return err
	}
	for range n {
		if err := s.builtIn(t); err != nil {
			return err
		}
	}
	if mask&ua.VariantArrayDimensions != 0 {
		return s.dimensions(n)
	}
	return nil
}

// dimensions must multiply to the length of the array, in more than 32 bits.
func (s *scanner) dimensions(elements int) error {
	n, err := s.length()
	if err != nil {
		return err
	}
	if n < 0 || n > maxDimensions {
		return s.fail("number of dimensions")
	}
	product := int64(1)
	for range n {
		if err := s.skip(4); err != nil {
			return err
		}
		d := int32(binary.LittleEndian.Uint32(s.b[s.off-4:]))
		if d < 1 {
			return s.fail("dimension below 1")
		}
		if product *= int64(d); product > int64(max(elements, 0)) {
			return s.fail("dimensions beyond the array")
		}
	}
	if n > 0 && product != int64(elements) {
		return s.fail("dimensions do not match the array")
	}
	return nil
}

func (s *scanner) builtIn(t ua.TypeID) error {
	switch t {
	case ua.TypeIDBoolean, ua.TypeIDSByte, ua.TypeIDByte:
		return s.skip(1)
	case ua.TypeIDInt16, ua.TypeIDUint16:
		return s.skip(2)
	case ua.TypeIDInt32, ua.TypeIDUint32, ua.TypeIDFloat, ua.TypeIDStatusCode:
		return s.skip(4)
	case ua.TypeIDInt64, ua.TypeIDUint64, ua.TypeIDDouble, ua.TypeIDDateTime:
		return s.skip(8)
	case ua.TypeIDString, ua.TypeIDByteString, ua.TypeIDXMLElement:
		return s.bytes()
	case ua.TypeIDGUID:
		return s.value(reflect.TypeFor[*ua.GUID]())
	case ua.TypeIDNodeID:
		return s.nodeID(false)
	case ua.TypeIDExpandedNodeID:
		return s.nodeID(true)
	case ua.TypeIDQualifiedName:
		return s.value(reflect.TypeFor[*ua.QualifiedName]())
	case ua.TypeIDLocalizedText:
		return s.localizedText()
	case ua.TypeIDExtensionObject:
		return s.nested(s.extensionObject)
	case ua.TypeIDDataValue:
		return s.nested(s.dataValue)
	case ua.TypeIDVariant:
		return s.nested(s.variant)
	case ua.TypeIDDiagnosticInfo:
		return s.nested(s.diagnosticInfo)
	}
	return s.fail("unknown built-in type")
}
