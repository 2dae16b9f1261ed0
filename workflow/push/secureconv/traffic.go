package secureconv

import (
	"sync"
)

// Traffic counts what a client or a server sends and receives. It is safe for
// concurrent use; a nil *Traffic counts nothing.
type Traffic struct {
	mu    sync.Mutex
	count TrafficCount
}

// TrafficCount is a copy of the counters at one moment.
type TrafficCount struct {
	Requests      map[string]int // by service: "OpenSecureChannel", "Call", ...; sent by a client, received by a server
	Responses     map[string]int // likewise; received by a client, sent by a server
	BytesIn       int            // whole frames, as on the wire
	BytesOut      int
	PrivateKeyOps int // RSA private-key operations: a signature, or one block decrypted
}

// Snapshot returns a copy of the counters.
func (t *Traffic) Snapshot() TrafficCount {
	out := TrafficCount{Requests: map[string]int{}, Responses: map[string]int{}}
	if t == nil {
		return out
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, v := range t.count.Requests {
		out.Requests[k] = v
	}
	for k, v := range t.count.Responses {
		out.Responses[k] = v
	}
	out.BytesIn, out.BytesOut, out.PrivateKeyOps = t.count.BytesIn, t.count.BytesOut, t.count.PrivateKeyOps
	return out
}

func (t *Traffic) change(f func(*TrafficCount)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.count)
}

func (t *Traffic) in(n int)  { t.change(func(c *TrafficCount) { c.BytesIn += n }) }
func (t *Traffic) out(n int) { t.change(func(c *TrafficCount) { c.BytesOut += n }) }

// PrivateKey counts n private-key operations done outside of the channel, for
// Sign and DecryptSecret. Those of OpenSecureChannel are counted here.
func (t *Traffic) PrivateKey(n int) { t.change(func(c *TrafficCount) { c.PrivateKeyOps += n }) }

func (t *Traffic) request(service string) {
	t.change(func(c *TrafficCount) {
		if c.Requests == nil {
			c.Requests = map[string]int{}
		}
		c.Requests[service]++
	})
}

// notSent takes a request back.
func (t *Traffic) notSent(service string) { t.change(func(c *TrafficCount) { c.Requests[service]-- }) }

func (t *Traffic) response(service string) {
	t.change(func(c *TrafficCount) {
		if c.Responses == nil {
			c.Responses = map[string]int{}
		}
		c.Responses[service]++
	})
}
