package secureconv

import (
	"time"

	"github.com/gopcua/opcua/ua"
)

// Channel is the server end of one secure channel.
type Channel struct {
	id       uint32
	policy   string
	mode     ua.MessageSecurityMode
	chain    []byte
	leaf     []byte
	identity Identity
}

// ID is the SecureChannelId.
func (ch *Channel) ID() uint32 { return ch.id }

// SecurityPolicyURI is fixed at the first open.
func (ch *Channel) SecurityPolicyURI() string { return ch.policy }

// SecurityMode is fixed at the first open.
func (ch *Channel) SecurityMode() ua.MessageSecurityMode { return ch.mode }

// ClientCertificate is the client's leaf, DER; nil under SecurityPolicy None.
func (ch *Channel) ClientCertificate() []byte { return ch.leaf }

// ClientChain is the client's certificate as sent, maybe with issuers.
func (ch *Channel) ClientChain() []byte { return ch.chain }

// Identity is the one of ours that the client addressed.
func (ch *Channel) Identity() Identity { return ch.identity }

// Close ends the connection at once.
func (ch *Channel) Close() {}

// CloseAfterResponse ends the connection once the response of the request that
// is being handled has been written.
func (ch *Channel) CloseAfterResponse() {}

// ResponseHeader answers req with status; every pointer in it is filled.
func ResponseHeader(req ua.Request, status ua.StatusCode) *ua.ResponseHeader {
	h := &ua.ResponseHeader{
		Timestamp:          time.Now().UTC(),
		ServiceResult:      status,
		ServiceDiagnostics: &ua.DiagnosticInfo{},
		StringTable:        []string{},
		AdditionalHeader:   ua.NewExtensionObject(nil),
	}
	if req != nil && req.Header() != nil {
		h.RequestHandle = req.Header().RequestHandle
	}
	return h
}

// Fault is the ServiceFault with which status refuses req.
func Fault(req ua.Request, status ua.StatusCode) ua.Response {
	return &ua.ServiceFault{ResponseHeader: ResponseHeader(req, status)}
}
