package secureconv

import (
	"github.com/gopcua/opcua/ua"
)

// CallRequest stands in for ua.CallRequest: gopcua's Variant cannot be built
// from an array of ByteStrings, and takes an empty ByteString for a null one.
type CallRequest struct {
	RequestHeader *ua.RequestHeader
	Methods       []MethodCall
}

// MethodCall is one CallMethodRequest (OPC 10000-4, 5.12.2.2). Inputs are Go
// values as ua.NewVariant takes them, and also nil, [][]byte, and arrays of
// every built-in type.
type MethodCall struct {
	ObjectID, MethodID *ua.NodeID
	Inputs             []any
}

// Header implements ua.Request.
func (r *CallRequest) Header() *ua.RequestHeader { return r.RequestHeader }

// SetHeader implements ua.Request.
func (r *CallRequest) SetHeader(h *ua.RequestHeader) { r.RequestHeader = h }

// CallResponse stands in for ua.CallResponse, for the same reasons as CallRequest.
type CallResponse struct {
	ResponseHeader *ua.ResponseHeader
	Results        []MethodResult
}

// MethodResult is one CallMethodResult (OPC 10000-4, 5.12.2.2).
type MethodResult struct {
	Status               ua.StatusCode
	InputArgumentResults []ua.StatusCode
	Outputs              []any
}

// Header implements ua.Response.
func (r *CallResponse) Header() *ua.ResponseHeader { return r.ResponseHeader }

// SetHeader implements ua.Response.
func (r *CallResponse) SetHeader(h *ua.ResponseHeader) { r.ResponseHeader = h }

// UpdateTarget is a ConfigurationUpdateTargetType (OPC 10000-12, 7.8.5.6), with
// the DefaultBinary encoding i=16541. In a Variant it is the value of an
// ExtensionObject; both ends decode to *UpdateTarget.
type UpdateTarget struct {
	Path       string
	UpdateType int32
}
