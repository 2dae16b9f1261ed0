package part12

import (
	"slices"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// 7.10.21: the identity is taken over with its RecordProperties and
// AdditionalServers, whose namespaces are the file's own, and a later download has them.
func TestIdentity(t *testing.T) {
	want := config.Identity{
		Record: config.Record{Name: "other name", Properties: []config.Property{
			{Namespace: "urn:vendor:types", Name: "rank", Value: []byte{7, 1, 0, 0, 0}}, // a UInt32
		}},
		ApplicationURI:   "urn:plant:plc2",
		ApplicationNames: []config.LocalizedText{{Locale: "en", Text: "Press 1"}, {Locale: "de", Text: "Presse 1"}},
		AdditionalServers: []config.ApplicationDescription{{
			ApplicationURI: "urn:plant:plc1b", ApplicationName: config.LocalizedText{Text: "spare"}, DiscoveryURLs: []string{"opc.tcp://plc1b:4840"},
		}},
	}
	r := start(t)
	a := r.admin("a")
	c := r.server.Configuration()
	c.Identity = want
	results, _, _ := outcome(t, r.upload(a, c, 0, 0, target{"ApplicationIdentity", config.Replace}))
	if !slices.Equal(results, []ua.StatusCode{ua.StatusGoodEntryReplaced}) {
		t.Fatalf("got %v", results)
	}
	r.clock.Advance(0)
	h := r.good(a, fileName, "Open", byte(1))[0]
	f, err := uafile.Decode(r.good(a, fileName, "Read", h, int32(1<<20))[0].([]byte))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Application().Identity; !equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := r.AdditionalServers(); len(got) != len(want.AdditionalServers) {
		t.Errorf("got %d AdditionalServers, want %d", len(got), len(want.AdditionalServers))
	}
	if got := r.ApplicationDescription(); got.ApplicationURI != want.ApplicationURI || got.ApplicationName.Text != want.ApplicationNames[0].Text {
		t.Errorf("ApplicationDescription: got %+v", got)
	}
}

// 7.9.4: subjects.
func TestParseSubject(t *testing.T) {
	tests := []struct{ text, want string }{
		{"CN=PLC1/O=Plant", "CN=PLC1,O=Plant"},
		{`CN="a/b=c"/OU=Line/O=Plant/L=Town/S=Land/C=DE`, "CN=a/b=c,OU=Line,O=Plant,L=Town,ST=Land,C=DE"},
		{`CN="PLC1"`, "CN=PLC1"},
		{"CN=PLC1/DC=com", "0.9.2342.19200300.100.1.25=#1303636f6d,CN=PLC1"},
		{"O=Plant", ""},
		{"CN=PLC1/X=1", ""},
		{"CN=", ""},
		{"PLC1", ""},
		{`CN="PLC1`, ""},
		{`CN="PLC1"x`, ""},
		{"CN=a\nb", ""},
		{"CN=a=b", ""},
	}
	for _, tt := range tests {
		got, err := parseSubject(tt.text)
		if (err != nil) != (tt.want == "") {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
			continue
		}
		if err == nil && got.String() != tt.want {
			t.Errorf("%q: got %s, want %s", tt.text, got, tt.want)
		}
	}
}
