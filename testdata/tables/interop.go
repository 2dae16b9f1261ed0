package tables

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Cell is one line of the table of interoperability; the test that reports it
// says whether it holds.
type Cell struct {
	Peer    string
	Topic   Topic
	Feature string
	Lacks   bool   // the peer does not have it, and uapush says so
	Differs string // what the peer does otherwise
}

// Topic is a row of the short table.
type Topic string

const (
	Discovery     Topic = "discovery"
	Sessions      Topic = "sessions: policies and modes"
	Conversation  Topic = "token renewal, chunks"
	Logins        Topic = "logins and trust, right and refused"
	Browsing      Topic = "browsing and reading everything"
	Rejected      Topic = "rejected list, transactions"
	TrustLists    Topic = "trust lists"
	Certificates  Topic = "requests, certificates, ApplyChanges"
	Configuration Topic = "ConfigurationFile"
	Bytes         Topic = "bytes of configuration files, both layouts"
	Wire          Topic = "packets of both ends on the wire"
)

// topics are in the order of the rows.
var topics = []Topic{Discovery, Sessions, Conversation, Logins, Browsing, Rejected, TrustLists, Certificates, Configuration, Bytes, Wire}

// Interop collects what tests report, also those that run at the same time.
type Interop struct {
	mu    sync.Mutex
	cells []*result
}

type result struct {
	Cell
	works bool
}

// Add takes a cell; what it returns is told how its test ended.
func (t *Interop) Add(c Cell) (ended func(works bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &result{Cell: c}
	t.cells = append(t.cells, r)
	return func(works bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		r.works = works
	}
}

// sorted are the cells by peer, in alphabetic order, and within a peer by topic,
// since tests with different ones run at the same time.
func (t *Interop) sorted() []*result {
	t.mu.Lock()
	defer t.mu.Unlock()
	cells := slices.Clone(t.cells)
	slices.SortStableFunc(cells, func(a, b *result) int {
		return cmp.Or(cmp.Compare(a.Peer, b.Peer), cmp.Compare(slices.Index(topics, a.Topic), slices.Index(topics, b.Topic)))
	})
	return cells
}

// Long is a document with a line for every cell.
func (t *Interop) Long() string {
	var b strings.Builder
	b.WriteString("# Interoperability\n\nMade by `make interop` from the tests; do not edit. \"—\" is something that the peer itself does not have.\n\n")
	b.WriteString(row("peer", "feature", "works", "what differs") + rule(4))
	peer := ""
	for _, c := range t.sorted() {
		name := ""
		if c.Peer != peer {
			name, peer = c.Peer, c.Peer
		}
		b.WriteString(row(name, c.Feature, c.state(), c.Differs))
	}
	return b.String()
}

func (r *result) state() string {
	switch {
	case !r.works:
		return "**no**"
	case r.Lacks:
		return "—"
	}
	return "yes"
}

// Short has a column for every peer and a row for every topic, with the number of
// features that work.
func (t *Interop) Short() string {
	cells := t.sorted()
	var peers []string
	count := map[string]int{} // by peer, topic and state
	for _, c := range cells {
		if !slices.Contains(peers, c.Peer) {
			peers = append(peers, c.Peer)
		}
		count[c.Peer+string(c.Topic)+c.state()]++
	}
	var b strings.Builder
	b.WriteString(row(append([]string{""}, peers...)...) + rule(1+len(peers)))
	for _, topic := range topics {
		line := []string{string(topic)}
		for _, peer := range peers {
			var states []string
			for _, s := range []struct{ state, shown string }{{"yes", "✓"}, {"—", "—"}, {"**no**", "**no**"}} {
				if n := count[peer+string(topic)+s.state]; n > 0 {
					states = append(states, fmt.Sprintf("%s %d", s.shown, n))
				}
			}
			line = append(line, strings.Join(states, ", "))
		}
		b.WriteString(row(line...))
	}
	return b.String()
}

// Unplaced are the features whose topic has no row.
func (t *Interop) Unplaced() (features []string) {
	for _, c := range t.sorted() {
		if !slices.Contains(topics, c.Topic) {
			features = append(features, c.Feature)
		}
	}
	return features
}
