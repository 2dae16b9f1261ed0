package secureconv

import (
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
)

// token is a SecurityToken with its keys (OPC 10000-4, 5.5.2; OPC 10000-6, 6.7.5).
type token struct {
	id      uint32
	keys    protection
	renew   time.Time // from then on the other end may be addressed with a newer one only
	expires time.Time // a quarter of the lifetime later: what was under way still counts
}

func newToken(id uint32, policy string, mode ua.MessageSecurityMode, local, remote []byte, lifetime time.Duration) (*token, error) {
	now := time.Now()
	t := &token{id: id, renew: now.Add(lifetime), expires: now.Add(lifetime * 5 / 4)}
	if policy == ua.SecurityPolicyURINone {
		return t, nil
	}
	alg, err := uapolicy.Symmetric(policy, local, remote)
	if err != nil {
		return nil, err
	}
	t.keys = protection{alg: alg, encrypt: mode == ua.MessageSecurityModeSignAndEncrypt}
	return t, nil
}

// ring holds the tokens a channel accepts, oldest first: the one in use and, for
// a while around a renewal, one more.
type ring struct {
	mu      sync.Mutex
	tokens  []*token
	sending *token
}

// add makes t known. A client sends with it at once; a server waits until the
// client does (OPC 10000-4, 5.5.2.1).
func (r *ring) add(t *token, send bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = append(r.tokens, t)
	if len(r.tokens) > 2 {
		r.tokens = r.tokens[len(r.tokens)-2:]
	}
	if send || r.sending == nil {
		r.sending = t
	}
}

// find returns the token of a received chunk, newest first, or nil.
func (r *ring) find(id uint32) *token {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.tokens) - 1; i >= 0; i-- {
		if t := r.tokens[i]; t.id == id && time.Now().Before(t.expires) {
			return t
		}
	}
	return nil
}

// used says that the peer proved to have t: what is older has had its time.
func (r *ring) used(t *token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.tokens); r.tokens[n-1] == t && n > 1 {
		r.tokens = r.tokens[n-1:]
		r.sending = t
	}
}

// forSending returns the token to send with: the newest the peer is known to
// have, or the newest of all once that one's lifetime is over.
func (r *ring) forSending() *token {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sending != nil && time.Now().After(r.sending.renew) {
		r.sending = r.tokens[len(r.tokens)-1]
	}
	return r.sending
}

// end is when the last token is no longer good.
func (r *ring) end() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens[len(r.tokens)-1].expires
}
