package uafile_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// Every record list with every field set in its first record, then with null
// and with empty ones: bytes of a second stack, which has the classes of both
// layouts (testdata/uafile/README.md).
func TestVectorsOfAsyncua(t *testing.T) {
	for name, layout := range map[string]uafile.Layout{"asyncua": uafile.Layout105_06, "asyncua_v105_05": uafile.Layout105_05} {
		t.Run(name, func(t *testing.T) {
			f := decode(t, vector(t, name))
			if got := f.Layout(); got != layout {
				t.Errorf("layout: got %v, want %v", got, layout)
			}
			if got, want := f.Application(), everything(layout); !reflect.DeepEqual(got, want) {
				differ(t, reflect.ValueOf(got), reflect.ValueOf(want))
			}
		})
	}
}

// What uafile makes of the same values, from nothing, asyncua has read.
func TestBytesThatAsyncuaReads(t *testing.T) {
	for name, layout := range map[string]uafile.Layout{"uafile": uafile.Layout105_06, "uafile_v105_05": uafile.Layout105_05} {
		if got, want := encode(t, uafile.New(layout), everything(layout)), vector(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: these bytes no other stack has seen:\n%x\nwant %x", name, got, want)
		}
	}
}

// differ names the lists that are not the same.
func differ(t *testing.T, got, want reflect.Value) {
	t.Helper()
	for i := range got.NumField() {
		if g, w := got.Field(i).Interface(), want.Field(i).Interface(); !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", got.Type().Field(i).Name, g, w)
		}
	}
}

// text is a Variant that holds a String.
func text(s string) []byte {
	return append([]byte{12, byte(len(s)), 0, 0, 0}, s...)
}

// everything is what the asyncua vectors hold.
func everything(layout uafile.Layout) config.Application {
	own := func(name, of string) config.Record {
		return config.Record{Name: name, Properties: []config.Property{{Namespace: "urn:vendor:types", Name: "of", Value: text(of)}}}
	}
	return config.Application{
		Version:    4294967294,
		Properties: manyProperties(),
		Identity: config.Identity{
			Record: own("identity", "identity"), ApplicationURI: "urn:plant:plc1:日本",
			ApplicationNames: []config.LocalizedText{{Locale: "en-US", Text: "Press 1"}, {Locale: "de", Text: "Presse 1"}, {Text: "only a text"}, {Locale: "fr"}, {}},
			AdditionalServers: []config.ApplicationDescription{{
				ApplicationURI: "urn:plant:plc1b", ProductURI: "urn:vendor:plc", ApplicationName: config.LocalizedText{Locale: "de", Text: "Ersatz"},
				ApplicationType: config.ApplicationClientAndServer, GatewayServerURI: "urn:gateway", DiscoveryProfileURI: "urn:profile",
				DiscoveryURLs: []string{"opc.tcp://plc1b:4840", "opc.tcp://10.0.0.2:4840"},
			}, {ApplicationURI: "urn:bare"}},
		},
		CertificateGroups: []config.CertificateGroup{{
			Record: own("It's [odd].name", "group"), Purpose: "i=12557", CertificateTypes: []config.NodeID{
				"i=12560", "i=23538", "nsu=urn:vendor:types;s=Vendor.Type", "nsu=urn:plant;i=70000",
				"nsu=urn:日本;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63", "nsu=urn:vendor:types;b=AQID",
			}, CertificateAssigned: []bool{true, false, true, true, false, true}, ValidationOptions: 127,
		}, {}, {}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint: config.Endpoint{Record: own("e0", "endpoint"), DiscoveryURLs: []string{"opc.tcp://plc1:4840", "opc.tcp://[fe80::1]:4840"},
				NetworkName: "eth0", Port: 65535},
			EndpointURLs: []string{"opc.tcp://plc1:4840/a", "opc.tcp://plc1:4840/b"}, SecuritySettingNames: []string{"s0", "s1"},
			TransportProfileURI: uatcp, UserTokenSettingNames: []string{"u0", "u1", "u2"}, ReverseConnectURLs: []string{"opc.tcp://scada:4900"},
		}, {}, {}},
		ClientEndpoints: []config.Endpoint{{
			Record: own("c0", "client"), DiscoveryURLs: []string{"rcp+opc.tcp://hmi:4841"}, NetworkName: "eth1", Port: 4841,
		}, {}, {}},
		SecuritySettings: []config.SecuritySettings{{
			Record: own("s0", "security"), SecurityModes: []config.SecurityMode{config.ModeSign, config.ModeSignAndEncrypt},
			SecurityPolicyURIs: []string{policy + "Basic256Sha256", policy + "Aes256_Sha256_RsaPss"}, CertificateGroupName: "It's [odd].name",
		}, {}, {}},
		UserTokenSettings: []config.UserTokenSettings{{
			Record: own("u0", "token"), TokenType: config.TokenIssued, IssuedTokenType: "http://opcfoundation.org/UA/UserToken#JWT",
			IssuerEndpointURL: `{"ua:resourceId":"urn:plant:plc1"}`, SecurityPolicyURI: policy + "Basic256Sha256",
			CertificateGroupName: "DefaultUserTokenGroup", AuthorizationServiceName: "idp",
		}, {}, {}},
		AuthorizationServices: []config.AuthorizationService{
			{Record: own("idp", "idp"), ServiceURI: "urn:plant:idp", ServiceCertificates: certificates(layout), IssuerEndpointSettings: `{"a":1}`},
			{Record: config.Record{Name: "odd"}, ServiceURI: "urn:odd", ServiceCertificates: oddCertificates(layout)},
			{}, {},
		},
	}
}

// manyProperties have values of all shapes, in keys of every namespace.
func manyProperties() []config.Property {
	p := func(namespace, name, value string) config.Property {
		return config.Property{Namespace: namespace, Name: name, Value: must(hex.DecodeString(strings.ReplaceAll(value, " ", "")))}
	}
	return []config.Property{
		{Namespace: "urn:vendor:types", Name: "site", Value: text("Süd ☀")},
		p("urn:plant", "numbers", "86 03000000 01000000 feffffff 03000000"),
		p("urn:日本", "when", "0d c87ca30afe7fdd01"), // 2026-11-29T12:34:56.789012Z
		p("", "node", "11 04 0200 912b9672 75fa e64a 8d28b404dc7daf63"),
		p("", "matrix", "cb 06000000 000000000000f83f 0000000000000440 0000000000000c40 0000000000001240 0000000000001640 0000000000001ac0 02000000 02000000 03000000"),
		p("", "text", "15 03 02000000 6465 06000000 507265737365"),
		p("", "name", "14 0300 01000000 6e"),
		p("", "structure", "16 01007903 01 32000000 09000000 75726e3a756e697473 4c454300 02 03000000 c2b043 03 02000000 656e 0e000000 6465677265652043656c73697573"),
		p("", "structures", "96 02000000 01007603 01 10000000 000000000000f0bf 000000000000f03f 01007603 01 10000000 0000000000000000 0000000000000040"),
		p("", "variants", "98 02000000 03 07 0c 01000000 78"),
		p("", "nothing", "00"),
		p("", "guid", "0e 912b9672 75fa e64a 8d28b404dc7daf63"),
		p("", "status", "13 00003480"),
		p("", "bytes", "8f 03000000 02000000 0102 00000000 ffffffff"),
		p("", "big", "09 ffffffffffffffff"),
		p("", "flags", "81 02000000 01 00"),
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func certificates(layout uafile.Layout) []config.ServiceCertificate {
	der := func(n byte) []byte { return []byte{0x30, 3, 2, 1, n} }
	if layout == uafile.Layout105_05 {
		return []config.ServiceCertificate{{Certificate: der(1)}, {Certificate: der(2)}}
	}
	return []config.ServiceCertificate{
		{Certificate: der(1), Issuers: [][]byte{der(2), der(3)}, ValidFrom: day(2026), ValidTo: time.Date(2026, 11, 29, 12, 34, 56, 789012000, time.UTC)},
		{Certificate: der(4)}, {},
	}
}

// oddCertificates: an empty ByteString and a null one are both no certificate.
func oddCertificates(layout uafile.Layout) []config.ServiceCertificate {
	if layout == uafile.Layout105_05 {
		return []config.ServiceCertificate{{}, {}}
	}
	return nil
}
