package space

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

//go:generate go run ./gen -subset push-subset.json -out nodes.json -definitions definitions.json

// nodesJSON are the nodes of push management in namespace 0, from the NodeSet
// 1.05.07, and the ids that NodeIds.csv reserves for optional members.
//
//go:embed nodes.json
var nodesJSON []byte

// row is a node of the table. Its path is the BrowsePath, joined with "/".
type row struct {
	Path         string      `json:"path"`
	ID           uint32      `json:"id"`
	Class        uint32      `json:"class"`
	Type         uint32      `json:"type"`
	Super        uint32      `json:"super"`
	Abstract     bool        `json:"abstract"`
	Data         uint32      `json:"data"`
	Rank         int32       `json:"rank"`
	Ref          uint32      `json:"ref"` // type of the reference from its parent
	Restrictions uint16      `json:"restrict"`
	Roles        [][2]uint32 `json:"roles"`
	Declaration  uint32      `json:"decl"`
	Reserved     bool        `json:"reserved"` // created only by Tree.Add
	InID         uint32      `json:"inId"`
	OutID        uint32      `json:"outId"`
	In           []argument  `json:"in"`
	Out          []argument  `json:"out"`
}

type argument struct {
	Name string `json:"name"`
	Data uint32 `json:"data"`
	Rank int32  `json:"rank"`
}

func table() []row {
	var rows []row
	if err := json.Unmarshal(nodesJSON, &rows); err != nil {
		panic(fmt.Sprintf("space: embedded table: %v", err))
	}
	return rows
}

// name is the last element of the path.
func (r *row) name() string { return r.Path[strings.LastIndex(r.Path, "/")+1:] }

// parent is the path without its last element; "" for a root.
func (r *row) parent() string { return r.Path[:max(0, strings.LastIndex(r.Path, "/"))] }

// node makes the node of a row under the given NodeId.
func (r *row) node(nodeID *ua.NodeID) *node {
	n := &node{
		id: nodeID, class: ua.NodeClass(r.Class), name: &ua.QualifiedName{Name: r.name()},
		data: r.Data, rank: r.Rank, abstract: r.Abstract, restrictions: r.Restrictions,
		declaration: r.Declaration, in: r.In, out: r.Out,
	}
	for _, p := range r.Roles {
		n.roles = append(n.roles, permission{p[0], p[1]})
	}
	return n
}

// argumentNode makes the InputArguments or OutputArguments property of a method.
func argumentNode(nodeID *ua.NodeID, name string, method *node, args []argument) *node {
	n := &node{id: nodeID, class: ua.NodeClassVariable, name: &ua.QualifiedName{Name: name}, data: id.Argument, rank: 1, restrictions: method.restrictions}
	for _, p := range method.roles {
		n.roles = append(n.roles, permission{p.role, permitBrowse | permitReadRoles | permitRead})
	}
	n.read = func() (any, ua.StatusCode) { return argumentValue(args), ua.StatusOK }
	return n
}

func argumentValue(args []argument) []*ua.ExtensionObject {
	var out []*ua.ExtensionObject
	for _, a := range args {
		v := &ua.Argument{Name: a.Name, DataType: numeric(a.Data), ValueRank: a.Rank, Description: &ua.LocalizedText{}}
		if a.Rank > 0 {
			v.ArrayDimensions = []uint32{0}
		}
		out = append(out, ua.NewExtensionObject(v))
	}
	return out
}

// numeric is a NodeId of namespace 0 in its compact form.
func numeric(n uint32) *ua.NodeID {
	switch {
	case n <= 0xff:
		return ua.NewTwoByteNodeID(byte(n))
	case n <= 0xffff:
		return ua.NewFourByteNodeID(0, uint16(n))
	}
	return ua.NewNumericNodeID(0, n)
}
