package manifest

import (
	"path/filepath"
	"time"
)

// Version is the apiVersion that this program reads.
const Version = "uapush/v1"

// Kind is the kind of manifest that this program reads.
const Kind = "Endpoint"

// Manifest is one endpoint and what it needs. Short names of the file are
// replaced by the URIs and NodeIds they stand for.
//
// The tags are the format: key is the field's name in the file, form names the
// form of its text (see formOf), need "yes" refuses a file without it, empty
// "ok" permits "", keyed names the form of the keys of an object whose entries
// become a list; their key goes to the field with key "-". doc is for the schema.
type Manifest struct {
	APIVersion            string                 `key:"apiVersion" form:"version" need:"yes" doc:"Format of the manifest."`
	Kind                  string                 `key:"kind" form:"kind" need:"yes" doc:"What the manifest describes."`
	Application           string                 `key:"application" form:"application" empty:"ok" doc:"Empty for the server itself; else the ApplicationUri or the NodeId of an application below ManagedApplications."`
	Endpoint              Endpoint               `key:"endpoint" need:"yes" doc:"The endpoint that is to exist. NetworkName and port identify it."`
	SecuritySettings      []SecuritySettings     `key:"securitySettings" doc:"SecuritySettings that the endpoint uses."`
	UserTokenSettings     []UserTokenSettings    `key:"userTokenSettings" doc:"UserTokenSettings that the endpoint uses."`
	CertificateGroups     []CertificateGroup     `key:"certificateGroups" doc:"CertificateGroups that the settings use, with their TrustLists and certificates."`
	AuthorizationServices []AuthorizationService `key:"authorizationServices" doc:"Services that issue tokens."`
	Update                Update                 `key:"update" doc:"The durations of CloseAndUpdate."`

	source *report             // where the problems of later steps are reported
	places map[string]position // of every value, by path
}

// Dir is the folder that relative paths of the manifest start from.
func (m *Manifest) Dir() string { return filepath.Dir(m.source.file) }

// Endpoint is a ServerEndpoint (OPC 10000-12, 7.10.23) or, for an application
// that is a Client, a ClientEndpoint (7.10.22).
type Endpoint struct {
	Name               string   `key:"name" form:"name" need:"yes" doc:"A handle; the server may rename the record."`
	Port               uint16   `key:"port" need:"yes" doc:"TCP port to listen on."`
	Network            string   `key:"network" form:"text" empty:"ok" doc:"NetworkName to listen on; empty for all."`
	DiscoveryURLs      []string `key:"discoveryUrls" form:"discoveryUrl" doc:"URLs that FindServers returns; none hides the endpoint."`
	EndpointURLs       []string `key:"endpointUrls" form:"endpointUrl" doc:"URLs that GetEndpoints returns."`
	TransportProfile   string   `key:"transportProfile" form:"transport" doc:"Transport profile, a short name or a URI."`
	ReverseConnectURLs []string `key:"reverseConnectUrls" form:"reverseUrl" doc:"Clients that the server connects to."`
	SecuritySettings   []string `key:"securitySettings" form:"name" doc:"Names from securitySettings, or of records that the server already has."`
	UserTokens         []string `key:"userTokens" form:"name" doc:"Names from userTokenSettings, or of records that the server already has."`
}

// SecuritySettings is a SecuritySettings record (7.10.24).
type SecuritySettings struct {
	Name             string   `key:"name" form:"name" need:"yes" doc:"A handle for endpoint.securitySettings."`
	Modes            []string `key:"modes" form:"mode" need:"yes" doc:"MessageSecurityModes that are offered."`
	Policies         []string `key:"policies" form:"policy" need:"yes" doc:"SecurityPolicies that are offered, short names or URIs."`
	CertificateGroup string   `key:"certificateGroup" form:"name" doc:"The group whose certificates and TrustList are used; from certificateGroups or on the server. Needed for every policy but None."`
}

// UserTokenSettings is a UserTokenSettings record (7.10.25).
type UserTokenSettings struct {
	Name                 string `key:"name" form:"name" need:"yes" doc:"A handle for endpoint.userTokens."`
	Type                 string `key:"type" form:"token" need:"yes" doc:"Kind of user token."`
	Policy               string `key:"policy" form:"policy" doc:"SecurityPolicy that protects the token, a short name or a URI."`
	CertificateGroup     string `key:"certificateGroup" form:"name" doc:"The group whose TrustList verifies user certificates; for Certificate."`
	AuthorizationService string `key:"authorizationService" form:"name" doc:"The service that issues the tokens; for IssuedToken."`
	IssuedTokenType      string `key:"issuedTokenType" form:"uri" doc:"URI of the kind of token; for IssuedToken."`
	IssuerEndpointURL    string `key:"issuerEndpointUrl" form:"text" doc:"Where tokens are issued, as issuedTokenType defines it; for IssuedToken."`
}

// CertificateGroup is a CertificateGroup record (7.8.3.4) with the content of
// its TrustList and slots.
type CertificateGroup struct {
	Name         string        `key:"name" form:"name" need:"yes" doc:"Name of the group on the server."`
	Purpose      string        `key:"purpose" form:"purpose" doc:"Purpose, a short name or a NodeId."`
	Types        []string      `key:"types" form:"certificateType" doc:"CertificateTypes that the group must have, short names or NodeIds."`
	Validation   []string      `key:"validation" form:"validation" doc:"Validation options; none leaves them to the server."`
	Trust        Trust         `key:"trust" doc:"What the TrustList must contain: files, self (this client's certificate) or ca (the built-in CA)."`
	Certificates []Certificate `key:"certificates" keyed:"certificateType" doc:"How the certificate of each type is issued."`
}

// Trust is the desired content of a TrustList.
type Trust struct {
	Trusted []string `key:"trusted" form:"trusted" doc:"Certificates to trust."`
	Issuers []string `key:"issuers" form:"issuer" doc:"CA certificates that only complete chains."`
	CRLs    []string `key:"crls" form:"issuer" doc:"Revocation lists."`
}

// Certificate says how the certificate of a slot is issued.
type Certificate struct {
	Type        string        `key:"-"`
	Subject     string        `key:"subject" form:"subject" doc:"Subject such as CN=PLC1/O=Plant; without it the server chooses."`
	DNSNames    []string      `key:"dnsNames" form:"dnsName" doc:"Host names to add."`
	IPAddresses []string      `key:"ipAddresses" form:"ipAddress" doc:"IP addresses to add."`
	Validity    time.Duration `key:"validity" form:"validity" doc:"How long it is valid, such as 365d; 0s is the issuer's default."`
}

// AuthorizationService is an AuthorizationServiceConfiguration record (9.7.5).
type AuthorizationService struct {
	Name                   string   `key:"name" form:"name" need:"yes" doc:"Name of the service on the server."`
	ServiceURI             string   `key:"serviceUri" form:"uri" need:"yes" doc:"URI of the service."`
	ServiceCertificates    []string `key:"serviceCertificates" form:"file" doc:"Files (PEM or DER) with a certificate of the service, followed by its issuers."`
	IssuerEndpointSettings string   `key:"issuerEndpointSettings" form:"text" doc:"Settings in the service's own format."`
}

// DefaultRevertAfter is used when the manifest states no revertAfter: without
// one, a server may keep a configuration that nobody can reach any more.
const DefaultRevertAfter = 120 * time.Second

// Update are the durations of CloseAndUpdate (7.8.5.2).
type Update struct {
	RestartDelay time.Duration `key:"restartDelay" form:"wait" doc:"How long the server waits before it applies the update; 0s by default."`
	RevertAfter  time.Duration `key:"revertAfter" form:"wait" doc:"How long after that the server waits for the confirmation until it reverts; 120s by default."`
}
