package uafile

import "github.com/uapush/uapush/config"

// The structures of OPC 10000-12, 7.10.19 to 7.10.25 and 9.7.5, base fields
// first. A minimum size is that of an element whose strings and arrays are null.

const (
	keyValuePairSize           = 7
	localizedTextSize          = 1
	nodeIDSize                 = 2
	applicationDescriptionSize = 25
	certificateGroupSize       = 22
	endpointSize               = 18
	serverEndpointSize         = 38
	securitySettingsSize       = 20
	userTokenSettingsSize      = 32
	authorizationServiceSize   = 20
	serviceCertificateSize     = 24
)

func application(c codec, a *config.Application) {
	unsigned(c, "ConfigurationVersion", &a.Version)
	recordList(c, "ConfigurationProperties", &a.Properties, keyValuePairSize, property)
	c.record("ApplicationIdentity", func(c codec) { identity(c, &a.Identity) })
	recordList(c, "CertificateGroups", &a.CertificateGroups, certificateGroupSize, certificateGroup)
	recordList(c, "ServerEndpoints", &a.ServerEndpoints, serverEndpointSize, serverEndpoint)
	recordList(c, "ClientEndpoints", &a.ClientEndpoints, endpointSize, endpoint)
	recordList(c, "SecuritySettings", &a.SecuritySettings, securitySettingsSize, securitySettings)
	recordList(c, "UserTokenSettings", &a.UserTokenSettings, userTokenSettingsSize, userTokenSettings)
	recordList(c, "AuthorizationServices", &a.AuthorizationServices, authorizationServiceSize, authorizationService)
}

func property(c codec, p *config.Property) {
	c.qualifiedName("Key", &p.Namespace, &p.Name)
	c.variant("Value", &p.Value)
}

func record(c codec, r *config.Record) {
	c.text("Name", &r.Name)
	list(c, "RecordProperties", &r.Properties, keyValuePairSize, property)
}

func identity(c codec, r *config.Identity) {
	record(c, &r.Record)
	c.text("ApplicationUri", &r.ApplicationURI)
	list(c, "ApplicationNames", &r.ApplicationNames, localizedTextSize,
		func(c codec, t *config.LocalizedText) { c.localizedText("", t) })
	list(c, "AdditionalServers", &r.AdditionalServers, applicationDescriptionSize, applicationDescription)
}

func applicationDescription(c codec, d *config.ApplicationDescription) {
	c.text("ApplicationUri", &d.ApplicationURI)
	c.text("ProductUri", &d.ProductURI)
	c.localizedText("ApplicationName", &d.ApplicationName)
	enumeration(c, "ApplicationType", &d.ApplicationType)
	c.text("GatewayServerUri", &d.GatewayServerURI)
	c.text("DiscoveryProfileUri", &d.DiscoveryProfileURI)
	texts(c, "DiscoveryUrls", &d.DiscoveryURLs)
}

func certificateGroup(c codec, r *config.CertificateGroup) {
	record(c, &r.Record)
	c.nodeID("Purpose", &r.Purpose)
	list(c, "CertificateTypes", &r.CertificateTypes, nodeIDSize,
		func(c codec, id *config.NodeID) { c.nodeID("", id) })
	list(c, "IsCertificateAssigned", &r.CertificateAssigned, 1,
		func(c codec, b *bool) { c.boolean("", b) })
	unsigned(c, "ValidationOptions", &r.ValidationOptions)
}

func endpoint(c codec, r *config.Endpoint) {
	record(c, &r.Record)
	texts(c, "DiscoveryUrls", &r.DiscoveryURLs)
	c.text("NetworkName", &r.NetworkName)
	c.uint16("Port", &r.Port)
}

func serverEndpoint(c codec, r *config.ServerEndpoint) {
	endpoint(c, &r.Endpoint)
	texts(c, "EndpointUrls", &r.EndpointURLs)
	texts(c, "SecuritySettingNames", &r.SecuritySettingNames)
	c.text("TransportProfileUri", &r.TransportProfileURI)
	texts(c, "UserTokenSettingNames", &r.UserTokenSettingNames)
	texts(c, "ReverseConnectUrls", &r.ReverseConnectURLs)
}

func securitySettings(c codec, r *config.SecuritySettings) {
	record(c, &r.Record)
	list(c, "SecurityModes", &r.SecurityModes, 4,
		func(c codec, m *config.SecurityMode) { enumeration(c, "", m) })
	texts(c, "SecurityPolicyUris", &r.SecurityPolicyURIs)
	c.text("CertificateGroupName", &r.CertificateGroupName)
}

func userTokenSettings(c codec, r *config.UserTokenSettings) {
	record(c, &r.Record)
	enumeration(c, "TokenType", &r.TokenType)
	c.text("IssuedTokenType", &r.IssuedTokenType)
	c.text("IssuerEndpointUrl", &r.IssuerEndpointURL)
	c.text("SecurityPolicyUri", &r.SecurityPolicyURI)
	c.text("CertificateGroupName", &r.CertificateGroupName)
	c.text("AuthorizationServiceName", &r.AuthorizationServiceName)
}

func authorizationService(c codec, r *config.AuthorizationService) {
	record(c, &r.Record)
	c.text("ServiceUri", &r.ServiceURI)
	if c.layout() == Layout105_05 {
		list(c, "ServiceCertificate", &r.ServiceCertificates, 4, bareServiceCertificate)
	} else {
		list(c, "ServiceCertificates", &r.ServiceCertificates, serviceCertificateSize, serviceCertificate)
	}
	c.text("IssuerEndpointSettings", &r.IssuerEndpointSettings)
}

func serviceCertificate(c codec, s *config.ServiceCertificate) {
	c.bytes("Certificate", &s.Certificate)
	byteStrings(c, "Issuers", &s.Issuers)
	c.dateTime("ValidFrom", &s.ValidFrom)
	c.dateTime("ValidTo", &s.ValidTo)
}

// bareServiceCertificate is what NodeSet 1.05.05 has: the certificate alone.
func bareServiceCertificate(c codec, s *config.ServiceCertificate) {
	c.bytes("", &s.Certificate)
	if e, ok := c.(*encoder); ok {
		e.refuse("Issuers", len(s.Issuers) > 0)
		e.refuse("ValidFrom", !s.ValidFrom.IsZero())
		e.refuse("ValidTo", !s.ValidTo.IsZero())
	}
}
