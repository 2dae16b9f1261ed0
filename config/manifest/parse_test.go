package manifest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/uapush/uapush/config/manifest"
)

// good is a manifest that the cases below spoil. The line numbers count from 1.
const good = `apiVersion: uapush/v1
kind: Endpoint
endpoint:
  name: line-a
  port: 4843
  endpointUrls: [opc.tcp://plc1:4843]
  securitySettings: [encrypted]
  userTokens: [operators]
securitySettings:
  - name: encrypted
    modes: [SignAndEncrypt]
    policies: [Basic256Sha256]
    certificateGroup: LineA
userTokenSettings:
  - {name: operators, type: UserName}
certificateGroups:
  - name: LineA
    types: [RsaSha256]
    trust: {trusted: [self, ca], crls: [ca]}
    certificates: {RsaSha256: {subject: CN=PLC1/O=Plant, validity: 365d}}
update: {restartDelay: 0s, revertAfter: 120s}
`

// bad are spoilt manifests: old is replaced by new in good; without old, new is
// the whole file. Each want is line:column: path: part of the message (part of the hint).
var bad = []struct {
	name, old, new string
	want           []string
}{
	{"empty file", "", "", []string{
		`1:1: expected a manifest, found nothing (start with apiVersion: uapush/v1)`,
	}},
	{"only comments", "", "# nothing\n", []string{
		`1:1: expected a manifest, found nothing (start with apiVersion: uapush/v1)`,
	}},
	{"a list", "", "- a\n", []string{
		`1:1: expected an object, found a list ()`,
	}},
	{"not YAML", "port: 4843", "port: [4843", []string{
		`6:3: expected YAML: ',' or ']' must be specified (check the indentation, the quotes and the brackets of this line and the one above)`,
	}},
	{"value in the wrong place", "kind: Endpoint", "kind: Endpoint: x", []string{
		`2:7: expected YAML: mapping value is not allowed in this context (check the indentation, the quotes and the brackets of this line and the one above)`,
	}},
	{"tab", "  name: line-a", "\tname: line-a", []string{
		`4:1: expected spaces, found a tab in the indentation (YAML is indented with spaces: replace the tab by two spaces)`,
	}},
	{"control character", "name: line-a", "name: line\x1b-a", []string{
		`4:13: expected readable text, found the control character U+001B (delete it)`,
	}},
	{"escaped control character", "name: line-a", "name: \"line\\x1b-a\"", []string{
		`4:9: expected readable text, found the control character U+001B (leave it out)`,
	}},
	{"turned direction", "name: line-a", "name: line\u202e-a", []string{
		`4:13: expected readable text, found the control character U+202E (delete it)`,
	}},
	{"no UTF-8", "name: line-a", "name: line\xff-a", []string{
		`4:13: expected UTF-8 text, found the byte 0xFF (save the file as UTF-8)`,
	}},
	{"UTF-16", "", "\xff\xfea\x00", []string{
		`1:1: expected UTF-8 text, found UTF-16 (save the file as UTF-8)`,
	}},
	{"second document", "update:", "---\nupdate:", []string{
		`21:1: expected one document, found a second one (put the other endpoint into a file of its own)`,
	}},
	{"anchor and alias", "name: line-a", "name: &n line-a\n  network: *n", []string{
		`4:9: expected plain YAML, found an anchor (&) (write the value out where it is needed; a text that starts with & needs quotes)`,
		`5:12: expected plain YAML, found an alias (*) (write the value out where it is needed; a text that starts with * needs quotes)`,
	}},
	{"merge key", "  name: line-a", "  <<: {name: line-a}", []string{
		`4:3: expected plain YAML, found a merge key (<<) (write the value out where it is needed)`,
	}},
	{"tag", "name: line-a", "name: !!str line-a", []string{
		`4:9: expected plain YAML, found a tag (!) (leave it out; a text that starts with ! needs quotes)`,
	}},
	{"directive", "", "%YAML 1.2\n---\nkind: Endpoint\n", []string{
		`1:1: expected plain YAML, found a directive (%) (leave it out; a text that starts with % needs quotes)`,
		`2:1: expected one document, found a second one (put the other endpoint into a file of its own)`,
	}},
	{"unknown version", "uapush/v1", "uapush/v2", []string{
		`1:13: apiVersion: expected the version of the format (uapush/v1), found "uapush/v2" (this program reads uapush/v1; a newer format needs a newer uapush)`,
	}},
	{"wrong kind", "kind: Endpoint", "kind: endpoint", []string{
		`2:7: kind: expected a kind (Endpoint), found "endpoint" (did you mean Endpoint?)`,
	}},
	{"nothing required is there", "", "{}", []string{
		`1:1: apiVersion: expected apiVersion, found none (add apiVersion: uapush/v1)`,
		`1:1: kind: expected kind, found none (add kind: Endpoint)`,
		`1:1: endpoint: expected endpoint, found none (add endpoint: {name: line-a, port: 4843})`,
	}},
	{"unknown field", "port: 4843", "prot: 4843", []string{
		`4:3: endpoint.port: expected port, found none (add port: 4843)`,
		`5:3: endpoint.prot: unknown field "prot" (did you mean port?)`,
	}},
	{"unknown field of a group", "types: [RsaSha256]", "bananas: 1", []string{
		`18:5: certificateGroups[0].bananas: unknown field "bananas" (the fields are name, purpose, types, validation, trust, certificates)`,
	}},
	{"duplicate key", "port: 4843", "port: 4843\n  port: 4844", []string{
		`6:3: endpoint.port: "port" is given twice; the first is in line 5 (keep one of the two)`,
	}},
	{"name is a number", "name: line-a", "name: 12", []string{
		`4:9: endpoint.name: expected a name, found the number 12 (put it in quotes: "12")`,
	}},
	{"name is missing its value", "name: line-a", "name:", []string{
		`4:3: endpoint.name: expected a name, found nothing (write a value, or leave the field out)`,
	}},
	{"name is empty", "name: line-a", "name: \"\"", []string{
		`4:9: endpoint.name: expected a name, found an empty text ()`,
	}},
	{"name with blanks", "name: line-a", "name: \" line-a\"", []string{
		`4:9: endpoint.name: expected a name, found " line-a" with blanks around it (remove the blanks)`,
	}},
	{"list instead of text", "name: line-a", "name: [line-a]", []string{
		`4:9: endpoint.name: expected a name, found a list ()`,
	}},
	{"text instead of list", "endpointUrls: [opc.tcp://plc1:4843]", "endpointUrls: opc.tcp://plc1:4843", []string{
		`6:17: endpoint.endpointUrls: expected a list, found the text "opc.tcp://plc1:4843" (write it in brackets: [opc.tcp://plc1:4843])`,
	}},
	{"text instead of object", "update: {restartDelay: 0s, revertAfter: 120s}", "update: now", []string{
		`21:9: update: expected an object, found the text "now" ()`,
	}},
	{"port 0", "port: 4843", "port: 0", []string{
		`5:9: endpoint.port: expected a port from 1 to 65535, found the number 0 (write a plain number such as 4843)`,
	}},
	{"port too large", "port: 4843", "port: 65536", []string{
		`5:9: endpoint.port: expected a port from 1 to 65535, found the number 65536 (write a plain number such as 4843)`,
	}},
	{"port in quotes", "port: 4843", "port: \"4843\"", []string{
		`5:9: endpoint.port: expected a port from 1 to 65535, found the text "4843" (remove the quotes)`,
	}},
	{"port in hexadecimal", "port: 4843", "port: 0x12eb", []string{
		`5:9: endpoint.port: expected a port from 1 to 65535, found the number 0x12eb (write a plain number such as 4843)`,
	}},
	{"wrong scheme", "opc.tcp://plc1:4843", "http://plc1:4843", []string{
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found "http://plc1:4843" (write scheme://host:port; the schemes are opc.tcp, opc.https, https, opc.wss)`,
	}},
	{"mistyped scheme", "opc.tcp://plc1:4843", "opc.tpc://plc1:4843", []string{
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found the scheme "opc.tpc" (did you mean opc.tcp://?)`,
	}},
	{"URL without host", "opc.tcp://plc1:4843", "\"opc.tcp://:4843\"", []string{
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found "opc.tcp://:4843" without a host (write scheme://host:port; the schemes are opc.tcp, opc.https, https, opc.wss)`,
	}},
	{"URL with port 0", "opc.tcp://plc1:4843", "opc.tcp://plc1:0", []string{
		`6:18: endpoint.endpointUrls[0]: expected a port from 1 to 65535, found "0" ()`,
	}},
	{"URL with password", "opc.tcp://plc1:4843", "opc.tcp://a:b@plc1:4843", []string{
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found one with a user in it (a URL is public: leave the user and the password out)`,
	}},
	{"duplicate URL", "[opc.tcp://plc1:4843]", "[opc.tcp://plc1:4843, opc.tcp://plc1:4843]", []string{
		`6:39: endpoint.endpointUrls[1]: "opc.tcp://plc1:4843" is given twice; the first is in line 6 (keep one of the two)`,
	}},
	{"reverse prefix on an endpoint URL", "opc.tcp://plc1:4843", "rcp+opc.tcp://plc1:4843", []string{
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found "rcp+opc.tcp://plc1:4843" (write scheme://host:port; the schemes are opc.tcp, opc.https, https, opc.wss)`,
	}},
	{"dangling settings", "[encrypted]", "[encrpyted]", []string{
		`7:22: endpoint.securitySettings[0]: expected the name of one of the securitySettings, found "encrpyted" (did you mean encrypted?)`,
	}},
	{"dangling token", "[operators]", "[operator]", []string{
		`8:16: endpoint.userTokens[0]: expected the name of one of the userTokenSettings, found "operator" (did you mean operators?)`,
	}},
	{"dangling group", "certificateGroup: LineA", "certificateGroup: Linea", []string{
		`13:23: securitySettings[0].certificateGroup: expected the name of one of the certificateGroups, found "Linea" (did you mean LineA?)`,
	}},
	{"mode", "[SignAndEncrypt]", "[SignAndEncript]", []string{
		`11:13: securitySettings[0].modes[0]: expected a mode (None, Sign, SignAndEncrypt), found "SignAndEncript" (did you mean SignAndEncrypt?)`,
	}},
	{"policy", "[Basic256Sha256]", "[Basic256Sha265, aes256_sha256_rsapss]", []string{
		`12:16: securitySettings[0].policies[0]: expected a SecurityPolicy (None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss, ECC_nistP256, ECC_nistP384, ECC_brainpoolP256r1, ECC_brainpoolP384r1, ECC_curve25519, ECC_curve448, Basic256, Basic128Rsa15) or its full form, found "Basic256Sha265" (did you mean Basic256Sha256?)`,
		`12:32: securitySettings[0].policies[1]: expected a SecurityPolicy (None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss, ECC_nistP256, ECC_nistP384, ECC_brainpoolP256r1, ECC_brainpoolP384r1, ECC_curve25519, ECC_curve448, Basic256, Basic128Rsa15) or its full form, found "aes256_sha256_rsapss" (did you mean Aes256_Sha256_RsaPss?)`,
	}},
	{"no modes", "[SignAndEncrypt]", "[]", []string{
		`11:12: securitySettings[0].modes: expected at least one entry, found none ()`,
	}},
	{"duplicate policy, once as a URI", "[Basic256Sha256]", "[Basic256Sha256, 'http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256']", []string{
		`12:32: securitySettings[0].policies[1]: "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256" is given twice; the first is in line 12 (keep one of the two)`,
	}},
	{"policy None without mode None", "[Basic256Sha256]", "[Basic256Sha256, None]", []string{
		`12:32: securitySettings[0].policies[1]: the policy None is no use with the modes SignAndEncrypt (remove it, or add None to modes)`,
	}},
	{"modes that need a policy", "    policies: [Basic256Sha256]\n", "    policies: [None]\n", []string{
		`12:15: securitySettings[0].policies: expected a policy other than None for the modes SignAndEncrypt (add one, such as Basic256Sha256)`,
	}},
	{"no group for a policy", "    certificateGroup: LineA\n", "", []string{
		`10:5: securitySettings[0]: expected a certificateGroup for policies other than None, found none (add certificateGroup: with the name of a group)`,
	}},
	{"duplicate names", "  - {name: operators, type: UserName}", "  - {name: operators, type: UserName}\n  - {name: operators, type: Anonymous}", []string{
		`16:12: userTokenSettings[1].name: the name "operators" is given twice (rename one of the two)`,
	}},
	{"token type", "type: UserName", "type: Username", []string{
		`15:29: userTokenSettings[0].type: expected a kind of user token (Anonymous, UserName, Certificate, IssuedToken), found "Username" (did you mean UserName?)`,
	}},
	{"issued token without service", "type: UserName", "type: IssuedToken", []string{
		`15:5: userTokenSettings[0]: expected authorizationService for the type IssuedToken, found none (add authorizationService: with its name)`,
	}},
	{"certificate token without group", "type: UserName", "type: Certificate", []string{
		`15:5: userTokenSettings[0]: expected certificateGroup for the type Certificate, found none (add certificateGroup: with its name)`,
	}},
	{"fields of other tokens", "type: UserName", "type: UserName, certificateGroup: LineA, authorizationService: s, issuedTokenType: 'urn:x', issuerEndpointUrl: x", []string{
		`15:57: userTokenSettings[0].certificateGroup: certificateGroup is no use with the type UserName (it goes with the type Certificate or IssuedToken; remove it)`,
		`15:86: userTokenSettings[0].authorizationService: authorizationService is no use with the type UserName (it goes with the type IssuedToken; remove it)`,
		`15:106: userTokenSettings[0].issuedTokenType: issuedTokenType is no use with the type UserName (it goes with the type IssuedToken; remove it)`,
		`15:134: userTokenSettings[0].issuerEndpointUrl: issuerEndpointUrl is no use with the type UserName (it goes with the type IssuedToken; remove it)`,
	}},
	{"certificate type", "types: [RsaSha256]", "types: [RsaSha255, 'i=0', ns=2;i=5]", []string{
		`18:13: certificateGroups[0].types[0]: expected a CertificateType (RsaMin, RsaSha256, EccNistP256, EccNistP384, EccBrainpoolP256r1, EccBrainpoolP384r1, EccCurve25519, EccCurve448, Https, TlsServer, TlsClient) or its full form, found "RsaSha255" (did you mean RsaSha256?)`,
		`18:24: certificateGroups[0].types[1]: expected a NodeId, found the null NodeId (write i=12560 or nsu=URI;s=Name)`,
		`18:31: certificateGroups[0].types[2]: expected a NodeId: NodeId "ns=2;i=5" uses a namespace index; write nsu=URI; instead (write i=12560 or nsu=URI;s=Name)`,
	}},
	{"certificate for no slot", "certificates: {RsaSha256:", "certificates: {EccNistP256:", []string{
		`20:20: certificateGroups[0].certificates.EccNistP256: expected one of the group's types (RsaSha256), found EccNistP256 (add it to certificateGroups[0].types, or remove the certificate)`,
	}},
	{"certificate twice", "certificates: {RsaSha256:", "certificates: {i=12560: {}, RsaSha256:", []string{
		`20:33: certificateGroups[0].certificates.RsaSha256: "RsaSha256" is given twice; the first is in line 20 (keep one of the two)`,
	}},
	{"purpose", "types: [RsaSha256]", "types: [RsaSha256]\n    purpose: Application", []string{
		`19:14: certificateGroups[0].purpose: expected a purpose (ApplicationCertificate, HttpsCertificate, UserCertificate, TlsCertificate) or its full form, found "Application" (write i=12560 or nsu=URI;s=Name)`,
	}},
	{"validation", "types: [RsaSha256]", "types: [RsaSha256]\n    validation: [SuppressHostnameInvalid]", []string{
		`19:18: certificateGroups[0].validation[0]: expected a validation option (SuppressCertificateExpired, SuppressHostNameInvalid, SuppressRevocationStatusUnknown, SuppressIssuerCertificateExpired, SuppressIssuerRevocationStatusUnknown, CheckRevocationStatusOnline, CheckRevocationStatusOffline), found "SuppressHostnameInvalid" (did you mean SuppressHostNameInvalid?)`,
	}},
	{"self in other case", "[self, ca]", "[Self, ca]", []string{
		`19:23: certificateGroups[0].trust.trusted[0]: expected self, ca or a file, found "Self" (write self, or ./Self for a file of that name)`,
	}},
	{"self as CRL", "crls: [ca]", "crls: [self]", []string{
		`19:41: certificateGroups[0].trust.crls[0]: expected ca or a file, found self (self is this client's own certificate: it belongs to trusted)`,
	}},
	{"trust entry twice", "[self, ca]", "[ca, ca]", []string{
		`19:27: certificateGroups[0].trust.trusted[1]: "ca" is given twice; the first is in line 19 (keep one of the two)`,
	}},
	{"trust list from a URL", "[self, ca]", "['https://plant/ca.pem']", []string{
		`19:23: certificateGroups[0].trust.trusted[0]: expected the path of a file, found the URL "https://plant/ca.pem" (save it beside the manifest and name the file)`,
	}},
	{"trust list from a folder", "[self, ca]", "[certs/]", []string{
		`19:23: certificateGroups[0].trust.trusted[0]: expected the path of a file, found the folder "certs/" (name the file in it)`,
	}},
	{"subject with commas", "subject: CN=PLC1/O=Plant", "subject: \"CN=PLC1, O=Plant\"", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found commas in "CN=PLC1, O=Plant" (separate the pairs with slashes: CN=PLC1/O=Plant)`,
	}},
	{"subject in openssl form", "subject: CN=PLC1/O=Plant", "subject: /CN=PLC1", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found "/CN=PLC1" (leave out the first slash: CN=PLC1)`,
	}},
	{"subject with unknown name", "subject: CN=PLC1/O=Plant", "subject: CN=PLC1/ST=Bavaria", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found the name "ST" (write S for a state or province)`,
	}},
	{"subject with an unquoted slash", "subject: CN=PLC1/O=Plant", "subject: CN=PLC1/O=A/S", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found "CN=PLC1/O=A/S" (write name=value pairs; a value with / or = in it needs double quotes: O="A/S")`,
	}},
	{"subject without a value", "subject: CN=PLC1/O=Plant", "subject: CN=/O=Plant", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found no printable value for CN (write CN=value)`,
	}},
	{"subject with long country", "subject: CN=PLC1/O=Plant", "subject: CN=PLC1/C=Germany", []string{
		`20:41: certificateGroups[0].certificates.RsaSha256.subject: expected a subject such as CN=PLC1/O=Plant, found the country "Germany" (a country has two letters, such as DE)`,
	}},
	{"IP address as host name", "subject: CN=PLC1/O=Plant", "dnsNames: [192.0.2.1], ipAddresses: [plc1, fe80::1, 'fe80::1%eth0']", []string{
		`20:43: certificateGroups[0].certificates.RsaSha256.dnsNames[0]: expected a host name, found the IP address 192.0.2.1 (move it to ipAddresses)`,
		`20:69: certificateGroups[0].certificates.RsaSha256.ipAddresses[0]: expected an IP address, found "plc1" (host names belong to dnsNames)`,
		`20:75: certificateGroups[0].certificates.RsaSha256.ipAddresses[1]: expected an IP address, found an object (a text with a colon in it needs quotes)`,
		`20:84: certificateGroups[0].certificates.RsaSha256.ipAddresses[2]: expected an IP address, found "fe80::1%eth0" with a zone (a certificate cannot hold a zone: leave out "%eth0")`,
	}},
	{"host name", "subject: CN=PLC1/O=Plant", "dnsNames: ['*.plant.example', plc1_a]", []string{
		`20:43: certificateGroups[0].certificates.RsaSha256.dnsNames[0]: expected a host name, found "*.plant.example" (write it as in plc1.plant.example, without scheme, port or wildcard)`,
	}},
	{"duration without unit", "validity: 365d", "validity: 365", []string{
		`20:68: certificateGroups[0].certificates.RsaSha256.validity: expected a duration such as 365d, found the number 365 (add a unit: 365s)`,
	}},
	{"duration of years", "validity: 365d", "validity: 1y", []string{
		`20:68: certificateGroups[0].certificates.RsaSha256.validity: expected a duration, found "1y" (write a number and a unit (d, h, m, s), such as 365d, 1d12h or 120s)`,
	}},
	{"duration too long", "validity: 365d", "validity: 36501d", []string{
		`20:68: certificateGroups[0].certificates.RsaSha256.validity: expected a duration from 0s to 36500d, found "36501d" (write a number and a unit (d, h, m, s), such as 365d, 1d12h or 120s)`,
	}},
	{"negative duration", "restartDelay: 0s", "restartDelay: -1s", []string{
		`21:24: update.restartDelay: expected a duration from 0s to 24h, found "-1s" (write a number and a unit (d, h, m, s), such as 365d, 1d12h or 120s)`,
	}},
	{"wait too long", "revertAfter: 120s", "revertAfter: 25h", []string{
		`21:41: update.revertAfter: expected a duration from 0s to 24h, found "25h" (write a number and a unit (d, h, m, s), such as 365d, 1d12h or 120s)`,
	}},
	{"application", "kind: Endpoint", "kind: Endpoint\napplication: plc1", []string{
		`3:14: application: expected an ApplicationUri or a NodeId, found "plc1" (write "" for the server itself, or a URI such as urn:plant:plc1)`,
	}},
	{"application by index", "kind: Endpoint", "kind: Endpoint\napplication: ns=2;s=plc1", []string{
		`3:14: application: expected a NodeId: NodeId "ns=2;s=plc1" uses a namespace index; write nsu=URI; instead (write i=12560 or nsu=URI;s=Name)`,
	}},
	{"service", "update:", "authorizationServices:\n  - {name: gds, serviceCertificates: [a.pem, a.pem]}\nupdate:", []string{
		`22:5: authorizationServices[0].serviceUri: expected serviceUri, found none (add serviceUri: urn:plant:tokens)`,
		`22:46: authorizationServices[0].serviceCertificates[1]: "a.pem" is given twice; the first is in line 22 (keep one of the two)`,
	}},
	{"truth value instead of text", "name: line-a", "name: true", []string{
		`4:9: endpoint.name: expected a name, found the truth value true (put it in quotes: "true")`,
	}},
	{"value is an object", "name: line-a", "name: {a: b}", []string{
		`4:9: endpoint.name: expected a name, found an object (a text with a colon in it needs quotes)`,
	}},
	{"nested too deep", "", "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", []string{
		`1:36: lists and objects are nested more than 32 deep ()`,
	}},
	{"dashes nested too deep", "", "- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - a", []string{
		`1:65: lists and objects are nested more than 32 deep ()`,
	}},
	{"URL with a bad port", "opc.tcp://plc1:4843", "opc.tcp://plc1:70000", []string{
		`6:18: endpoint.endpointUrls[0]: expected a port from 1 to 65535, found "70000" ()`,
	}},
	{"policy URI without a scheme", "[Basic256Sha256]", "['//opcfoundation.org/UA']", []string{
		`12:16: securitySettings[0].policies[0]: expected a SecurityPolicy (None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss, ECC_nistP256, ECC_nistP384, ECC_brainpoolP256r1, ECC_brainpoolP384r1, ECC_curve25519, ECC_curve448, Basic256, Basic128Rsa15) or its full form, found "//opcfoundation.org/UA" (a URI has a scheme, such as urn: or http:)`,
	}},
	{"numbers in a list", "[self, ca]", "[1, 2.5, null]", []string{
		`19:23: certificateGroups[0].trust.trusted[0]: expected self, ca or a file, found the number 1 (put it in quotes: "1")`,
		`19:26: certificateGroups[0].trust.trusted[1]: expected self, ca or a file, found the number 2.5 (put it in quotes: "2.5")`,
		`19:31: certificateGroups[0].trust.trusted[2]: expected self, ca or a file, found nothing (write a value, or leave the field out)`,
	}},
	{"many at once", "  port: 4843\n  endpointUrls: [opc.tcp://plc1:4843]", "  port: 70000\n  endpointUrls: [plc1]\n  transportProfile: tcp", []string{
		`5:9: endpoint.port: expected a port from 1 to 65535, found the number 70000 (write a plain number such as 4843)`,
		`6:18: endpoint.endpointUrls[0]: expected a URL such as opc.tcp://plc1:4840, found "plc1" (write scheme://host:port; the schemes are opc.tcp, opc.https, https, opc.wss)`,
		`7:21: endpoint.transportProfile: expected a transport profile (uatcp, https, wss) or its full form, found "tcp" (did you mean uatcp?)`,
	}},
}

func spoil(old, text string) string {
	if old == "" {
		return text
	}
	if strings.Count(good, old) != 1 {
		panic("the case must replace one place: " + old)
	}
	return strings.Replace(good, old, text, 1)
}

func TestBadManifests(t *testing.T) {
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			_, err := manifest.Parse("m.yaml", []byte(spoil(c.old, c.new)))
			var problems manifest.Errors
			if !errors.As(err, &problems) || !errors.Is(err, manifest.ErrManifest) {
				t.Fatalf("error: got %v, want Errors of ErrManifest", err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%s (%s)", strings.TrimPrefix(p.Error(), "m.yaml:"), p.Hint()))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestGoodManifest(t *testing.T) {
	if _, err := manifest.Parse("m.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Parse("m.yaml", []byte("\xEF\xBB\xBF"+strings.ReplaceAll(good, "\n", "\r\n"))); err != nil {
		t.Errorf("byte order mark and CRLF: %v", err)
	}
}
