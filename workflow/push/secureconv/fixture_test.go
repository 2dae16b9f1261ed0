package secureconv

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
)

var policies = []string{
	ua.SecurityPolicyURIBasic256Sha256,
	ua.SecurityPolicyURIAes128Sha256RsaOaep,
	ua.SecurityPolicyURIAes256Sha256RsaPss,
}

var modes = []ua.MessageSecurityMode{ua.MessageSecurityModeSign, ua.MessageSecurityModeSignAndEncrypt}

var (
	clientID     = map[int]func() Identity{}
	serverID     = map[int]func() Identity{}
	strangerID   = sync.OnceValue(func() Identity { return newIdentity("stranger", 2048) })
	fixtureSizes = []int{2048, 3072, 4096}
)

func TestMain(m *testing.M) {
	for _, bits := range fixtureSizes {
		clientID[bits] = sync.OnceValue(func() Identity { return newIdentity("client", bits) })
		serverID[bits] = sync.OnceValue(func() Identity { return newIdentity("server", bits) })
	}
	m.Run()
}

func newIdentity(name string, bits int) Identity {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	uri, _ := url.Parse("urn:test:" + name)
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s %d", name, bits)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * 365 * time.Hour),
		URIs:                  []*url.URL{uri},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageContentCommitment,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return Identity{Chain: [][]byte{der}, Key: key}
}

// echo answers Read with its node ids, Call with its inputs.
func echo(_ context.Context, _ *Channel, req ua.Request) ua.Response {
	switch r := req.(type) {
	case *ua.CallRequest:
		resp := &CallResponse{ResponseHeader: ResponseHeader(req, ua.StatusOK)}
		for _, m := range r.MethodsToCall {
			result := MethodResult{}
			for _, in := range m.InputArguments {
				result.Outputs = append(result.Outputs, in)
			}
			resp.Results = append(resp.Results, result)
		}
		return resp
	case *ua.ReadRequest:
		resp := &ua.ReadResponse{ResponseHeader: ResponseHeader(req, ua.StatusOK)}
		for _, n := range r.NodesToRead {
			resp.Results = append(resp.Results, &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(n.NodeID)})
		}
		return resp
	case *ua.GetEndpointsRequest:
		return &ua.GetEndpointsResponse{ResponseHeader: ResponseHeader(req, ua.StatusOK), Endpoints: []*ua.EndpointDescription{{EndpointURL: r.EndpointURL}}}
	}
	return nil
}

// only offers one identity, by its thumbprint.
func only(id Identity) func([]byte) (Identity, bool) {
	return func(tp []byte) (Identity, bool) { return id, string(tp) == string(thumbprint(id.Leaf())) }
}

// serve starts a server that the test's end stops, and returns its address.
func serve(t testing.TB, cfg ServerConfig) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, cfg) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve did not return")
		}
	})
	return l.Addr().String()
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func clientConfig(address string) ClientConfig {
	return ClientConfig{
		EndpointURL:       "opc.tcp://" + address,
		SecurityPolicyURI: ua.SecurityPolicyURIBasic256Sha256,
		SecurityMode:      ua.MessageSecurityModeSignAndEncrypt,
		Local:             clientID[2048](),
		RemoteCertificate: serverID[2048]().Leaf(),
	}
}

func serverConfig() ServerConfig {
	return ServerConfig{Identity: only(serverID[2048]()), Handle: echo}
}

func dial(t testing.TB, cfg ClientConfig) *Client {
	t.Helper()
	c, err := Dial(testContext(t), cfg)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// call sends one value to the echo and returns what comes back.
func call(ctx context.Context, c *Client, in any) (any, error) {
	resp, err := c.Send(ctx, &CallRequest{Methods: []MethodCall{{ObjectID: ua.NewNumericNodeID(0, 1), MethodID: ua.NewNumericNodeID(0, 2), Inputs: []any{in}}}})
	if err != nil {
		return nil, err
	}
	r, ok := resp.(*ua.CallResponse)
	if !ok || len(r.Results) != 1 || len(r.Results[0].OutputArguments) != 1 {
		return nil, fmt.Errorf("unexpected response %#v", resp)
	}
	return r.Results[0].OutputArguments[0].Value(), nil
}
