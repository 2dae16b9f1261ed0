package view

import (
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

func TestMarkdownHoldsNoForeignMarkup(t *testing.T) {
	evil := "x`|[click](http://evil)<script>\n# heading"
	p := plan.Plan{
		Server: plan.Server{ApplicationURI: evil},
		Changes: []plan.Change{{
			Path: "ServerEndpoints.[0]", UpdateType: config.Delete, Kind: config.ServerEndpointList, Name: evil,
			Before: config.ServerEndpoint{Endpoint: config.Endpoint{Record: config.Record{Name: evil}}, EndpointURLs: []string{evil}},
		}},
		Summary: plan.Summary{Delete: 1},
	}
	var b strings.Builder
	if err := (View{Out: &b}).Markdown(evil, p); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		outside := ""
		for i, part := range strings.Split(strings.ReplaceAll(line, "\\`", ""), "`") {
			if i%2 == 0 {
				outside += part
			}
		}
		if strings.Contains(outside, "<script") || strings.Contains(outside, "](") && !strings.Contains(outside, "\\](") || strings.HasPrefix(line, "# ") {
			t.Errorf("the line %q lets markup through", line)
		}
	}
	if !strings.Contains(b.String(), "0 to insert, 0 to replace, 1 to delete.") {
		t.Errorf("the summary is missing: %s", b.String())
	}
}
