package push

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// fake is a channel with a small scripted server behind it: nodes by path, values,
// and methods. Every request can be refused first by the hook.
type fake struct {
	mu       sync.Mutex
	nodes    map[string]*ua.NodeID // "12637/ConfigurationFile/Open"
	names    map[string]string     // NodeId -> key of nodes
	children map[string][]string   // NodeId -> browse names of Objects
	values   map[string]any        // key of nodes -> value, or a ua.StatusCode
	methods  map[string]func(in []any) ua.CallMethodResult
	hook     func(req ua.Request) (ua.Response, error)
	requests []string
	waited   time.Duration // the longest that a request may take
	called   []string      // methods, in order
	done     chan struct{}
	err      error
}

func newFake() *fake {
	f := &fake{
		nodes: map[string]*ua.NodeID{}, names: map[string]string{}, children: map[string][]string{},
		values: map[string]any{}, methods: map[string]func([]any) ua.CallMethodResult{}, done: make(chan struct{}),
	}
	f.names[numeric(idServerConfiguration).String()] = "12637"
	f.nodes["12637"] = numeric(idServerConfiguration)
	return f
}

// node makes a node at a key such as "12637/CertificateGroups".
func (f *fake) node(key string) *ua.NodeID {
	if n := f.nodes[key]; n != nil {
		return n
	}
	n := ua.NewStringNodeID(1, key)
	f.nodes[key], f.names[n.String()] = n, key
	return n
}

func (f *fake) value(key string, v any) { f.node(key); f.values[key] = v }

func (f *fake) method(key string, m func(in []any) ua.CallMethodResult) {
	f.node(key)
	f.methods[key] = m
}

func (f *fake) group(name string) string {
	key := "12637/CertificateGroups/" + name
	f.node(key)
	parent := f.node("12637/CertificateGroups").String()
	f.children[parent] = append(f.children[parent], name)
	return key
}

// session is one on the fake, as it is after ActivateSession.
func (f *fake) session(t *testing.T) *Session {
	t.Helper()
	return &Session{
		ch: f, url: "opc.tcp://fake:4840", timeout: 5 * time.Second, log: slog.New(slog.DiscardHandler),
		token: ua.NewNumericNodeID(0, 7), app: object{id: numeric(idServerConfiguration)},
	}
}

func (f *fake) Done() <-chan struct{} { return f.done }
func (f *fake) Err() error            { return f.err }
func (f *fake) Close() error          { return nil }

func (f *fake) Send(ctx context.Context, req ua.Request) (ua.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until, ok := ctx.Deadline(); ok {
		f.waited = max(f.waited, time.Until(until))
	}
	f.requests = append(f.requests, strings.TrimPrefix(fmt.Sprintf("%T", req), "*ua."))
	if f.hook != nil {
		if resp, err := f.hook(req); resp != nil || err != nil {
			return resp, err
		}
	}
	switch req := req.(type) {
	case *ua.TranslateBrowsePathsToNodeIDsRequest:
		return f.translate(req), nil
	case *ua.BrowseRequest:
		return f.browse(req), nil
	case *ua.ReadRequest:
		return f.read(req), nil
	case *secureconv.CallRequest:
		return f.call(req), nil
	case *ua.CloseSessionRequest:
		return &ua.CloseSessionResponse{}, nil
	}
	return nil, &secureconv.ServiceError{Service: fmt.Sprintf("%T", req), Status: ua.StatusBadServiceUnsupported}
}

func (f *fake) translate(req *ua.TranslateBrowsePathsToNodeIDsRequest) ua.Response {
	resp := &ua.TranslateBrowsePathsToNodeIDsResponse{}
	for _, p := range req.BrowsePaths {
		key := f.names[p.StartingNode.String()]
		for _, e := range p.RelativePath.Elements {
			key += "/" + e.TargetName.Name
		}
		r := &ua.BrowsePathResult{StatusCode: ua.StatusBadNoMatch}
		if n := f.nodes[key]; n != nil {
			r = &ua.BrowsePathResult{Targets: []*ua.BrowsePathTarget{{
				TargetID: &ua.ExpandedNodeID{NodeID: n}, RemainingPathIndex: math.MaxUint32,
			}}}
		}
		resp.Results = append(resp.Results, r)
	}
	return resp
}

func (f *fake) browse(req *ua.BrowseRequest) ua.Response {
	r := &ua.BrowseResult{}
	id := req.NodesToBrowse[0].NodeID.String()
	for _, name := range f.children[id] {
		r.References = append(r.References, &ua.ReferenceDescription{
			NodeID:     &ua.ExpandedNodeID{NodeID: f.node(f.names[id] + "/" + name)},
			BrowseName: &ua.QualifiedName{NamespaceIndex: 1, Name: name},
		})
	}
	return &ua.BrowseResponse{Results: []*ua.BrowseResult{r}}
}

func (f *fake) read(req *ua.ReadRequest) ua.Response {
	resp := &ua.ReadResponse{}
	for _, n := range req.NodesToRead {
		key, ok := f.names[n.NodeID.String()]
		if !ok {
			key = fmt.Sprint(n.NodeID.IntID())
		}
		v, ok := f.values[key]
		if !ok {
			v = ua.StatusBadNodeIDUnknown
		}
		resp.Results = append(resp.Results, dataValue(v))
	}
	return resp
}

func dataValue(v any) *ua.DataValue {
	if st, ok := v.(ua.StatusCode); ok {
		return &ua.DataValue{Status: st, Value: &ua.Variant{}}
	}
	return &ua.DataValue{Value: ua.MustVariant(v)}
}

func (f *fake) call(req *secureconv.CallRequest) ua.Response {
	resp := &ua.CallResponse{}
	for _, m := range req.Methods {
		key := f.names[m.MethodID.String()]
		f.called = append(f.called, key)
		r := ua.CallMethodResult{StatusCode: ua.StatusBadMethodInvalid}
		if do := f.methods[key]; do != nil {
			r = do(m.Inputs)
		}
		resp.Results = append(resp.Results, &r)
	}
	return resp
}

func good(out ...any) ua.CallMethodResult {
	r := ua.CallMethodResult{}
	for _, o := range out {
		r.OutputArguments = append(r.OutputArguments, ua.MustVariant(o))
	}
	return r
}

func bad(st ua.StatusCode) ua.CallMethodResult { return ua.CallMethodResult{StatusCode: st} }

// stored gives an object file methods over one content; chunk bounds what a Read returns.
func (f *fake) stored(key string, content *[]byte, chunk int) {
	position := 0
	f.node(key)
	f.method(key+"/Open", func(in []any) ua.CallMethodResult {
		position = 0
		if in[0].(byte) != openRead {
			*content = nil
		}
		return good(uint32(42))
	})
	f.method(key+"/Close", func([]any) ua.CallMethodResult { return good() })
	f.method(key+"/Read", func(in []any) ua.CallMethodResult {
		n := min(int(in[1].(int32)), chunk, len(*content)-position)
		piece := (*content)[position : position+n]
		position += n
		return good(append([]byte{}, piece...))
	})
	f.method(key+"/Write", func(in []any) ua.CallMethodResult {
		*content = append(*content, in[1].([]byte)...)
		return good()
	})
}
