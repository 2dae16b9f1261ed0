package secureconv

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"
)

// opening is an OpenSecureChannel under way.
type opening struct {
	requestID uint32
	renew     bool
	nonce     []byte
	result    chan opened
}

type opened struct {
	lifetime time.Duration
	err      error
}

// renew keeps the channel open: at 75 % of a token's lifetime it asks for the
// next one (OPC 10000-4, 5.5.2.1).
func (c *Client) renew(lifetime time.Duration) {
	for {
		timer := time.NewTimer(lifetime * 3 / 4)
		select {
		case <-timer.C:
		case <-c.done:
			timer.Stop()
			return
		}
		// The old token is good until 125 % of its lifetime.
		ctx, cancel := context.WithTimeout(context.Background(), lifetime/2)
		next, err := c.open(ctx, ua.SecurityTokenRequestTypeRenew)
		cancel()
		if err != nil {
			c.end(fmt.Errorf("renew token: %w", err))
			return
		}
		lifetime = next
	}
}

// open sends an OPN and waits until its answer has been taken in.
func (c *Client) open(ctx context.Context, kind ua.SecurityTokenRequestType) (time.Duration, error) {
	o := &opening{renew: kind == ua.SecurityTokenRequestTypeRenew, result: make(chan opened, 1)}
	if c.opnKey.alg != nil {
		o.nonce = make([]byte, c.opnKey.alg.NonceLength())
		_, _ = rand.Read(o.nonce) // never fails
	}
	c.mu.Lock()
	c.lastID++
	o.requestID = c.lastID
	c.opening = o
	c.mu.Unlock()
	req := &ua.OpenSecureChannelRequest{
		RequestType:       kind,
		SecurityMode:      c.cfg.SecurityMode,
		ClientNonce:       o.nonce,
		RequestedLifetime: uint32(min(c.cfg.Lifetime.Milliseconds(), 1<<31)),
	}
	req.SetHeader(requestHeader(nil, o.requestID, time.Time{}))
	body, err := encodeService(req)
	if err != nil {
		return 0, err
	}
	channelID := uint32(0)
	if o.renew {
		channelID = c.conv.id
	}
	c.cfg.Traffic.request("OpenSecureChannel")
	go func() { // as in Send: ctx ends the wait, not the write
		err := c.conv.sendOpen(c.opnKey, channelID, c.cfg.Local, c.pinned, o.requestID, body)
		var limit *LimitError
		switch {
		case errors.As(err, &limit):
			o.result <- opened{err: err}
		case err != nil:
			c.writeFailed()
		}
	}()
	select {
	case r := <-o.result:
		return r.lifetime, r.err
	case <-c.done:
		return 0, c.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// opened takes in the answer to the opening under way. It runs on the reader, so
// that the new token is known before anything is read that was made with it.
func (c *Client) opened(b []byte) error {
	c.mu.Lock()
	o := c.opening
	c.opening = nil
	c.mu.Unlock()
	if o == nil {
		return fmt.Errorf("open message not asked for: %w", ua.StatusBadSecurityChecksFailed)
	}
	resp, err := c.openOpened(b, o)
	if err != nil {
		return err
	}
	lifetime := time.Duration(resp.SecurityToken.RevisedLifetime) * time.Millisecond
	switch {
	case lifetime <= 0:
		lifetime = c.cfg.Lifetime
	case lifetime < minLifetime: // nothing but renewals would fit into it
		return fmt.Errorf("the channel's keys would live for %v, at least %v are needed: %w", lifetime, minLifetime, ua.StatusBadOutOfRange)
	}
	t, err := newToken(resp.SecurityToken.TokenID, c.conv.policy, c.conv.mode, o.nonce, resp.ServerNonce, lifetime)
	if err != nil {
		return err
	}
	if !o.renew {
		c.conv.id = resp.SecurityToken.ChannelID
	}
	c.conv.tokens.add(t, true)
	_ = c.conv.conn.SetReadDeadline(c.conv.tokens.end())
	c.cfg.Traffic.response("OpenSecureChannel")
	o.result <- opened{lifetime: lifetime}
	return nil
}

// openOpened checks an OPN against what was asked: the pinned certificate, the
// policy, the channel and the request.
func (c *Client) openOpened(b []byte, o *opening) (*ua.OpenSecureChannelResponse, error) {
	h, err := decodeOpenHeader(b)
	if err != nil {
		return nil, err
	}
	if h.SecurityPolicyURI != c.conv.policy {
		return nil, fmt.Errorf("server answers under policy %q: %w", h.SecurityPolicyURI, ua.StatusBadSecurityChecksFailed)
	}
	ownKeySize := 0
	if c.opnKey.alg != nil {
		leaf, err := firstCertificate(h.SenderCertificate)
		if err != nil || !bytes.Equal(leaf, c.pinned) {
			return nil, ErrServerCertificate
		}
		if !bytes.Equal(h.ReceiverCertificateThumbprint, thumbprint(c.cfg.Local.Leaf())) {
			return nil, fmt.Errorf("answer is for another certificate: %w", ua.StatusBadSecurityChecksFailed)
		}
		ownKeySize = c.cfg.Local.Key.Size()
	}
	requestID, v, err := c.conv.unsecureOpen(b, h, c.opnKey, ownKeySize)
	if err != nil {
		return nil, err
	}
	if requestID != o.requestID {
		return nil, fmt.Errorf("answer to request %d, want %d: %w", requestID, o.requestID, ua.StatusBadUnknownResponse)
	}
	resp, ok := v.(*ua.OpenSecureChannelResponse)
	if !ok {
		if fault, ok := v.(ua.Response); ok && bad(fault.Header().ServiceResult) {
			return nil, &ServiceError{Service: "OpenSecureChannel", Status: fault.Header().ServiceResult}
		}
		return nil, fmt.Errorf("OpenSecureChannel answered by %s: %w", serviceName(v), ua.StatusBadUnknownResponse)
	}
	if status := resp.ResponseHeader.ServiceResult; bad(status) {
		return nil, &ServiceError{Service: "OpenSecureChannel", Status: status}
	}
	id := resp.SecurityToken.ChannelID
	if id == 0 || (h.channelID != id && h.channelID != 0) || (o.renew && id != c.conv.id) {
		return nil, ua.StatusBadTCPSecureChannelUnknown
	}
	if c.opnKey.alg != nil && len(resp.ServerNonce) != c.opnKey.alg.NonceLength() {
		return nil, ua.StatusBadNonceInvalid
	}
	return resp, nil
}
