package push

import (
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

// statusBadTransactionFailed and its like are codes of newer NodeSets, which the
// codec's table lacks (OPC 10000-6, A.2).
const (
	statusBadTransactionFailed = workflow.StatusBadTransactionFailed
	statusBadServerTooBusy     = workflow.StatusBadServerTooBusy
)

// judgement is what a status code means to a caller.
type judgement struct {
	class workflow.Class
	hint  string
}

// judgements is the one table from status codes to classes and hints.
var judgements = map[ua.StatusCode]judgement{
	// Rights.
	ua.StatusBadSecurityModeInsufficient:   {workflow.ClassTrust, "connect through an endpoint with SignAndEncrypt; on a server that has none, enable one first"},
	ua.StatusBadUserAccessDenied:           {workflow.ClassTrust, "the user lacks a role: push needs SecurityAdmin, given to the user or to this client's ApplicationUri on the server"},
	ua.StatusBadIdentityTokenRejected:      {workflow.ClassTrust, "check the user name and the password, or that the server trusts the user certificate"},
	ua.StatusBadIdentityTokenInvalid:       {workflow.ClassTrust, "the server cannot use this kind of login: try --user with a password, or --user-cert"},
	ua.StatusBadIdentityChangeNotSupported: {workflow.ClassTrust, "the server ties the session to another user; connect again"},
	ua.StatusBadUserSignatureInvalid:       {workflow.ClassTrust, "the user's key does not belong to the user certificate"},
	ua.StatusBadApplicationSignatureInvalid: {workflow.ClassTrust,
		"the client's key does not belong to its certificate; see uapush identity show"},
	ua.StatusBadSecurityPolicyRejected: {workflow.ClassTrust, "the server has changed its security settings since discovery; run the command again"},
	ua.StatusBadSecurityModeRejected:   {workflow.ClassTrust, "the server has changed its security settings since discovery; run the command again"},

	// Somebody else, or another version.
	ua.StatusBadTransactionPending: {workflow.ClassConflict,
		"another session has a transaction open, or a configuration update waits for its confirmation; end that one, or try again when it has timed out"},
	ua.StatusBadInvalidState: {workflow.ClassConflict,
		"the server's state has moved on: another version of the configuration, a file still open, or an update not applied yet; make a new plan"},
	ua.StatusBadSessionIDInvalid: {workflow.ClassConflict, "the transaction belongs to another session; it ends with that session"},
	ua.StatusBadNotWritable:      {workflow.ClassConflict, "the file is locked: somebody has it open; try again when that has timed out (a minute, as a rule)"},
	ua.StatusBadNotReadable:      {workflow.ClassConflict, "the file is open for writing; try again when that has ended or timed out (a minute, as a rule)"},
	ua.StatusBadTooManySessions:  {workflow.ClassConflict, "close another client of this server, or wait until its session times out"},

	// Content.
	ua.StatusBadRequestTooLarge: {workflow.ClassRejected,
		"the content is larger than the server takes (MaxTrustListSize, or a message limit); send less"},
	ua.StatusBadEncodingLimitsExceeded: {workflow.ClassRejected,
		"the content is larger than the server takes (MaxTrustListSize, or a message limit); send less"},
	ua.StatusBadResponseTooLarge: {workflow.ClassRejected, "the answer would be larger than the server sends; ask its vendor for larger limits"},
	ua.StatusBadInvalidArgument: {workflow.ClassRejected,
		"the server does not accept an argument, or no longer knows the file handle or the update: it was open too long, or was taken back"},
	ua.StatusBadArgumentsMissing: {workflow.ClassRejected, "the server implements another version of the method; ask its vendor which"},
	ua.StatusBadTooManyArguments: {workflow.ClassRejected, "the server implements another version of the method; ask its vendor which"},
	ua.StatusBadTypeMismatch:     {workflow.ClassRejected, "the server expects another data type: its NodeSet may be older than the method"},
	ua.StatusBadCertificateInvalid: {workflow.ClassRejected,
		"the server cannot use the certificate: check its key, its issuers, and that every CA in the trust list has a CRL"},
	ua.StatusBadSecurityChecksFailed: {workflow.ClassRejected,
		"the certificate does not fit: its key may not be the server's (a newer signing request takes the place of an older one), or a signature is wrong"},
	ua.StatusBadCertificateUntrusted: {workflow.ClassRejected,
		"the certificate's issuer is missing in the server's trust list; write the trust list before the certificate"},
	ua.StatusBadCertificateURIInvalid: {workflow.ClassRejected,
		"the ApplicationUri in the certificate is not the application's; compare its subjectAltName with uapush config get"},
	ua.StatusBadCertificateTimeInvalid:       {workflow.ClassRejected, "check the validity of the certificate and the clock of the server"},
	ua.StatusBadCertificateIssuerTimeInvalid: {workflow.ClassRejected, "a CA certificate of the chain is not valid at the server's time"},
	ua.StatusBadCertificateHostNameInvalid:   {workflow.ClassRejected, "the certificate names other hosts than the server's; give dnsNames or ipAddresses"},
	ua.StatusBadCertificateUseNotAllowed:     {workflow.ClassRejected, "the certificate's key usage does not suit an application certificate (OPC 10000-6, 6.2.2)"},
	ua.StatusBadCertificateIssuerUseNotAllowed: {workflow.ClassRejected,
		"a CA certificate of the chain may not sign certificates"},
	ua.StatusBadCertificateRevocationUnknown:       {workflow.ClassRejected, "the trust list lacks the CRL of the certificate's issuer; push it with the trust list"},
	ua.StatusBadCertificateIssuerRevocationUnknown: {workflow.ClassRejected, "the trust list lacks the CRL of a CA in the chain; push it with the trust list"},
	ua.StatusBadCertificateRevoked:                 {workflow.ClassRejected, "the certificate is revoked; issue a new one"},
	ua.StatusBadCertificateIssuerRevoked:           {workflow.ClassRejected, "a CA of the chain is revoked; use another CA"},
	ua.StatusBadCertificateChainIncomplete:         {workflow.ClassRejected, "an issuer is missing; the trust list needs every CA up to the root"},
	ua.StatusBadCertificatePolicyCheckFailed:       {workflow.ClassRejected, "the key length or the signature algorithm does not suit the server's policies"},
	statusBadTransactionFailed:                     {workflow.ClassRejected, "the server could not apply the changes and took them back; nothing has changed"},

	// Features.
	ua.StatusBadNotSupported:       {workflow.ClassRejected, "the server does not support this; its documentation says what it does"},
	ua.StatusBadNotImplemented:     {workflow.ClassRejected, "the server shows the method and does not implement it"},
	ua.StatusBadMethodInvalid:      {workflow.ClassRejected, "the server does not have the method"},
	ua.StatusBadServiceUnsupported: {workflow.ClassRejected, "the server does not have the service, so it cannot be managed over OPC UA"},
	ua.StatusBadNodeIDUnknown:      {workflow.ClassRejected, "the server does not have the node, or hides it from this user"},
	ua.StatusBadNoMatch:            {workflow.ClassRejected, "the server does not have the node, or hides it from this user"},
	ua.StatusBadResourceUnavailable: {workflow.ClassRejected,
		"the server has no room left: a maximum such as MaxEndpoints or MaxCertificateGroups is reached"},
	ua.StatusBadOutOfMemory:   {workflow.ClassRejected, "the server has no memory left"},
	ua.StatusBadInternalError: {workflow.ClassRejected, "the server failed inside; its log says more. Some servers show methods that they do not implement"},

	// Come back later.
	ua.StatusBadServerHalted:       {workflow.ClassNetwork, "the server is starting or stopping; try again"},
	ua.StatusBadShutdown:           {workflow.ClassNetwork, "the server is stopping; try again when it is back"},
	ua.StatusBadTCPServerTooBusy:   {workflow.ClassNetwork, "the server is busy; try again"},
	statusBadServerTooBusy:         {workflow.ClassNetwork, "the server is busy; try again"},
	ua.StatusBadTimeout:            {workflow.ClassNetwork, "the server did not finish in time; try again"},
	ua.StatusBadRequestTimeout:     {workflow.ClassNetwork, "the server did not finish in time; try again"},
	ua.StatusBadTooManyOperations:  {workflow.ClassRejected, "the server takes fewer operations in one request than this client needs"},
	ua.StatusBadTCPMessageTooLarge: {workflow.ClassRejected, "the message is larger than the server takes"},
}

// judge says what a status code means; a code that the table lacks is a refusal.
func judge(s ua.StatusCode) judgement {
	if j, ok := judgements[s]; ok {
		return j
	}
	return judgement{class: workflow.ClassRejected}
}

// targetHints explain the results of single UpdateTargets (OPC 10000-12, 7.8.5.2),
// where they mean something else than as the result of a method.
var targetHints = map[ua.StatusCode]string{
	ua.StatusBadNoEntryExists:       "a record to replace or delete is not there; make a new plan",
	ua.StatusBadEntryExists:         "the name, or the port on that network, is taken; choose another",
	ua.StatusBadNoDeleteRights:      "the server keeps a record that was to be deleted, such as DefaultApplicationGroup",
	ua.StatusBadNotSupported:        "a field cannot have the value asked for; compare it with the capabilities in uapush config get",
	ua.StatusBadInvalidArgument:     "the server does not accept a record, or what it refers to; compare it with uapush config get",
	ua.StatusBadResourceUnavailable: "a maximum is reached (MaxEndpoints, MaxCertificateGroups)",
	ua.StatusBadInvalidState:        "a record is in use: a certificate type still has a certificate, or the endpoint keeps this session alive",
}

// isBad looks at the severity alone: Good_EntryInserted is as good as Good (OPC 10000-4, 7.39).
func isBad(s ua.StatusCode) bool { return s&0xC0000000 != 0 }

// statusText names a status as the specification does: Bad_InvalidState (0x80AF0000).
func statusText(s ua.StatusCode) string { return workflow.StatusText(s) }
