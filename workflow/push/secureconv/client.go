package secureconv

import (
	"context"
	"errors"
	"time"

	"github.com/gopcua/opcua/ua"
)

// ClientConfig says whom to talk to and how.
type ClientConfig struct {
	EndpointURL       string // sent in the Hello; its host and port are dialled unless Address is set
	Address           string // optional host:port to dial instead
	SecurityPolicyURI string
	SecurityMode      ua.MessageSecurityMode
	Local             Identity
	RemoteCertificate []byte        // the server's leaf, DER, which the caller has validated: pinned for every open and renewal
	Lifetime          time.Duration // of a token, requested; 0 is 10 minutes. Renewed at 75 %
	Limits            Limits        // zero fields are the defaults
	Traffic           *Traffic
}

// Client is the client end of one secure channel. It is safe for concurrent use.
type Client struct {
	done chan struct{}
}

// Dial connects and opens a secure channel.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) { return nil, errors.ErrUnsupported }

// Send sends one request and waits for its response.
func (c *Client) Send(ctx context.Context, req ua.Request) (ua.Response, error) {
	return nil, errors.ErrUnsupported
}

// Done is closed when the channel has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the channel ended; nil while it lives.
func (c *Client) Err() error { return nil }

// Close sends CloseSecureChannel and closes the connection.
func (c *Client) Close() error { return nil }
