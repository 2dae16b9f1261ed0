package config

// UpdateTarget is a ConfigurationUpdateTargetType (OPC 10000-12, 7.8.5.6): which
// record of the uploaded file the server is to process, and how.
type UpdateTarget struct {
	Path string     `json:"path"` // a FieldPath, for example CertificateGroups.[1]
	Type UpdateType `json:"updateType"`
}

// UpdateType is a ConfigurationUpdateType (7.8.5.7). There is no value 0.
type UpdateType int32

// What a server does with a record.
const (
	Insert          UpdateType = 1 // add; Bad_EntryExists when the name is taken
	Replace         UpdateType = 2 // update the record of that name; Bad_NoEntryExists when there is none
	InsertOrReplace UpdateType = 3
	Delete          UpdateType = 4 // remove the record of that name; Bad_NoEntryExists when there is none
)

// List names a field of ApplicationConfigurationDataType that holds records.
type List string

// The record lists. ApplicationIdentity is a single record, without an index.
const (
	ApplicationIdentity       List = "ApplicationIdentity"
	CertificateGroupList      List = "CertificateGroups"
	ServerEndpointList        List = "ServerEndpoints"
	ClientEndpointList        List = "ClientEndpoints"
	SecuritySettingsList      List = "SecuritySettings"
	UserTokenSettingsList     List = "UserTokenSettings"
	AuthorizationServicesList List = "AuthorizationServices"
)

// ProcessingOrder is the order in which a server applies records, whatever the
// order of the targets (7.10.19).
var ProcessingOrder = []List{
	ApplicationIdentity, CertificateGroupList, UserTokenSettingsList, SecuritySettingsList,
	ServerEndpointList, ClientEndpointList, AuthorizationServicesList,
}
