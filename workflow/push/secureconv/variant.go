package secureconv

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"time"

	"github.com/gopcua/opcua/ua"
)

// appendVariant writes a Variant that gopcua made.
func appendVariant(b []byte, v *ua.Variant) ([]byte, error) {
	if v == nil || v.Type() == ua.TypeIDNull {
		return append(b, 0), nil
	}
	if len(v.ArrayDimensions()) > 0 {
		return appendEncoded(b, v)
	}
	if v.Type() == ua.TypeIDByteString && v.Has(ua.VariantArrayValues) {
		values, ok := v.Value().([][]byte)
		if !ok {
			return nil, fmt.Errorf("ByteString array holds a %T", v.Value())
		}
		return appendArgument(b, values)
	}
	if needsOwnWalk(v.Type()) {
		return appendArgument(b, v.Value())
	}
	return appendEncoded(b, v)
}

// needsOwnWalk: the values may hold structures with nil pointers, or a time
// that gopcua writes wrongly.
func needsOwnWalk(t ua.TypeID) bool {
	switch t {
	case ua.TypeIDExtensionObject, ua.TypeIDDataValue, ua.TypeIDVariant, ua.TypeIDDateTime,
		ua.TypeIDQualifiedName, ua.TypeIDLocalizedText, ua.TypeIDNodeID, ua.TypeIDExpandedNodeID:
		return true
	}
	return false
}

// appendArgument writes a Go value as a Variant (OPC 10000-6, 5.2.2.16).
func appendArgument(b []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(b, 0), nil
	case *ua.Variant:
		return appendVariant(b, x)
	case string: // "" is an empty string here, not a null one: null arguments are refused by some servers
		b = append(b, byte(ua.TypeIDString))
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(x))), x...), nil
	case UpdateTarget:
		return appendArgument(b, updateTargetObject(&x))
	case *UpdateTarget:
		return appendArgument(b, updateTargetObject(x))
	case []UpdateTarget:
		objects := make([]*ua.ExtensionObject, len(x))
		for i := range x {
			objects[i] = updateTargetObject(&x[i])
		}
		return appendArgument(b, objects)
	case ua.ByteArray:
		return appendArray(b, ua.TypeIDByte, reflect.ValueOf([]byte(x)))
	}
	r := reflect.ValueOf(v)
	if t, ok := builtIn(r.Type()); ok {
		return appendValue(append(b, byte(t)), r)
	}
	if r.Kind() == reflect.Slice {
		if t, ok := builtIn(r.Type().Elem()); ok {
			return appendArray(b, t, r)
		}
	}
	variant, err := ua.NewVariant(v) // arrays of several dimensions
	if err != nil {
		return nil, err
	}
	return appendEncoded(b, variant)
}

func appendArray(b []byte, t ua.TypeID, v reflect.Value) ([]byte, error) {
	return appendSlice(append(b, byte(t)|ua.VariantArrayValues), v)
}

func updateTargetObject(t *UpdateTarget) *ua.ExtensionObject {
	return &ua.ExtensionObject{
		EncodingMask: ua.ExtensionObjectBinary,
		TypeID:       &ua.ExpandedNodeID{NodeID: updateTargetEncoding},
		Value:        t,
	}
}

// builtIn is the built-in type (OPC 10000-6, 5.1.2) that a Go type stands for.
func builtIn(t reflect.Type) (ua.TypeID, bool) {
	switch t {
	case reflect.TypeFor[bool]():
		return ua.TypeIDBoolean, true
	case reflect.TypeFor[int8]():
		return ua.TypeIDSByte, true
	case reflect.TypeFor[uint8]():
		return ua.TypeIDByte, true
	case reflect.TypeFor[int16]():
		return ua.TypeIDInt16, true
	case reflect.TypeFor[uint16]():
		return ua.TypeIDUint16, true
	case reflect.TypeFor[int32]():
		return ua.TypeIDInt32, true
	case reflect.TypeFor[uint32]():
		return ua.TypeIDUint32, true
	case reflect.TypeFor[int64]():
		return ua.TypeIDInt64, true
	case reflect.TypeFor[uint64]():
		return ua.TypeIDUint64, true
	case reflect.TypeFor[float32]():
		return ua.TypeIDFloat, true
	case reflect.TypeFor[float64]():
		return ua.TypeIDDouble, true
	case reflect.TypeFor[string]():
		return ua.TypeIDString, true
	case reflect.TypeFor[time.Time]():
		return ua.TypeIDDateTime, true
	case reflect.TypeFor[*ua.GUID]():
		return ua.TypeIDGUID, true
	case reflect.TypeFor[[]byte]():
		return ua.TypeIDByteString, true
	case reflect.TypeFor[ua.XMLElement]():
		return ua.TypeIDXMLElement, true
	case reflect.TypeFor[*ua.NodeID]():
		return ua.TypeIDNodeID, true
	case reflect.TypeFor[*ua.ExpandedNodeID]():
		return ua.TypeIDExpandedNodeID, true
	case reflect.TypeFor[ua.StatusCode]():
		return ua.TypeIDStatusCode, true
	case reflect.TypeFor[*ua.QualifiedName]():
		return ua.TypeIDQualifiedName, true
	case reflect.TypeFor[*ua.LocalizedText]():
		return ua.TypeIDLocalizedText, true
	case reflect.TypeFor[*ua.ExtensionObject]():
		return ua.TypeIDExtensionObject, true
	case reflect.TypeFor[*ua.DataValue]():
		return ua.TypeIDDataValue, true
	case reflect.TypeFor[*ua.Variant]():
		return ua.TypeIDVariant, true
	case reflect.TypeFor[*ua.DiagnosticInfo]():
		return ua.TypeIDDiagnosticInfo, true
	}
	return 0, false
}

func (r *CallRequest) append(b []byte) ([]byte, error) {
	b, err := appendPointer(b, reflect.ValueOf(r.RequestHeader))
	if err != nil {
		return nil, err
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Methods)))
	for i, m := range r.Methods {
		if b, err = appendPointer(b, reflect.ValueOf(m.ObjectID)); err != nil {
			return nil, err
		}
		if b, err = appendPointer(b, reflect.ValueOf(m.MethodID)); err != nil {
			return nil, err
		}
		if b, err = appendArguments(b, m.Inputs); err != nil {
			return nil, fmt.Errorf("method %d: %w", i, err)
		}
	}
	return b, nil
}

func (r *CallResponse) append(b []byte) ([]byte, error) {
	b, err := appendPointer(b, reflect.ValueOf(r.ResponseHeader))
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(r.Results)))
	for i, m := range r.Results {
		b = le.AppendUint32(b, uint32(m.Status))
		if b, err = appendSlice(b, reflect.ValueOf(m.InputArgumentResults)); err != nil {
			return nil, err
		}
		b = le.AppendUint32(b, nullLength) // InputArgumentDiagnosticInfos
		if b, err = appendArguments(b, m.Outputs); err != nil {
			return nil, fmt.Errorf("result %d: %w", i, err)
		}
	}
	return le.AppendUint32(b, nullLength), nil // DiagnosticInfos
}

func appendArguments(b []byte, args []any) (_ []byte, err error) {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(args)))
	for i, a := range args {
		if b, err = appendArgument(b, a); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return b, nil
}
