package push

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/gopcua/opcua/ua"
)

// read reads the Value attribute of nodes, in one request.
func (s *Session) read(ctx context.Context, nodes []*ua.NodeID) ([]*ua.DataValue, error) {
	return batched(nodes, func(nodes []*ua.NodeID) ([]*ua.DataValue, error) {
		req := &ua.ReadRequest{TimestampsToReturn: ua.TimestampsToReturnNeither}
		for _, n := range nodes {
			req.NodesToRead = append(req.NodesToRead, &ua.ReadValueID{
				NodeID: n, AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{},
			})
		}
		resp, err := sendAs[*ua.ReadResponse](ctx, s, "Read", req)
		if err != nil {
			return nil, err
		}
		return resp.Results, nil
	})
}

// browsePath is a path of browse names in namespace 0, joined by "/", from a node.
type browsePath struct {
	from *ua.NodeID
	path string
}

// translate resolves browse paths, in one request. A path that leads nowhere
// gives nil: members are optional, and hidden from users without rights.
func (s *Session) translate(ctx context.Context, paths []browsePath) ([]*ua.NodeID, error) {
	return batched(paths, func(paths []browsePath) ([]*ua.NodeID, error) {
		req := &ua.TranslateBrowsePathsToNodeIDsRequest{}
		for _, p := range paths {
			req.BrowsePaths = append(req.BrowsePaths, &ua.BrowsePath{StartingNode: p.from, RelativePath: relativePath(p.path)})
		}
		resp, err := sendAs[*ua.TranslateBrowsePathsToNodeIDsResponse](ctx, s, "TranslateBrowsePathsToNodeIds", req)
		if err != nil {
			return nil, err
		}
		var nodes []*ua.NodeID
		for _, r := range resp.Results {
			nodes = append(nodes, targetOf(r))
		}
		return nodes, nil
	})
}

func relativePath(path string) *ua.RelativePath {
	r := &ua.RelativePath{}
	for _, name := range strings.Split(path, "/") {
		r.Elements = append(r.Elements, &ua.RelativePathElement{
			ReferenceTypeID: numeric(idHierarchicalReferences),
			IncludeSubtypes: true,
			TargetName:      &ua.QualifiedName{Name: name},
		})
	}
	return r
}

// targetOf is the node on this server that a path leads to, all the way.
func targetOf(r *ua.BrowsePathResult) *ua.NodeID {
	if isBad(r.StatusCode) {
		return nil
	}
	for _, t := range r.Targets {
		if t.RemainingPathIndex == math.MaxUint32 {
			if n := local(t.TargetID); n != nil {
				return n
			}
		}
	}
	return nil
}

// local is the NodeId of a node on this server; nil for others.
func local(e *ua.ExpandedNodeID) *ua.NodeID {
	if e == nil || e.NodeID == nil || e.ServerIndex != 0 || e.NamespaceURI != "" {
		return nil
	}
	return ua.NewNodeIDFromExpandedNodeID(e)
}

// What a server can make us collect below one node, and in how many rounds: an
// answer may be without references, and still not be the last.
const (
	maximumReferences = 5000
	maximumRounds     = 1000
)

// browse lists the Objects below a node, along hierarchical references.
func (s *Session) browse(ctx context.Context, node *ua.NodeID) ([]*ua.ReferenceDescription, error) {
	req := &ua.BrowseRequest{
		View: &ua.ViewDescription{ViewID: ua.NewTwoByteNodeID(0)},
		NodesToBrowse: []*ua.BrowseDescription{{
			NodeID:          node,
			BrowseDirection: ua.BrowseDirectionForward,
			ReferenceTypeID: numeric(idHierarchicalReferences),
			IncludeSubtypes: true,
			NodeClassMask:   uint32(ua.NodeClassObject),
			ResultMask:      uint32(ua.BrowseResultMaskBrowseName),
		}},
	}
	resp, err := sendAs[*ua.BrowseResponse](ctx, s, "Browse", req)
	if err != nil {
		return nil, err
	}
	var all []*ua.ReferenceDescription
	results := resp.Results
	for round := 1; ; round++ {
		if len(results) != 1 {
			return nil, &MalformedError{What: "answer to Browse", Why: fmt.Sprintf("%d results for 1 node", len(results))}
		}
		if isBad(results[0].StatusCode) {
			return nil, &CallError{Method: "Browse", Status: results[0].StatusCode}
		}
		all = append(all, results[0].References...)
		point := results[0].ContinuationPoint
		if len(all) > maximumReferences || round > maximumRounds {
			return nil, &MalformedError{What: "answer to Browse", Why: fmt.Sprintf("%d references in %d answers are too many", len(all), round)}
		}
		if len(point) == 0 {
			return all, nil
		}
		next, err := sendAs[*ua.BrowseNextResponse](ctx, s, "BrowseNext", &ua.BrowseNextRequest{ContinuationPoints: [][]byte{point}})
		if err != nil {
			return nil, err
		}
		results = next.Results
	}
}
