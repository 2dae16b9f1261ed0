// Command table makes the interoperability table from the output of go test -json:
// the tests attach a cell to themselves, and how they end is what it says.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "INTEROP.md", "file to write")
	flag.Parse()
	t, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, t.markdown(), 0o644); err != nil {
		log.Fatal(err)
	}
	if t.failed {
		log.Fatal("tests have failed; ", *out, " says which features do not work")
	}
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Test, Key, Value, Output string
}

// cell is what a test attaches to itself.
type cell struct {
	Peer    string
	Feature string
	Lacks   bool   // the peer does not have it
	Differs string // what the peer does otherwise
	result  string // pass, fail or skip
}

type table struct {
	cells  []cell
	failed bool
}

func read(r io.Reader) (table, error) {
	var t table
	at := map[string]int{} // by test
	for d := json.NewDecoder(r); ; {
		var e event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return table{}, fmt.Errorf("read the output of go test -json: %w", err)
		}
		switch e.Action {
		case "attr":
			var c cell
			if e.Key != "interop" {
				continue
			}
			if err := json.Unmarshal([]byte(e.Value), &c); err != nil {
				return table{}, fmt.Errorf("cell of %s: %w", e.Test, err)
			}
			at[e.Test] = len(t.cells)
			t.cells = append(t.cells, c)
		case "pass", "fail", "skip":
			if i, ok := at[e.Test]; ok {
				t.cells[i].result = e.Action
			}
			t.failed = t.failed || e.Action == "fail"
		case "output":
			if strings.Contains(e.Output, "_test.go:") {
				fmt.Fprint(os.Stderr, e.Output)
			}
		}
	}
	if len(t.cells) == 0 {
		return table{}, errors.New("no test has reported anything: are the peers installed?")
	}
	// Peers in alphabetic order; features in the order of the tests.
	slices.SortStableFunc(t.cells, func(a, b cell) int { return cmp.Compare(a.Peer, b.Peer) })
	return t, nil
}

func (t table) markdown() []byte {
	var b bytes.Buffer
	b.WriteString("# Interoperability\n\nMade by `make interop` from the tests; do not edit. \"—\" is something that the peer itself does not have.\n\n")
	b.WriteString("| peer | feature | works | what differs |\n| --- | --- | --- | --- |\n")
	peer := ""
	for _, c := range t.cells {
		name := ""
		if c.Peer != peer {
			name, peer = c.Peer, c.Peer
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, c.Feature, c.works(), c.Differs)
	}
	return b.Bytes()
}

func (c cell) works() string {
	switch {
	case c.result != "pass":
		return "**no**"
	case c.Lacks:
		return "—"
	}
	return "yes"
}
