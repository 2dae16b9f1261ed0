// Package space is the AddressSpace of the embedded server: nodes of the official
// NodeSet, their access rules, and the view, attribute and method services on them.
package space

import (
	"fmt"
	"sync"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// Space holds the nodes. Its services may be called concurrently with changes.
type Space struct {
	mu    sync.RWMutex
	nodes map[key]*node
	rows  map[string]*row // by path
	order []*row          // parents before children
}

// key is a NodeId that compares by value, whatever its encoding.
type key struct {
	namespace uint16
	number    uint32
	text      string // of any identifier that is not numeric
}

func keyOf(n *ua.NodeID) key {
	if n == nil {
		return key{}
	}
	switch n.Type() {
	case ua.NodeIDTypeTwoByte, ua.NodeIDTypeFourByte, ua.NodeIDTypeNumeric:
		return key{namespace: uint16(n.Namespace()), number: n.IntID()}
	}
	return key{namespace: uint16(n.Namespace()), text: n.String()}
}

func ns0(n uint32) key { return key{number: n} }

// node is immutable after it was added, except for its references, type and
// bound functions, which Space.mu guards.
type node struct {
	id           *ua.NodeID
	class        ua.NodeClass
	name         *ua.QualifiedName
	data         uint32
	rank         int32
	abstract     bool
	restrictions uint16
	roles        []permission
	declaration  uint32 // MethodDeclarationId
	in, out      []argument
	definition   *definition // of a DataType that has one
	refs         []reference

	read   func() (any, ua.StatusCode)
	write  func(any) ua.StatusCode
	method Method
}

type reference struct {
	typ     uint32
	inverse bool
	target  key
}

// New returns the nodes of namespace 0: push management from the embedded table,
// and of the rest what a client needs to find it.
func New() *Space {
	s := &Space{nodes: map[key]*node{}, rows: map[string]*row{}}
	s.addSurroundings()
	s.addRoleSet()
	s.addDataTypes()
	s.addDefinitions()
	rows := table()
	for i := range rows {
		s.rows[rows[i].Path] = &rows[i]
		s.order = append(s.order, &rows[i])
	}
	s.addTypes()
	for _, r := range s.order {
		if !r.Reserved && ua.NodeClass(r.Class) != ua.NodeClassObjectType {
			s.addRow(r, s.placeInNS0(r))
		}
	}
	s.link(ns0(id.Server), id.HasComponent, ns0(id.ServerConfiguration))
	s.link(ns0(resources), id.Organizes, ns0(managedApplications))
	return s
}

// addTypes adds every type before anything refers to one.
func (s *Space) addTypes() {
	var types []*row
	for _, r := range s.order {
		if ua.NodeClass(r.Class) == ua.NodeClassObjectType {
			s.add(r.node(numeric(r.ID)))
			types = append(types, r)
		}
	}
	for _, r := range types {
		super := r.Super
		if super == 0 {
			super = id.BaseObjectType
		}
		s.link(ns0(super), id.HasSubtype, ns0(r.ID))
	}
}

// place is where a row becomes a node.
type place struct {
	node, in, out *ua.NodeID
	parent        key
}

func (s *Space) placeInNS0(r *row) place {
	p := place{node: numeric(r.ID), in: numeric(r.InID), out: numeric(r.OutID)}
	if parent, ok := s.rows[r.parent()]; ok && r.parent() != "" {
		p.parent = ns0(parent.ID)
	}
	return p
}

// addRow adds the node of a row with its argument properties.
func (s *Space) addRow(r *row, p place) *node {
	n := r.node(p.node)
	s.add(n)
	if p.parent != (key{}) {
		s.link(p.parent, r.Ref, keyOf(n.id))
	}
	if r.Type != 0 {
		s.link(keyOf(n.id), id.HasTypeDefinition, ns0(r.Type))
	}
	s.addArguments(n, p.in, "InputArguments", r.In)
	s.addArguments(n, p.out, "OutputArguments", r.Out)
	return n
}

func (s *Space) addArguments(method *node, nodeID *ua.NodeID, name string, args []argument) {
	if len(args) == 0 {
		return
	}
	n := argumentNode(nodeID, name, method, args)
	s.add(n)
	s.link(keyOf(method.id), id.HasProperty, keyOf(n.id))
	s.link(keyOf(n.id), id.HasTypeDefinition, ns0(id.PropertyType))
}

func (s *Space) add(n *node) {
	k := keyOf(n.id)
	if _, exists := s.nodes[k]; exists {
		panic(fmt.Sprintf("space: node %s twice", n.id))
	}
	s.nodes[k] = n
}

// link adds a reference in both directions, between nodes that exist.
func (s *Space) link(from key, typ uint32, to key) {
	source, target := s.nodes[from], s.nodes[to]
	if source == nil || target == nil {
		panic(fmt.Sprintf("space: reference %d between %v and %v: no such node", typ, from, to))
	}
	source.refs = append(source.refs, reference{typ: typ, target: to})
	target.refs = append(target.refs, reference{typ: typ, inverse: true, target: from})
}

// child finds a component or property by the name part of its BrowseName.
func (s *Space) child(n *node, name string) *node {
	for _, r := range n.refs {
		if r.inverse || !s.isA(r.typ, id.HierarchicalReferences) || r.typ == id.HasSubtype {
			continue
		}
		if c := s.nodes[r.target]; c != nil && c.name.Name == name {
			return c
		}
	}
	return nil
}

// isA says whether a type is another or a subtype of it.
func (s *Space) isA(typ, super uint32) bool {
	for typ != super {
		typ = s.supertype(typ)
		if typ == 0 {
			return false
		}
	}
	return true
}

func (s *Space) supertype(typ uint32) uint32 {
	n := s.nodes[ns0(typ)]
	if n == nil {
		return 0
	}
	for _, r := range n.refs {
		if r.inverse && r.typ == id.HasSubtype {
			return r.target.number
		}
	}
	return 0
}

func (s *Space) typeDefinition(n *node) uint32 {
	for _, r := range n.refs {
		if !r.inverse && r.typ == id.HasTypeDefinition {
			return r.target.number
		}
	}
	return 0
}

// remove deletes a node, what it aggregates, and every reference to them.
func (s *Space) remove(n *node) {
	own := keyOf(n.id)
	delete(s.nodes, own)
	for _, r := range n.refs {
		other := s.nodes[r.target]
		if other == nil {
			continue
		}
		if !r.inverse && (r.typ == id.HasComponent || r.typ == id.HasProperty || r.typ == id.Organizes) {
			s.remove(other)
			continue
		}
		kept := other.refs[:0:0]
		for _, back := range other.refs {
			if back.target != own {
				kept = append(kept, back)
			}
		}
		other.refs = kept
	}
}
