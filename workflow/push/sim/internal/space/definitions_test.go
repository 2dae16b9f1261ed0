package space

import (
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// OPC 10000-3, 5.8.3, 5.6.5: every structure and enumeration says what it consists
// of, in terms of DataTypes that are there, and every VariableType what it holds.
func TestDefinitions(t *testing.T) {
	s := New()
	acc := &Access{}
	read := func(n uint32, a ua.AttributeID) (any, ua.StatusCode) {
		d := s.Read(acc, &ua.ReadValueID{NodeID: numeric(n), AttributeID: a}, ua.TimestampsToReturnNeither, time.Time{})
		if d.Status != ua.StatusOK {
			return nil, d.Status
		}
		return d.Value.Value(), ua.StatusOK
	}
	for k, n := range s.nodes {
		root := func(super uint32) bool { return k.number != super && s.isA(k.number, super) }
		switch n.class {
		case ua.NodeClassVariableType:
			for _, a := range []ua.AttributeID{ua.AttributeIDDataType, ua.AttributeIDValueRank, ua.AttributeIDIsAbstract} {
				if _, status := read(k.number, a); status != ua.StatusOK {
					t.Errorf("%s, %v: %v", n.name.Name, a, status)
				}
			}
		case ua.NodeClassDataType:
			got, status := read(k.number, ua.AttributeIDDataTypeDefinition)
			if wanted := root(id.Structure) || root(id.Enumeration); wanted != (status == ua.StatusOK) && n.definition == nil {
				t.Errorf("%s: DataTypeDefinition is %v", n.name.Name, status)
			}
			if x, ok := got.(*ua.ExtensionObject); ok {
				s.checkDefinition(t, n, x.Value)
			}
		}
	}
}

func (s *Space) checkDefinition(t *testing.T, n *node, v any) {
	switch d := v.(type) {
	case *ua.EnumDefinition:
		if s.isA(n.id.IntID(), id.Structure) || len(d.Fields) == 0 {
			t.Errorf("%s: an EnumDefinition of %d fields", n.name.Name, len(d.Fields))
		}
	case *ua.StructureDefinition:
		if d.BaseDataType.IntID() != s.supertype(n.id.IntID()) {
			t.Errorf("%s: its base is %v, its supertype %d", n.name.Name, d.BaseDataType, s.supertype(n.id.IntID()))
		}
		inherited := s.nodes[keyOf(d.BaseDataType)].definition
		for i, f := range d.Fields {
			if s.nodes[keyOf(f.DataType)] == nil {
				t.Errorf("%s.%s is of %v, which is not there", n.name.Name, f.Name, f.DataType)
			}
			if inherited != nil && i < len(inherited.Fields) && inherited.Fields[i].Name != f.Name {
				t.Errorf("%s: field %d is %s, inherited is %s", n.name.Name, i, f.Name, inherited.Fields[i].Name)
			}
		}
		if e := s.nodes[keyOf(d.DefaultEncodingID)]; e == nil && !n.abstract {
			t.Errorf("%s: its encoding %v is not there", n.name.Name, d.DefaultEncodingID)
		}
	default:
		t.Errorf("%s: a definition of type %T", n.name.Name, v)
	}
}
