package space

import (
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// dataType is a DataType of namespace 0.
type dataType struct {
	id       uint32
	name     string
	super    uint32 // 0 for BaseDataType
	abstract bool
}

// dataTypes are those of NodeSet 1.05.07 that nodes and arguments of the Space
// name, or that their structures contain, with their supertypes before them.
func dataTypes() []dataType {
	return []dataType{
		{24, "BaseDataType", 0, true},
		{1, "Boolean", 24, false},
		{26, "Number", 24, true},
		{28, "UInteger", 26, true},
		{3, "Byte", 28, false},
		{5, "UInt16", 28, false},
		{27, "Integer", 26, true},
		{6, "Int32", 27, false},
		{7, "UInt32", 28, false},
		{8, "Int64", 27, false},
		{9, "UInt64", 28, false},
		{11, "Double", 26, false},
		{12, "String", 24, false},
		{13, "DateTime", 24, false},
		{14, "Guid", 24, false},
		{15, "ByteString", 24, false},
		{17, "NodeId", 24, false},
		{19, "StatusCode", 24, false},
		{20, "QualifiedName", 24, false},
		{21, "LocalizedText", 24, false},
		{22, "Structure", 24, true},
		{29, "Enumeration", 24, true},
		{94, "PermissionType", 7, false},
		{96, "RolePermissionType", 22, false},
		{97, "DataTypeDefinition", 22, true},
		{98, "StructureType", 29, false},
		{99, "StructureDefinition", 97, false},
		{100, "EnumDefinition", 97, false},
		{101, "StructureField", 22, false},
		{7594, "EnumValueType", 22, false},
		{102, "EnumField", 7594, false},
		{290, "Duration", 11, false},
		{291, "NumericRange", 12, false},
		{294, "UtcTime", 13, false},
		{295, "LocaleId", 12, false},
		{296, "Argument", 22, false},
		{302, "MessageSecurityMode", 29, false},
		{303, "UserTokenType", 29, false},
		{304, "UserTokenPolicy", 22, false},
		{307, "ApplicationType", 29, false},
		{308, "ApplicationDescription", 22, false},
		{338, "BuildInfo", 22, false},
		{852, "ServerState", 29, false},
		{862, "ServerStatusDataType", 22, false},
		{12554, "TrustListDataType", 22, false},
		{14525, "DataTypeDescription", 22, true},
		{14533, "KeyValuePair", 22, false},
		{15005, "SimpleTypeDescription", 14525, false},
		{15534, "DataTypeSchemaHeader", 22, true},
		{15006, "UABinaryFileDataType", 15534, false},
		{15434, "BaseConfigurationDataType", 22, true},
		{15435, "BaseConfigurationRecordDataType", 22, true},
		{15436, "CertificateGroupDataType", 15435, false},
		{15487, "StructureDescription", 14525, false},
		{15488, "EnumDescription", 14525, false},
		{15538, "ConfigurationUpdateTargetType", 22, false},
		{15539, "ConfigurationUpdateType", 29, false},
		{15556, "ApplicationIdentityDataType", 15435, false},
		{15557, "EndpointDataType", 15435, false},
		{15558, "ServerEndpointDataType", 15557, false},
		{15559, "SecuritySettingsDataType", 15435, false},
		{15560, "UserTokenSettingsDataType", 15435, false},
		{20998, "VersionTime", 7, false},
		{23564, "TrustListValidationOptions", 7, false},
		{23724, "ServiceCertificateDataType", 22, false},
		{23743, "ApplicationConfigurationDataType", 15434, false},
		{23744, "AuthorizationServiceConfigurationDataType", 15435, false},
		{23751, "UriString", 12, false},
		{32285, "TransactionErrorType", 22, false},
	}
}

// addDataTypes lets clients find out what the values are that they read and pass.
func (s *Space) addDataTypes() {
	for _, d := range dataTypes() {
		s.add(&node{id: numeric(d.id), class: ua.NodeClassDataType, name: &ua.QualifiedName{Name: d.name}, abstract: d.abstract})
		if d.super != 0 {
			s.link(ns0(d.super), id.HasSubtype, ns0(d.id))
		}
	}
	s.link(ns0(id.DataTypesFolder), id.Organizes, ns0(id.BaseDataType))
}
