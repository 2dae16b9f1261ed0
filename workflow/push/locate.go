package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// locate finds the application: "" is the server itself, else an ApplicationUri
// or a NodeId below ManagedApplications (OPC 10000-12, 7.10.16).
func (s *Session) locate(ctx context.Context, application string) error {
	if application == "" {
		s.app = object{id: numeric(idServerConfiguration)}
		return nil
	}
	managed, err := s.managed(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, m := range managed {
		if m.uri == application || looksLikeNodeID(application) && s.names(application, m.id) {
			s.app = object{id: m.id}
			s.identity.Application, _ = portable(m.id, s.namespaces)
			return nil
		}
		known = append(known, m.String())
	}
	return &UnknownApplicationError{Application: application, Known: known}
}

// names says whether a NodeId as text, nsu= or ns=, stands for the node.
func (s *Session) names(text string, node *ua.NodeID) bool {
	if id, err := config.ParseNodeID(text); err == nil {
		found, ok := portable(node, s.namespaces)
		return ok && found == id
	}
	id, err := ua.ParseNodeID(text)
	return err == nil && id.Equal(node)
}

// managedApplication is a child of ManagedApplications.
type managedApplication struct {
	id        *ua.NodeID
	name, uri string
}

func (m managedApplication) String() string {
	if m.uri == "" {
		return m.name
	}
	return m.uri
}

// managed lists the applications, with their ApplicationUris, and fills namespaces.
func (s *Session) managed(ctx context.Context) ([]managedApplication, error) {
	refs, err := s.browse(ctx, numeric(idManagedApplications))
	if errors.Is(err, ua.StatusBadNodeIDUnknown) {
		return nil, &MissingFeatureError{Feature: "ManagedApplications"}
	}
	if err != nil {
		return nil, err
	}
	var found []managedApplication
	var paths []browsePath
	for _, r := range refs {
		if id := local(r.NodeID); id != nil {
			found = append(found, managedApplication{id: id, name: nameOf(r)})
			paths = append(paths, browsePath{from: id, path: pathApplicationURI})
		}
	}
	nodes, err := s.translate(ctx, paths)
	if err != nil {
		return nil, err
	}
	ask, at := []*ua.NodeID{numeric(idNamespaceArray)}, []int{-1}
	for i, n := range nodes {
		if n != nil {
			ask, at = append(ask, n), append(at, i)
		}
	}
	values, err := s.read(ctx, ask)
	if err != nil {
		return nil, err
	}
	s.namespaces, _ = valueAs[[]string](values[0])
	for i, v := range values[1:] {
		found[at[i+1]].uri, _ = valueAs[string](v)
	}
	return found, nil
}

func nameOf(r *ua.ReferenceDescription) string {
	if r.BrowseName == nil {
		return ""
	}
	return r.BrowseName.Name
}

// members finds what there is below the application, in one request, once per Session.
func (s *Session) members(ctx context.Context) error {
	if s.resolved {
		return nil
	}
	paths := slices.Concat([]string{pathFile, pathCertificateGroups}, applicationProperties, applicationMethods)
	if err := s.resolve(ctx, []*object{&s.app}, paths); err != nil {
		return err
	}
	// Both are mandatory in every version of the type, and visible to SecurityAdmin
	// only (OPC 10000-12, 7.10.3): a user without that role must not be told that
	// the server lacks what it merely hides.
	if s.app.members[pathFile] == nil && s.app.members[pathUpdateCertificate] == nil {
		if len(s.app.members) == 0 {
			return &MissingFeatureError{Feature: "ServerConfiguration"}
		}
		return &PermissionError{
			What: "the server hides the methods of its configuration from this user",
			Err:  &CallError{Method: "ServerConfiguration", Status: ua.StatusBadUserAccessDenied},
		}
	}
	s.resolved = true
	return nil
}

// resolve fills the members of objects, in one request.
func (s *Session) resolve(ctx context.Context, objects []*object, paths []string) error {
	var all []browsePath
	for _, o := range objects {
		for _, p := range paths {
			all = append(all, browsePath{from: o.id, path: p})
		}
	}
	nodes, err := s.translate(ctx, all)
	if err != nil {
		return err
	}
	for i, o := range objects {
		o.members = map[string]*ua.NodeID{}
		for j, p := range paths {
			if n := nodes[i*len(paths)+j]; n != nil {
				o.members[p] = n
			}
		}
	}
	return nil
}

// group is a CertificateGroup Object.
type group struct {
	object
	name     string
	types    []config.NodeID
	purpose  config.NodeID
	maxBytes uint32    // of a ByteString for its TrustList; 0 is not said
	updated  time.Time // LastUpdateTime of its TrustList
}

// findGroups lists the CertificateGroups and finds what there is below those
// that were not known yet (7.8.3.3: additional ones may come at any time).
func (s *Session) findGroups(ctx context.Context) error {
	folder := s.app.members[pathCertificateGroups]
	if folder == nil {
		return &MissingFeatureError{Feature: pathCertificateGroups}
	}
	refs, err := s.browse(ctx, folder)
	if err != nil {
		return err
	}
	found, order := map[string]*group{}, []string(nil)
	var fresh []*object
	for _, r := range refs {
		id, name := local(r.NodeID), nameOf(r)
		if id == nil || found[name] != nil {
			continue
		}
		g := s.groups[name]
		if g == nil || !g.id.Equal(id) {
			g = &group{object: object{label: name, id: id}, name: name}
			fresh = append(fresh, &g.object)
		}
		found[name], order = g, append(order, name)
	}
	if len(found) == 0 { // DefaultApplicationGroup is mandatory, and visible to SecurityAdmin only
		return &PermissionError{
			What: "the server hides its CertificateGroups from this user",
			Err:  &CallError{Method: "Browse " + pathCertificateGroups, Status: ua.StatusBadUserAccessDenied},
		}
	}
	if err := s.resolve(ctx, fresh, slices.Concat([]string{pathList}, groupProperties, groupMethods)); err != nil {
		return err
	}
	s.groups, s.order = found, order
	return nil
}

// group looks a group up; one that is not known is looked for once, since an
// update may have made it meanwhile.
func (s *Session) group(ctx context.Context, name string) (*group, error) {
	if err := s.members(ctx); err != nil {
		return nil, err
	}
	if g := s.groups[name]; g != nil {
		return g, nil
	}
	if err := s.findGroups(ctx); err != nil {
		return nil, err
	}
	g := s.groups[name]
	if g == nil {
		return nil, &UnknownGroupError{Group: name, Known: s.order}
	}
	if err := s.readProperties(ctx); err != nil {
		return nil, err
	}
	return g, nil
}
