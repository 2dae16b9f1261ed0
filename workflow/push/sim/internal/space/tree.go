package space

import (
	"context"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// Result is the outcome of a Method.
type Result struct {
	Status    ua.StatusCode
	Arguments []ua.StatusCode // InputArgumentResults; only with Bad_InvalidArgument
	Outputs   []any           // values as ua.NewVariant takes them, or [][]byte
}

// Method runs a Call. The inputs were checked for count and built-in type; a null
// Variant for a type that has a null became its zero value ("", an empty slice, the
// null NodeId). Access was checked.
type Method func(ctx context.Context, a *Access, in []any) Result

// Tree is an Object and what is below it. Paths are the name parts of
// BrowseNames joined with "/"; "" is the Object itself. A path that the Object
// does not have is a mistake of the program: everything but ID and Has panics.
type Tree struct {
	s        *Space
	root     *ua.NodeID
	template string // path of the root in the table
	instance string // identifier in namespace 1; "" in namespace 0
}

// Tree is the tree of a well-known Object of namespace 0, ServerConfiguration
// (i=12637) for example.
func (s *Space) Tree(root *ua.NodeID) *Tree {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := keyOf(root)
	if s.nodes[k] == nil {
		panic(fmt.Sprintf("space: no node %s", root))
	}
	t := &Tree{s: s, root: root}
	for _, r := range s.order {
		if ns0(r.ID) == k {
			t.template = r.Path
		}
	}
	return t
}

// Instantiate copies an Object of the table, with all members that are not
// optional, to ns=1;s=<ident> and ns=1;s=<ident>/<path>, and refers to it from
// parent. The template is a path in the table, with "_" or "/" between its
// elements. The BrowseName is name in namespace 1.
func (s *Space) Instantiate(parent *ua.NodeID, reference uint32, template, ident, name string) *Tree {
	s.mu.Lock()
	defer s.mu.Unlock()
	template = strings.ReplaceAll(template, "_", "/")
	root := s.rows[template]
	if root == nil {
		panic(fmt.Sprintf("space: no template %s", template))
	}
	t := &Tree{s: s, root: ua.NewStringNodeID(1, ident), template: template, instance: ident}
	for _, r := range s.order {
		switch {
		case r == root:
			head := *root
			head.Ref = reference
			n := s.addRow(&head, place{node: t.root, parent: keyOf(parent)})
			n.name = &ua.QualifiedName{NamespaceIndex: 1, Name: name}
		case strings.HasPrefix(r.Path, template+"/") && !r.Reserved:
			s.addRow(r, t.place(strings.TrimPrefix(r.Path, template+"/")))
		}
	}
	return t
}

// Remove deletes an Object and everything below it.
func (s *Space) Remove(t *Tree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[keyOf(t.root)]; n != nil {
		s.remove(n)
	}
}

// place gives the NodeIds of a member of an instance in namespace 1.
func (t *Tree) place(path string) place {
	nodeID := func(p string) *ua.NodeID { return ua.NewStringNodeID(1, t.instance+"/"+p) }
	p := place{node: nodeID(path), in: nodeID(path + "/InputArguments"), out: nodeID(path + "/OutputArguments"), parent: keyOf(t.root)}
	if cut := strings.LastIndex(path, "/"); cut >= 0 {
		p.parent = keyOf(nodeID(path[:cut]))
	}
	return p
}

// find walks a path; nil when there is no such member. Space.mu is held.
func (t *Tree) find(path string) *node {
	n := t.s.nodes[keyOf(t.root)]
	if path == "" {
		return n
	}
	for name := range strings.SplitSeq(path, "/") {
		if n == nil {
			return nil
		}
		n = t.s.child(n, name)
	}
	return n
}

func (t *Tree) must(path string) *node {
	n := t.find(path)
	if n == nil {
		panic(fmt.Sprintf("space: %s has no %q", t.root, path))
	}
	return n
}

// ID is the NodeId of a member, nil when there is none.
func (t *Tree) ID(path string) *ua.NodeID {
	t.s.mu.RLock()
	defer t.s.mu.RUnlock()
	if n := t.find(path); n != nil {
		return n.id
	}
	return nil
}

// Has says whether a member exists.
func (t *Tree) Has(path string) bool { return t.ID(path) != nil }

// Child is the tree of a member.
func (t *Tree) Child(path string) *Tree {
	t.s.mu.RLock()
	defer t.s.mu.RUnlock()
	c := &Tree{s: t.s, root: t.must(path).id, template: t.template + "/" + path}
	if t.instance != "" {
		c.instance = t.instance + "/" + path
	}
	return c
}

// Type replaces the type definition of the Object itself.
func (t *Tree) Type(definition uint32) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	n := t.must("")
	for i, r := range n.refs {
		if r.typ == id.HasTypeDefinition && !r.inverse {
			n.refs = append(n.refs[:i:i], n.refs[i+1:]...)
			break
		}
	}
	t.s.link(keyOf(n.id), id.HasTypeDefinition, ns0(definition))
}

// Value gives a Variable its value. A status that is not Good becomes the status
// of the DataValue. The function is called without locks, for every Read.
func (t *Tree) Value(path string, read func() (value any, status ua.StatusCode)) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.must(path).read = read
}

// OnWrite makes a Variable writable for Roles that may. The value has the
// built-in type and rank of the Variable.
func (t *Tree) OnWrite(path string, write func(value any) ua.StatusCode) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.must(path).write = write
}

// Bind gives a Method its implementation; without one a Call is Bad_NotImplemented.
func (t *Tree) Bind(path string, m Method) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.must(path).method = m
}

// Omit removes an optional member that this server does not have. Omitting one
// that does not exist is no error.
func (t *Tree) Omit(path string) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if n := t.find(path); n != nil {
		t.s.remove(n)
	}
}

// Add creates an optional member: one that NodeIds.csv reserves an id for, or a
// member of the type of the Object (Enabled of ApplicationConfigurationType, for
// instances only). Adding one that exists is no error.
func (t *Tree) Add(path string) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.find(path) != nil {
		return
	}
	r := t.s.rows[t.template+"/"+path]
	if r == nil {
		r = t.declared(path)
	}
	if t.instance == "" {
		t.s.addRow(r, t.s.placeInNS0(r))
		return
	}
	t.s.addRow(r, t.place(path))
}

// declared is the row of a member as the type of its parent declares it, open to
// those who may use the parent's other Properties.
func (t *Tree) declared(path string) *row {
	cut := max(0, strings.LastIndex(path, "/"))
	parent, name := t.must(path[:cut]), strings.TrimPrefix(path[cut:], "/")
	for typ := t.s.typeDefinition(parent); typ != 0; typ = t.s.supertype(typ) {
		for _, r := range t.s.order {
			if r.name() != name || t.s.rows[r.parent()] == nil || t.s.rows[r.parent()].ID != typ {
				continue
			}
			member := *r
			member.Restrictions = parent.restrictions
			for _, p := range parent.roles {
				member.Roles = append(member.Roles, [2]uint32{p.role, p.bits | permitRead})
			}
			return &member
		}
	}
	panic(fmt.Sprintf("space: the type of %s declares no %q", t.root, path))
}
