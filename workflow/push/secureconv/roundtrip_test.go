package secureconv

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"
)

func TestRoundTrip(t *testing.T) {
	sizes := [][2]int{{2048, 2048}, {2048, 3072}, {3072, 2048}}
	for _, policy := range policies {
		for _, mode := range modes {
			for _, size := range sizes {
				roundTrip(t, policy, mode, size)
			}
		}
	}
	for _, size := range [][2]int{{4096, 4096}, {2048, 4096}, {4096, 2048}} {
		roundTrip(t, policies[2], ua.MessageSecurityModeSignAndEncrypt, size)
	}
	roundTrip(t, policies[0], ua.MessageSecurityModeSign, [2]int{4096, 4096})
}

func roundTrip(t *testing.T, policy string, mode ua.MessageSecurityMode, size [2]int) {
	name := fmt.Sprintf("%s %v %d-%d", policy[strings.Index(policy, "#")+1:], mode, size[0], size[1])
	t.Run(name, func(t *testing.T) {
		server := serverConfig()
		server.Identity = only(serverID[size[1]]())
		client := clientConfig(serve(t, server))
		client.SecurityPolicyURI, client.SecurityMode = policy, mode
		client.Local, client.RemoteCertificate = clientID[size[0]](), serverID[size[1]]().Leaf()
		c := dial(t, client)
		for _, n := range []int{0, 1, 15, 16, 17, 65000, 1 << 20} {
			want := bytes.Repeat([]byte{0xA5}, n)
			got, err := call(testContext(t), c, want)
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			if b, _ := got.([]byte); !bytes.Equal(b, want) {
				t.Errorf("%d bytes: got %d other ones", n, len(b))
			}
		}
	})
}

func TestDiscoveryWithoutSecurity(t *testing.T) {
	client := clientConfig(serve(t, serverConfig()))
	client.SecurityPolicyURI, client.SecurityMode = ua.SecurityPolicyURINone, ua.MessageSecurityModeNone
	client.Local, client.RemoteCertificate = Identity{}, nil
	c := dial(t, client)
	resp, err := c.Send(testContext(t), &ua.GetEndpointsRequest{EndpointURL: client.EndpointURL})
	if err != nil {
		t.Fatal(err)
	}
	got := resp.(*ua.GetEndpointsResponse).Endpoints[0].EndpointURL
	if got != client.EndpointURL {
		t.Errorf("got %q, want %q", got, client.EndpointURL)
	}
}

func TestArguments(t *testing.T) {
	c := dial(t, clientConfig(serve(t, serverConfig())))
	target := &UpdateTarget{Path: "ServerEndpoints.[0]", UpdateType: 1}
	objects := []*ua.ExtensionObject{updateTargetObject(target)}
	for _, tc := range []struct {
		name     string
		in, want any
	}{
		{"null", nil, nil},
		{"string", "x", "x"},
		{"uint32", uint32(7), uint32(7)},
		{"byte string array", [][]byte{{1}, nil, {2, 3}}, [][]byte{{1}, nil, {2, 3}}},
		{"empty array", [][]byte{}, [][]byte{}},
		{"null array", []string(nil), []string(nil)},
		{"status codes", []ua.StatusCode{ua.StatusBad}, []ua.StatusCode{ua.StatusBad}},
		{"null node id", (*ua.NodeID)(nil), ua.NewTwoByteNodeID(0)},
		{"name", &ua.QualifiedName{NamespaceIndex: 1, Name: "n"}, &ua.QualifiedName{NamespaceIndex: 1, Name: "n"}},
		{"text without mask", &ua.LocalizedText{Text: "t"}, ua.NewLocalizedText("t")},
		{"byte array", ua.ByteArray{1, 2}, ua.ByteArray{1, 2}},
		{"matrix", [][]uint32{{1, 2}, {3, 4}}, [][]uint32{{1, 2}, {3, 4}}},
		{"targets", []UpdateTarget{*target}, objects},
		{"objects", objects, objects},
		{"no objects", []*ua.ExtensionObject{}, []*ua.ExtensionObject{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := call(testContext(t), c, tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := got.([]*ua.ExtensionObject); ok && len(o) == 1 {
				if !reflect.DeepEqual(o[0].Value, target) {
					t.Errorf("got %#v, want %#v", o[0].Value, target)
				}
				return
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %#v, want %#v", got, tc.want)
			}
		})
	}
	if _, err := call(testContext(t), c, struct{}{}); err == nil {
		t.Error("a struct{} was encoded")
	}
}
