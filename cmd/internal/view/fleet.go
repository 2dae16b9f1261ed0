package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FleetSchema names the format of what a command says of several servers.
const FleetSchema = "uapush.fleet/1"

// Fleet is what a command came to on several servers.
type Fleet struct {
	Servers []FleetServer
	Summary FleetSummary
}

// FleetServer is what it came to on one.
type FleetServer struct {
	Server   string `json:"server"`
	Begun    bool   `json:"begun"`
	Failed   bool   `json:"failed"`
	ExitCode int    `json:"exitCode"`
	Error    string `json:"error,omitempty"`
	// Result is what the command prints for one server in this format.
	Result json.RawMessage `json:"result,omitempty"`
	Text   string          `json:"-"` // what it printed
}

// FleetSummary counts servers.
type FleetSummary struct {
	Servers  int `json:"servers"`
	Failed   int `json:"failed"`
	NotBegun int `json:"notBegun"`
}

func (s FleetSummary) String() string {
	text := fmt.Sprintf("%d %s: %d done, %d failed", s.Servers, plural(s.Servers, "server", "servers"), s.Servers-s.Failed-s.NotBegun, s.Failed)
	if s.NotBegun > 0 {
		text += fmt.Sprintf(", %d not begun", s.NotBegun)
	}
	return text
}

// Failures are the servers that failed.
func (f Fleet) Failures() []FleetServer {
	return slices.DeleteFunc(slices.Clone(f.Servers), func(s FleetServer) bool { return !s.Failed })
}

// Fleet prints what each server's command printed, in order. NDJSON was printed as
// it came; only the sum is left.
func (v View) Fleet(f Fleet) error {
	type fleet struct {
		Schema  string        `json:"schema"`
		Type    string        `json:"type,omitempty"`
		Servers []FleetServer `json:"servers,omitempty"`
		Summary FleetSummary  `json:"summary"`
	}
	switch v.Format {
	case NDJSON:
		return writeJSON(v.Out, fleet{Schema: FleetSchema, Type: "fleet", Summary: f.Summary}, "")
	case JSON, YAML:
		return v.Result(fleet{Schema: FleetSchema, Servers: f.Servers, Summary: f.Summary}, nil, nil)
	}
	t := &Text{w: v.Out, width: v.Width, colour: v.Colour}
	shown := slices.DeleteFunc(slices.Clone(f.Servers), func(s FleetServer) bool { return s.Text == "" })
	for i, s := range shown {
		t.ofServer(i == 0, s, v.Format == Name)
	}
	return t.err
}

func (t *Text) ofServer(first bool, s FleetServer, name bool) {
	label, text := Clean(s.Server), strings.TrimRight(s.Text, "\n")
	lines := strings.Split(text, "\n")
	switch {
	case name:
		for _, line := range lines {
			t.Line("%s %s", label, line)
		}
	case len(lines) == 1 && strings.HasPrefix(text, label+" "):
		t.Line("%s", text)
	default:
		if !first {
			t.Line("")
		}
		t.Line("── %s", label)
		t.Line("")
		t.Line("%s", text)
	}
}

// OfServer is a line of NDJSON with the server that it is about.
func OfServer(server string, line []byte) []byte {
	if !json.Valid(line) {
		return nil
	}
	out, err := json.Marshal(struct {
		Server string          `json:"server"`
		Event  json.RawMessage `json:"event"`
	}{server, line})
	if err != nil {
		return nil
	}
	return append(out, '\n')
}
