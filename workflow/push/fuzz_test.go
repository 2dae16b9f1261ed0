package push

import (
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

// decoded reads a value as a message would have it; nil is none. What makes the
// decoder panic never gets to it: the channel looks at every message first.
func decoded[T any](b []byte) (v *T) {
	defer func() {
		if recover() != nil {
			v = nil
		}
	}()
	v = new(T)
	if _, err := ua.Decode(b, v); err != nil {
		return nil
	}
	return v
}

// FuzzDiscovery: whatever two answers list as endpoints, choosing among them and
// comparing them comes to an end and to a usable endpoint or an error.
func FuzzDiscovery(f *testing.F) {
	honest := &ua.EndpointDescription{
		EndpointURL: "opc.tcp://plc1:4840", SecurityMode: ua.MessageSecurityModeSignAndEncrypt, SecurityPolicyURI: policies[0],
		ServerCertificate: []byte{0x30, 0x00}, SecurityLevel: 1,
		Server:             &ua.ApplicationDescription{ApplicationURI: "urn:plc1", ApplicationName: ua.NewLocalizedText("PLC")},
		UserIdentityTokens: []*ua.UserTokenPolicy{{PolicyID: "u", TokenType: ua.UserTokenTypeUserName}},
	}
	seed, err := ua.Encode(&ua.GetEndpointsResponse{ResponseHeader: responseHeader(), Endpoints: []*ua.EndpointDescription{honest, honest}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, seed)
	f.Add(seed[:len(seed)/2], seed)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 1<<16 || len(b) > 1<<16 {
			return
		}
		first, second := decoded[ua.GetEndpointsResponse](a), decoded[ua.GetEndpointsResponse](b)
		if first == nil || second == nil {
			return
		}
		at := address{url: "opc.tcp://plc1:4840", host: "plc1", port: "4840"}
		for _, d := range first.Endpoints {
			discovered(d)
		}
		if e, err := choose(first.Endpoints, at, ua.UserTokenTypeUserName); err == nil {
			if e.SecurityMode != ua.MessageSecurityModeSignAndEncrypt || len(e.leaf) == 0 || e.dial.host != "plc1" {
				t.Fatalf("chose %+v", e)
			}
			_, _ = tokenPolicy(UserName{Name: "u"}, e)
		} else if len(err.Error()) > 16<<10 {
			t.Fatalf("a sentence of %d bytes", len(err.Error()))
		}
		if err := compareEndpoints(at.url, first.Endpoints, first.Endpoints); err != nil {
			t.Fatalf("a list differs from itself: %v", err)
		}
		there, back := compareEndpoints(at.url, first.Endpoints, second.Endpoints), compareEndpoints(at.url, second.Endpoints, first.Endpoints)
		if (there == nil) != (back == nil) {
			t.Fatalf("compared one way: %v; the other way: %v", there, back)
		}
	})
}

func responseHeader() *ua.ResponseHeader {
	return &ua.ResponseHeader{ServiceDiagnostics: &ua.DiagnosticInfo{}, AdditionalHeader: ua.NewExtensionObject(nil)}
}

// FuzzDiagnostics: whatever a server shows of a transaction is read without harm.
func FuzzDiagnostics(f *testing.F) {
	values := &ua.ReadResponse{ResponseHeader: responseHeader()}
	for _, v := range []any{
		time.Unix(1e9, 0), time.Unix(1e9, 1), ua.StatusOK, []*ua.NodeID{ua.NewNumericNodeID(0, 7)}, []*ua.NodeID{},
		[]*ua.ExtensionObject{ua.NewExtensionObject(&ua.TransactionErrorType{TargetID: ua.NewNumericNodeID(0, 7), Message: ua.NewLocalizedText("why")})},
	} {
		values.Results = append(values.Results, &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(v)})
	}
	seed, err := ua.Encode(values)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)-40])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<12 {
			return
		}
		resp := decoded[ua.ReadResponse](b)
		if resp == nil || len(resp.Results) != len(diagnosticsProperties) {
			return
		}
		s := &Session{groups: map[string]*group{"g": {object: object{id: numeric(7)}, name: "g"}}, order: []string{"g"}}
		d, err := s.diagnostics(resp.Results)
		if err != nil {
			return
		}
		if d.Phase == workflow.NoTransaction && len(d.Errors) > 0 {
			t.Fatalf("errors of no transaction: %v", d.Errors)
		}
	})
}
