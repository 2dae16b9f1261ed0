package config

import (
	"fmt"
	"strings"
)

// SecurityMode is a MessageSecurityMode (OPC 10000-4, 7.20).
type SecurityMode int32

// The modes a SecuritySettings record can offer.
const (
	ModeNone           SecurityMode = 1
	ModeSign           SecurityMode = 2
	ModeSignAndEncrypt SecurityMode = 3
)

// TokenType is a UserTokenType (OPC 10000-4, 7.42).
type TokenType int32

// The kinds of user identity token.
const (
	TokenAnonymous   TokenType = 0
	TokenUserName    TokenType = 1
	TokenCertificate TokenType = 2
	TokenIssued      TokenType = 3
)

// ApplicationType says what an application is (OPC 10000-4, 7.4).
type ApplicationType int32

// The kinds of application.
const (
	ApplicationServer          ApplicationType = 0
	ApplicationClient          ApplicationType = 1
	ApplicationClientAndServer ApplicationType = 2
	ApplicationDiscoveryServer ApplicationType = 3
)

var (
	modeNames        = map[SecurityMode]string{1: "None", 2: "Sign", 3: "SignAndEncrypt"}
	tokenNames       = map[TokenType]string{0: "Anonymous", 1: "UserName", 2: "Certificate", 3: "IssuedToken"}
	applicationNames = map[ApplicationType]string{0: "Server", 1: "Client", 2: "ClientAndServer", 3: "DiscoveryServer"}
	updateNames      = map[UpdateType]string{1: "Insert", 2: "Replace", 3: "InsertOrReplace", 4: "Delete"}
)

func (m SecurityMode) String() string    { return enumName(modeNames, m) }
func (t TokenType) String() string       { return enumName(tokenNames, t) }
func (t ApplicationType) String() string { return enumName(applicationNames, t) }
func (t UpdateType) String() string      { return enumName(updateNames, t) }

// The MarshalText and UnmarshalText methods put the spec's names into JSON.

func (m SecurityMode) MarshalText() ([]byte, error)    { return []byte(m.String()), nil }
func (t TokenType) MarshalText() ([]byte, error)       { return []byte(t.String()), nil }
func (t ApplicationType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
func (t UpdateType) MarshalText() ([]byte, error)      { return []byte(t.String()), nil }

func (m *SecurityMode) UnmarshalText(b []byte) error {
	return parseEnum(modeNames, m, "MessageSecurityMode", string(b))
}
func (t *TokenType) UnmarshalText(b []byte) error {
	return parseEnum(tokenNames, t, "UserTokenType", string(b))
}
func (t *ApplicationType) UnmarshalText(b []byte) error {
	return parseEnum(applicationNames, t, "ApplicationType", string(b))
}
func (t *UpdateType) UnmarshalText(b []byte) error {
	return parseEnum(updateNames, t, "ConfigurationUpdateType", string(b))
}

// enumName names a value; a value the spec does not know is shown as its number.
func enumName[E ~int32](names map[E]string, e E) string {
	if n, ok := names[e]; ok {
		return n
	}
	return fmt.Sprintf("%d", int32(e))
}

func parseEnum[E ~int32](names map[E]string, e *E, kind, text string) error {
	for v, n := range names {
		if strings.EqualFold(n, text) {
			*e = v
			return nil
		}
	}
	var v int32
	if n, err := fmt.Sscanf(text, "%d", &v); err == nil && n == 1 && fmt.Sprint(v) == text {
		*e = E(v)
		return nil
	}
	return fmt.Errorf("%q is no %s", text, kind)
}

// ValidationOptions is a TrustListValidationOptions bit set (OPC 10000-12, 7.8.2.10).
type ValidationOptions uint32

// The validation options. DefaultValidation is what a server assumes when nothing is said.
const (
	SuppressCertificateExpired ValidationOptions = 1 << iota
	SuppressHostNameInvalid
	SuppressRevocationStatusUnknown
	SuppressIssuerCertificateExpired
	SuppressIssuerRevocationStatusUnknown
	CheckRevocationStatusOnline
	CheckRevocationStatusOffline

	DefaultValidation = CheckRevocationStatusOffline
)

var validationNames = []string{
	"SuppressCertificateExpired", "SuppressHostNameInvalid", "SuppressRevocationStatusUnknown",
	"SuppressIssuerCertificateExpired", "SuppressIssuerRevocationStatusUnknown",
	"CheckRevocationStatusOnline", "CheckRevocationStatusOffline",
}

// Names lists the options that are set, in bit order; bits without a name are
// shown as "bit N".
func (o ValidationOptions) Names() []string {
	var names []string
	for bit := range 32 {
		switch {
		case o&(1<<bit) == 0:
		case bit < len(validationNames):
			names = append(names, validationNames[bit])
		default:
			names = append(names, fmt.Sprintf("bit %d", bit))
		}
	}
	return names
}

func (o ValidationOptions) String() string {
	if o == 0 {
		return "none"
	}
	return strings.Join(o.Names(), ", ")
}

// ValidationOption returns the option of that name.
func ValidationOption(name string) (ValidationOptions, bool) {
	for bit, n := range validationNames {
		if strings.EqualFold(n, name) {
			return 1 << bit, true
		}
	}
	return 0, false
}
