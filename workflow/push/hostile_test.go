package push

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// Answers that a method must not give: each is an error, none is taken for success.
func TestMalformedAnswers(t *testing.T) {
	const group, update, csr = "12637/CertificateGroups/DefaultApplicationGroup", closeAndUpdate, "12637/CreateSigningRequest"
	long := make([]byte, 1<<20)
	for _, c := range []struct {
		name, method string
		answer       ua.CallMethodResult
	}{
		{"no handle", "12637/ConfigurationFile/Open", good()},
		{"handle of another type", "12637/ConfigurationFile/Open", good("1")},
		{"no data", "12637/ConfigurationFile/Read", good()},
		{"data of another type", "12637/ConfigurationFile/Read", good(uint32(1))},
		{"a file without end", "12637/ConfigurationFile/Read", good(long)},
		{"a trust list that is none", listKey + "/Read", good([]byte{1, 0, 0, 0, 254, 255, 255, 255})},
		{"a trust list that ends early", listKey + "/Read", good([]byte{})},
		{"certificates without types", "12637/GetCertificates", good([]*ua.NodeID{}, [][]byte{{1}})},
		{"certificates of another type", "12637/GetCertificates", good("x", "y")},
		{"no request", csr, good()},
	} {
		var file, list = []byte("x"), encodeTrustList(workflow.TrustList{})
		f := device(&file, &list)
		f.method(update, func([]any) ua.CallMethodResult { return good() })
		f.method(csr, func([]any) ua.CallMethodResult { return good() })
		f.method(c.method, func([]any) ua.CallMethodResult { return c.answer })
		s := f.session(t)
		_, err := s.Observe(t.Context(), []string{config.DefaultApplicationGroup})
		if c.method == csr {
			_, err = s.CreateSigningRequest(t.Context(), workflow.SigningRequest{Group: config.DefaultApplicationGroup, Type: config.TypeRsaSha256})
		}
		var malformed *MalformedError
		if !errors.As(err, &malformed) {
			t.Errorf("%s: got %v, want a MalformedError", c.name, err)
		}
		if o, c := count(f.called, "12637/ConfigurationFile/Open"), count(f.called, "12637/ConfigurationFile/Close"); c > o {
			t.Errorf("%d times opened, %d times closed", o, c)
		}
	}
}

// Services that answer with something else, or with too few results.
func TestMalformedServices(t *testing.T) {
	for name, answer := range map[string]func(req ua.Request) ua.Response{
		"another response": func(ua.Request) ua.Response { return &ua.CloseSessionResponse{} },
		"no translation": func(req ua.Request) ua.Response {
			return only[*ua.TranslateBrowsePathsToNodeIDsRequest](req, &ua.TranslateBrowsePathsToNodeIDsResponse{})
		},
		"no browse result": func(req ua.Request) ua.Response { return only[*ua.BrowseRequest](req, &ua.BrowseResponse{}) },
		"no values":        func(req ua.Request) ua.Response { return only[*ua.ReadRequest](req, &ua.ReadResponse{}) },
		"no method result": func(req ua.Request) ua.Response { return only[*secureconv.CallRequest](req, &ua.CallResponse{}) },
	} {
		var file, list = []byte("x"), encodeTrustList(workflow.TrustList{})
		f := device(&file, &list)
		f.hook = func(req ua.Request) (ua.Response, error) { return answer(req), nil }
		_, err := f.session(t).Observe(t.Context(), nil)
		var malformed *MalformedError
		if !errors.As(err, &malformed) {
			t.Errorf("%s: got %v, want a MalformedError", name, err)
		}
	}
}

// only answers requests of type R.
func only[R ua.Request](req ua.Request, resp ua.Response) ua.Response {
	if _, ok := req.(R); ok {
		return resp
	}
	return nil
}

// References come in portions (OPC 10000-4, 5.9.3), and the portions have an end.
func TestBrowseNext(t *testing.T) {
	reference := func(i int) *ua.ReferenceDescription {
		return &ua.ReferenceDescription{
			NodeID:     &ua.ExpandedNodeID{NodeID: ua.NewNumericNodeID(1, uint32(i))},
			BrowseName: &ua.QualifiedName{Name: fmt.Sprint("Group", i)},
		}
	}
	f := newFake()
	portions, portion := 3, 1
	f.hook = func(req ua.Request) (ua.Response, error) {
		r := &ua.BrowseResult{ContinuationPoint: []byte{1}}
		for i := range portion {
			r.References = append(r.References, reference(portions*portion+i))
		}
		if portions--; portions == 0 {
			r.ContinuationPoint = nil
		}
		switch req.(type) {
		case *ua.BrowseRequest:
			return &ua.BrowseResponse{Results: []*ua.BrowseResult{r}}, nil
		case *ua.BrowseNextRequest:
			return &ua.BrowseNextResponse{Results: []*ua.BrowseResult{r}}, nil
		}
		return nil, nil
	}
	refs, err := f.session(t).browse(t.Context(), numeric(1))
	if err != nil || len(refs) != 3 || !slices.Equal(f.requests, []string{"BrowseRequest", "BrowseNextRequest", "BrowseNextRequest"}) {
		t.Errorf("got %d references, %v, by %v", len(refs), err, f.requests)
	}
	for _, n := range []int{100, 0} { // references in each answer
		portions, portion = 1<<20, n
		var malformed *MalformedError
		if _, err := f.session(t).browse(t.Context(), numeric(1)); !errors.As(err, &malformed) {
			t.Errorf("a server that goes on and on: got %v", err)
		}
	}
}

// A server that hands a file out byte by byte is left in the end.
func TestEndlessReads(t *testing.T) {
	var file, list = []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	f.method("12637/ConfigurationFile/Read", func([]any) ua.CallMethodResult { return good([]byte{0}) })
	_, err := f.session(t).Observe(t.Context(), nil)
	var malformed *MalformedError
	if !errors.As(err, &malformed) || count(f.called, "12637/ConfigurationFile/Close") != 1 {
		t.Errorf("got %v and %d times closed, want a MalformedError and 1", err, count(f.called, "12637/ConfigurationFile/Close"))
	}
}

// Without CurrentVersion nothing can be updated; without a limit that exists, a
// plan would be wrong.
func TestPropertiesDenied(t *testing.T) {
	for path, want := range map[string]ua.StatusCode{
		pathFileVersion:      ua.StatusBadUserAccessDenied,
		pathFileMaxEndpoints: ua.StatusBadSecurityModeInsufficient,
		pathFileDataType:     ua.StatusBadUserAccessDenied,
	} {
		var file, list = []byte("x"), encodeTrustList(workflow.TrustList{})
		f := device(&file, &list)
		f.value("12637/"+path, want)
		_, err := f.session(t).Observe(t.Context(), nil)
		if !errors.Is(err, want) || workflow.ClassOf(err) != workflow.ClassTrust {
			t.Errorf("%s: got %v, want %s", path, err, statusText(want))
		}
	}
	var file, list = []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	f.value("12637/"+pathFileMaxEndpoints, ua.StatusBadNotSupported)
	if o, err := f.session(t).Observe(t.Context(), nil); err != nil || o.Capabilities.MaxEndpoints != 0 {
		t.Errorf("a limit that the server does not have: got %d, %v", o.Capabilities.MaxEndpoints, err)
	}
}
