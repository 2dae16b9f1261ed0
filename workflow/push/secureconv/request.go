package secureconv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"
)

// Send sends one request and waits for its response. It replaces the request's
// header, keeping AuthenticationToken, AuditEntryID, ReturnDiagnostics and
// AdditionalHeader of one that is there; the timeout hint is what ctx leaves.
//
// A Bad ServiceResult is a *ServiceError, a request the server would not take a
// *LimitError: after both the channel goes on. When ctx ends the wait, the
// outcome of the request is unknown and its response is dropped. Any other
// error is the end of the channel.
func (c *Client) Send(ctx context.Context, req ua.Request) (ua.Response, error) {
	name := serviceName(req)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	id, answer := c.register()
	defer c.forget(id)
	deadline, _ := ctx.Deadline()
	req.SetHeader(requestHeader(req.Header(), id, deadline))
	body, err := encodeService(req)
	if err != nil {
		return nil, err
	}
	written := make(chan error, 1)
	go func() { written <- c.write(ctx, name, id, body) }() // a peer that does not read must not hold up ctx
	for {
		select {
		case err := <-written:
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			written = nil
		case r := <-answer:
			return c.response(name, r)
		case <-c.done:
			return c.lastAnswer(name, answer)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", name, context.Cause(ctx))
		}
	}
}

// lastAnswer: the response may have come just before the end.
func (c *Client) lastAnswer(name string, answer chan reply) (ua.Response, error) {
	select {
	case r := <-answer:
		return c.response(name, r)
	default:
		return nil, fmt.Errorf("%s: %w", name, c.err)
	}
}

func (c *Client) register() (uint32, chan reply) {
	answer := make(chan reply, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	c.pending[c.lastID] = answer
	return c.lastID, answer
}

func (c *Client) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// write sends a request unless it was given up while others were being sent.
// When the connection fails, what the reader finds is the reason.
func (c *Client) write(ctx context.Context, name string, id uint32, body []byte) error {
	if ctx.Err() != nil {
		return nil
	}
	c.cfg.Traffic.request(name) // first: the response may be there before send has returned
	err := c.conv.send("MSG", id, body, ua.StatusBadRequestTooLarge, writeTimeout)
	var limit *LimitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limit):
		c.cfg.Traffic.notSent(name)
		return err
	}
	c.writeFailed()
	<-c.done
	return c.err
}

// response decodes an answer. One that cannot be decoded ends the channel.
func (c *Client) response(name string, r reply) (ua.Response, error) {
	if r.err != nil { // aborted by the server
		return nil, fmt.Errorf("%s: %w", name, r.err)
	}
	v, err := decodeService(r.body)
	if err != nil {
		err = fmt.Errorf("response to %s: %w", name, err)
		c.end(err)
		return nil, err
	}
	resp, ok := v.(ua.Response)
	if !ok || resp.Header() == nil {
		return nil, fmt.Errorf("%s answered by %T: %w", name, v, ua.StatusBadUnknownResponse)
	}
	got := serviceName(v)
	c.cfg.Traffic.response(name)
	if status := resp.Header().ServiceResult; bad(status) {
		return nil, &ServiceError{Service: name, Status: status}
	}
	if got != name {
		return nil, fmt.Errorf("%s answered by %s: %w", name, got, ua.StatusBadUnknownResponse)
	}
	return resp, nil
}

// bad: the two top bits are the severity (OPC 10000-4, 7.38.1).
func bad(status ua.StatusCode) bool { return status&0x80000000 != 0 }

// requestHeader is a header of our own with what matters of old.
func requestHeader(old *ua.RequestHeader, id uint32, deadline time.Time) *ua.RequestHeader {
	h := &ua.RequestHeader{}
	if old != nil {
		*h = *old
	}
	if h.AuthenticationToken == nil {
		h.AuthenticationToken = ua.NewTwoByteNodeID(0)
	}
	if h.AdditionalHeader == nil {
		h.AdditionalHeader = ua.NewExtensionObject(nil)
	}
	h.RequestHandle = id
	h.Timestamp = time.Now().UTC()
	h.TimeoutHint = 0 // no limit
	if !deadline.IsZero() {
		h.TimeoutHint = uint32(min(max(time.Until(deadline).Milliseconds(), 1), 1<<31))
	}
	return h
}
