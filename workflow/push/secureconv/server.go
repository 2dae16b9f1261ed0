package secureconv

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gopcua/opcua/ua"
)

// Action is what an Intercept decides about one response.
type Action int

const (
	Proceed    Action = iota // send the response
	DropBefore               // close the connection instead of answering
)

// OpenRequest is what Accept decides on. It is proven that the client holds the
// key of the first certificate of ClientCertificate; nothing else is checked.
type OpenRequest struct {
	SecurityPolicyURI string
	SecurityMode      ua.MessageSecurityMode
	ClientCertificate []byte // as sent: DER, maybe a chain, leaf first
	Renew             bool
	Remote            net.Addr
}

// ServerConfig says what one listener offers.
type ServerConfig struct {
	Limits           Limits // zero fields are the defaults
	MaxConnections   int    // 0 is 1000
	MaxTokenLifetime time.Duration
	Identity         func(thumbprint []byte) (Identity, bool) // which of our identities a client addressed: SHA-1 of its leaf
	Accept           func(o OpenRequest) error                // a ua.StatusCode refuses; called before anything is answered, at renewals too
	Handle           func(ctx context.Context, ch *Channel, req ua.Request) ua.Response
	Intercept        func(ch *Channel, service string, resp ua.Response) Action // optional; may delay
	HandshakeTimeout time.Duration                                              // from the connection to the opened channel; 0 is 10 s
	Traffic          *Traffic
}

// Serve accepts connections until ctx ends or l is closed.
func Serve(ctx context.Context, l net.Listener, cfg ServerConfig) error { return errors.ErrUnsupported }
