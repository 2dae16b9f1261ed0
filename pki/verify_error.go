package pki

import "fmt"

// Rule names a step of certificate validation (OPC 10000-4, 6.1.3).
type Rule string

// The rules in the order in which Verify checks them.
const (
	RuleStructure         Rule = "structure"
	RulePin               Rule = "pin"
	RuleChain             Rule = "chain"
	RuleSignature         Rule = "signature"
	RulePolicy            Rule = "policy" // algorithms and key lengths
	RuleUntrusted         Rule = "trust"
	RuleValidity          Rule = "validity"
	RuleHostName          Rule = "hostName"
	RuleApplicationURI    Rule = "applicationUri"
	RuleUsage             Rule = "usage"
	RuleRevoked           Rule = "revoked"
	RuleRevocationUnknown Rule = "revocationUnknown"
)

// Rules that only what is installed for a CA can break.
const (
	RuleKey Rule = "key"
	RuleCRL Rule = "crl"
)

// CertificateError says which rule a server's certificate breaks.
type CertificateError struct {
	Rule     Rule
	Subject  string // of the certificate that breaks it
	Issuer   bool   // that certificate is not the leaf
	Value    string // what it has; from the peer, without control characters
	Expected string // what it should have; may be empty
	SHA256   string // Fingerprint of the leaf
}

func (e *CertificateError) Error() string {
	who := "the certificate"
	if e.Issuer {
		who = "the issuer's certificate"
	}
	if e.Subject != "" {
		who += " " + e.Subject
	}
	text := fmt.Sprintf("%s is refused by the rule %s: ", who, e.Rule)
	switch e.Rule {
	case RuleHostName:
		return text + fmt.Sprintf("it is for %s, not for %s", e.Value, e.Expected)
	case RuleApplicationURI:
		return text + fmt.Sprintf("its ApplicationUri is %s, the server says %s", e.Value, e.Expected)
	case RuleUntrusted:
		return text + "neither it nor its issuer is trusted"
	case RulePin:
		return text + "it is not the pinned one, " + e.Expected
	}
	if e.Expected != "" {
		return text + fmt.Sprintf("%s, expected %s", e.Value, e.Expected)
	}
	return text + e.Value
}

// Hint tells the operator what to do.
func (e *CertificateError) Hint() string {
	pin := "--pin sha256:" + e.SHA256
	switch e.Rule {
	case RulePin:
		return "if the server's certificate was renewed, compare the fingerprint at the server and pin the new one, " + pin + "; if not, somebody may be in between"
	case RuleUntrusted:
		return "compare the fingerprint at the server, then give its certificate or its CA with --trust FILE, or " + pin
	case RuleChain:
		return "give the missing issuers with --trust FILE, or compare the fingerprint at the server and use " + pin
	case RulePolicy:
		return "give the server a certificate with RSA of at least 2048 bits and SHA-256"
	case RuleValidity:
		return "check the clocks of both machines; if they are right, the server needs another certificate: " + pin + " --suppress validity reaches it for uapush cert renew"
	case RuleHostName:
		return "connect by a name or address that the certificate has, or give the server a certificate for this one: " + pin + " --suppress hostName reaches it for uapush cert renew --name"
	case RuleApplicationURI:
		return "the certificate belongs to another application, or the server was renamed after it was issued; issue a new one"
	case RuleUsage:
		return "issue a certificate that follows OPC 10000-6, 6.2.2: " + pin + " --suppress usage reaches the server for uapush cert renew --force"
	case RuleRevoked:
		return "do not trust this server; its certificate was withdrawn by the CA"
	case RuleRevocationUnknown:
		return "give a current CRL of the CA with --trust FILE"
	default:
		return "the certificate is damaged or was tampered with; look at it at the server"
	}
}

func structureError(chain [][]byte, err error) *CertificateError {
	e := &CertificateError{Rule: RuleStructure, Value: printable(err.Error())}
	if len(chain) > 0 {
		e.SHA256 = Fingerprint(chain[0])
	}
	return e
}
