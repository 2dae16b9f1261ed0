package view

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestFleet(t *testing.T) {
	f := Fleet{
		Servers: []FleetServer{
			{Server: "plc1", Begun: true, Text: "plc1  current  ok\n", Result: json.RawMessage(`{"verdict":"current"}`)},
			{Server: "plc\x1b2", Begun: true, Failed: true, ExitCode: 4, Error: "unreachable"},
			{Server: "plc3", Begun: true, Text: "GROUP\nLineA\n"},
			{Server: "plc4"},
		},
		Summary: FleetSummary{Servers: 4, Failed: 1, NotBegun: 1},
	}
	for format, want := range map[Format]string{
		Table:  "plc1  current  ok\n\n── plc3\n\nGROUP\nLineA\n",
		Name:   "plc1 plc1  current  ok\nplc3 GROUP\nplc3 LineA\n",
		NDJSON: `{"schema":"uapush.fleet/1","type":"fleet","summary":{"servers":4,"failed":1,"notBegun":1}}` + "\n",
	} {
		var b bytes.Buffer
		if err := (View{Out: &b, Format: format}).Fleet(f); err != nil || b.String() != want {
			t.Errorf("%s: got %q, error %v, want %q", format, &b, err, want)
		}
	}
	var b bytes.Buffer
	if err := (View{Out: &b, Format: JSON}).Fleet(f); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema  string
		Servers []struct {
			Server, Error string
			ExitCode      int
			Result        map[string]string
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != FleetSchema || len(got.Servers) != 4 || got.Servers[0].Result["verdict"] != "current" || got.Servers[1].ExitCode != 4 || got.Servers[1].Error != "unreachable" {
		t.Errorf("JSON is %+v", got)
	}
	if got, want := f.Summary.String(), "4 servers: 2 done, 1 failed, 1 not begun"; got != want {
		t.Errorf("the sum is %q, want %q", got, want)
	}
}

func TestOfServer(t *testing.T) {
	if got := string(OfServer("plc1", []byte(`{"type":"noted"}`))); got != `{"server":"plc1","event":{"type":"noted"}}`+"\n" {
		t.Errorf("got %q", got)
	}
	if got := OfServer("plc1", []byte("no JSON")); got != nil {
		t.Errorf("a line that is no JSON becomes %q", got)
	}
}
