package space

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// definitionsJSON says what the structures, enumerations and option sets of the
// NodeSet 1.05.07 consist of, as far as push management has them.
//
//go:embed definitions.json
var definitionsJSON []byte

// definition is a DataTypeDefinition (OPC 10000-3, 5.8.3).
type definition struct {
	ID       uint32     `json:"id"`
	Super    uint32     `json:"super"`    // of a structure
	Encoding uint32     `json:"encoding"` // Default Binary
	Fields   []argument `json:"fields"`   // of a structure, those of its supertypes first
	Values   []value    `json:"values"`   // of an enumeration; bits of an option set
}

type value struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

func definitions() []definition {
	var all []definition
	if err := json.Unmarshal(definitionsJSON, &all); err != nil {
		panic(fmt.Sprintf("space: embedded definitions: %v", err))
	}
	return append(all, surroundingDefinitions()...)
}

// surroundingDefinitions are those of types that only the nodes around push
// management use.
func surroundingDefinitions() []definition {
	const scalar = -1
	return []definition{
		{ID: id.PermissionType, Values: numbered("Browse", "ReadRolePermissions", "WriteAttribute", "WriteRolePermissions", "WriteHistorizing",
			"Read", "Write", "ReadHistory", "InsertHistory", "ModifyHistory", "DeleteHistory", "ReceiveEvents", "Call", "AddReference",
			"RemoveReference", "DeleteNode", "AddNode")},
		{ID: id.RolePermissionType, Super: id.Structure, Encoding: id.RolePermissionType_Encoding_DefaultBinary,
			Fields: []argument{{"RoleId", id.NodeID, scalar}, {"Permissions", id.PermissionType, scalar}}},
		{ID: id.ServerState, Values: numbered("Running", "Failed", "NoConfiguration", "Suspended", "Shutdown", "Test", "CommunicationFault", "Unknown")},
		{ID: id.BuildInfo, Super: id.Structure, Encoding: id.BuildInfo_Encoding_DefaultBinary, Fields: []argument{
			{"ProductUri", id.String, scalar}, {"ManufacturerName", id.String, scalar}, {"ProductName", id.String, scalar},
			{"SoftwareVersion", id.String, scalar}, {"BuildNumber", id.String, scalar}, {"BuildDate", id.UtcTime, scalar}}},
		{ID: id.ServerStatusDataType, Super: id.Structure, Encoding: id.ServerStatusDataType_Encoding_DefaultBinary, Fields: []argument{
			{"StartTime", id.UtcTime, scalar}, {"CurrentTime", id.UtcTime, scalar}, {"State", id.ServerState, scalar},
			{"BuildInfo", id.BuildInfo, scalar}, {"SecondsTillShutdown", id.UInt32, scalar}, {"ShutdownReason", id.LocalizedText, scalar}}},
	}
}

// numbered counts from 0.
func numbered(names ...string) []value {
	var out []value
	for i, n := range names {
		out = append(out, value{n, int64(i)})
	}
	return out
}

// addDefinitions gives the DataTypes that are there their definitions, and the
// structures their Default Binary encoding (OPC 10000-3, 5.8.4).
func (s *Space) addDefinitions() {
	for _, d := range definitions() {
		n := s.nodes[ns0(d.ID)]
		if n == nil {
			continue
		}
		n.definition = &d
		if d.Encoding == 0 || s.nodes[ns0(d.Encoding)] != nil {
			continue
		}
		s.add(&node{id: numeric(d.Encoding), class: ua.NodeClassObject, name: &ua.QualifiedName{Name: "Default Binary"}})
		s.link(ns0(d.ID), id.HasEncoding, ns0(d.Encoding))
		s.link(ns0(d.Encoding), id.HasTypeDefinition, ns0(id.DataTypeEncodingType))
	}
}

// dataTypeDefinition is the attribute.
func (d *definition) dataTypeDefinition() *ua.ExtensionObject {
	if d.Values != nil {
		e := &ua.EnumDefinition{}
		for _, v := range d.Values {
			e.Fields = append(e.Fields, &ua.EnumField{
				Name: v.Name, Value: v.Value, DisplayName: ua.NewLocalizedText(v.Name), Description: &ua.LocalizedText{},
			})
		}
		return ua.NewExtensionObject(e)
	}
	def := &ua.StructureDefinition{
		DefaultEncodingID: numeric(d.Encoding), BaseDataType: numeric(d.Super), StructureType: ua.StructureTypeStructure, Fields: []*ua.StructureField{},
	}
	for _, f := range d.Fields {
		field := &ua.StructureField{Name: f.Name, DataType: numeric(f.Data), ValueRank: f.Rank, Description: &ua.LocalizedText{}}
		if f.Rank > 0 {
			field.ArrayDimensions = []uint32{0}
		}
		def.Fields = append(def.Fields, field)
	}
	return ua.NewExtensionObject(def)
}
