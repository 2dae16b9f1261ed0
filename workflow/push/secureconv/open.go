package secureconv

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/gopcua/opcua/ua"
)

// peer is who an OPN says it is from and for, and the security that follows.
type peer struct {
	leaf     []byte
	identity Identity
	keys     protection
}

// open answers an OPN: the first one of a channel, or a renewal, which may
// change nothing but the keys (OPC 10000-4, 5.5.2; OPC 10000-6, 6.7.4).
func (ch *Channel) open(ctx context.Context, b []byte) error {
	h, err := decodeOpenHeader(b)
	if err != nil {
		return err
	}
	renew := ch.id != 0
	if renew && (h.channelID != ch.id || h.SecurityPolicyURI != ch.policy || !bytes.Equal(h.SenderCertificate, ch.chain)) {
		return ua.StatusBadSecurityChecksFailed
	}
	if !renew && h.channelID != 0 {
		return ua.StatusBadTCPSecureChannelUnknown
	}
	select {
	case ch.server.opens <- struct{}{}:
		defer func() { <-ch.server.opens }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p, err := ch.peer(h)
	if err != nil {
		return err
	}
	requestID, v, err := ch.unsecureOpen(b, h, p.keys, keySize(p.identity))
	if err != nil {
		return err
	}
	req, ok := v.(*ua.OpenSecureChannelRequest)
	if !ok {
		return ua.StatusBadTCPMessageTypeInvalid
	}
	ch.server.cfg.Traffic.request("OpenSecureChannel")
	if err := ch.admit(h, p, req, renew); err != nil {
		return err
	}
	return ch.issue(h, p, requestID, req, renew)
}

func keySize(i Identity) int {
	if i.Key == nil {
		return 0
	}
	return i.Key.Size()
}

// peer finds out which keys an OPN needs. Nothing is proven yet.
func (ch *Channel) peer(h openHeader) (peer, error) {
	if h.SecurityPolicyURI == ua.SecurityPolicyURINone {
		return peer{}, nil
	}
	if !rsaPolicy(h.SecurityPolicyURI) || ch.server.cfg.Identity == nil {
		return peer{}, ua.StatusBadSecurityPolicyRejected
	}
	leaf, err := firstCertificate(h.SenderCertificate)
	if err != nil {
		return peer{}, ua.StatusBadCertificateInvalid
	}
	identity, ok := ch.server.cfg.Identity(h.ReceiverCertificateThumbprint)
	if !ok || identity.Key == nil || (ch.id != 0 && !bytes.Equal(identity.Leaf(), ch.identity.Leaf())) {
		return peer{}, ua.StatusBadCertificateInvalid
	}
	keys, err := openProtection(h.SecurityPolicyURI, identity, leaf)
	if err != nil {
		return peer{}, ua.StatusBadCertificateInvalid
	}
	return peer{leaf: leaf, identity: identity, keys: keys}, nil
}

// admit decides on a request that is proven to come from its sender.
func (ch *Channel) admit(h openHeader, p peer, req *ua.OpenSecureChannelRequest, renew bool) error {
	if err := checkSecurity(h.SecurityPolicyURI, req.SecurityMode); err != nil {
		return err
	}
	switch {
	case renew != (req.RequestType == ua.SecurityTokenRequestTypeRenew):
		return ua.StatusBadRequestTypeInvalid
	case renew && req.SecurityMode != ch.mode:
		return ua.StatusBadSecurityModeRejected
	case p.keys.alg != nil && (len(req.ClientNonce) != p.keys.alg.NonceLength() || bytes.Equal(req.ClientNonce, ch.nonce)):
		return ua.StatusBadNonceInvalid
	}
	if ch.server.cfg.Accept == nil {
		return nil
	}
	err := ch.server.cfg.Accept(OpenRequest{
		SecurityPolicyURI: h.SecurityPolicyURI,
		SecurityMode:      req.SecurityMode,
		ClientCertificate: h.SenderCertificate,
		Renew:             renew,
		Remote:            ch.conn.RemoteAddr(),
	})
	var status ua.StatusCode
	if err != nil && !errors.As(err, &status) {
		return ua.StatusBadSecurityChecksFailed
	}
	return err
}

// issue makes a new token and answers. A first open fixes what the channel is.
func (ch *Channel) issue(h openHeader, p peer, requestID uint32, req *ua.OpenSecureChannelRequest, renew bool) error {
	var nonce []byte
	if p.keys.alg != nil {
		nonce = make([]byte, p.keys.alg.NonceLength())
		_, _ = rand.Read(nonce) // never fails
	}
	lifetime := time.Duration(req.RequestedLifetime) * time.Millisecond
	lifetime = min(max(lifetime, minLifetime), ch.server.cfg.MaxTokenLifetime)
	t, err := newToken(next(&ch.server.lastToken), h.SecurityPolicyURI, req.SecurityMode, nonce, req.ClientNonce, lifetime)
	if err != nil {
		return ua.StatusBadSecurityChecksFailed
	}
	if !renew {
		ch.id, ch.policy, ch.mode = next(&ch.server.lastChannel), h.SecurityPolicyURI, req.SecurityMode
		ch.chain, ch.leaf, ch.identity = h.SenderCertificate, p.leaf, p.identity
		if p.keys.alg == nil {
			ch.pieces.limits.MaxMessageSize = min(ch.pieces.limits.MaxMessageSize, maxDiscoverySize)
		}
	}
	ch.nonce = bytes.Clone(req.ClientNonce)
	body, err := encodeService(&ua.OpenSecureChannelResponse{
		ResponseHeader: ResponseHeader(req, ua.StatusOK),
		SecurityToken: &ua.ChannelSecurityToken{
			ChannelID:       ch.id,
			TokenID:         t.id,
			CreatedAt:       time.Now().UTC(),
			RevisedLifetime: uint32(lifetime.Milliseconds()),
		},
		ServerNonce: nonce,
	})
	if err != nil {
		return err
	}
	ch.tokens.add(t, false) // before the answer: the client may use it at once
	if err := ch.sendOpen(p.keys, ch.id, p.identity, p.leaf, requestID, body); err != nil {
		return err
	}
	ch.server.cfg.Traffic.response("OpenSecureChannel")
	_ = ch.conn.SetReadDeadline(ch.tokens.end())
	if ch.isClosing() {
		ch.shut()
	}
	return nil
}
