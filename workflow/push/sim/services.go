package sim

import (
	"context"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Operation limits, as OperationLimits in the AddressSpace says.
const (
	maxNodesPerRead      = 1000
	maxNodesPerWrite     = 100
	maxNodesPerBrowse    = 500
	maxNodesPerTranslate = 500
	maxNodesPerCall      = 50
)

// handle answers a request, under a fault where there is one for it.
func (s *Server) handle(ctx context.Context, l *listener, ch *secureconv.Channel, req ua.Request) ua.Response {
	if req.Header() == nil {
		return nil
	}
	l.enter(ctx, ch)
	call := func() ua.Response { return s.dispatch(ctx, l, ch, req) }
	if f, ok := s.faults.take(s.names(req)); ok {
		return s.disturb(ctx, ch, req, f, call)
	}
	return call()
}

// names are what a Fault may call a request: its service and its methods.
func (s *Server) names(req ua.Request) []string {
	switch req := req.(type) {
	case *ua.FindServersRequest:
		return []string{"FindServers"}
	case *ua.GetEndpointsRequest:
		return []string{"GetEndpoints"}
	case *ua.CreateSessionRequest:
		return []string{"CreateSession"}
	case *ua.ActivateSessionRequest:
		return []string{"ActivateSession"}
	case *ua.CloseSessionRequest:
		return []string{"CloseSession"}
	case *ua.ReadRequest:
		return []string{"Read"}
	case *ua.WriteRequest:
		return []string{"Write"}
	case *ua.BrowseRequest:
		return []string{"Browse"}
	case *ua.BrowseNextRequest:
		return []string{"BrowseNext"}
	case *ua.TranslateBrowsePathsToNodeIDsRequest:
		return []string{"TranslateBrowsePathsToNodeIds"}
	case *ua.CallRequest:
		all := []string{"Call"}
		for _, m := range req.MethodsToCall {
			object, method := s.space().Names(m.ObjectID, m.MethodID)
			all = append(all, method, object+"/"+method)
		}
		return all
	}
	return nil
}

// dispatch answers the services of discovery and of Sessions; the others need one.
func (s *Server) dispatch(ctx context.Context, l *listener, ch *secureconv.Channel, req ua.Request) ua.Response {
	switch req := req.(type) {
	case *ua.FindServersRequest:
		return s.findServers(req)
	case *ua.GetEndpointsRequest:
		return s.getEndpoints(req)
	case *ua.CreateSessionRequest:
		return s.createSession(l, ch, req)
	case *ua.ActivateSessionRequest:
		return s.activateSession(l, ch, req)
	case *ua.CloseSessionRequest:
		return s.closeSession(ch, req)
	case *ua.ReadRequest, *ua.WriteRequest, *ua.BrowseRequest, *ua.BrowseNextRequest, *ua.TranslateBrowsePathsToNodeIDsRequest, *ua.CallRequest, *ua.CancelRequest:
	default:
		return secureconv.Fault(req, ua.StatusBadServiceUnsupported)
	}
	sess, access, status := s.enter(ch, req, true)
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	defer s.leave(sess)
	return s.inSession(ctx, sess, access, req)
}

func (s *Server) inSession(ctx context.Context, sess *session, a *space.Access, req ua.Request) ua.Response {
	switch req := req.(type) {
	case *ua.ReadRequest:
		return s.read(a, req)
	case *ua.WriteRequest:
		return s.write(a, req)
	case *ua.BrowseRequest:
		return s.browse(sess, a, req)
	case *ua.BrowseNextRequest:
		return s.browseNext(sess, req)
	case *ua.TranslateBrowsePathsToNodeIDsRequest:
		return s.translate(a, req)
	case *ua.CallRequest:
		return s.call(ctx, a, req)
	case *ua.CancelRequest: // requests are answered at once: there is nothing to cancel
		return &ua.CancelResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
	}
	return secureconv.Fault(req, ua.StatusBadServiceUnsupported)
}

// count judges how many operations a request has (OPC 10000-4, 7.38.2).
func count(n, limit int) ua.StatusCode {
	switch {
	case n == 0:
		return ua.StatusBadNothingToDo
	case n > limit:
		return ua.StatusBadTooManyOperations
	}
	return ua.StatusOK
}

func (s *Server) read(a *space.Access, req *ua.ReadRequest) ua.Response {
	status := count(len(req.NodesToRead), maxNodesPerRead)
	switch {
	case status != ua.StatusOK:
	case req.TimestampsToReturn > ua.TimestampsToReturnNeither:
		status = ua.StatusBadTimestampsToReturnInvalid
	case req.MaxAge < 0:
		status = ua.StatusBadMaxAgeInvalid
	}
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	now := time.Now().UTC()
	resp := &ua.ReadResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), DiagnosticInfos: []*ua.DiagnosticInfo{}}
	for _, r := range req.NodesToRead {
		resp.Results = append(resp.Results, s.space().Read(a, r, req.TimestampsToReturn, now))
	}
	return resp
}

func (s *Server) write(a *space.Access, req *ua.WriteRequest) ua.Response {
	if status := count(len(req.NodesToWrite), maxNodesPerWrite); status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	resp := &ua.WriteResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), DiagnosticInfos: []*ua.DiagnosticInfo{}}
	for _, w := range req.NodesToWrite {
		resp.Results = append(resp.Results, s.space().Write(a, w))
	}
	return resp
}

func (s *Server) translate(a *space.Access, req *ua.TranslateBrowsePathsToNodeIDsRequest) ua.Response {
	if status := count(len(req.BrowsePaths), maxNodesPerTranslate); status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	resp := &ua.TranslateBrowsePathsToNodeIDsResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), DiagnosticInfos: []*ua.DiagnosticInfo{}}
	for _, p := range req.BrowsePaths {
		resp.Results = append(resp.Results, s.space().Translate(a, p))
	}
	return resp
}

func (s *Server) call(ctx context.Context, a *space.Access, req *ua.CallRequest) ua.Response {
	if status := count(len(req.MethodsToCall), maxNodesPerCall); status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	resp := &secureconv.CallResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
	for _, m := range req.MethodsToCall {
		presentTargets(m.InputArguments)
		r := s.space().Call(ctx, a, m.ObjectID, m.MethodID, m.InputArguments)
		object, method := s.space().Names(m.ObjectID, m.MethodID)
		s.log.Debug("call", "object", object, "method", method, "session", a.SessionID, "status", r.Status.Error())
		resp.Results = append(resp.Results, secureconv.MethodResult{Status: r.Status, InputArgumentResults: r.Arguments, Outputs: r.Outputs})
	}
	return resp
}

// updateTarget presents a decoded ConfigurationUpdateTargetType to part12, which
// does not know how it came.
type updateTarget struct{ t *secureconv.UpdateTarget }

func (u updateTarget) Target() (path string, kind int32) { return u.t.Path, u.t.UpdateType }

func presentTargets(in []*ua.Variant) {
	for _, v := range in {
		objects, _ := v.Value().([]*ua.ExtensionObject)
		for _, o := range objects {
			if t, ok := o.Value.(*secureconv.UpdateTarget); ok {
				o.Value = updateTarget{t}
			}
		}
	}
}

// browse answers Browse; what exceeds the client's maximum waits under a
// continuation point (OPC 10000-4, 5.9.2 and 7.9).
func (s *Server) browse(sess *session, a *space.Access, req *ua.BrowseRequest) ua.Response {
	status := count(len(req.NodesToBrowse), maxNodesPerBrowse)
	if status == ua.StatusOK && req.View != nil && req.View.ViewID != nil && req.View.ViewID.String() != "i=0" {
		status = ua.StatusBadViewIDUnknown
	}
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	resp := &ua.BrowseResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), DiagnosticInfos: []*ua.DiagnosticInfo{}}
	for _, d := range req.NodesToBrowse {
		refs, status := s.space().Browse(a, d)
		if status != ua.StatusOK {
			resp.Results = append(resp.Results, &ua.BrowseResult{StatusCode: status, References: []*ua.ReferenceDescription{}})
			continue
		}
		resp.Results = append(resp.Results, s.page(sess, refs, int(req.RequestedMaxReferencesPerNode)))
	}
	return resp
}

// page is a first part of references; a continuation point keeps the others.
// most 0 has no limit.
func (s *Server) page(sess *session, refs []*ua.ReferenceDescription, most int) *ua.BrowseResult {
	if most == 0 || len(refs) <= most {
		return &ua.BrowseResult{References: append([]*ua.ReferenceDescription{}, refs...)}
	}
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	if len(sess.points) >= s.options.Limits.ContinuationPoints {
		return &ua.BrowseResult{StatusCode: ua.StatusBadNoContinuationPoints, References: []*ua.ReferenceDescription{}}
	}
	point := random(16)
	sess.points[string(point)] = rest{refs: refs[most:], most: most}
	return &ua.BrowseResult{ContinuationPoint: point, References: refs[:most]}
}

// rest is what a continuation point still has to give.
type rest struct {
	refs []*ua.ReferenceDescription
	most int
}

func (s *Server) browseNext(sess *session, req *ua.BrowseNextRequest) ua.Response {
	if status := count(len(req.ContinuationPoints), maxNodesPerBrowse); status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	resp := &ua.BrowseNextResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), DiagnosticInfos: []*ua.DiagnosticInfo{}, Results: []*ua.BrowseResult{}}
	for _, point := range req.ContinuationPoints {
		s.sessions.mu.Lock()
		left, ok := sess.points[string(point)]
		delete(sess.points, string(point))
		s.sessions.mu.Unlock()
		switch {
		case req.ReleaseContinuationPoints: // released ones have no results
		case !ok:
			resp.Results = append(resp.Results, &ua.BrowseResult{StatusCode: ua.StatusBadContinuationPointInvalid, References: []*ua.ReferenceDescription{}})
		default:
			resp.Results = append(resp.Results, s.page(sess, left.refs, left.most))
		}
	}
	return resp
}
