package space

import (
	"context"

	"github.com/gopcua/opcua/ua"
)

// Call runs a Method of an Object (OPC 10000-4, 5.12.2). The order of the checks
// is: the nodes, the channel, the Roles, the arguments.
func (s *Space) Call(ctx context.Context, a *Access, objectID, methodID *ua.NodeID, in []*ua.Variant) Result {
	declared, run, status := s.resolve(a, objectID, methodID)
	if status != ua.StatusOK {
		return Result{Status: status}
	}
	inputs, result := arguments(declared, in)
	if result.Status != ua.StatusOK {
		return result
	}
	if run == nil {
		return Result{Status: ua.StatusBadNotImplemented}
	}
	return run(ctx, a, inputs)
}

// Names are the name parts of the BrowseNames of an Object and a Method; "" for
// what is not there.
func (s *Space) Names(objectID, methodID *ua.NodeID) (object, method string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if n := s.nodes[keyOf(objectID)]; n != nil {
		object = n.name.Name
	}
	if n := s.nodes[keyOf(methodID)]; n != nil {
		method = n.name.Name
	}
	return object, method
}

func (s *Space) resolve(a *Access, objectID, methodID *ua.NodeID) ([]argument, Method, ua.StatusCode) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	object := s.nodes[keyOf(objectID)]
	if object == nil {
		return nil, nil, ua.StatusBadNodeIDUnknown
	}
	m := s.component(object, keyOf(methodID))
	switch {
	case m != nil:
	case s.nodes[keyOf(methodID)] == nil:
		return nil, nil, ua.StatusBadNodeIDUnknown
	default:
		return nil, nil, ua.StatusBadMethodInvalid
	}
	return m.in, m.method, m.check(a, permitCall)
}

// arguments judges the inputs one by one, so that the client learns which is wrong.
func arguments(declared []argument, in []*ua.Variant) ([]any, Result) {
	switch {
	case len(in) < len(declared):
		return nil, Result{Status: ua.StatusBadArgumentsMissing}
	case len(in) > len(declared):
		return nil, Result{Status: ua.StatusBadTooManyArguments}
	}
	values := make([]any, len(in))
	results := make([]ua.StatusCode, len(in))
	status := ua.StatusOK
	for i, v := range in {
		values[i], results[i] = convert(declared[i].Data, declared[i].Rank, v)
		if results[i] != ua.StatusOK {
			status = ua.StatusBadInvalidArgument
		}
	}
	if status != ua.StatusOK {
		return nil, Result{Status: status, Arguments: results}
	}
	return values, Result{Status: ua.StatusOK}
}
