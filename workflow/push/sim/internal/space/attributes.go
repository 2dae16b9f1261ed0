package space

import (
	"time"

	"github.com/gopcua/opcua/ua"
)

// accessReadable and accessWritable are bits of AccessLevelType (OPC 10000-3, 8.57).
const (
	accessReadable byte = 1
	accessWritable byte = 2
)

// Read answers one ReadValueId (OPC 10000-4, 5.11.2). The timestamps asked for
// are now; only a Value has a source timestamp.
func (s *Space) Read(a *Access, r *ua.ReadValueID, stamps ua.TimestampsToReturn, now time.Time) *ua.DataValue {
	value, status := s.attribute(a, r)
	d := &ua.DataValue{}
	if status == ua.StatusOK {
		v, err := variant(value)
		if err != nil {
			status = ua.StatusBadInternalError
		}
		d.Value = v
	}
	d.Status = status
	if status != ua.StatusOK {
		d.Value = nil
	}
	if r.AttributeID == ua.AttributeIDValue && (stamps == ua.TimestampsToReturnSource || stamps == ua.TimestampsToReturnBoth) {
		d.SourceTimestamp = now
	}
	if stamps == ua.TimestampsToReturnServer || stamps == ua.TimestampsToReturnBoth {
		d.ServerTimestamp = now
	}
	d.UpdateMask()
	return d
}

func variant(value any) (*ua.Variant, error) {
	if value == nil {
		return &ua.Variant{}, nil
	}
	return ua.NewVariant(value)
}

func (s *Space) attribute(a *Access, r *ua.ReadValueID) (any, ua.StatusCode) {
	if r.AttributeID == ua.AttributeIDValue {
		return s.value(a, r)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.nodes[keyOf(r.NodeID)]
	if n == nil {
		return nil, ua.StatusBadNodeIDUnknown
	}
	if status := encodingStatus(r); status != ua.StatusOK {
		return nil, status
	}
	if status := n.check(a, permitBrowse); status != ua.StatusOK {
		return nil, status
	}
	switch r.AttributeID {
	case ua.AttributeIDNodeID:
		return n.id, ua.StatusOK
	case ua.AttributeIDNodeClass:
		return int32(n.class), ua.StatusOK
	case ua.AttributeIDBrowseName:
		return n.name, ua.StatusOK
	case ua.AttributeIDDisplayName:
		return ua.NewLocalizedText(n.name.Name), ua.StatusOK
	case ua.AttributeIDDescription:
		return &ua.LocalizedText{}, ua.StatusOK
	case ua.AttributeIDWriteMask, ua.AttributeIDUserWriteMask:
		return uint32(0), ua.StatusOK
	case ua.AttributeIDRolePermissions, ua.AttributeIDUserRolePermissions:
		return n.rolePermissions(a, r.AttributeID == ua.AttributeIDUserRolePermissions)
	case ua.AttributeIDAccessRestrictions:
		return n.restrictions, ua.StatusOK
	}
	return n.ofClass(a, r.AttributeID)
}

// ofClass are the attributes that only some NodeClasses have.
func (n *node) ofClass(a *Access, attribute ua.AttributeID) (any, ua.StatusCode) {
	switch n.class {
	case ua.NodeClassVariable:
		return n.ofVariable(a, attribute)
	case ua.NodeClassMethod:
		switch attribute {
		case ua.AttributeIDExecutable:
			return n.method != nil, ua.StatusOK
		case ua.AttributeIDUserExecutable:
			return n.method != nil && n.check(a, permitCall) == ua.StatusOK, ua.StatusOK
		}
	case ua.NodeClassObject:
		if attribute == ua.AttributeIDEventNotifier {
			return byte(0), ua.StatusOK
		}
	case ua.NodeClassObjectType, ua.NodeClassVariableType, ua.NodeClassReferenceType, ua.NodeClassDataType:
		if attribute == ua.AttributeIDIsAbstract {
			return n.abstract, ua.StatusOK
		}
		return n.ofType(attribute)
	}
	return nil, ua.StatusBadAttributeIDInvalid
}

// ofType are the attributes of single kinds of type.
func (n *node) ofType(attribute ua.AttributeID) (any, ua.StatusCode) {
	switch {
	case n.class == ua.NodeClassReferenceType && attribute == ua.AttributeIDSymmetric:
		return false, ua.StatusOK
	case n.class == ua.NodeClassDataType && attribute == ua.AttributeIDDataTypeDefinition && n.definition != nil:
		return n.definition.dataTypeDefinition(), ua.StatusOK
	case n.class == ua.NodeClassVariableType && attribute == ua.AttributeIDDataType:
		return numeric(n.data), ua.StatusOK
	case n.class == ua.NodeClassVariableType && attribute == ua.AttributeIDValueRank:
		return n.rank, ua.StatusOK
	}
	return nil, ua.StatusBadAttributeIDInvalid
}

func (n *node) ofVariable(a *Access, attribute ua.AttributeID) (any, ua.StatusCode) {
	switch attribute {
	case ua.AttributeIDDataType:
		return numeric(n.data), ua.StatusOK
	case ua.AttributeIDValueRank:
		return n.rank, ua.StatusOK
	case ua.AttributeIDArrayDimensions:
		if n.rank > 0 {
			return []uint32{0}, ua.StatusOK
		}
		return []uint32{}, ua.StatusOK
	case ua.AttributeIDAccessLevel:
		return n.accessLevel(), ua.StatusOK
	case ua.AttributeIDUserAccessLevel:
		level := n.accessLevel()
		if !n.permits(a, permitRead) {
			level &^= accessReadable
		}
		if !n.permits(a, permitWrite) {
			level &^= accessWritable
		}
		return level, ua.StatusOK
	case ua.AttributeIDMinimumSamplingInterval:
		return float64(0), ua.StatusOK
	case ua.AttributeIDHistorizing:
		return false, ua.StatusOK
	}
	return nil, ua.StatusBadAttributeIDInvalid
}

func (n *node) accessLevel() byte {
	if n.write != nil {
		return accessReadable | accessWritable
	}
	return accessReadable
}

func (n *node) rolePermissions(a *Access, own bool) (any, ua.StatusCode) {
	if !n.permits(a, permitReadRoles) {
		return nil, ua.StatusBadUserAccessDenied
	}
	out := []*ua.ExtensionObject{}
	for _, p := range n.roles {
		if own && !a.Has(p.role) {
			continue
		}
		out = append(out, ua.NewExtensionObject(&ua.RolePermissionType{RoleID: numeric(p.role), Permissions: ua.PermissionType(p.bits)}))
	}
	return out, ua.StatusOK
}

func encodingStatus(r *ua.ReadValueID) ua.StatusCode {
	if r.IndexRange != "" {
		return ua.StatusBadIndexRangeInvalid
	}
	if r.DataEncoding == nil || r.DataEncoding.Name == "" {
		return ua.StatusOK
	}
	if r.AttributeID != ua.AttributeIDValue {
		return ua.StatusBadDataEncodingInvalid
	}
	if r.DataEncoding.Name != "Default Binary" {
		return ua.StatusBadDataEncodingUnsupported
	}
	return ua.StatusOK
}

// value calls the bound function without locks: it may come back to the Space.
func (s *Space) value(a *Access, r *ua.ReadValueID) (any, ua.StatusCode) {
	s.mu.RLock()
	n := s.nodes[keyOf(r.NodeID)]
	if n == nil {
		s.mu.RUnlock()
		return nil, ua.StatusBadNodeIDUnknown
	}
	read, status := n.read, n.check(a, permitRead)
	s.mu.RUnlock()
	if encoding := encodingStatus(r); encoding != ua.StatusOK {
		return nil, encoding
	}
	switch {
	case n.class != ua.NodeClassVariable:
		return nil, ua.StatusBadAttributeIDInvalid
	case status != ua.StatusOK:
		return nil, status
	case read == nil:
		return nil, ua.StatusBadWaitingForInitialData
	}
	return read()
}

// Write answers one WriteValue (OPC 10000-4, 5.11.4).
func (s *Space) Write(a *Access, w *ua.WriteValue) ua.StatusCode {
	s.mu.RLock()
	n := s.nodes[keyOf(w.NodeID)]
	if n == nil {
		s.mu.RUnlock()
		return ua.StatusBadNodeIDUnknown
	}
	write, status := n.write, n.check(a, permitBrowse)
	s.mu.RUnlock()
	if status != ua.StatusOK {
		return status
	}
	switch {
	case w.AttributeID == ua.AttributeIDInvalid || w.AttributeID > ua.AttributeIDAccessLevelEx:
		return ua.StatusBadAttributeIDInvalid
	case w.AttributeID != ua.AttributeIDValue || write == nil:
		return ua.StatusBadNotWritable
	case !n.permits(a, permitWrite):
		return ua.StatusBadUserAccessDenied
	case w.IndexRange != "":
		return ua.StatusBadIndexRangeInvalid
	case w.Value == nil || w.Value.Status != ua.StatusOK || !w.Value.SourceTimestamp.IsZero():
		return ua.StatusBadWriteNotSupported
	}
	value, status := convert(n.data, n.rank, w.Value.Value)
	if status != ua.StatusOK {
		return status
	}
	return write(value)
}
