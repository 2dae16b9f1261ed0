package push

import (
	"context"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// Only makes the target see the endpoints with one SecurityPolicy alone, so that
// it cannot prefer another.
func (t *Target) Only(policyURI string) *Target {
	dial := t.dial
	t.dial = func(ctx context.Context, cfg secureconv.ClientConfig) (channel, error) {
		ch, err := dial(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return narrow{ch, policyURI}, nil
	}
	return t
}

// narrow is a channel that leaves out what has another policy.
type narrow struct {
	channel
	policyURI string
}

func (n narrow) Send(ctx context.Context, req ua.Request) (ua.Response, error) {
	resp, err := n.channel.Send(ctx, req)
	other := func(e *ua.EndpointDescription) bool { return e.SecurityPolicyURI != n.policyURI }
	switch r := resp.(type) {
	case *ua.GetEndpointsResponse:
		r.Endpoints = slices.DeleteFunc(r.Endpoints, other)
	case *ua.CreateSessionResponse:
		r.ServerEndpoints = slices.DeleteFunc(r.ServerEndpoints, other)
	}
	return resp, err
}
