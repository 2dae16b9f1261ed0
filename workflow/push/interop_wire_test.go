package push_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/testdata/tables"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// testWire shows what both ends of uapush send to tshark, which must be able to
// read all of it.
func testWire(t *testing.T, p peers) {
	if _, err := exec.LookPath("tshark"); err != nil {
		absent(t, "no tshark: %v", err)
	}
	const name = "tshark" // any version of the system's
	server := start(t)
	t.Run("discovery", func(t *testing.T) {
		p.report(t, cell{Peer: name, Topic: tables.Wire, Feature: "discovery with SecurityPolicy None, both ends: no malformed packet"})
		r := record(t, strings.TrimPrefix(server.URL(), "opc.tcp://"))
		if _, err := push.Discover(t.Context(), r.url(), peerTime, nil); err != nil {
			t.Fatal(err)
		}
		dissected(t, r, id.OpenSecureChannelRequest_Encoding_DefaultBinary, id.OpenSecureChannelResponse_Encoding_DefaultBinary,
			id.GetEndpointsRequest_Encoding_DefaultBinary, id.GetEndpointsResponse_Encoding_DefaultBinary,
			id.FindServersRequest_Encoding_DefaultBinary, id.FindServersResponse_Encoding_DefaultBinary)
	})
	t.Run("session", func(t *testing.T) {
		p.report(t, cell{Peer: name, Topic: tables.Wire, Feature: "session in mode Sign, both ends: no malformed packet", Differs: "an OPN is encrypted also in this mode"})
		r := record(t, strings.TrimPrefix(server.URL(), "opc.tcp://"))
		e := signing(t, server.URL())
		s := rawSession(t, e, "admin", password, func(c *secureconv.ClientConfig) { c.Address = r.address() })
		requestsOfAllKinds(s)
		s.close()
		dissected(t, r, id.CreateSessionRequest_Encoding_DefaultBinary, id.CreateSessionResponse_Encoding_DefaultBinary,
			id.ActivateSessionRequest_Encoding_DefaultBinary, id.ActivateSessionResponse_Encoding_DefaultBinary,
			id.ReadRequest_Encoding_DefaultBinary, id.ReadResponse_Encoding_DefaultBinary,
			id.BrowseRequest_Encoding_DefaultBinary, id.BrowseResponse_Encoding_DefaultBinary,
			id.TranslateBrowsePathsToNodeIDsRequest_Encoding_DefaultBinary, id.TranslateBrowsePathsToNodeIDsResponse_Encoding_DefaultBinary,
			id.CallRequest_Encoding_DefaultBinary, id.CallResponse_Encoding_DefaultBinary, id.ServiceFault_Encoding_DefaultBinary,
			id.CloseSessionRequest_Encoding_DefaultBinary, id.CloseSessionResponse_Encoding_DefaultBinary)
	})
	t.Run("spoilt", func(t *testing.T) { spoilt(t, server.URL()) })
}

// A recording with an error in it: without it, tshark's silence would prove nothing.
func spoilt(t *testing.T, url string) {
	r := record(t, strings.TrimPrefix(url, "opc.tcp://"))
	if _, err := push.Discover(t.Context(), r.url(), peerTime, nil); err != nil {
		t.Fatal(err)
	}
	r.conns.Wait()
	at := bytes.LastIndex(r.packets, []byte(config.TransportUATCP))
	binary.LittleEndian.PutUint32(r.packets[at-4:], 1<<20) // the length of that string
	if !slices.ContainsFunc(dissect(t, r), func(f frame) bool { return f.malformed }) {
		t.Error("a string that is longer than its message is not found")
	}
}

// signing is an endpoint that signs and does not encrypt.
func signing(t *testing.T, url string) *ua.EndpointDescription {
	t.Helper()
	all := descriptions(t, url)
	i := slices.IndexFunc(all, func(e *ua.EndpointDescription) bool {
		return e.SecurityMode == ua.MessageSecurityModeSign && e.SecurityPolicyURI == config.PolicyBasic256Sha256
	})
	if i < 0 {
		t.Fatal("no endpoint has mode Sign")
	}
	return all[i]
}

// requestsOfAllKinds sends each kind of request that push sends, and one the server does
// not know. Methods of push need encryption: they are refused, whole as they are.
func requestsOfAllKinds(s raw) {
	node := func(n uint32) *ua.NodeID { return ua.NewNumericNodeID(0, n) }
	s.now()
	ask[*ua.ReadResponse](s, &ua.ReadRequest{NodesToRead: []*ua.ReadValueID{
		{NodeID: node(id.Server_NamespaceArray), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}},
		{NodeID: node(id.Server_ServerStatus), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}},
		{NodeID: node(id.ServerConfiguration), AttributeID: ua.AttributeIDDisplayName, DataEncoding: &ua.QualifiedName{}},
		{NodeID: node(1), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}},
	}})
	ask[*ua.BrowseResponse](s, &ua.BrowseRequest{View: &ua.ViewDescription{ViewID: node(0)}, NodesToBrowse: []*ua.BrowseDescription{
		{NodeID: node(id.Server), ReferenceTypeID: node(id.HierarchicalReferences), IncludeSubtypes: true, ResultMask: uint32(ua.BrowseResultMaskAll)}}})
	ask[*ua.TranslateBrowsePathsToNodeIDsResponse](s, &ua.TranslateBrowsePathsToNodeIDsRequest{BrowsePaths: []*ua.BrowsePath{
		{StartingNode: node(id.Server), RelativePath: &ua.RelativePath{Elements: []*ua.RelativePathElement{
			{ReferenceTypeID: node(id.HierarchicalReferences), IncludeSubtypes: true, TargetName: &ua.QualifiedName{Name: "ServerStatus"}}}}}}})
	s.call(id.ServerConfiguration_ApplyChanges)
	s.call(id.ServerConfiguration_UpdateCertificate, node(14156), node(12560), client().Leaf(), [][]byte{ca().cert.Raw, ca().cert.Raw}, "", []byte(nil))
	target := &ua.ExtensionObject{EncodingMask: ua.ExtensionObjectBinary, TypeID: &ua.ExpandedNodeID{NodeID: node(16541)},
		Value: &secureconv.UpdateTarget{Path: "ServerEndpoints.[1]", UpdateType: 1}}
	s.callOn(15892, 16040, uint32(1), uint32(1), []*ua.ExtensionObject{target, target}, 1000.0, 0.0)
	_, _ = try[*ua.QueryFirstResponse](s, &ua.QueryFirstRequest{View: &ua.ViewDescription{ViewID: node(0)}, Filter: &ua.ContentFilter{}}) // a fault is wanted
}

// dissected has tshark read a recording: it must find every service, and no fault.
func dissected(t *testing.T, r *recording, services ...uint32) {
	t.Helper()
	found := map[string]bool{}
	for _, f := range dissect(t, r) {
		if f.malformed {
			t.Errorf("frame %s, %s %s, is malformed", f.number, f.message, f.service)
		}
		found[f.service] = true
	}
	for _, s := range services {
		if !found[fmt.Sprint(s)] {
			t.Errorf("no frame has a message of type i=%d", s)
		}
	}
}

// frame is what tshark says of one packet.
type frame struct {
	number, message string // message is HEL, OPN, MSG, ...
	service         string // numeric identifier of the encoding's NodeId
	malformed       bool
}

func dissect(t *testing.T, r *recording) []frame {
	t.Helper()
	file, port := r.save(t)
	ctx, cancel := context.WithTimeout(t.Context(), peerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "tshark", "-n", "-r", file, "-d", "tcp.port=="+port+",opcua",
		"-T", "fields", "-E", "separator=,", "-E", "quote=d", "-E", "aggregator=;",
		"-e", "frame.number", "-e", "opcua.transport.type", "-e", "opcua.servicenodeid.numeric", "-e", "_ws.malformed", "-e", "_ws.expert.message")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &errs)
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("tshark reads %d packets: %v\n%s%s", len(rows), err, out, &errs)
	}
	var frames []frame
	for _, row := range rows {
		frames = append(frames, frame{number: row[0], message: row[1], service: row[2], malformed: row[3]+row[4] != ""})
	}
	return frames
}
