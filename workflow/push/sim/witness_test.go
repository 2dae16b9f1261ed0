package sim_test

import (
	"testing"

	"github.com/gopcua/opcua"
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// A client that nobody here wrote: gopcua's finds the endpoints, logs in with a
// password, browses, reads and follows browse paths.
func TestGopcuaClient(t *testing.T) {
	s := startServer(t)
	ctx := testContext(t)
	endpoints, err := opcua.GetEndpoints(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := opcua.SelectEndpoint(endpoints, ua.SecurityPolicyURIBasic256Sha256, ua.MessageSecurityModeSignAndEncrypt)
	if err != nil {
		t.Fatal(err)
	}
	c, err := opcua.NewClient(endpoint.EndpointURL,
		opcua.SecurityFromEndpoint(endpoint, ua.UserTokenTypeUserName), opcua.AuthUsername(adminName, adminPass),
		opcua.Certificate(clientIdentity().Leaf()), opcua.PrivateKey(clientIdentity().Key), opcua.ApplicationURI(clientURI), opcua.AutoReconnect(false))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)

	node := c.Node(ua.NewNumericNodeID(0, id.ServerConfiguration))
	refs, err := node.ReferencedNodes(ctx, id.HierarchicalReferences, ua.BrowseDirectionForward, ua.NodeClassAll, true)
	if err != nil || len(refs) < 15 {
		t.Errorf("Browse: %d references, %v", len(refs), err)
	}
	current, err := node.TranslateBrowsePathInNamespaceToNodeID(ctx, 0, "ConfigurationFile.CurrentVersion")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Node(current).Value(ctx); err != nil || v.Value().(uint32) == 0 {
		t.Errorf("CurrentVersion: %v, %v", v, err)
	}
	name, err := node.BrowseName(ctx)
	if err != nil || name.Name != "ServerConfiguration" {
		t.Errorf("BrowseName: %v, %v", name, err)
	}
	result, err := c.Call(ctx, &ua.CallMethodRequest{ObjectID: ns0(configurationFile), MethodID: ns0(16013), InputArguments: []*ua.Variant{ua.MustVariant(byte(1))}})
	if err != nil || result.StatusCode != ua.StatusOK {
		t.Errorf("Open: %v, %v", result, err)
	}
}
