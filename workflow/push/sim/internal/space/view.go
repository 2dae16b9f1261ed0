package space

import (
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// Browse answers one BrowseDescription with everything there is (OPC 10000-4,
// 5.9.2). References to nodes that the Session may not browse are left out.
func (s *Space) Browse(a *Access, b *ua.BrowseDescription) ([]*ua.ReferenceDescription, ua.StatusCode) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.nodes[keyOf(b.NodeID)]
	filter := keyOf(b.ReferenceTypeID)
	switch {
	case n == nil:
		return nil, ua.StatusBadNodeIDUnknown
	case !n.permits(a, permitBrowse):
		return nil, ua.StatusBadUserAccessDenied
	case b.BrowseDirection > ua.BrowseDirectionBoth:
		return nil, ua.StatusBadBrowseDirectionInvalid
	case !s.isReferenceType(filter):
		return nil, ua.StatusBadReferenceTypeIDInvalid
	}
	var out []*ua.ReferenceDescription
	for _, r := range n.refs {
		target := s.nodes[r.target]
		if target == nil || !s.follows(r, b.BrowseDirection, filter, b.IncludeSubtypes) || !target.permits(a, permitBrowse) {
			continue
		}
		if b.NodeClassMask != 0 && b.NodeClassMask&uint32(target.class) == 0 {
			continue
		}
		out = append(out, s.describe(r, target, ua.BrowseResultMask(b.ResultMask)))
	}
	return out, ua.StatusOK
}

func (s *Space) isReferenceType(k key) bool {
	if k == (key{}) {
		return true
	}
	n := s.nodes[k]
	return n != nil && n.class == ua.NodeClassReferenceType
}

func (s *Space) follows(r reference, d ua.BrowseDirection, filter key, subtypes bool) bool {
	switch {
	case d == ua.BrowseDirectionForward && r.inverse, d == ua.BrowseDirectionInverse && !r.inverse:
		return false
	case filter == key{}, filter == ns0(r.typ):
		return true
	}
	return subtypes && filter.namespace == 0 && s.isA(r.typ, filter.number)
}

func (s *Space) describe(r reference, target *node, mask ua.BrowseResultMask) *ua.ReferenceDescription {
	none := ua.NewTwoByteNodeID(0)
	d := &ua.ReferenceDescription{
		ReferenceTypeID: none, NodeID: expanded(target.id), BrowseName: &ua.QualifiedName{},
		DisplayName: &ua.LocalizedText{}, TypeDefinition: expanded(none),
	}
	if mask&ua.BrowseResultMaskReferenceTypeID != 0 {
		d.ReferenceTypeID = numeric(r.typ)
	}
	if mask&ua.BrowseResultMaskIsForward != 0 {
		d.IsForward = !r.inverse
	}
	if mask&ua.BrowseResultMaskNodeClass != 0 {
		d.NodeClass = target.class
	}
	if mask&ua.BrowseResultMaskBrowseName != 0 {
		d.BrowseName = target.name
	}
	if mask&ua.BrowseResultMaskDisplayName != 0 {
		d.DisplayName = ua.NewLocalizedText(target.name.Name)
	}
	if mask&ua.BrowseResultMaskTypeDefinition != 0 {
		d.TypeDefinition = expanded(numeric(s.typeDefinition(target)))
	}
	return d
}

func expanded(n *ua.NodeID) *ua.ExpandedNodeID { return &ua.ExpandedNodeID{NodeID: n} }

// Translate answers one BrowsePath (OPC 10000-4, 5.9.4). Every target is in this
// server, so that RemainingPathIndex is always "none".
func (s *Space) Translate(a *Access, p *ua.BrowsePath) *ua.BrowsePathResult {
	s.mu.RLock()
	defer s.mu.RUnlock()
	start := s.nodes[keyOf(p.StartingNode)]
	switch {
	case start == nil:
		return &ua.BrowsePathResult{StatusCode: ua.StatusBadNodeIDUnknown}
	case p.RelativePath == nil || len(p.RelativePath.Elements) == 0:
		return &ua.BrowsePathResult{StatusCode: ua.StatusBadNothingToDo}
	}
	found := []*node{start}
	for i, e := range p.RelativePath.Elements {
		// Only the last name may be left out, and then every target matches.
		last := i == len(p.RelativePath.Elements)-1
		if e.TargetName == nil || e.TargetName.Name == "" && !last {
			return &ua.BrowsePathResult{StatusCode: ua.StatusBadBrowseNameInvalid}
		}
		if !s.isReferenceType(keyOf(e.ReferenceTypeID)) {
			return &ua.BrowsePathResult{StatusCode: ua.StatusBadReferenceTypeIDInvalid}
		}
		found = s.step(a, found, e)
	}
	if len(found) == 0 {
		return &ua.BrowsePathResult{StatusCode: ua.StatusBadNoMatch}
	}
	out := &ua.BrowsePathResult{StatusCode: ua.StatusOK}
	for _, n := range found {
		out.Targets = append(out.Targets, &ua.BrowsePathTarget{TargetID: expanded(n.id), RemainingPathIndex: noRemainingPath})
	}
	return out
}

// noRemainingPath is the UInt32 maximum (OPC 10000-4, 5.9.4.2).
const noRemainingPath = 1<<32 - 1

func (s *Space) step(a *Access, from []*node, e *ua.RelativePathElement) []*node {
	direction := ua.BrowseDirectionForward
	if e.IsInverse {
		direction = ua.BrowseDirectionInverse
	}
	var out []*node
	seen := map[key]bool{}
	for _, n := range from {
		for _, r := range n.refs {
			target := s.nodes[r.target]
			if target == nil || seen[r.target] || !s.follows(r, direction, keyOf(e.ReferenceTypeID), e.IncludeSubtypes) || !target.permits(a, permitBrowse) {
				continue
			}
			if e.TargetName.Name == "" || *e.TargetName == *target.name {
				seen[r.target] = true
				out = append(out, target)
			}
		}
	}
	return out
}

// component finds the Method that a Call means: a component of the Object, given
// by its own NodeId, by that of its declaration, or by that of the Method with the
// same name in the type of the Object or a supertype (OPC 10000-4, 5.12.2.2).
// s.mu is held.
func (s *Space) component(object *node, methodID key) *node {
	declared := s.nodes[methodID]
	for _, r := range object.refs {
		m := s.nodes[r.target]
		if r.inverse || r.typ != id.HasComponent || m == nil || m.class != ua.NodeClassMethod {
			continue
		}
		if r.target == methodID || ns0(m.declaration) == methodID {
			return m
		}
		if declared != nil && declared.class == ua.NodeClassMethod && declared.name.Name == m.name.Name && s.declares(object, methodID) {
			return m
		}
	}
	return nil
}

// declares says whether a Method is a component of the type of an Object.
func (s *Space) declares(object *node, methodID key) bool {
	for typ := s.typeDefinition(object); typ != 0; typ = s.supertype(typ) {
		for _, r := range s.nodes[ns0(typ)].refs {
			if !r.inverse && r.target == methodID {
				return true
			}
		}
	}
	return false
}
