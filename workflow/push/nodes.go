package push

import "github.com/gopcua/opcua/ua"

// NodeIds of namespace 0, from NodeIds.csv of the NodeSet 1.05.07. Only nodes
// that every server has under the same number are named by number; everything
// below an application is found by browse name, because stacks disagree.
const (
	idHierarchicalReferences = 33

	idNamespaceArray       = 2255  // Server_NamespaceArray
	idCurrentTime          = 2258  // Server_ServerStatus_CurrentTime
	idState                = 2259  // Server_ServerStatus_State
	idServerMaxByteString  = 12911 // Server_ServerCapabilities_MaxByteStringLength
	idServerConfiguration  = 12637 // ServerConfiguration
	idManagedApplications  = 16706 // ManagedApplications
	idUpdateTargetEncoding = 16541 // ConfigurationUpdateTargetType_Encoding_DefaultBinary
)

// Members of an ApplicationConfiguration or of ServerConfiguration, as paths of
// browse names in namespace 0 (OPC 10000-12, 7.10.3, 7.10.14).
const (
	pathApplicationURI       = "ApplicationUri"
	pathApplicationType      = "ApplicationType"
	pathPrivateKeyFormats    = "SupportedPrivateKeyFormats"
	pathMaxTrustListSize     = "MaxTrustListSize"
	pathSupportsTransactions = "SupportsTransactions"
	pathCertificateGroups    = "CertificateGroups"

	pathUpdateCertificate    = "UpdateCertificate"
	pathCreateSigningRequest = "CreateSigningRequest"
	pathGetCertificates      = "GetCertificates"
	pathApplyChanges         = "ApplyChanges"
	pathCancelChanges        = "CancelChanges"
	pathGetRejectedList      = "GetRejectedList" // of a group too (7.8.3.2)
	pathCreateSelfSigned     = "CreateSelfSignedCertificate"
	pathDeleteCertificate    = "DeleteCertificate"
)

// Members of the ConfigurationFile (7.8.5.1, 7.10.20).
const (
	pathFile               = "ConfigurationFile"
	pathFileLastUpdate     = "ConfigurationFile/LastUpdateTime"
	pathFileVersion        = "ConfigurationFile/CurrentVersion"
	pathFileTimeout        = "ConfigurationFile/ActivityTimeout"
	pathFileDataType       = "ConfigurationFile/SupportedDataType"
	pathFileMaxByteString  = "ConfigurationFile/MaxByteStringLength"
	pathFileNetworks       = "ConfigurationFile/AvailableNetworks"
	pathFilePorts          = "ConfigurationFile/AvailablePorts"
	pathFileMaxEndpoints   = "ConfigurationFile/MaxEndpoints"
	pathFileMaxGroups      = "ConfigurationFile/MaxCertificateGroups"
	pathFilePolicies       = "ConfigurationFile/SecurityPolicyUris"
	pathFileUserTokens     = "ConfigurationFile/UserTokenTypes"
	pathFileTypes          = "ConfigurationFile/CertificateTypes"
	pathFilePurposes       = "ConfigurationFile/CertificateGroupPurposes"
	pathFileOpen           = "ConfigurationFile/Open"
	pathFileClose          = "ConfigurationFile/Close"
	pathFileRead           = "ConfigurationFile/Read"
	pathFileWrite          = "ConfigurationFile/Write"
	pathFileCloseAndUpdate = "ConfigurationFile/CloseAndUpdate"
	pathFileConfirmUpdate  = "ConfigurationFile/ConfirmUpdate"
)

// Members of a CertificateGroup (7.8.3.1) and its TrustList (7.8.2.1).
const (
	pathGroupTypes         = "CertificateTypes"
	pathGroupPurpose       = "Purpose"
	pathList               = "TrustList"
	pathListMaxByteString  = "TrustList/MaxByteStringLength"
	pathListOpen           = "TrustList/Open"
	pathListClose          = "TrustList/Close"
	pathListRead           = "TrustList/Read"
	pathListWrite          = "TrustList/Write"
	pathListCloseAndUpdate = "TrustList/CloseAndUpdate"
	pathListLastUpdate     = "TrustList/LastUpdateTime"
	pathListOpenWithMasks  = "TrustList/OpenWithMasks"
	pathListAdd            = "TrustList/AddCertificate"
	pathListRemove         = "TrustList/RemoveCertificate"
)

// applicationProperties are read by Observe, in one request.
var applicationProperties = []string{
	pathApplicationURI, pathApplicationType, pathPrivateKeyFormats, pathMaxTrustListSize, pathSupportsTransactions,
	pathFileLastUpdate, pathFileVersion, pathFileTimeout, pathFileDataType, pathFileMaxByteString,
	pathFileNetworks, pathFilePorts, pathFileMaxEndpoints, pathFileMaxGroups,
	pathFilePolicies, pathFileUserTokens, pathFileTypes, pathFilePurposes,
}

var applicationMethods = []string{
	pathUpdateCertificate, pathCreateSigningRequest, pathGetCertificates, pathApplyChanges, pathCancelChanges,
	pathGetRejectedList, pathCreateSelfSigned, pathDeleteCertificate,
	pathFileOpen, pathFileClose, pathFileRead, pathFileWrite, pathFileCloseAndUpdate, pathFileConfirmUpdate,
}

var groupProperties = []string{pathGroupTypes, pathGroupPurpose, pathListMaxByteString, pathListLastUpdate}

var groupMethods = []string{
	pathListOpen, pathListClose, pathListRead, pathListWrite, pathListCloseAndUpdate,
	pathListOpenWithMasks, pathListAdd, pathListRemove, pathGetRejectedList,
}

// signature is what the NodeSet says of a method.
type signature struct {
	typeID    uint32   // of the method on the type, which a Call may use as well (OPC 10000-4, 5.12.2.2)
	arguments []string // names of the input arguments, for messages
}

var signatures = map[string]signature{
	pathUpdateCertificate: {12616, []string{
		"CertificateGroupId", "CertificateTypeId", "Certificate", "IssuerCertificates", "PrivateKeyFormat", "PrivateKey"}},
	pathCreateSigningRequest: {12731, []string{
		"CertificateGroupId", "CertificateTypeId", "SubjectName", "RegeneratePrivateKey", "Nonce"}},
	pathGetCertificates: {32296, []string{"CertificateGroupId"}},
	pathApplyChanges:    {12734, nil},
	pathCancelChanges:   {25698, nil},
	pathGetRejectedList: {12775, nil},
	pathCreateSelfSigned: {19337, []string{
		"CertificateGroupId", "CertificateTypeId", "SubjectName", "DnsNames", "IpAddresses", "LifetimeInDays", "KeySizeInBits"}},
	pathDeleteCertificate: {19340, []string{"CertificateGroupId", "CertificateTypeId"}},

	pathFileOpen:  {11580, []string{"Mode"}},
	pathFileClose: {11583, []string{"FileHandle"}},
	pathFileRead:  {11585, []string{"FileHandle", "Length"}},
	pathFileWrite: {11588, []string{"FileHandle", "Data"}},
	pathFileCloseAndUpdate: {15505, []string{
		"FileHandle", "VersionToUpdate", "Targets", "RevertAfterTime", "RestartDelayTime"}},
	pathFileConfirmUpdate: {15508, []string{"UpdateId"}},

	pathListOpen:           {11580, []string{"Mode"}},
	pathListClose:          {11583, []string{"FileHandle"}},
	pathListRead:           {11585, []string{"FileHandle", "Length"}},
	pathListWrite:          {11588, []string{"FileHandle", "Data"}},
	pathListCloseAndUpdate: {12546, []string{"FileHandle"}},
	pathListOpenWithMasks:  {12543, []string{"Masks"}},
	pathListAdd:            {12548, []string{"Certificate", "IsTrustedCertificate"}},
	pathListRemove:         {12550, []string{"Thumbprint", "IsTrustedCertificate"}},
}

// idGroupGetRejectedList is the method on CertificateGroupType; the one of the
// application has the same name.
const idGroupGetRejectedList = 23526

// numeric is a NodeId of namespace 0.
func numeric(n uint32) *ua.NodeID { return ua.NewNumericNodeID(0, n) }
