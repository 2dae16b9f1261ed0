package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// ConnectKind says why there is no connection.
type ConnectKind int

// Why there is no connection.
const (
	Unreachable ConnectKind = iota // no such host, no route
	Refused                        // nothing listens there
	Timeout                        // no answer in time
	NotOPCUA                       // something else answers there
	Lost                           // the connection, or the Session, ended
	Busy                           // the server asks to come back later
	WrongURL                       // the server knows no endpoint of this URL
)

// ConnectError says that the server could not be reached, or was lost.
type ConnectError struct {
	Kind  ConnectKind
	URL   string
	Stage string // what was being done: "discover", "open the secure channel", a service
	Err   error
}

func (k ConnectKind) String() string {
	return [...]string{
		Unreachable: "cannot be reached", Refused: "refuses the connection", Timeout: "did not answer in time",
		NotOPCUA: "does not speak OPC UA", Lost: "ended the connection", Busy: "is not ready", WrongURL: "has no endpoint of that URL",
	}[k]
}

func (e *ConnectError) Error() string {
	if e.Kind == Timeout && errors.Is(e.Err, context.DeadlineExceeded) && hintOf(e.Err) == "" { // which says no more
		return fmt.Sprintf("%s: %s %v", e.Stage, e.URL, e.Kind)
	}
	why := e.Err
	var op *net.OpError
	if errors.As(e.Err, &op) { // which says itself that it was connecting
		why = op
	}
	return fmt.Sprintf("%s: %s %v: %v", e.Stage, e.URL, e.Kind, why)
}

func (e *ConnectError) Unwrap() error         { return e.Err }
func (e *ConnectError) Class() workflow.Class { return workflow.ClassNetwork }

// Hint tells what to check.
func (e *ConnectError) Hint() string {
	if h := hintOf(e.Err); h != "" && e.Kind == Timeout {
		return h // that of the operator's own deadline
	}
	switch e.Kind {
	case Unreachable:
		return "check the host name and the network"
	case Refused:
		return "check the port, and that the server runs"
	case Timeout:
		return "check that no firewall drops the packets; --timeout waits longer"
	case NotOPCUA:
		return "check the port: another program answers there"
	case Busy:
		return "try again later; some servers allow only very few sessions"
	case WrongURL:
		return "uapush discover lists the URLs that the server knows"
	}
	if e.Stage == stageOpenChannel {
		return "some servers cut the connection when they do not trust the client: have the server trust the file that uapush identity export writes"
	}
	return "the server may have restarted; run the command again"
}

// ServerCertificateError says that the server's certificate was judged and not
// accepted. Nothing secret was sent.
type ServerCertificateError struct {
	URL    string
	SHA256 string // of the leaf, lower-case hex; "" where there is none
	Err    error
}

func (e *ServerCertificateError) Error() string {
	return fmt.Sprintf("the certificate of %s is not accepted (sha256:%s): %v", e.URL, e.SHA256, e.Err)
}

func (e *ServerCertificateError) Unwrap() error         { return e.Err }
func (e *ServerCertificateError) Class() workflow.Class { return workflow.ClassTrust }

// Hint is the judge's own, where it has one.
func (e *ServerCertificateError) Hint() string {
	if h := hintOf(e.Err); h != "" {
		return h
	}
	return "compare the fingerprint with the server's own display, then give --trust FILE or --pin sha256:" + e.SHA256
}

// UntrustedClientError says that the server does not trust this client.
type UntrustedClientError struct {
	URL         string
	Fingerprint string // SHA-256 of our certificate, lower-case hex
	Err         error
}

func (e *UntrustedClientError) Error() string {
	return fmt.Sprintf("the server %s does not trust this client (certificate sha256:%s): %v", e.URL, e.Fingerprint, e.Err)
}

func (e *UntrustedClientError) Unwrap() error         { return e.Err }
func (e *UntrustedClientError) Class() workflow.Class { return workflow.ClassTrust }

// Hint names the file that the server needs, unless the certificate itself is at fault.
func (e *UntrustedClientError) Hint() string {
	switch {
	case errors.Is(e.Err, ua.StatusBadCertificateURIInvalid):
		return "the ApplicationUri in the client's certificate is not the one that the client claims; compare them with uapush identity show"
	case errors.Is(e.Err, ua.StatusBadCertificateTimeInvalid):
		return "compare the validity of the client's certificate (uapush identity show) with the clock of the server"
	}
	return "write the certificate to a file with uapush identity export, and have the server's administrator put it into the trust list; many servers show it in their list of rejected certificates"
}

// SecurityError says that the server offers nothing that push may use.
type SecurityError struct {
	URL    string
	Offers []string // mode and policy of each endpoint
	Err    error    // may be nil
}

func (e *SecurityError) Error() string {
	text := fmt.Sprintf("%s offers no endpoint with SignAndEncrypt and a policy that this client supports; it offers %s",
		e.URL, listOr(e.Offers, "none at all"))
	if e.Err != nil {
		text = fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

func (e *SecurityError) Unwrap() error         { return e.Err }
func (e *SecurityError) Class() workflow.Class { return workflow.ClassTrust }
func (e *SecurityError) Hint() string {
	return "enable SignAndEncrypt with " + strings.Join(policyNames(), ", ") + " on the server; push over a weaker channel is refused"
}

// EndpointListError says that the Session and discovery describe the server
// differently: somebody between may have changed what discovery said.
type EndpointListError struct {
	URL     string
	Missing []string // only discovery had these
	Added   []string // only the Session has these
}

func (e *EndpointListError) Error() string {
	return fmt.Sprintf("the endpoints of %s are not those that discovery showed: discovery alone has %s; the Session alone has %s",
		e.URL, listOr(e.Missing, "none"), listOr(e.Added, "none"))
}

func (e *EndpointListError) Class() workflow.Class { return workflow.ClassTrust }
func (e *EndpointListError) Hint() string {
	return "discovery is not protected, so something between may have altered it; where a proxy is meant to do so, connect to the server itself"
}

// ServerProofError says that the server failed to prove, in CreateSession, that
// it is the one whose certificate was judged (OPC 10000-4, 5.7.2).
type ServerProofError struct {
	URL  string
	What string
	Late bool  // a user had been named, or was just being named
	Err  error // may be nil
}

func (e *ServerProofError) Error() string {
	text := fmt.Sprintf("%s did not prove who it is: %s", e.URL, e.What)
	if e.Err != nil {
		text = fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

func (e *ServerProofError) Unwrap() error         { return e.Err }
func (e *ServerProofError) Class() workflow.Class { return workflow.ClassTrust }
func (e *ServerProofError) Hint() string {
	sent := "no password was sent; "
	if e.Late {
		sent = ""
	}
	return "do not go on before this is understood: " + sent + "the server's software may be faulty, or something sits in between"
}

// LoginError says that the server did not accept the user.
type LoginError struct {
	User string // "anonymous", the user's name, or the certificate's fingerprint
	Type config.TokenType
	Err  error
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("the server does not accept the user %s: %v", e.User, e.Err)
}

func (e *LoginError) Unwrap() error         { return e.Err }
func (e *LoginError) Class() workflow.Class { return workflow.ClassTrust }

// Hint is by the kind of user: servers answer a wrong password with any of several codes.
func (e *LoginError) Hint() string {
	var wrongKind *tokenTypeError
	switch {
	case errors.As(e.Err, &wrongKind):
		return wrongKind.Hint()
	case e.Type == config.TokenUserName:
		return "check the user name and the password; push needs a user with the SecurityAdmin role"
	case e.Type == config.TokenCertificate:
		return "have the server trust the user certificate, and give that user the SecurityAdmin role"
	}
	return "log in with --user and --password-file, or with --user-cert; push needs the SecurityAdmin role"
}

// WrongServerError says that another certificate answers than the one expected.
type WrongServerError struct {
	URL   string
	Want  string   // SHA-256, lower-case hex
	Found []string // what answers there instead
}

func (e *WrongServerError) Error() string {
	return fmt.Sprintf("%s does not show the certificate sha256:%s; it shows %s", e.URL, e.Want, listOr(e.Found, "none"))
}

// Class is network: a server may need a moment to bring a new certificate into use.
func (e *WrongServerError) Class() workflow.Class { return workflow.ClassNetwork }
func (e *WrongServerError) Hint() string {
	return "the server may not use its new certificate yet, or the URL leads to another server"
}

// PermissionError says that the user sees less of the server than push needs.
type PermissionError struct {
	What string
	Err  error
}

func (e *PermissionError) Error() string         { return fmt.Sprintf("%s: %v", e.What, e.Err) }
func (e *PermissionError) Unwrap() error         { return e.Err }
func (e *PermissionError) Class() workflow.Class { return workflow.ClassTrust }
func (e *PermissionError) Hint() string          { return judge(ua.StatusBadUserAccessDenied).hint }

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func fingerprint(der []byte) string {
	if len(der) == 0 {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func policyNames() []string {
	var names []string
	for _, p := range policies {
		names = append(names, config.PolicyName(p))
	}
	return names
}
