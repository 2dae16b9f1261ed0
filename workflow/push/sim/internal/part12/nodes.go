package part12

import (
	"slices"
	"strings"
	"sync"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// NodeIds that gopcua's table of NodeSet 1.05.02 lacks.
const (
	idManagedApplications          = 16706
	idApplicationConfigurationType = 25731
)

const groupTemplate = "ServerConfiguration/CertificateGroups/DefaultApplicationGroup"

// nodes keep the AddressSpace in step with the configurations. Its mutex is taken
// before Device.mu, and never the other way round.
type nodes struct {
	mu    sync.Mutex
	space *space.Space
	trees map[*Application]*space.Tree
	extra map[*Application]map[string]*space.Tree // CertificateGroups that are not in the NodeSet
}

// Attach binds the ServerConfiguration Object and makes the child of
// ManagedApplications. Another AddressSpace may take the place of the first.
func (d *Device) Attach(s *space.Space) {
	client := s.Instantiate(ua.NewNumericNodeID(0, idManagedApplications), id.Organizes, "ServerConfiguration", d.client.prefix, "Client")
	client.Type(idApplicationConfigurationType)
	server := s.Tree(ua.NewNumericNodeID(0, id.ServerConfiguration))
	d.server.bind(server)
	d.client.bind(client)
	d.bindRole(s)
	trees := map[*Application]*space.Tree{d.server: server, d.client: client}
	if d.opt.NoManagedApplications {
		s.Remove(s.Tree(ua.NewNumericNodeID(0, idManagedApplications)))
		delete(trees, d.client)
	}
	d.nodes.mu.Lock()
	d.nodes.space = s
	d.nodes.trees = trees
	d.nodes.extra = map[*Application]map[string]*space.Tree{d.server: {}, d.client: {}}
	d.nodes.mu.Unlock()
	d.syncGroups()
}

// syncGroups instantiates the CertificateGroup Objects of new records and removes
// those of deleted ones (7.8.3.4).
func (d *Device) syncGroups() {
	n := &d.nodes
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.space == nil {
		return
	}
	for a := range n.trees {
		d.mu.Lock()
		want := groupNames(a.state)
		d.mu.Unlock()
		for name, tree := range n.extra[a] {
			if !slices.Contains(want, name) {
				n.space.Remove(tree)
				delete(n.extra[a], name)
			}
		}
		for _, name := range want {
			if n.extra[a][name] != nil || a.predefined(name) {
				continue
			}
			parent := n.trees[a].ID("CertificateGroups")
			tree := n.space.Instantiate(parent, id.Organizes, groupTemplate, a.groupPath(name), name)
			a.bindGroup(tree, name)
			n.extra[a][name] = tree
		}
	}
}

// predefined says whether a group's Object came with the application's.
func (a *Application) predefined(name string) bool {
	return name == config.DefaultApplicationGroup || a == a.d.server && (name == config.DefaultUserTokenGroup || name == config.DefaultHTTPSGroup)
}

// holds says whether the configuration has a group.
func (a *Application) holds(name string) bool {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return a.state.record(name) != nil
}

// groupPath is the identifier of a group's Object in namespace 1. A slash in the
// name must not make it the identifier of another Object's member.
func (a *Application) groupPath(name string) string {
	return a.prefix + "/CertificateGroups/" + strings.NewReplacer("%", "%25", "/", "%2F").Replace(name)
}

// groupNodeID is the NodeId of a CertificateGroup Object, or of its TrustList.
func (a *Application) groupNodeID(name, path string) *ua.NodeID {
	if a == a.d.server {
		switch name + "/" + path {
		case config.DefaultApplicationGroup + "/":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultApplicationGroup)
		case config.DefaultApplicationGroup + "/TrustList":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultApplicationGroup_TrustList)
		case config.DefaultHTTPSGroup + "/":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultHttpsGroup)
		case config.DefaultHTTPSGroup + "/TrustList":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultHttpsGroup_TrustList)
		case config.DefaultUserTokenGroup + "/":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultUserTokenGroup)
		case config.DefaultUserTokenGroup + "/TrustList":
			return ua.NewNumericNodeID(0, id.ServerConfiguration_CertificateGroups_DefaultUserTokenGroup_TrustList)
		}
	}
	if path != "" {
		path = "/" + path
	}
	return ua.NewStringNodeID(1, a.groupPath(name)+path)
}

// groupOf finds the group that a CertificateGroupId names; "" when there is none.
func (a *Application) groupOf(node *ua.NodeID) string {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	for _, name := range groupNames(a.state) {
		if sameNode(a.groupNodeID(name, ""), node) {
			return name
		}
	}
	return ""
}

// groupOrDefault takes the null NodeId for the DefaultApplicationGroup, as
// UpdateCertificate and CreateSigningRequest do (7.10.5, 7.10.10).
func (a *Application) groupOrDefault(node *ua.NodeID) string {
	if isNull(node) {
		return config.DefaultApplicationGroup
	}
	return a.groupOf(node)
}

func isNull(n *ua.NodeID) bool { return n == nil || n.Namespace() == 0 && n.String() == "i=0" }

// sameNode compares NodeIds whatever their encodings.
func sameNode(a, b *ua.NodeID) bool { return b != nil && a.String() == b.String() }

// typeOf is a CertificateType as configurations write it. Those of other namespaces
// are unknown here.
func typeOf(n *ua.NodeID) config.NodeID {
	if isNull(n) || n.Namespace() != 0 {
		return ""
	}
	return config.NodeID(n.String())
}

func typeNodeIDs(types []config.NodeID) []*ua.NodeID {
	out := []*ua.NodeID{}
	for _, t := range types {
		if n, err := ua.ParseNodeID(string(t)); err == nil {
			out = append(out, n)
		}
	}
	return out
}
