package secureconv

import (
	"fmt"

	"github.com/gopcua/opcua/ua"
)

// partial is a message some of whose chunks have arrived.
type partial struct {
	body   []byte
	chunks int
}

// assembly puts messages together from their chunks. The limits are for all
// unfinished messages of a channel together, so that opening many of them at
// once buys a peer nothing.
type assembly struct {
	limits Limits
	open   map[uint32]*partial
	bytes  int
	chunks int
}

// add takes in one chunk of a message; done says that body is all of it.
func (a *assembly) add(requestID uint32, final bool, data []byte) (body []byte, done bool, err error) {
	if a.open == nil {
		a.open = map[uint32]*partial{}
	}
	p := a.open[requestID]
	if p == nil {
		p = &partial{}
		a.open[requestID] = p
	}
	p.body = append(p.body, data...)
	p.chunks++
	a.bytes += len(data)
	a.chunks++
	if a.bytes > int(a.limits.MaxMessageSize) || a.chunks > int(a.limits.MaxChunkCount) {
		return nil, false, fmt.Errorf("message size: %w", ua.StatusBadTCPMessageTooLarge)
	}
	if !final {
		return nil, false, nil
	}
	a.drop(requestID)
	return p.body, true, nil
}

// drop forgets a message: it is complete, or its sender gave it up.
func (a *assembly) drop(requestID uint32) {
	p := a.open[requestID]
	if p == nil {
		return
	}
	a.bytes -= len(p.body)
	a.chunks -= p.chunks
	delete(a.open, requestID)
}

// The rule of OPC 10000-6, 6.7.2.4: one more each time, and somewhere beyond
// sequenceWrap back to a number below sequenceStart.
const (
	sequenceWrap  = 4294966271
	sequenceStart = 1024
	sequenceLast  = sequenceWrap + 512 // the last one we send ourselves
)

// sequence checks the numbers of one direction.
type sequence struct {
	last  uint32
	known bool
}

func (s *sequence) accept(n uint32) error {
	next := n == s.last+1 || (s.last >= sequenceWrap && n < sequenceStart)
	if s.known && !next {
		return fmt.Errorf("sequence number %d after %d: %w", n, s.last, ua.StatusBadSequenceNumberInvalid)
	}
	s.last, s.known = n, true
	return nil
}

// next numbers our own chunks.
func (s *sequence) next() uint32 {
	if s.last++; s.last > sequenceLast {
		s.last = 1
	}
	return s.last
}
