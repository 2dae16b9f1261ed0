package uafile_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// fromHex reads hex digits; blanks, line ends and what follows a # do not count.
func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vector reads a file of testdata/uafile, as it is.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "uafile", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return fromHex(t, string(b))
}

// fullVector is full.hex without the one field that is wrong in it: node-opcua
// writes the (empty) RecordProperties of a ServerEndpoint a second time, after
// Port, where its own NodeSet has EndpointUrls. Two lengths change with it.
func fullVector(t testing.TB) []byte {
	t.Helper()
	b := vector(t, "full")
	port := bytes.Index(b, []byte("eth0\xFF\xFF")) + len("eth0\xFF\xFF")
	b = append(b[:port:port], b[port+4:]...)
	body := bytes.Index(b, []byte{0x16, 0x01, 0x00, 0xCA, 0x5C, 0x01})
	for _, at := range []int{5, body + 6} {
		binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])-4)
	}
	return b
}

func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "uafile", "*.hex"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	all := map[string][]byte{}
	for _, n := range names {
		name := strings.TrimSuffix(filepath.Base(n), ".hex")
		all[name] = vector(t, name)
	}
	all["full"] = fullVector(t)
	return all
}

func decode(t testing.TB, stream []byte) *uafile.File {
	t.Helper()
	f, err := uafile.Decode(stream)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func encode(t testing.TB, f *uafile.File, app config.Application) []byte {
	t.Helper()
	b, err := f.Encode(app)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	policy = "http://opcfoundation.org/UA/SecurityPolicy#"
	uatcp  = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
)

func day(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

// full is what golden.mjs put into the vector of that name.
func full() config.Application {
	r := func(name string) config.Record { return config.Record{Name: name} }
	return config.Application{
		Version: 4294967294,
		Properties: []config.Property{
			{Name: "site", Value: append([]byte{12, 8, 0, 0, 0}, "Süd ☀"...)},
			{Name: "n", Value: []byte{0x86, 3, 0, 0, 0, 1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0}},
		},
		Identity: config.Identity{
			Record: config.Record{Name: "identity", Properties: []config.Property{{Name: "p", Value: []byte{1, 1}}}},

			ApplicationURI:   "urn:plant:plc1:日本",
			ApplicationNames: []config.LocalizedText{{Locale: "en-US", Text: "Press 1"}, {Locale: "de", Text: "Presse 1"}},
			AdditionalServers: []config.ApplicationDescription{{
				ApplicationURI: "urn:plant:plc1b", ProductURI: "urn:vendor:plc", ApplicationName: config.LocalizedText{Text: "spare"},
				ApplicationType: config.ApplicationClientAndServer, DiscoveryURLs: []string{"opc.tcp://plc1b:4840", "opc.tcp://10.0.0.2:4840"},
			}},
		},
		CertificateGroups: []config.CertificateGroup{
			{Record: r("DefaultApplicationGroup"), Purpose: "i=12557", CertificateTypes: []config.NodeID{"i=12560", "i=23538"},
				CertificateAssigned: []bool{true, false}, ValidationOptions: config.CheckRevocationStatusOffline},
			{Record: r("It's [odd].name"), Purpose: "i=12557", CertificateTypes: []config.NodeID{
				"nsu=urn:vendor:types;s=Vendor.Type", "nsu=urn:vendor:types;i=70000",
				"nsu=urn:vendor:types;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63", "nsu=urn:vendor:types;b=AQID",
			}, CertificateAssigned: make([]bool, 4), ValidationOptions: 127},
		},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:             config.Endpoint{Record: r("e0"), DiscoveryURLs: []string{"opc.tcp://plc1:4840"}, NetworkName: "eth0", Port: 65535},
			EndpointURLs:         []string{"opc.tcp://plc1:4840", "opc.tcp://[fe80::1]:4840"},
			SecuritySettingNames: []string{"s0", "s1"}, TransportProfileURI: uatcp,
			UserTokenSettingNames: []string{"u0", "u1", "u2", "u3"}, ReverseConnectURLs: []string{"opc.tcp://scada:4900"},
		}},
		ClientEndpoints: []config.Endpoint{{Record: r("c0"), DiscoveryURLs: []string{"rcp+opc.tcp://hmi:4841"}, Port: 4841}},
		SecuritySettings: []config.SecuritySettings{
			{Record: r("s0"), SecurityModes: []config.SecurityMode{config.ModeSign, config.ModeSignAndEncrypt},
				SecurityPolicyURIs: []string{policy + "Basic256Sha256", policy + "Aes256_Sha256_RsaPss"}, CertificateGroupName: "DefaultApplicationGroup"},
			{Record: r("s1"), SecurityModes: []config.SecurityMode{config.ModeNone}, SecurityPolicyURIs: []string{policy + "None"}},
		},
		UserTokenSettings: []config.UserTokenSettings{
			{Record: r("u0")},
			{Record: r("u1"), TokenType: config.TokenUserName, SecurityPolicyURI: policy + "Basic256Sha256"},
			{Record: r("u2"), TokenType: config.TokenCertificate, SecurityPolicyURI: policy + "Aes256_Sha256_RsaPss", CertificateGroupName: "DefaultUserTokenGroup"},
			{Record: r("u3"), TokenType: config.TokenIssued, IssuedTokenType: "http://opcfoundation.org/UA/UserToken#JWT",
				IssuerEndpointURL: `{"ua:resourceId":"urn:plant:plc1"}`, AuthorizationServiceName: "idp"},
		},
		AuthorizationServices: []config.AuthorizationService{{
			Record: r("idp"), ServiceURI: "urn:plant:idp", IssuerEndpointSettings: "{}",
			ServiceCertificates: []config.ServiceCertificate{{
				Certificate: []byte{0x30, 3, 2, 1, 1}, Issuers: [][]byte{{0x30, 3, 2, 1, 2}, {0x30, 3, 2, 1, 3}},
				ValidFrom: day(2026), ValidTo: day(2027),
			}},
		}},
	}
}

func oneGroup() config.Application {
	return config.Application{
		Version:  820540800,
		Identity: config.Identity{Record: config.Record{Name: "app"}, ApplicationURI: "urn:plant:plc1"},
		CertificateGroups: []config.CertificateGroup{{
			Record: config.Record{Name: "Extra"}, Purpose: "i=12557", CertificateTypes: []config.NodeID{"i=12560"},
			CertificateAssigned: []bool{false}, ValidationOptions: 64,
		}},
	}
}

// The bytes come from another stack; they are read, field by field, and written.
func TestVectorsOfAnotherStack(t *testing.T) {
	for name, want := range map[string]config.Application{"empty": {}, "one_group": oneGroup(), "full": full()} {
		t.Run(name, func(t *testing.T) {
			f := decode(t, vectors(t)[name])
			if got := f.Layout(); got != uafile.Layout105_06 {
				t.Errorf("layout: got %v, want %v", got, uafile.Layout105_06)
			}
			if got := f.Application(); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// What another stack gets wrong is refused, not misread.
func TestDuplicatedFieldIsRefused(t *testing.T) {
	_, err := uafile.Decode(vector(t, "full"))
	var e *uafile.Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Field, "ServerEndpoints[0].") {
		t.Errorf("got %v, want an error in ServerEndpoints[0]", err)
	}
}

func TestUnchangedFileKeepsItsBytes(t *testing.T) {
	for name, stream := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			f := decode(t, append(bytes.Clone(stream), "left over"...))
			if got := encode(t, f, f.Application()); !bytes.Equal(got, stream) {
				t.Errorf("got  %x\nwant %x", got, stream)
			}
		})
	}
}

func TestEncodeFromScratch(t *testing.T) {
	for name, stream := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			f := decode(t, stream)
			want := f.Application()
			got := decode(t, encode(t, uafile.New(f.Layout()), want)).Application()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// The smallest file with a CertificateGroup: everything else is null.
func TestEncodeNewFileBytes(t *testing.T) {
	want := fromHex(t, `
		01 00 3E 3C 01 78 00 00 00
		FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF  FF FF FF FF  FF FF FF FF
		16 01 00 CA 5C 01 56 00 00 00
		00 00 00 00 FF FF FF FF
		FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF
		01 00 00 00 05 00 00 00 45 78 74 72 61 FF FF FF FF 01 00 0D 31 01 00 00 00 01 00 10 31 01 00 00 00 00 40 00 00 00
		FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF`)
	app := config.Application{CertificateGroups: oneGroup().CertificateGroups}
	if got := encode(t, uafile.New(uafile.Layout105_06), app); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	f := decode(t, want)
	if got := f.Application(); !reflect.DeepEqual(got, app) {
		t.Errorf("got %+v, want %+v", got, app)
	}
	if got := encode(t, f, app); !bytes.Equal(got, want) {
		t.Errorf("again: got %x, want %x", got, want)
	}
}
