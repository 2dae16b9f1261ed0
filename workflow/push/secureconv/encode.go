package secureconv

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// updateTargetEncoding is the DefaultBinary encoding of
// ConfigurationUpdateTargetType (OPC 10000-12, 7.8.5.6). Registering it is what
// makes gopcua decode and keep the Targets of CloseAndUpdate.
var updateTargetEncoding = registerUpdateTarget()

func registerUpdateTarget() *ua.NodeID {
	encoding := ua.NewFourByteNodeID(0, 16541)
	ua.RegisterExtensionObject(encoding, new(UpdateTarget))
	return encoding
}

// serviceName is what a request and its response are about: "Call", "Read".
func serviceName(v any) string {
	t := reflect.TypeOf(v)
	if t == nil {
		return ""
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.TrimSuffix(strings.TrimSuffix(t.Name(), "Request"), "Response")
}

// encodeService is the body of a message: the encoding id, then the structure.
//
// The structures are gopcua's, the walk over them is ours: gopcua writes nothing
// at all for a nil pointer to a structure, so that every field after it moves.
// Here a nil pointer is the null value of its type.
func encodeService(v any) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("encode %T: %v", v, r)
		}
	}()
	var b []byte
	switch m := v.(type) {
	case *CallRequest:
		b = appendServiceID(b, id.CallRequest_Encoding_DefaultBinary)
		b, err = m.append(b)
	case *CallResponse:
		b = appendServiceID(b, id.CallResponse_Encoding_DefaultBinary)
		b, err = m.append(b)
	default:
		number := ua.ServiceTypeID(v)
		if number == 0 {
			return nil, fmt.Errorf("encode %T: not a service", v)
		}
		b, err = appendValue(appendServiceID(b, number), reflect.ValueOf(v))
	}
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", serviceName(v), err)
	}
	return b, nil
}

func appendServiceID(b []byte, number uint16) []byte {
	return binary.LittleEndian.AppendUint16(append(b, 1, 0), number)
}

var timeType = reflect.TypeFor[time.Time]()

// appendValue writes one value of a gopcua type (OPC 10000-6, 5.2).
func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	if v.Kind() == reflect.Pointer {
		return appendPointer(b, v)
	}
	le := binary.LittleEndian
	if v.Type() == timeType {
		return le.AppendUint64(b, dateTime(v.Interface().(time.Time))), nil
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case reflect.Int8:
		return append(b, byte(v.Int())), nil
	case reflect.Uint8:
		return append(b, byte(v.Uint())), nil
	case reflect.Int16:
		return le.AppendUint16(b, uint16(v.Int())), nil
	case reflect.Uint16:
		return le.AppendUint16(b, uint16(v.Uint())), nil
	case reflect.Int32:
		return le.AppendUint32(b, uint32(v.Int())), nil
	case reflect.Uint32:
		return le.AppendUint32(b, uint32(v.Uint())), nil
	case reflect.Int64:
		return le.AppendUint64(b, uint64(v.Int())), nil
	case reflect.Uint64:
		return le.AppendUint64(b, v.Uint()), nil
	case reflect.Float32:
		return le.AppendUint32(b, math.Float32bits(float32(v.Float()))), nil
	case reflect.Float64:
		return le.AppendUint64(b, math.Float64bits(v.Float())), nil
	case reflect.String:
		if v.Len() == 0 {
			return le.AppendUint32(b, nullLength), nil
		}
		return append(le.AppendUint32(b, uint32(v.Len())), v.String()...), nil
	case reflect.Slice:
		return appendSlice(b, v)
	case reflect.Struct:
		var err error
		for i := range v.NumField() {
			if b, err = appendValue(b, v.Field(i)); err != nil {
				return nil, fmt.Errorf("%s: %w", v.Type().Field(i).Name, err)
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("type %s cannot be encoded", v.Type())
}

// nullLength is the length of a null string, ByteString or array (OPC 10000-6, 5.2.2.4).
const nullLength = 0xFFFFFFFF

func appendSlice(b []byte, v reflect.Value) ([]byte, error) {
	if v.IsNil() {
		return binary.LittleEndian.AppendUint32(b, nullLength), nil
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(v.Len()))
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return append(b, v.Bytes()...), nil
	}
	var err error
	for i := range v.Len() {
		if b, err = appendValue(b, v.Index(i)); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return b, nil
}

func appendPointer(b []byte, v reflect.Value) ([]byte, error) {
	switch p := v.Interface().(type) {
	case *ua.NodeID:
		if p == nil {
			return append(b, 0, 0), nil
		}
		return appendEncoded(b, p)
	case *ua.ExpandedNodeID:
		if p == nil || p.NodeID == nil {
			return append(b, 0, 0), nil
		}
		return appendEncoded(b, p)
	case *ua.LocalizedText:
		if p == nil {
			return append(b, 0), nil
		}
		whole := *p // the mask follows the fields: a text is not lost because it was not called for
		whole.UpdateMask()
		return appendEncoded(b, &whole)
	case *ua.DiagnosticInfo:
		if p == nil {
			return append(b, 0), nil
		}
		return appendEncoded(b, p)
	case *ua.GUID:
		if p == nil || len(p.Data4) != 8 { // gopcua writes Data4 at whatever length it has
			return append(b, make([]byte, 16)...), nil
		}
		return appendEncoded(b, p)
	case *ua.ExtensionObject:
		return appendExtensionObject(b, p)
	case *ua.Variant:
		return appendVariant(b, p)
	case *ua.DataValue:
		return appendDataValue(b, p)
	case ua.BinaryEncoder:
		if v.IsNil() {
			return nil, fmt.Errorf("nil %s", v.Type())
		}
		return appendEncoded(b, p)
	}
	if v.IsNil() {
		v = reflect.New(v.Type().Elem())
	}
	return appendValue(b, v.Elem())
}

func appendEncoded(b []byte, v ua.BinaryEncoder) ([]byte, error) {
	more, err := v.Encode()
	if err != nil {
		return nil, err
	}
	return append(b, more...), nil
}

func appendExtensionObject(b []byte, o *ua.ExtensionObject) ([]byte, error) {
	if o == nil {
		return append(b, 0, 0, 0), nil
	}
	typeID := o.TypeID
	if _, ok := o.Value.(*UpdateTarget); ok {
		typeID = &ua.ExpandedNodeID{NodeID: updateTargetEncoding}
	}
	b, err := appendPointer(b, reflect.ValueOf(typeID))
	if err != nil {
		return nil, err
	}
	if o.EncodingMask == ua.ExtensionObjectEmpty {
		return append(b, 0), nil
	}
	if o.Value == nil {
		return nil, fmt.Errorf("ExtensionObject %v without a value", typeID)
	}
	at := len(b) + 1
	b = append(b, o.EncodingMask, 0, 0, 0, 0)
	if b, err = appendValue(b, reflect.ValueOf(o.Value)); err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b, nil
}

func appendDataValue(b []byte, d *ua.DataValue) ([]byte, error) {
	if d == nil {
		return append(b, 0), nil
	}
	var err error
	b = append(b, d.EncodingMask&0x3F)
	if d.Has(ua.DataValueValue) {
		if b, err = appendVariant(b, d.Value); err != nil {
			return nil, err
		}
	}
	le := binary.LittleEndian
	if d.Has(ua.DataValueStatusCode) {
		b = le.AppendUint32(b, uint32(d.Status))
	}
	if d.Has(ua.DataValueSourceTimestamp) {
		b = le.AppendUint64(b, dateTime(d.SourceTimestamp))
	}
	if d.Has(ua.DataValueSourcePicoseconds) {
		b = le.AppendUint16(b, d.SourcePicoseconds)
	}
	if d.Has(ua.DataValueServerTimestamp) {
		b = le.AppendUint64(b, dateTime(d.ServerTimestamp))
	}
	if d.Has(ua.DataValueServerPicoseconds) {
		b = le.AppendUint16(b, d.ServerPicoseconds)
	}
	return b, nil
}

// dateTime is 100 ns since 1601, 0 before it and the largest value from year
// 9999 on (OPC 10000-6, 5.2.2.5).
func dateTime(t time.Time) uint64 {
	const epoch = 11644473600 // seconds from 1601 to 1970
	if t.IsZero() || t.Unix() < -epoch {
		return 0
	}
	if t.UTC().Year() >= 9999 {
		return math.MaxInt64
	}
	return uint64(t.Unix()+epoch)*1e7 + uint64(t.Nanosecond())/100
}
