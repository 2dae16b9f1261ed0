package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

func opened(do func(o *opening) error) script {
	return script{open: map[string]func(*opening) error{"open": do}}
}

func answered(service string, do func(x *exchange) error) script {
	return script{answer: map[string]func(*exchange) error{service: do}}
}

// created changes the answer to CreateSession.
func created(change func(x *exchange, r *ua.CreateSessionResponse)) script {
	return answered("CreateSession", func(x *exchange) error {
		change(x, x.resp.(*ua.CreateSessionResponse))
		return x.send()
	})
}

// discovered changes what discovery shows, and what the Session shows is honest.
func discovered(change func(m *model, e *ua.EndpointDescription) []*ua.EndpointDescription) script {
	return answered("GetEndpoints", func(x *exchange) error {
		e := *x.c.s.model.endpoints[0]
		x.resp.(*ua.GetEndpointsResponse).Endpoints = change(x.c.s.model, &e)
		return x.send()
	})
}

// TestForgedChannels: who does not hold the key of the pinned certificate gets
// nothing, and least of all the password.
func TestForgedChannels(t *testing.T) {
	t.Parallel()
	stranger := strangerIdentity(t)
	all(t, []hostility{
		{name: "certificate of a stranger", exit: 5, script: opened(func(o *opening) error {
			o.shown, o.signer = stranger.Leaf(), stranger
			return o.send()
		})},
		{name: "pinned certificate without its key", exit: 5, script: opened(func(o *opening) error {
			o.signer = stranger
			return o.send()
		})},
		{name: "pinned certificate after another in the chain", exit: 5, script: opened(func(o *opening) error {
			o.shown, o.signer = slices.Concat(stranger.Leaf(), o.c.s.id.Leaf()), stranger
			return o.send()
		})},
		{name: "answer for somebody else", exit: 5, script: opened(func(o *opening) error {
			own := o.receiver
			o.receiver = stranger.Leaf()
			b, err := o.frame()
			o.receiver = own
			if err != nil {
				return err
			}
			return o.c.write(b)
		})},
		{name: "no security in answer", exit: 5, script: opened(func(o *opening) error {
			o.policy = ua.SecurityPolicyURINone
			return o.send()
		})},
		{name: "another policy in answer", exit: 5, script: opened(func(o *opening) error {
			o.policy = config.PolicyAes128Sha256RsaOaep
			return o.send()
		})},
		{name: "nonce too short", exit: 1, script: opened(func(o *opening) error {
			o.resp.ServerNonce = o.resp.ServerNonce[:31]
			return o.send()
		})},
		{name: "nonce too long", exit: 5, script: opened(func(o *opening) error {
			o.resp.ServerNonce = random(4096)
			return o.send()
		})},
		{name: "no nonce", exit: 1, script: opened(func(o *opening) error {
			o.resp.ServerNonce = nil
			return o.send()
		})},
		{name: "channel 0", exit: 1, script: opened(func(o *opening) error {
			o.resp.SecurityToken.ChannelID = 0
			return o.send()
		})},
		{name: "another channel in the header", exit: 1, script: opened(func(o *opening) error {
			o.channel += 7
			return o.send()
		})},
		{name: "answer to another request", exit: 1, script: opened(func(o *opening) error {
			o.requestID += 7
			return o.send()
		})},
		{name: "opened twice", exit: anyFailure, script: opened(func(o *opening) error {
			if err := o.send(); err != nil {
				return err
			}
			return o.send()
		})},
		{name: "keys of other nonces", exit: 4, script: opened(func(o *opening) error {
			nonce := o.resp.ServerNonce
			o.resp.ServerNonce = random(32) // ours stays the first one
			err := o.send()
			o.resp.ServerNonce = nonce
			return err
		})},
		{name: "another certificate at renewal", exit: 5, trusts: true, says: "another certificate", script: renewed(func(o *opening) {
			o.shown, o.signer = stranger.Leaf(), stranger
		})},
		{name: "no key at renewal", exit: 5, trusts: true, script: renewed(func(o *opening) { o.signer = stranger })},
		{name: "another channel at renewal", exit: 1, trusts: true, script: renewed(func(o *opening) {
			o.resp.SecurityToken.ChannelID += 7
		})},
		{name: "no security at renewal", exit: 5, trusts: true, script: renewed(func(o *opening) { o.policy = ua.SecurityPolicyURINone })},
		{name: "token that is over at once", exit: anyFailure, trusts: true, wait: "2s", script: shortLived(1, nil)},
	})
}

// renewed has a token that is renewed while a request waits; the renewal is answered
// with a change.
func renewed(change func(o *opening)) script { return shortLived(1500, change) }

func shortLived(lifetime uint32, change func(o *opening)) script {
	return script{
		open: map[string]func(*opening) error{"open": func(o *opening) error {
			o.resp.SecurityToken.RevisedLifetime = lifetime
			if o.renew && change != nil {
				change(o)
			}
			return o.send()
		}},
		answer: map[string]func(*exchange) error{"Call": func(*exchange) error { return nil }},
	}
}

// TestForgedSessions: the Session has to be that of the channel and of discovery.
func TestForgedSessions(t *testing.T) {
	t.Parallel()
	stranger := strangerIdentity(t)
	all(t, []hostility{
		{name: "no signature", exit: 5, says: "did not prove who it is", script: created(func(_ *exchange, r *ua.CreateSessionResponse) {
			r.ServerSignature = &ua.SignatureData{}
		})},
		{name: "wrong signature", exit: 5, says: "did not prove who it is", script: created(func(_ *exchange, r *ua.CreateSessionResponse) {
			r.ServerSignature.Signature[7] ^= 1
		})},
		{name: "signature of a stranger", exit: 5, says: "did not prove who it is", script: created(func(x *exchange, r *ua.CreateSessionResponse) {
			r.ServerSignature = signed(x, stranger, x.req.(*ua.CreateSessionRequest).ClientNonce)
		})},
		{name: "signature over another nonce", exit: 5, says: "did not prove who it is", script: created(func(x *exchange, r *ua.CreateSessionResponse) {
			r.ServerSignature = signed(x, x.c.s.id, random(32))
		})},
		{name: "certificate of a stranger", exit: 5, says: "another certificate", script: created(func(x *exchange, r *ua.CreateSessionResponse) {
			r.ServerCertificate = stranger.Leaf()
			r.ServerSignature = signed(x, stranger, x.req.(*ua.CreateSessionRequest).ClientNonce)
		})},
		{name: "no certificate", exit: 5, script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.ServerCertificate = nil })},
		{name: "short nonce", exit: 5, says: "nonce", script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.ServerNonce = r.ServerNonce[:31] })},
		{name: "no nonce", exit: 5, says: "nonce", script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.ServerNonce = nil })},
		{name: "long nonce", exit: 1, script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.ServerNonce = random(1 << 20) })},
		{name: "no endpoints", exit: 5, says: "not those that discovery showed", script: created(func(_ *exchange, r *ua.CreateSessionResponse) {
			r.ServerEndpoints = nil
		})},
		{name: "discovery hides the stronger policy", exit: 5, says: "not those that discovery showed", script: created(func(_ *exchange, r *ua.CreateSessionResponse) {
			e := *r.ServerEndpoints[0]
			e.SecurityPolicyURI = config.PolicyAes256Sha256RsaPss
			r.ServerEndpoints = append(slices.Clone(r.ServerEndpoints), &e)
		})},
		{name: "discovery weakens the user's token", exit: 5, says: "not those that discovery showed", script: discovered(func(_ *model, e *ua.EndpointDescription) []*ua.EndpointDescription {
			e.UserIdentityTokens = []*ua.UserTokenPolicy{{PolicyID: "user", TokenType: ua.UserTokenTypeUserName, SecurityPolicyURI: config.PolicyNone}}
			return []*ua.EndpointDescription{e}
		})},
		{name: "discovery shows a stranger", exit: 5, script: discovered(func(_ *model, e *ua.EndpointDescription) []*ua.EndpointDescription {
			e.ServerCertificate = stranger.Leaf()
			return []*ua.EndpointDescription{e}
		})},
		{name: "discovery shows a stranger in front", exit: 5, script: discovered(func(m *model, e *ua.EndpointDescription) []*ua.EndpointDescription {
			e.ServerCertificate, e.SecurityPolicyURI = stranger.Leaf(), config.PolicyAes256Sha256RsaPss
			return append([]*ua.EndpointDescription{e}, m.endpoints...)
		})},
		{name: "only SecurityPolicy None", exit: 5, says: "SignAndEncrypt", script: downgraded(ua.MessageSecurityModeNone, config.PolicyNone)},
		{name: "only Sign", exit: 5, says: "SignAndEncrypt", script: downgraded(ua.MessageSecurityModeSign, config.PolicyBasic256Sha256)},
		{name: "only Basic128Rsa15", exit: 5, says: "SignAndEncrypt", script: downgraded(ua.MessageSecurityModeSignAndEncrypt, ua.SecurityPolicyURIBasic128Rsa15)},
		{name: "unknown mode", exit: 5, says: "SignAndEncrypt", script: downgraded(99, config.PolicyBasic256Sha256)},
		{name: "session times out at once", exit: 0, trusts: true, script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.RevisedSessionTimeout = 1e-9 })},
		{name: "session times out before it began", exit: 0, trusts: true, script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.RevisedSessionTimeout = -1 })},
		{name: "takes requests of one byte", exit: 0, trusts: true, script: created(func(_ *exchange, r *ua.CreateSessionResponse) { r.MaxRequestMessageSize = 1 })},
	})
}

func signed(x *exchange, by identity, nonce []byte) *ua.SignatureData {
	s, err := secureconv.Sign(x.c.policy, by.Key, nil, x.c.client, nonce)
	if err != nil {
		panic(err)
	}
	return s
}

func downgraded(mode ua.MessageSecurityMode, policy string) script {
	return script{model: func(m *model) { m.endpoints[0].SecurityMode, m.endpoints[0].SecurityPolicyURI = mode, policy }}
}

// TestForgedCertificates shows certificates that are none, or not for us.
func TestForgedCertificates(t *testing.T) {
	t.Parallel()
	shows := func(blob []byte) script {
		return script{model: func(m *model) { m.endpoints[0].ServerCertificate = blob }}
	}
	tofu := []string{"--tofu"}
	own := serverIdentity(t).Leaf()
	all(t, []hostility{
		{name: "none", exit: 5, script: shows(nil)},
		{name: "noise", exit: 5, script: shows(random(4096))},
		{name: "half of it", exit: 5, script: shows(own[:len(own)/2])},
		{name: "noise after it", exit: 5, script: shows(append(slices.Clone(own), random(100)...))},
		{name: "a million certificates", exit: 5, script: shows(slices.Concat(own, slices.Repeat([]byte{0x30, 0}, 1_000_000)))},
		{name: "two million certificates", exit: 5, script: shows(slices.Repeat([]byte{0x30, 0}, 2_000_000))},
		{name: "two million certificates on trust", flags: tofu, exit: 5, script: shows(slices.Repeat([]byte{0x30, 0}, 2_000_000))},
		{name: "claims 2 GiB", exit: 5, script: shows([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x30})},
		{name: "elliptic curve", flags: tofu, exit: 5, script: shows(curved(t))},
		{name: "short key", flags: tofu, exit: 5, script: shows(pkitest.Application(t, pkitest.Options{Key: pkitest.ShortKey(), URI: serverURI}).Leaf())},
		{name: "control characters in its names", flags: tofu, exit: 5, script: shows(pkitest.Application(t, pkitest.Options{
			Key: pkitest.Key(2), URI: "urn:other", Name: "x", Change: func(c *x509.Certificate) {
				c.Subject = pkix.Name{CommonName: "a\x1b[31mb", Organization: []string{"c\r\nd\u202e"}}
			},
		}).Leaf())},
		{name: "discover control characters in its names", args: []string{"discover"}, exit: 0, script: shows(pkitest.Application(t, pkitest.Options{
			Key: pkitest.Key(2), URI: "urn:other", Name: "x", Change: func(c *x509.Certificate) {
				c.Subject = pkix.Name{CommonName: "a\x1b[31mb", Organization: []string{"c\r\nd\u202e"}}
			},
		}).Leaf())},
		{name: "discover noise", args: []string{"discover"}, exit: 0, script: shows(random(4096))},
	})
}

func curved(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "curve"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestSecondAttempt: a run discovers and connects twice when the endpoints differ;
// the password must not go to who answers the second time either.
func TestSecondAttempt(t *testing.T) {
	t.Parallel()
	stranger := strangerIdentity(t)
	all(t, []hostility{
		{name: "stranger at the second attempt", exit: 5, script: script{
			open: map[string]func(*opening) error{"open": func(o *opening) error {
				if o.c.s.count("OPN") > 1 {
					o.shown, o.signer = stranger.Leaf(), stranger
				}
				return o.send()
			}},
			answer: map[string]func(*exchange) error{"CreateSession": func(x *exchange) error {
				x.resp.(*ua.CreateSessionResponse).ServerEndpoints = nil
				return x.send()
			}},
		}},
		{name: "stranger in discovery at the second attempt", exit: 5, script: script{
			answer: map[string]func(*exchange) error{
				"GetEndpoints": func(x *exchange) error {
					if x.n > 0 {
						e := *x.c.s.model.endpoints[0]
						e.ServerCertificate = stranger.Leaf()
						x.resp.(*ua.GetEndpointsResponse).Endpoints = []*ua.EndpointDescription{&e}
					}
					return x.send()
				},
				"CreateSession": func(x *exchange) error {
					x.resp.(*ua.CreateSessionResponse).ServerEndpoints = nil
					return x.send()
				},
			},
		}},
	})
}
