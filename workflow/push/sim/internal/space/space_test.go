package space

import (
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

func TestTreeFindsMembersByPath(t *testing.T) {
	s := New()
	tree := s.Tree(ua.NewNumericNodeID(0, id.ServerConfiguration))
	tests := []struct {
		path string
		want uint32
	}{
		{"", 12637},
		{"UpdateCertificate", 13737},
		{"ConfigurationFile/CloseAndUpdate", 16317},
		{"ConfigurationFile/CloseAndUpdate/InputArguments", 16318},
		{"CertificateGroups/DefaultApplicationGroup/TrustList/OpenWithMasks", 12663},
		{"TransactionDiagnostics/Errors", 32342},
	}
	for _, tt := range tests {
		got := tree.ID(tt.path)
		if got == nil || got.IntID() != tt.want {
			t.Errorf("ID(%q): got %v, want i=%d", tt.path, got, tt.want)
		}
	}
	if tree.Has("GetCertificates") {
		t.Error("an optional member exists before it was added")
	}
	tree.Add("GetCertificates")
	if got := tree.ID("GetCertificates/OutputArguments"); got == nil || got.IntID() != 32335 {
		t.Errorf("GetCertificates/OutputArguments: got %v, want i=32335", got)
	}
	tree.Omit("CertificateGroups/DefaultHttpsGroup")
	if s.nodes[ns0(14088)] != nil || s.nodes[ns0(14096)] != nil {
		t.Error("an omitted group still has nodes")
	}
}

func TestInstantiate(t *testing.T) {
	s := New()
	before := len(s.nodes)
	groups := s.Tree(numeric(id.ServerConfiguration)).ID("CertificateGroups")
	g := s.Instantiate(groups, id.Organizes, "ServerConfiguration_CertificateGroups_DefaultApplicationGroup", "group/LineA", "LineA")
	if got := g.ID("TrustList/Open/InputArguments").String(); got != "ns=1;s=group/LineA/TrustList/Open/InputArguments" {
		t.Errorf("got %s", got)
	}
	g.Add("Purpose")
	g.Child("TrustList").Add("ActivityTimeout")
	if !g.Has("TrustList/ActivityTimeout") || !g.Has("Purpose") {
		t.Error("optional members were not added")
	}
	s.Remove(g)
	if len(s.nodes) != before {
		t.Errorf("%d nodes after removal, want %d", len(s.nodes), before)
	}
	app := s.Instantiate(numeric(managedApplications), id.Organizes, "ServerConfiguration", "app", "Client")
	app.Type(25731)
	app.Add("Enabled")
	if !app.Has("Enabled") || s.typeDefinition(s.nodes[keyOf(app.ID(""))]) != 25731 {
		t.Error("an instance of ApplicationConfigurationType has no Enabled")
	}
}

// Every reference has its inverse, every instance a type, every method of
// ServerConfiguration its declaration and its access rules.
func TestNodesAreConsistent(t *testing.T) {
	s := New()
	for k, n := range s.nodes {
		for _, r := range n.refs {
			back := reference{typ: r.typ, inverse: !r.inverse, target: k}
			if target := s.nodes[r.target]; target == nil || !slices.Contains(target.refs, back) {
				t.Errorf("%s: reference %v has no inverse", n.id, r)
			}
		}
		instance := n.class == ua.NodeClassObject || n.class == ua.NodeClassVariable
		if instance && s.nodes[ns0(s.typeDefinition(n))] == nil {
			t.Errorf("%s %s has no type definition", n.id, n.name.Name)
		}
		if n.class == ua.NodeClassVariable && n.rank == 0 {
			t.Errorf("%s %s has ValueRank 0", n.id, n.name.Name)
		}
	}
	for _, r := range s.order {
		if !strings.HasPrefix(r.Path, "ServerConfiguration/") || ua.NodeClass(r.Class) != ua.NodeClassMethod {
			continue
		}
		if s.nodes[ns0(r.Declaration)] == nil || len(r.Roles) == 0 || r.Restrictions&restrictSigning == 0 {
			t.Errorf("%s: declaration %d, roles %v, restrictions %d", r.Path, r.Declaration, r.Roles, r.Restrictions)
		}
		if (len(r.In) > 0) != (r.InID != 0) || (len(r.Out) > 0) != (r.OutID != 0) {
			t.Errorf("%s: arguments without a NodeId, or the reverse", r.Path)
		}
	}
}
