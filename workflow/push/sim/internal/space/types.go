package space

import (
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// builtIn is the built-in type that values of a DataType travel as. DataTypes of
// the table that are not named here are structures.
func builtIn(dataType uint32) ua.TypeID {
	if dataType <= uint32(ua.TypeIDDiagnosticInfo) {
		return ua.TypeID(dataType)
	}
	switch dataType {
	case id.UtcTime:
		return ua.TypeIDDateTime
	case id.Duration:
		return ua.TypeIDDouble
	case id.LocaleID, id.NumericRange, 23751: // UriString
		return ua.TypeIDString
	case id.ApplicationType, id.ServerState:
		return ua.TypeIDInt32
	case 20998, 23564: // VersionTime, TrustListValidationOptions
		return ua.TypeIDUint32
	}
	return ua.TypeIDExtensionObject
}

// convert checks a Variant against a DataType and ValueRank. A null Variant is
// the zero value of a type that has a null; other stacks send one for it.
func convert(dataType uint32, rank int32, v *ua.Variant) (any, ua.StatusCode) {
	want := builtIn(dataType)
	if v == nil || v.Type() == ua.TypeIDNull {
		value := null(want, rank > 0)
		if value == nil {
			return nil, ua.StatusBadTypeMismatch
		}
		return value, ua.StatusOK
	}
	if v.Type() != want || v.Has(ua.VariantArrayValues) != (rank > 0) || len(v.ArrayDimensions()) > 1 {
		return nil, ua.StatusBadTypeMismatch
	}
	return v.Value(), ua.StatusOK
}

// null is the zero value of a type that has a null on the wire, or nil.
func null(t ua.TypeID, array bool) any {
	if array {
		return nullArray(t)
	}
	switch t {
	case ua.TypeIDString:
		return ""
	case ua.TypeIDByteString:
		return []byte(nil)
	case ua.TypeIDNodeID:
		return ua.NewTwoByteNodeID(0)
	case ua.TypeIDGUID:
		return &ua.GUID{}
	case ua.TypeIDDateTime:
		return time.Time{}
	case ua.TypeIDLocalizedText:
		return &ua.LocalizedText{}
	}
	return nil
}

func nullArray(t ua.TypeID) any {
	switch t {
	case ua.TypeIDString:
		return []string(nil)
	case ua.TypeIDByteString:
		return [][]byte(nil)
	case ua.TypeIDNodeID:
		return []*ua.NodeID(nil)
	case ua.TypeIDStatusCode:
		return []ua.StatusCode(nil)
	case ua.TypeIDLocalizedText:
		return []*ua.LocalizedText(nil)
	case ua.TypeIDExtensionObject:
		return []*ua.ExtensionObject(nil)
	}
	return nil
}
