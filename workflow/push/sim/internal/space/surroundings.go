package space

import (
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// NodeIds that gopcua's table does not have.
const (
	resources           = 24226
	managedApplications = 16706
)

// plain is a node around push management: class, parent and how the parent refers to it.
type plain struct {
	id     uint32
	class  ua.NodeClass
	name   string
	parent uint32
	ref    uint32
	typ    uint32 // type definition
	data   uint32
	rank   int32
}

// surroundings lists parents before children.
func surroundings() []plain {
	const object, variable, objectType, variableType, referenceType = ua.NodeClassObject, ua.NodeClassVariable,
		ua.NodeClassObjectType, ua.NodeClassVariableType, ua.NodeClassReferenceType
	const anyRank = -2
	return []plain{
		{id.References, referenceType, "References", 0, 0, 0, 0, 0},
		{id.HierarchicalReferences, referenceType, "HierarchicalReferences", id.References, id.HasSubtype, 0, 0, 0},
		{id.HasChild, referenceType, "HasChild", id.HierarchicalReferences, id.HasSubtype, 0, 0, 0},
		{id.Aggregates, referenceType, "Aggregates", id.HasChild, id.HasSubtype, 0, 0, 0},
		{id.HasComponent, referenceType, "HasComponent", id.Aggregates, id.HasSubtype, 0, 0, 0},
		{id.HasProperty, referenceType, "HasProperty", id.Aggregates, id.HasSubtype, 0, 0, 0},
		{id.HasSubtype, referenceType, "HasSubtype", id.HasChild, id.HasSubtype, 0, 0, 0},
		{id.Organizes, referenceType, "Organizes", id.HierarchicalReferences, id.HasSubtype, 0, 0, 0},
		{id.HasEventSource, referenceType, "HasEventSource", id.HierarchicalReferences, id.HasSubtype, 0, 0, 0},
		{id.NonHierarchicalReferences, referenceType, "NonHierarchicalReferences", id.References, id.HasSubtype, 0, 0, 0},
		{id.HasTypeDefinition, referenceType, "HasTypeDefinition", id.NonHierarchicalReferences, id.HasSubtype, 0, 0, 0},
		{id.HasModellingRule, referenceType, "HasModellingRule", id.NonHierarchicalReferences, id.HasSubtype, 0, 0, 0},
		{id.HasEncoding, referenceType, "HasEncoding", id.NonHierarchicalReferences, id.HasSubtype, 0, 0, 0},

		{id.BaseObjectType, objectType, "BaseObjectType", 0, 0, 0, 0, 0},
		{id.DataTypeEncodingType, objectType, "DataTypeEncodingType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.FolderType, objectType, "FolderType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.ServerType, objectType, "ServerType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.ServerCapabilitiesType, objectType, "ServerCapabilitiesType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.RoleSetType, objectType, "RoleSetType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.RoleType, objectType, "RoleType", id.BaseObjectType, id.HasSubtype, 0, 0, 0},
		{id.OperationLimitsType, objectType, "OperationLimitsType", id.FolderType, id.HasSubtype, 0, 0, 0},
		{id.BaseVariableType, variableType, "BaseVariableType", 0, 0, 0, id.BaseDataType, anyRank},
		{id.BaseDataVariableType, variableType, "BaseDataVariableType", id.BaseVariableType, id.HasSubtype, 0, id.BaseDataType, anyRank},
		{id.PropertyType, variableType, "PropertyType", id.BaseVariableType, id.HasSubtype, 0, id.BaseDataType, anyRank},
		{id.ServerStatusType, variableType, "ServerStatusType", id.BaseDataVariableType, id.HasSubtype, 0, id.ServerStatusDataType, -1},
		{id.BuildInfoType, variableType, "BuildInfoType", id.BaseDataVariableType, id.HasSubtype, 0, id.BuildInfo, -1},

		{id.RootFolder, object, "Root", 0, 0, id.FolderType, 0, 0},
		{id.ObjectsFolder, object, "Objects", id.RootFolder, id.Organizes, id.FolderType, 0, 0},
		{id.TypesFolder, object, "Types", id.RootFolder, id.Organizes, id.FolderType, 0, 0},
		{id.ViewsFolder, object, "Views", id.RootFolder, id.Organizes, id.FolderType, 0, 0},
		{id.ObjectTypesFolder, object, "ObjectTypes", id.TypesFolder, id.Organizes, id.FolderType, 0, 0},
		{id.DataTypesFolder, object, "DataTypes", id.TypesFolder, id.Organizes, id.FolderType, 0, 0},
		{id.Server, object, "Server", id.ObjectsFolder, id.Organizes, id.ServerType, 0, 0},
		{id.Server_ServerArray, variable, "ServerArray", id.Server, id.HasProperty, id.PropertyType, id.String, 1},
		{id.Server_NamespaceArray, variable, "NamespaceArray", id.Server, id.HasProperty, id.PropertyType, id.String, 1},
		{id.Server_ServiceLevel, variable, "ServiceLevel", id.Server, id.HasProperty, id.PropertyType, id.Byte, -1},
		{id.Server_Auditing, variable, "Auditing", id.Server, id.HasProperty, id.PropertyType, id.Boolean, -1},
		{id.Server_ServerStatus, variable, "ServerStatus", id.Server, id.HasComponent, id.ServerStatusType, id.ServerStatusDataType, -1},
		{id.Server_ServerStatus_StartTime, variable, "StartTime", id.Server_ServerStatus, id.HasComponent, id.BaseDataVariableType, id.UtcTime, -1},
		{id.Server_ServerStatus_CurrentTime, variable, "CurrentTime", id.Server_ServerStatus, id.HasComponent, id.BaseDataVariableType, id.UtcTime, -1},
		{id.Server_ServerStatus_State, variable, "State", id.Server_ServerStatus, id.HasComponent, id.BaseDataVariableType, id.ServerState, -1},
		{id.Server_ServerStatus_BuildInfo, variable, "BuildInfo", id.Server_ServerStatus, id.HasComponent, id.BuildInfoType, id.BuildInfo, -1},
		{id.Server_ServerStatus_SecondsTillShutdown, variable, "SecondsTillShutdown", id.Server_ServerStatus, id.HasComponent, id.BaseDataVariableType, id.UInt32, -1},
		{id.Server_ServerStatus_ShutdownReason, variable, "ShutdownReason", id.Server_ServerStatus, id.HasComponent, id.BaseDataVariableType, id.LocalizedText, -1},
		{id.Server_ServerCapabilities, object, "ServerCapabilities", id.Server, id.HasComponent, id.ServerCapabilitiesType, 0, 0},
		{id.Server_ServerCapabilities_ServerProfileArray, variable, "ServerProfileArray", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.String, 1},
		{id.Server_ServerCapabilities_LocaleIDArray, variable, "LocaleIdArray", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.LocaleID, 1},
		{id.Server_ServerCapabilities_MaxBrowseContinuationPoints, variable, "MaxBrowseContinuationPoints", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.UInt16, -1},
		{id.Server_ServerCapabilities_MaxArrayLength, variable, "MaxArrayLength", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_MaxStringLength, variable, "MaxStringLength", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_MaxByteStringLength, variable, "MaxByteStringLength", id.Server_ServerCapabilities, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_OperationLimits, object, "OperationLimits", id.Server_ServerCapabilities, id.HasComponent, id.OperationLimitsType, 0, 0},
		{id.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead, variable, "MaxNodesPerRead", id.Server_ServerCapabilities_OperationLimits, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite, variable, "MaxNodesPerWrite", id.Server_ServerCapabilities_OperationLimits, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_OperationLimits_MaxNodesPerMethodCall, variable, "MaxNodesPerMethodCall", id.Server_ServerCapabilities_OperationLimits, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse, variable, "MaxNodesPerBrowse", id.Server_ServerCapabilities_OperationLimits, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{id.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIDs, variable, "MaxNodesPerTranslateBrowsePathsToNodeIds", id.Server_ServerCapabilities_OperationLimits, id.HasProperty, id.PropertyType, id.UInt32, -1},
		{resources, object, "Resources", id.Server, id.HasComponent, id.FolderType, 0, 0},
	}
}

func (s *Space) addSurroundings() {
	for _, p := range surroundings() {
		n := &node{id: numeric(p.id), class: p.class, name: &ua.QualifiedName{Name: p.name}, data: p.data, rank: p.rank}
		s.add(n)
		if p.parent != 0 {
			s.link(ns0(p.parent), p.ref, ns0(p.id))
		}
		if p.typ != 0 {
			s.link(ns0(p.id), id.HasTypeDefinition, ns0(p.typ))
		}
	}
}
