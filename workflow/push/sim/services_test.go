package sim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

// OPC 10000-4, 5.9.2.2 and 7.9: continuation points.
func TestBrowseInPages(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Limits.ContinuationPoints = 1 })
	p := admin(t, secure(s))
	all := []*ua.BrowseDescription{{NodeID: ns0(serverConfiguration), ReferenceTypeID: ns0(33), IncludeSubtypes: true, ResultMask: 63}}
	browse := func(most uint32) *ua.BrowseResult {
		resp, err := p.send(&ua.BrowseRequest{View: &ua.ViewDescription{ViewID: ua.NewTwoByteNodeID(0)}, RequestedMaxReferencesPerNode: most, NodesToBrowse: all})
		if err != nil {
			t.Fatal(err)
		}
		return resp.(*ua.BrowseResponse).Results[0]
	}
	next := func(point []byte, release bool) []*ua.BrowseResult {
		resp, err := p.send(&ua.BrowseNextRequest{ContinuationPoints: [][]byte{point}, ReleaseContinuationPoints: release})
		if err != nil {
			t.Fatal(err)
		}
		return resp.(*ua.BrowseNextResponse).Results
	}
	want := len(browse(0).References)
	r := browse(4)
	if second := browse(4); second.StatusCode != ua.StatusBadNoContinuationPoints {
		t.Errorf("a second continuation point: got %v", second.StatusCode)
	}
	got := len(r.References)
	for len(r.ContinuationPoint) > 0 {
		r = next(r.ContinuationPoint, false)[0]
		got += len(r.References)
	}
	if got != want {
		t.Errorf("got %d references in pages, want %d", got, want)
	}
	if r := next([]byte("nothing"), false)[0]; r.StatusCode != ua.StatusBadContinuationPointInvalid {
		t.Errorf("an unknown continuation point: got %v", r.StatusCode)
	}
	r = browse(4)
	if results := next(r.ContinuationPoint, true); len(results) != 0 {
		t.Errorf("release has results %v", results)
	}
	if r := next(r.ContinuationPoint, false)[0]; r.StatusCode != ua.StatusBadContinuationPointInvalid {
		t.Errorf("a released continuation point: got %v", r.StatusCode)
	}
}

// Operation limits (OPC 10000-4, 7.38.2).
func TestOperationLimits(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	nodes := make([]*ua.ReadValueID, 1001)
	for i := range nodes {
		nodes[i] = &ua.ReadValueID{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}}
	}
	for _, tt := range []struct {
		req  ua.Request
		want ua.StatusCode
	}{
		{&ua.ReadRequest{}, ua.StatusBadNothingToDo},
		{&ua.ReadRequest{NodesToRead: nodes}, ua.StatusBadTooManyOperations},
		{&ua.ReadRequest{NodesToRead: nodes[:1], MaxAge: -1}, ua.StatusBadMaxAgeInvalid},
		{&ua.ReadRequest{NodesToRead: nodes[:1], TimestampsToReturn: 4}, ua.StatusBadTimestampsToReturnInvalid},
		{&ua.WriteRequest{}, ua.StatusBadNothingToDo},
		{&secureconv.CallRequest{}, ua.StatusBadNothingToDo},
		{&ua.CreateSubscriptionRequest{}, ua.StatusBadServiceUnsupported},
	} {
		if _, err := p.send(tt.req); statusOf(err) != tt.want {
			t.Errorf("%T: got %v, want %v", tt.req, err, tt.want)
		}
	}
	if _, err := p.send(&ua.ReadRequest{NodesToRead: nodes[:1000]}); err != nil && !errors.Is(err, ua.StatusBadResponseTooLarge) {
		t.Error(err)
	}
}

// Where a server listens, and what it calls itself there.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:0": "opc.tcp://localhost:", "0.0.0.0:0": "opc.tcp://127.0.0.1:", ":0": "opc.tcp://127.0.0.1:", "127.0.0.1:0": "opc.tcp://127.0.0.1:",
	} {
		s := startServer(t, func(o *sim.Options) { o.Address = address })
		if !strings.HasPrefix(s.URL(), want) {
			t.Errorf("%s: URL is %s, want %s…", address, s.URL(), want)
		}
		admin(t, secure(s))
	}
}

// A server from before NodeSet 1.05.05 has no ConfigurationFile.
func TestProfileCertificates(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Profile = "no-configfile" })
	p := admin(t, secure(s))
	if got := p.read(16306); got.Status != ua.StatusBadNodeIDUnknown {
		t.Errorf("CurrentVersion: got %v, want Bad_NodeIdUnknown", got.Status)
	}
	if _, status := p.call(ns0(serverConfiguration), ns0(applyChanges)); status != ua.StatusBadNothingToDo {
		t.Errorf("ApplyChanges: got %v, want Bad_NothingToDo", status)
	}
}
