package config

import "strings"

// A short name stands for a constant that is long on the wire. The tables below
// are the only place where the two meet.
type shortName struct{ short, long string }

var policies = []shortName{ // OPC 10000-7, SecurityPolicy facets
	{"None", policyPrefix + "None"},
	{"Basic256Sha256", policyPrefix + "Basic256Sha256"},
	{"Aes128_Sha256_RsaOaep", policyPrefix + "Aes128_Sha256_RsaOaep"},
	{"Aes256_Sha256_RsaPss", policyPrefix + "Aes256_Sha256_RsaPss"},
	{"ECC_nistP256", policyPrefix + "ECC_nistP256"},
	{"ECC_nistP384", policyPrefix + "ECC_nistP384"},
	{"ECC_brainpoolP256r1", policyPrefix + "ECC_brainpoolP256r1"},
	{"ECC_brainpoolP384r1", policyPrefix + "ECC_brainpoolP384r1"},
	{"ECC_curve25519", policyPrefix + "ECC_curve25519"},
	{"ECC_curve448", policyPrefix + "ECC_curve448"},
	{"Basic256", policyPrefix + "Basic256"},
	{"Basic128Rsa15", policyPrefix + "Basic128Rsa15"},
}

const policyPrefix = "http://opcfoundation.org/UA/SecurityPolicy#"

var transports = []shortName{ // OPC 10000-7, transport facets
	{"uatcp", "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"},
	{"https", "http://opcfoundation.org/UA-Profile/Transport/https-uabinary"},
	{"wss", "http://opcfoundation.org/UA-Profile/Transport/wss-uasc-uabinary"},
}

var certificateTypes = []shortName{ // OPC 10000-12, 7.8.4
	{"RsaMin", "i=12559"},
	{"RsaSha256", "i=12560"},
	{"EccNistP256", "i=23538"},
	{"EccNistP384", "i=23539"},
	{"EccBrainpoolP256r1", "i=23540"},
	{"EccBrainpoolP384r1", "i=23541"},
	{"EccCurve25519", "i=23542"},
	{"EccCurve448", "i=23543"},
	{"Https", "i=12558"},
	{"TlsServer", "i=19325"},
	{"TlsClient", "i=19326"},
}

var purposes = []shortName{ // the direct subtypes of CertificateType, 7.8.4
	{"ApplicationCertificate", "i=12557"},
	{"HttpsCertificate", "i=12558"},
	{"UserCertificate", "i=19323"},
	{"TlsCertificate", "i=19324"},
}

// Constants of the tables above that code decides on.
const (
	PurposeApplicationCertificate NodeID = "i=12557"
	TypeRsaMin                    NodeID = "i=12559"
	TypeRsaSha256                 NodeID = "i=12560"
	TypeEccNistP256               NodeID = "i=23538"
	TypeEccNistP384               NodeID = "i=23539"
	TypeEccBrainpoolP256r1        NodeID = "i=23540"
	TypeEccBrainpoolP384r1        NodeID = "i=23541"
	TypeEccCurve25519             NodeID = "i=23542"
	TypeEccCurve448               NodeID = "i=23543"

	PolicyNone                = policyPrefix + "None"
	PolicyBasic256Sha256      = policyPrefix + "Basic256Sha256"
	PolicyAes128Sha256RsaOaep = policyPrefix + "Aes128_Sha256_RsaOaep"
	PolicyAes256Sha256RsaPss  = policyPrefix + "Aes256_Sha256_RsaPss"

	TransportUATCP = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"

	DefaultApplicationGroup = "DefaultApplicationGroup"
	DefaultHTTPSGroup       = "DefaultHttpsGroup"
	DefaultUserTokenGroup   = "DefaultUserTokenGroup"
)

// PolicyURI, TransportURI, CertificateTypeID and PurposeID give what a short
// name stands for; ok is false for a name the table does not have.

func PolicyURI(short string) (uri string, ok bool)    { return lookUp(policies, short) }
func TransportURI(short string) (uri string, ok bool) { return lookUp(transports, short) }
func CertificateTypeID(short string) (NodeID, bool)   { return lookUpID(certificateTypes, short) }
func PurposeID(short string) (NodeID, bool)           { return lookUpID(purposes, short) }

// PolicyName, TransportName, CertificateTypeName and PurposeName give the short
// name, or their argument where there is none.

func PolicyName(uri string) string         { return shorten(policies, uri) }
func TransportName(uri string) string      { return shorten(transports, uri) }
func CertificateTypeName(id NodeID) string { return shorten(certificateTypes, string(id)) }
func PurposeName(id NodeID) string         { return shorten(purposes, string(id)) }

// PolicyNames, TransportNames, CertificateTypeNames and PurposeNames list the
// short names, for schemas, completion and error messages.

func PolicyNames() []string          { return shortNames(policies) }
func TransportNames() []string       { return shortNames(transports) }
func CertificateTypeNames() []string { return shortNames(certificateTypes) }
func PurposeNames() []string         { return shortNames(purposes) }

func lookUp(table []shortName, short string) (string, bool) {
	for _, n := range table {
		if strings.EqualFold(n.short, short) {
			return n.long, true
		}
	}
	return "", false
}

func lookUpID(table []shortName, short string) (NodeID, bool) {
	long, ok := lookUp(table, short)
	return NodeID(long), ok
}

func shorten(table []shortName, long string) string {
	for _, n := range table {
		if n.long == long {
			return n.short
		}
	}
	return long
}

func shortNames(table []shortName) []string {
	var names []string
	for _, n := range table {
		names = append(names, n.short)
	}
	return names
}
