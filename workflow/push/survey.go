package push

import (
	"context"
	"errors"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

var _ workflow.CertificateSession = (*Session)(nil)

// Survey reads the properties and what parts asks of each group, in as many
// requests as Observe needs. The ConfigurationFile is left alone: it may be locked
// by somebody, or not be there.
func (s *Session) Survey(ctx context.Context, parts func(workflow.GroupObservation) workflow.Parts) (workflow.Observation, error) {
	if err := s.members(ctx); err != nil {
		return workflow.Observation{}, err
	}
	if err := s.findGroups(ctx); err != nil {
		return workflow.Observation{}, err
	}
	if s.readSize == 0 {
		s.readSize = bytesPerRoundTrip
	}
	for {
		o, err := s.survey(ctx, parts)
		if errors.Is(err, ua.StatusBadResponseTooLarge) && s.readSize > smallestPiece {
			s.readSize /= 16
			continue
		}
		return o, err
	}
}

// reading is what a Survey asks of the groups; the calls are in this order.
type reading struct {
	files                  []*file
	lists, slots, rejected []*workflow.GroupObservation
}

func (s *Session) survey(ctx context.Context, parts func(workflow.GroupObservation) workflow.Parts) (workflow.Observation, error) {
	if err := s.readProperties(ctx); err != nil {
		return workflow.Observation{}, err
	}
	o := s.application()
	o.HasConfigurationFile = s.app.members[pathFile] != nil
	for _, name := range s.order {
		g := s.groups[name]
		o.Groups = append(o.Groups, workflow.GroupObservation{
			Name: name, Purpose: g.purpose, Types: g.types, TrustListUpdated: g.updated, Certificates: map[config.NodeID][]byte{},
		})
	}
	var r reading
	for i := range o.Groups {
		g := &o.Groups[i]
		asked := parts(*g)
		if asked&workflow.PartTrustList != 0 && s.groups[g.Name].members[pathList] != nil {
			r.files, r.lists = append(r.files, s.groups[g.Name].listFile()), append(r.lists, g)
		}
		if asked&workflow.PartCertificates != 0 && s.app.members[pathGetCertificates] != nil {
			r.slots = append(r.slots, g)
		}
		if _, ok := s.rejectedCall(g.Name); ok && asked&workflow.PartRejected != 0 {
			r.rejected = append(r.rejected, g)
		}
	}
	return o, s.readGroups(ctx, r)
}

// readGroups opens, reads and closes the TrustLists, and calls the methods that
// read certificates in the request that opens.
func (s *Session) readGroups(ctx context.Context, r reading) (err error) {
	calls := opens(r.files)
	for _, g := range r.slots {
		calls = append(calls, s.app.call(pathGetCertificates, s.groups[g.Name].id))
	}
	for _, g := range r.rejected {
		c, _ := s.rejectedCall(g.Name)
		calls = append(calls, c)
	}
	if len(calls) == 0 {
		return nil
	}
	results, err := s.calls(ctx, calls)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTakesAtMost)
			defer cancel()
			_ = s.closeFiles(ctx, r.files) // the error that led here is the one to tell
		}
	}()
	opened, results := results[:len(r.files)], results[len(r.files):]
	r.takeOpened(opened)
	for i, g := range r.slots {
		if err := s.certificatesOf(results[i], g); err != nil {
			return err
		}
	}
	for i, g := range r.rejected {
		if g.Rejected, err = certificateList(results[len(r.slots)+i]); err != nil {
			return err
		}
		g.RejectedKnown = true
	}
	if err := s.readFiles(ctx, r.files); err != nil {
		return err
	}
	for i, g := range r.lists {
		list, err := decodeTrustList(r.files[i].data)
		if err != nil { // node-opcua 2.178 serves an empty file for a group that it does not manage
			g.TrustListError = &MalformedError{What: r.files[i].what, Err: err}
			continue
		}
		g.TrustList, g.Inspected = list, true
	}
	return s.closeFiles(ctx, r.files)
}

// takeOpened keeps the lists that were opened. One that the server refuses, or
// that cannot be read, is told with its group: the others are worth reading.
func (r *reading) takeOpened(results []result) {
	var files []*file
	var lists []*workflow.GroupObservation
	for i, f := range r.files {
		if err := takeHandles([]*file{f}, results[i:i+1]); err != nil {
			r.lists[i].TrustListError = err
			continue
		}
		files, lists = append(files, f), append(lists, r.lists[i])
	}
	r.files, r.lists = files, lists
}

// Endpoints are what discovery showed before the Session was created, and
// CreateSession confirmed.
func (s *Session) Endpoints() []workflow.EndpointCertificate {
	var out []workflow.EndpointCertificate
	ports := advertisedPorts(s.discovered)
	for _, e := range s.discovered {
		u, ok := usable(e, s.at, ports)
		out = append(out, workflow.EndpointCertificate{
			URL: e.EndpointURL, SecurityPolicyURI: e.SecurityPolicyURI,
			SecurityMode: config.SecurityMode(e.SecurityMode), Certificate: leafOf(e.ServerCertificate),
			Usable: ok && takes(u, s.user),
		})
	}
	return out
}

// rejectedCall is GetRejectedList of a group: its own method, or for
// DefaultApplicationGroup the application's (OPC 10000-12, 7.10.12).
func (s *Session) rejectedCall(name string) (call, bool) {
	if g := s.groups[name]; g != nil && g.members[pathGetRejectedList] != nil {
		c := g.call(pathGetRejectedList)
		c.typeMethod = numeric(idGroupGetRejectedList)
		return c, true
	}
	own := name == "" || name == config.DefaultApplicationGroup
	return s.app.call(pathGetRejectedList), own && s.app.members[pathGetRejectedList] != nil
}

// GetRejectedList returns the certificates that the server has turned away (7.10.12).
func (s *Session) GetRejectedList(ctx context.Context, name string) ([][]byte, error) {
	if err := s.members(ctx); err != nil {
		return nil, err
	}
	if name != "" {
		if _, err := s.group(ctx, name); err != nil {
			return nil, err
		}
	}
	c, ok := s.rejectedCall(name)
	if !ok {
		return nil, &MissingFeatureError{Feature: "list of rejected certificates for " + name}
	}
	r, err := s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	return certificateList(r)
}

// certificateList is an output argument of DER certificates. What is empty is left out.
func certificateList(r result) ([][]byte, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	ders, ok := output[[][]byte](r, 0)
	if !ok && !nullOutput(r, 0) {
		return nil, r.malformed("it has no Certificates")
	}
	return slices.DeleteFunc(slices.Clone(ders), func(der []byte) bool { return len(der) == 0 }), nil
}
