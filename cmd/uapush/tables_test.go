package main

import (
	"strings"
	"testing"

	"github.com/uapush/uapush/testdata/tables"
)

// The tables of README.md are made by programs, which read what these tests say.
func TestFuzzTable(t *testing.T) {
	const output = `pki FuzzSplitChain
fuzz: elapsed: 0s, gathering baseline coverage: 0/9 completed
fuzz: elapsed: 3s, execs: 1200 (400/sec), new interesting: 0 (total: 9)
fuzz: elapsed: 5s, execs: 1234567 (0/sec), new interesting: 1 (total: 10)
PASS
ok  	github.com/uapush/uapush/pki	5.1s
config/uafile FuzzDecode
fuzz: elapsed: 5s, execs: 99 (20/sec), new interesting: 0 (total: 3)
PASS
ok  	github.com/uapush/uapush/config/uafile	5.1s
`
	const want = `| package | fuzz targets, and executions of each |
| --- | --- |
| config/uafile | Decode 99 |
| pki | SplitChain 1,234,567 |
| 2 targets, each for 5s | 1,234,666 |
`
	got, err := tables.Fuzz(strings.NewReader(output))
	if err != nil || got != want {
		t.Errorf("got %v\n%s, want\n%s", err, got, want)
	}
	for name, broken := range map[string]string{
		"nothing":       "make: nothing to be done\n",
		"found":         strings.Replace(output, "ok  \t", "FAIL\t", 1),
		"cut off":       output[:strings.Index(output, "PASS")],
		"cut off early": strings.Replace(output, "ok  \tgithub.com/uapush/uapush/pki\t5.1s\n", "", 1),
	} {
		if got, err := tables.Fuzz(strings.NewReader(broken)); err == nil {
			t.Errorf("%s: got a table\n%s", name, got)
		}
	}
}

func TestInteropTable(t *testing.T) {
	var found tables.Interop
	for _, c := range []struct {
		tables.Cell
		works bool
	}{
		{tables.Cell{Peer: "b", Topic: tables.TrustLists, Feature: "written", Lacks: true, Differs: "a stub"}, true},
		{tables.Cell{Peer: "a", Topic: tables.TrustLists, Feature: "read"}, true},
		{tables.Cell{Peer: "b", Topic: tables.Discovery, Feature: "FindServers"}, true},
		{tables.Cell{Peer: "b", Topic: tables.TrustLists, Feature: "read"}, true},
		{tables.Cell{Peer: "b", Topic: tables.TrustLists, Feature: "removed"}, false},
	} {
		found.Add(c.Cell)(c.works)
	}
	for _, want := range []string{"|  | a | b |\n| --- | --- | --- |\n| discovery |  | ✓ 1 |\n", "| trust lists | ✓ 1 | ✓ 1, — 1, **no** 1 |\n"} {
		if got := found.Short(); !strings.Contains(got, want) {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
	}
	if got, want := found.Long(), "| a | read | yes |  |\n| b | FindServers | yes |  |\n|  | written | — | a stub |\n|  | read | yes |  |\n|  | removed | **no** |  |\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s, want at the end\n%s", got, want)
	}
	if got := found.Unplaced(); got != nil {
		t.Errorf("%q have no row", got)
	}
}

func TestSection(t *testing.T) {
	const text = "before\n<!-- x: made by make x -->\nold\n<!-- end of x -->\nafter\n"
	before, table, after, err := tables.Section(text, "x")
	if err != nil || table != "old\n" || before+table+after != text {
		t.Errorf("got %q, %q, %q, %v", before, table, after, err)
	}
	for _, name := range []string{"y", ""} {
		if _, _, _, err := tables.Section(text, name); err == nil {
			t.Errorf("there is a table %q", name)
		}
	}
}
