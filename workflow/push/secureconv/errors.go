package secureconv

import (
	"errors"
	"fmt"

	"github.com/gopcua/opcua/ua"
)

// ErrConnectionLost is in the chain of every error that means: the connection
// ended and the peer did not say why. Whether a request in flight was carried
// out is unknown.
var ErrConnectionLost = errors.New("connection lost")

// ErrClosed is what calls on a Client return after its Close.
var ErrClosed = errors.New("channel closed")

// PeerError is the ERR message of the other end (OPC 10000-6, 7.1.2.5), or the
// abort of one message (6.7.3).
type PeerError struct {
	Status ua.StatusCode
	Reason string // untrusted text, at most 4096 bytes
}

func (e *PeerError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("peer reports %v", e.Status)
	}
	return fmt.Sprintf("peer reports %v: %q", e.Status, e.Reason)
}

func (e *PeerError) Unwrap() error { return e.Status }

// ServiceError is a Bad ServiceResult: the service was answered, with a refusal.
type ServiceError struct {
	Service string // "CreateSession", "Call", ...
	Status  ua.StatusCode
}

func (e *ServiceError) Error() string { return fmt.Sprintf("%s: %v", e.Service, e.Status) }

func (e *ServiceError) Unwrap() error { return e.Status }

// LimitError says that a message was not sent because the peer would not take
// it: larger than its MaxMessageSize or MaxChunkCount (OPC 10000-6, 7.1.2.3).
// Nothing was written; the channel goes on.
type LimitError struct {
	Limit     string // "MaxMessageSize" in bytes, "MaxChunkCount" in chunks
	Got, Most int
	Status    ua.StatusCode // Bad_RequestTooLarge or Bad_ResponseTooLarge
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("message of %d exceeds the peer's %s of %d", e.Got, e.Limit, e.Most)
}

func (e *LimitError) Unwrap() error { return e.Status }

// ErrServerCertificate: the server proved, or tried, to be another one than the
// client was told to talk to.
var ErrServerCertificate = errors.New("server uses another certificate than the one that was validated")
