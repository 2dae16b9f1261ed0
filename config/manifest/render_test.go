package manifest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/config/manifest"
)

// TestExcerpt compares what an operator sees with testdata/manifest/excerpt.golden;
// run with UPDATE_GOLDEN=1 to write it anew.
func TestExcerpt(t *testing.T) {
	long := "name: " + strings.Repeat("ä", 100) + ", bogus: 1, more: " + strings.Repeat("x", 100)
	source := strings.Replace(good, "name: operators", long, 1)
	source = strings.Replace(source, "port: 4843", "port: 70000\t # a tab before the comment", 1)
	source = strings.Replace(source, "[encrypted]", "[encrpyted]", 1)
	_, err := manifest.Parse("m.yaml", []byte(source))
	var problems manifest.Errors
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Error() + "\n" + p.Excerpt() + "\n" + p.Hint() + "\n\n")
	}
	golden := filepath.Join("..", "..", "testdata", "manifest", "excerpt.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestLimits(t *testing.T) {
	for name, data := range map[string]string{
		"size":          strings.Repeat("#", manifest.MaxSize+1),
		"brackets":      strings.Repeat("[", 1<<19),
		"braces":        strings.Repeat("{a: ", 1<<17),
		"dashes":        strings.Repeat("- ", 1<<19),
		"indent":        indented(1200),
		"keys":          strings.Repeat("a:\n", 300000),
		"entries":       "endpoint: [" + strings.Repeat("a,", 1000) + "a]",
		"long value":    "kind: " + strings.Repeat("x", 9000),
		"many mistakes": "{" + strings.Repeat("a: 1,", 250) + "}",
	} {
		_, err := manifest.Parse("m.yaml", []byte(data))
		var problems manifest.Errors
		if !errors.As(err, &problems) || len(problems) > 100 {
			t.Errorf("%s: got %d problems, want 1 to 100", name, len(problems))
			continue
		}
		for _, p := range problems {
			if len(p.Error()) > 500 || len(p.Source) > 1000 {
				t.Errorf("%s: a problem of %d bytes and a source line of %d", name, len(p.Error()), len(p.Source))
			}
		}
	}
}

func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	_, err := manifest.Load(path)
	if !errors.Is(err, manifest.ErrManifest) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Load(path)
	if err != nil || m.Dir() != filepath.Dir(path) {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestJSON(t *testing.T) {
	const text = "{\n\t\"apiVersion\": \"uapush/v1\",\n\t\"kind\": \"Endpoint\",\n\t\"endpoint\": {\n\t\t\"name\": \"l\\u00efne\",\n\t\t\"port\": 4843, \"discoveryUrls\": [\"opc.tcp:\\/\\/plc1\"]\n\t}\n}\n"
	m, err := manifest.Parse("m.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if m.Endpoint.Name != "lïne" || m.Endpoint.DiscoveryURLs[0] != "opc.tcp://plc1" {
		t.Errorf("got %+v", m.Endpoint)
	}
	_, err = manifest.Parse("m.json", []byte(strings.Replace(text, "4843", "0", 1)))
	if err == nil || !strings.HasPrefix(err.Error(), "m.json:6:11: endpoint.port: ") {
		t.Errorf("got %v", err)
	}
}
