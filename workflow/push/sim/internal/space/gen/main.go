// Command gen writes nodes.json, the table of namespace 0 nodes that the
// embedded server serves, and definitions.json, what their DataTypes consist of,
// from a machine-readable extract of the official NodeSets and NodeIds.csv files:
//
//	go run ./gen -subset push-subset.json -out nodes.json -definitions definitions.json
//
// The extract is an object with "nodes" (path to NodeId, NodeClass and one
// variant per signature, with its NodeSet versions), "methods" (path to arguments),
// "csvOnlyNodeIds" (reserved ids of optional members) and "dataTypes". A path is the BrowsePath
// joined with "_". The last variant, the newest NodeSet's, is taken.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

type subset struct {
	Nodes   map[string]sourceNode   `json:"nodes"`
	Methods map[string]sourceMethod `json:"methods"`
	CSVOnly map[string]sourceNode   `json:"csvOnlyNodeIds"`
	Types   map[string][]sourceType `json:"dataTypes"` // oldest variant first
}

type sourceNode struct {
	NodeID   string          `json:"nodeId"`
	Class    string          `json:"nodeClass"`
	Versions [][2]string     `json:"versions"`
	Variants []sourceVariant `json:"variants"`
}

type sourceVariant struct {
	TypeDef      string      `json:"typeDef"`
	SuperTypeID  string      `json:"superTypeId"`
	Abstract     bool        `json:"isAbstract"`
	DataTypeID   string      `json:"dataTypeId"`
	Rank         int32       `json:"valueRank"`
	Ref          string      `json:"ref"`
	Restrictions uint16      `json:"accessRestrictions"`
	Roles        [][2]any    `json:"rolePermissions"`
	Declaration  string      `json:"methodDeclarationId"`
	Versions     [][2]string `json:"versions"`
}

// newest is the variant of the newest NodeSet.
func (n sourceNode) newest() sourceVariant {
	for _, v := range n.Variants {
		if slices.ContainsFunc(v.Versions, func(r [2]string) bool { return r[1] == newest }) {
			return v
		}
	}
	return sourceVariant{}
}

type sourceMethod struct {
	Variants []struct {
		Inputs  []sourceArgument `json:"inputs"`
		Outputs []sourceArgument `json:"outputs"`
		InID    *string          `json:"inputArgumentsNodeId"`
		OutID   *string          `json:"outputArgumentsNodeId"`
	} `json:"variants"`
}

type sourceArgument struct {
	Name       string `json:"name"`
	DataTypeID string `json:"dataTypeId"`
	Rank       int32  `json:"valueRank"`
}

// row is one line of nodes.json; package space has the same type to read it.
type row struct {
	Path         string      `json:"path"`
	ID           uint32      `json:"id"`
	Class        uint32      `json:"class"`
	Type         uint32      `json:"type,omitempty"`
	Super        uint32      `json:"super,omitempty"`
	Abstract     bool        `json:"abstract,omitempty"`
	Data         uint32      `json:"data,omitempty"`
	Rank         int32       `json:"rank,omitempty"`
	Ref          uint32      `json:"ref,omitempty"`
	Restrictions uint16      `json:"restrict,omitempty"`
	Roles        [][2]uint32 `json:"roles,omitempty"`
	Declaration  uint32      `json:"decl,omitempty"`
	Reserved     bool        `json:"reserved,omitempty"`
	InID         uint32      `json:"inId,omitempty"`
	OutID        uint32      `json:"outId,omitempty"`
	In           []argument  `json:"in,omitempty"`
	Out          []argument  `json:"out,omitempty"`
}

type argument struct {
	Name string `json:"name"`
	Data uint32 `json:"data"`
	Rank int32  `json:"rank"`
}

var classes = map[string]uint32{"Object": 1, "Variable": 2, "Method": 4, "ObjectType": 8}

var references = map[string]uint32{"HasComponent": 47, "HasProperty": 46, "Organizes": 35, "": 0}

var roles = map[string]uint32{"Anonymous": 15644, "ConfigureAdmin": 15716, "SecurityAdmin": 15704}

// Ids of types that are outside the extract.
var typeIDs = map[string]uint32{"PropertyType": 68, "FolderType": 61, "BaseObjectType": 58, "": 0}

// newest is the last NodeSet of the extract.
const newest = "1.05.07"

// unused are subtrees that the embedded server does not have.
var unused = []string{"ServerConfiguration_KeyCredentialConfiguration", "ServerConfiguration_AuthorizationServices",
	"ServerConfiguration_UserManagement", "ServerConfigurationType_CertificateGroups_", "ServerConfigurationType_ConfigurationFile_",
	"ServerConfigurationType_TransactionDiagnostics_", "CertificateGroupFolderType_Default", "CertificateGroupType_TrustList_",
	"ApplicationConfigurationType_KeyCredentials", "ApplicationConfigurationType_AuthorizationServices"}

func main() {
	in := flag.String("subset", "push-subset.json", "extract of the NodeSets")
	out := flag.String("out", "nodes.json", "table of nodes to write")
	definitions := flag.String("definitions", "definitions.json", "table of DataTypes to write")
	flag.Parse()
	if err := run(*in, *out, *definitions); err != nil {
		log.Fatal(err)
	}
}

func run(in, out, definitions string) error {
	data, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	var s subset
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read %s: %w", in, err)
	}
	if err := write(out, s.rows()); err != nil {
		return err
	}
	return write(definitions, s.definitions())
}

// write makes a JSON array with one element per line.
func write[T any](path string, rows []T) error {
	var lines []string
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines = append(lines, string(line))
	}
	return os.WriteFile(path, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644)
}

func (s *subset) rows() []row {
	var rows []row
	for path, n := range s.Nodes {
		if s.wanted(path, n.Class) && n.Versions[len(n.Versions)-1][1] == newest {
			rows = append(rows, s.row(path, n))
		}
	}
	for path, n := range s.CSVOnly {
		if s.wanted(path, n.Class) {
			rows = append(rows, s.reserved(path, n))
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Path, b.Path) })
	return rows
}

func (s *subset) wanted(path, class string) bool {
	if class == "" || strings.Contains(path, "Placeholder") || strings.HasSuffix(path, "putArguments") {
		return false
	}
	for _, alarm := range []string{"CertificateExpired", "TrustListOutOfDate"} {
		if strings.HasSuffix(path, "_"+alarm) {
			return false
		}
	}
	for _, u := range unused {
		if strings.HasPrefix(path, u) {
			return false
		}
	}
	root, _, _ := strings.Cut(path, "_")
	if strings.HasSuffix(root, "CertificateType") || root == "CertificateType" {
		return true
	}
	return slices.Contains([]string{"ServerConfiguration", "ManagedApplications", "ServerConfigurationType", "ApplicationConfigurationType",
		"ApplicationConfigurationFolderType", "ConfigurationFileType", "ApplicationConfigurationFileType", "CertificateGroupType",
		"CertificateGroupFolderType", "TrustListType", "FileType", "TransactionDiagnosticsType"}, root)
}

func (s *subset) row(path string, n sourceNode) row {
	v := n.newest()
	r := row{
		Path: strings.ReplaceAll(path, "_", "/"), ID: id(n.NodeID), Class: classes[n.Class], Type: s.typeID(v.TypeDef), Super: id(v.SuperTypeID),
		Abstract: v.Abstract, Data: id(v.DataTypeID), Rank: v.Rank, Ref: references[v.Ref], Restrictions: v.Restrictions,
		Declaration: id(v.Declaration),
	}
	for _, p := range v.Roles {
		r.Roles = append(r.Roles, [2]uint32{roles[p[0].(string)], uint32(p[1].(float64))})
	}
	s.signature(&r, path)
	return r
}

// reserved makes the row of an optional member from the member of its parent's
// type; access follows its siblings (OPC 10000-12, 7.10.3 and 7.8.2).
func (s *subset) reserved(path string, n sourceNode) row {
	r := row{Path: strings.ReplaceAll(path, "_", "/"), ID: id(n.NodeID), Class: classes[n.Class], Reserved: true}
	cut := strings.LastIndex(path, "_")
	parent, name := path[:cut], path[cut:]
	for _, t := range s.typeChain(parent) {
		decl, ok := s.Nodes[t+name]
		if !ok {
			continue
		}
		v := decl.newest()
		r.Type, r.Data, r.Rank, r.Ref = s.typeID(v.TypeDef), id(v.DataTypeID), v.Rank, references[v.Ref]
		if n.Class == "Method" {
			r.Declaration = id(decl.NodeID)
			s.signature(&r, t+name)
			r.InID, r.OutID = id(s.CSVOnly[path+"_InputArguments"].NodeID), id(s.CSVOnly[path+"_OutputArguments"].NodeID)
		}
	}
	admin := roles["SecurityAdmin"]
	switch {
	case n.Class == "Method":
		r.Restrictions, r.Roles = 1, [][2]uint32{{admin, 61455}}
	case parent == "ServerConfiguration":
		r.Roles = [][2]uint32{{roles["Anonymous"], 33}, {roles["ConfigureAdmin"], 59391}, {admin, 59391}}
	default:
		r.Restrictions, r.Roles = 1, [][2]uint32{{admin, 59391}}
	}
	return r
}

// typeChain names the type of the node at path and its supertypes.
func (s *subset) typeChain(path string) []string {
	n := s.Nodes[path]
	var chain []string
	for t := n.newest().TypeDef; t != ""; {
		chain = append(chain, t)
		next := ""
		for _, other := range []string{"ServerConfigurationType", "ConfigurationFileType", "FileType"} {
			if super := s.Nodes[t].newest().SuperTypeID; super != "" && super == s.Nodes[other].NodeID {
				next = other
			}
		}
		t = next
	}
	return chain
}

func (s *subset) signature(r *row, path string) {
	m, ok := s.Methods[path]
	if !ok {
		return
	}
	v := m.Variants[len(m.Variants)-1] // the extract ends with the newest
	r.In, r.Out = arguments(v.Inputs), arguments(v.Outputs)
	if v.InID != nil {
		r.InID = id(*v.InID)
	}
	if v.OutID != nil {
		r.OutID = id(*v.OutID)
	}
}

func arguments(in []sourceArgument) []argument {
	var out []argument
	for _, a := range in {
		out = append(out, argument{a.Name, id(a.DataTypeID), a.Rank})
	}
	return out
}

func (s *subset) typeID(name string) uint32 {
	if n, ok := s.Nodes[name]; ok {
		return id(n.NodeID)
	}
	known, ok := typeIDs[name]
	if !ok {
		log.Printf("type %s is not known", name)
	}
	return known
}

// id is the number of "i=N"; 0 for nothing.
func id(s string) uint32 {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "i="), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
