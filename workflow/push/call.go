package push

import (
	"context"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// object is a node and the members that were found below it.
type object struct {
	label   string // for messages; "" is the application itself
	id      *ua.NodeID
	members map[string]*ua.NodeID // by path
}

// call is one method with its arguments.
type call struct {
	object, method *ua.NodeID
	typeMethod     *ua.NodeID // what to call where the server does not know method
	name           string     // for messages
	arguments      []string
	in             []any
}

// call prepares a method of the object, at the NodeId that the instance has, or
// at the type's where the instance shows none: both are right (OPC 10000-4,
// 5.12.2.2), and stacks differ in which they take.
func (o *object) call(path string, in ...any) call {
	sig := signatures[path]
	c := call{
		object: o.id, method: o.members[path], typeMethod: numeric(sig.typeID),
		name: strings.ReplaceAll(path, "/", "."), arguments: sig.arguments, in: in,
	}
	if o.label != "" {
		c.name = o.label + "." + c.name
	}
	if i := strings.LastIndex(path, "/"); i >= 0 {
		c.object = o.members[path[:i]]
	}
	if c.method == nil {
		c.method = c.typeMethod
	}
	return c
}

// result is what one method returned.
type result struct {
	call
	status   ua.StatusCode
	verdicts []ua.StatusCode // on the input arguments
	out      []*ua.Variant
}

// err is the server's refusal; nil unless the status is Bad.
func (r result) err() error {
	if r.status&0x80000000 == 0 {
		return nil
	}
	e := &CallError{Method: r.name, Status: r.status}
	for i, st := range r.verdicts {
		if !isBad(st) {
			continue
		}
		name := fmt.Sprintf("argument %d", i+1)
		if i < len(r.arguments) {
			name = r.arguments[i]
		}
		e.Arguments = append(e.Arguments, ArgumentResult{Name: name, Status: st})
	}
	return e
}

// output is the i-th output argument; ok is false where there is none of that type.
func output[T any](r result, i int) (v T, ok bool) {
	if i >= len(r.out) || r.out[i] == nil {
		return v, false
	}
	v, ok = r.out[i].Value().(T)
	return v, ok
}

// malformed says that an output argument is not what the method has to return.
func (r result) malformed(what string) error {
	return &MalformedError{What: "answer to " + r.name, Why: what}
}

// callOnce sends one Call request. unknown says of an error that the methods may
// have been carried out all the same.
func (s *Session) callOnce(ctx context.Context, calls []call) (_ []result, unknown bool, _ error) {
	req := &secureconv.CallRequest{}
	names := make([]string, len(calls))
	for i, c := range calls {
		req.Methods = append(req.Methods, secureconv.MethodCall{ObjectID: c.object, MethodID: c.method, Inputs: c.in})
		names[i] = c.name
	}
	op := strings.Join(names, ", ")
	resp, unknown, err := s.send(ctx, op, req)
	if err != nil {
		return nil, unknown, err
	}
	answer, ok := resp.(*ua.CallResponse)
	if !ok {
		return nil, true, &MalformedError{What: "answer to " + op, Why: fmt.Sprintf("it is a %T", resp)}
	}
	if len(answer.Results) != len(calls) {
		return nil, true, &MalformedError{What: "answer to " + op, Why: fmt.Sprintf("%d results for %d methods", len(answer.Results), len(calls))}
	}
	results := make([]result, len(calls))
	for i, r := range answer.Results {
		results[i] = result{call: calls[i], status: r.StatusCode, verdicts: r.InputArgumentResults, out: r.OutputArguments}
	}
	return results, false, nil
}

// calls calls methods that change nothing for good and do not depend on one
// another, in one request.
func (s *Session) calls(ctx context.Context, calls []call) ([]result, error) {
	once := func(calls []call) ([]result, error) {
		rs, _, err := s.callOnce(ctx, calls)
		return rs, err
	}
	results, err := batched(calls, once)
	if err != nil {
		return nil, err
	}
	var again []call
	var at []int
	for i, r := range results {
		if c, ok := r.onType(); ok {
			again, at = append(again, c), append(at, i)
		}
	}
	retried, err := batched(again, once)
	if err != nil {
		return nil, err
	}
	for i, r := range retried {
		results[at[i]] = r
	}
	return results, nil
}

// onType is the call at the type's NodeId, where the server did not know the
// instance's. A server that says so has not looked any further.
func (r result) onType() (call, bool) {
	c := r.call
	unknown := r.status == ua.StatusBadMethodInvalid || r.status == ua.StatusBadNodeIDUnknown
	if !unknown || c.method.Equal(c.typeMethod) {
		return c, false
	}
	c.method = c.typeMethod
	return c, true
}

// do calls one method that changes nothing for good.
func (s *Session) do(ctx context.Context, c call) (result, error) {
	rs, err := s.calls(ctx, []call{c})
	if err != nil {
		return result{}, err
	}
	return rs[0], rs[0].err()
}

// change calls one method that changes the server. Where it was sent and its
// answer was not seen, or says neither Good nor Bad, the error is an
// *OutcomeUnknownError.
func (s *Session) change(ctx context.Context, c call) (result, error) {
	r, err := s.answered(ctx, c)
	if err == nil && isBad(r.status) {
		err = &OutcomeUnknownError{Method: c.name, Err: &CallError{Method: c.name, Status: r.status}, Answered: true}
	}
	return r, err
}

// answered is change for a method whose Uncertain has a meaning.
func (s *Session) answered(ctx context.Context, c call) (result, error) {
	rs, unknown, err := s.callOnce(ctx, []call{c})
	if err == nil {
		if onType, ok := rs[0].onType(); ok {
			rs, unknown, err = s.callOnce(ctx, []call{onType})
		}
	}
	switch {
	case err != nil && unknown:
		return result{}, &OutcomeUnknownError{Method: c.name, Err: err}
	case err != nil:
		return result{}, err
	case outcomeOpen(rs[0].status):
		return rs[0], &OutcomeUnknownError{Method: c.name, Err: rs[0].err()}
	}
	return rs[0], rs[0].err()
}

// unclear is for a change that was answered as done, with an answer that does not
// say what was done.
func (r result) unclear(why string) error {
	return &OutcomeUnknownError{Method: r.name, Err: r.malformed(why), Answered: true}
}
