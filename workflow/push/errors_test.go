package push

import (
	"errors"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

func TestStatusText(t *testing.T) {
	for st, want := range map[ua.StatusCode]string{
		ua.StatusBadInvalidState:          "Bad_InvalidState (0x80AF0000)",
		ua.StatusBadCertificateURIInvalid: "Bad_CertificateUriInvalid (0x80170000)",
		ua.StatusBadTCPMessageTooLarge:    "Bad_TcpMessageTooLarge (0x80800000)",
		ua.StatusGoodEntryInserted:        "Good_EntryInserted (0x00A20000)",
		ua.StatusUncertain:                "Uncertain (0x40000000)",
		0:                                 "Good (0x00000000)",
		statusBadTransactionFailed:        "Bad_TransactionFailed (0x80F10000)",
		ua.StatusBadInvalidState | 0x0400: "Bad_InvalidState (0x80AF0400)",
		0x8FFF0000:                        "status 0x8FFF0000",
	} {
		if got := statusText(st); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Every code of the table has a hint, and the codes that product.md tells apart
// have the right class.
func TestJudgements(t *testing.T) {
	for st, j := range judgements {
		if j.hint == "" || j.class == workflow.ClassOther {
			t.Errorf("%s: hint %q, class %d", statusText(st), j.hint, j.class)
		}
		if strings.HasPrefix(statusText(st), "status") {
			t.Errorf("0x%08X has no name", uint32(st))
		}
	}
	for st, want := range map[ua.StatusCode]workflow.Class{
		ua.StatusBadSecurityModeInsufficient: workflow.ClassTrust,
		ua.StatusBadUserAccessDenied:         workflow.ClassTrust,
		ua.StatusBadTransactionPending:       workflow.ClassConflict,
		ua.StatusBadInvalidState:             workflow.ClassConflict,
		ua.StatusBadRequestTooLarge:          workflow.ClassRejected,
		ua.StatusBadCertificateInvalid:       workflow.ClassRejected,
		ua.StatusBadServerHalted:             workflow.ClassNetwork,
		0x8FFF0000:                           workflow.ClassRejected,
	} {
		if got := judge(st).class; got != want {
			t.Errorf("%s: got class %d, want %d", statusText(st), got, want)
		}
	}
}

// hinted and classed are what cmd asks of an error.
type hinted interface {
	error
	Hint() string
	Class() workflow.Class
}

func TestEveryErrorHasHintAndClass(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err  hinted
		want workflow.Class
		hint string // a word of it
	}{
		{&CallError{Method: "m", Status: ua.StatusBadTransactionPending}, workflow.ClassConflict, "transaction"},
		{&TargetsRejectedError{Status: ua.StatusUncertain, Results: []ua.StatusCode{ua.StatusBadEntryExists}}, workflow.ClassRejected, "taken"},
		{&OutcomeUnknownError{Method: "m", Err: cause}, workflow.ClassUnknown, "uapush plan"},
		{&MissingFeatureError{Feature: pathFile}, workflow.ClassRejected, "1.05.05"},
		{&MissingFeatureError{Feature: "GetCertificates"}, workflow.ClassRejected, "optional"},
		{&UnknownApplicationError{Application: "urn:x"}, workflow.ClassUsage, "--application"},
		{&UnknownGroupError{Group: "x"}, workflow.ClassRejected, "group"},
		{&SizeError{What: "w"}, workflow.ClassRejected, "MaxTrustListSize"},
		{&MalformedError{What: "w", Err: cause}, workflow.ClassOther, "vendor"},
		{&UnstableError{}, workflow.ClassConflict, "again"},
		{&ConnectError{Kind: Unreachable, Err: cause}, workflow.ClassNetwork, "host name"},
		{&ConnectError{Kind: Refused, Err: cause}, workflow.ClassNetwork, "port"},
		{&ConnectError{Kind: Timeout, Err: cause}, workflow.ClassNetwork, "--timeout"},
		{&ConnectError{Kind: NotOPCUA, Err: cause}, workflow.ClassNetwork, "program"},
		{&ConnectError{Kind: Busy, Err: cause}, workflow.ClassNetwork, "later"},
		{&ConnectError{Kind: WrongURL, Err: cause}, workflow.ClassNetwork, "discover"},
		{&ConnectError{Kind: Lost, Err: cause}, workflow.ClassNetwork, "restarted"},
		{&ConnectError{Kind: Lost, Stage: stageOpenChannel, Err: cause}, workflow.ClassNetwork, "identity export"},
		{&ServerCertificateError{Err: cause}, workflow.ClassTrust, "--pin"},
		{&UntrustedClientError{Err: cause}, workflow.ClassTrust, "uapush identity export"},
		{&SecurityError{}, workflow.ClassTrust, "Aes256_Sha256_RsaPss"},
		{&EndpointListError{}, workflow.ClassTrust, "proxy"},
		{&ServerProofError{Err: cause}, workflow.ClassTrust, "no password was sent"},
		{&ServerProofError{Late: true, Err: cause}, workflow.ClassTrust, "understood: the server"},
		{&UntrustedClientError{Err: ua.StatusBadCertificateURIInvalid}, workflow.ClassTrust, "ApplicationUri"},
		{&UntrustedClientError{Err: ua.StatusBadCertificateTimeInvalid}, workflow.ClassTrust, "clock"},
		{&LoginError{Err: cause}, workflow.ClassTrust, "SecurityAdmin"},
		{&LoginError{Type: config.TokenUserName, Err: ua.StatusBadUserAccessDenied}, workflow.ClassTrust, "password"},
		{&LoginError{Type: config.TokenCertificate, Err: ua.StatusBadIdentityTokenRejected}, workflow.ClassTrust, "user certificate"},
		{&WrongServerError{}, workflow.ClassNetwork, "certificate"},
		{&LoginError{Err: &tokenTypeError{offers: []*ua.UserTokenPolicy{
			{TokenType: ua.UserTokenTypeCertificate}, {TokenType: ua.UserTokenTypeUserName},
		}}}, workflow.ClassTrust, "--password-file FILE, or --user-cert FILE"},
		{&CallError{Method: pathUpdateCertificate, Status: ua.StatusBadUserAccessDenied}, workflow.ClassTrust, "this client's ApplicationUri"},
		{&CallError{Method: pathApplyChanges, Status: ua.StatusBadUserAccessDenied}, workflow.ClassTrust, "its own session"},
		{&MissingFeatureError{Feature: pathCancelChanges}, workflow.ClassRejected, "that session"},
		{&PermissionError{Err: cause}, workflow.ClassTrust, "SecurityAdmin"},
		{&URLError{}, workflow.ClassUsage, "opc.tcp"},
	} {
		if c.err.Class() != c.want || !strings.Contains(c.err.Hint(), c.hint) || c.err.Error() == "" {
			t.Errorf("%T: got class %d, hint %q; want %d, %q", c.err, c.err.Class(), c.err.Hint(), c.want, c.hint)
		}
	}
	if errors.Unwrap(&MissingFeatureError{Feature: "x"}) != nil {
		t.Error("only features that a workflow asks about have a sentinel")
	}
}
