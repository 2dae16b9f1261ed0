package push_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/testdata/tables"
)

// testNodeConfigurationFile has the newest node-opcua, which makes the structures
// from its NodeSet, configure the embedded server.
func testNodeConfigurationFile(t *testing.T, p peers) {
	peer := nodePeer(t, "node-opcua-newest")
	for _, c := range []struct{ layout, structure, profile string }{
		{"of 1.05.06 and newer", "ApplicationConfigurationDataType", "full"},
		{"of 1.05.05", "ApplicationConfiguration105_05", "ns105-05"},
	} {
		t.Run(c.profile, func(t *testing.T) {
			dir := t.TempDir()
			certificate, key := writeIdentity(t, dir, client())
			url, port := p.sim(t, client().Leaf(), "--profile", c.profile), freePort(t)
			steps := peer.run(t, "configfile.mjs", "--url", url, "--user", "admin", "--password", password, "--pki", filepath.Join(dir, "pki"),
				"--certificate", certificate, "--key", key, "--uri", clientURI, "--port", fmt.Sprint(port))
			hold := func(step, feature, differs string) {
				p.holds(t, steps[step], step, cell{Peer: "node-opcua " + peer.version + " client", Topic: tables.Configuration,
					Feature: feature + ", layout " + c.layout, Differs: differs})
			}
			differs := "with classes made from the definitions in its NodeSet"
			if string(steps["faulty"].Detail) == "true" {
				differs += ": the class of ServerEndpointDataType that comes with it has RecordProperties twice"
			}
			hold("decode", "ConfigurationFile decoded, and encoded again to the same bytes", differs)
			t.Run("sees the same", func(t *testing.T) {
				if f := seesTheSame(t, steps["decode"]); f.Type != c.structure {
					t.Errorf("the file holds %s, want %s", f.Type, c.structure)
				}
			})
			hold("update", "CloseAndUpdate with four inserted records: all accepted", "")
			hold("confirm", "ConfirmUpdate", "")
			hold("read again", "the new configuration decoded", "")
			t.Run("arrived", func(t *testing.T) { arrived(t, url, port) })
		})
	}
}

// testNodeVectors has node-opcua read what other stacks and uafile wrote, in both
// layouts, and write it again.
func testNodeVectors(t *testing.T, p peers) {
	peer := nodePeer(t, "node-opcua-newest")
	folder := filepath.Join("..", "..", "testdata", "uafile")
	args := []string{"vectors.mjs"}
	for _, name := range []string{"asyncua", "asyncua_v105_05", "uafile", "uafile_v105_05"} {
		args = append(args, must(filepath.Abs(filepath.Join(folder, name+".hex"))))
	}
	steps := peer.run(t, args...)
	for _, path := range args[1:] {
		name := filepath.Base(path)
		p.holds(t, steps[path], name, cell{Peer: "node-opcua " + peer.version + " client", Topic: tables.Bytes,
			Feature: name + " decoded, and encoded again to the same bytes"})
		t.Run(name+" sees the same", func(t *testing.T) { seesTheSame(t, steps[path]) })
	}
}

// seesTheSame compares what the peer read from a file with what uafile reads, and
// the bytes that the peer makes of it with the file.
func seesTheSame(t *testing.T, s step) peerFile {
	var seen peerFile
	if err := json.Unmarshal(s.Detail, &seen); err != nil {
		t.Fatal(err)
	}
	f, err := uafile.Decode(must(hex.DecodeString(seen.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	if seen.Again != seen.Bytes {
		t.Errorf("the peer decodes and encodes\n%s\nto\n%s", seen.Bytes, seen.Again)
	}
	got, want := values(seen.application()), values(without(f.Application()))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("the peer reads %q, want %q", got[min(i, len(got)):], want[min(i, len(want)):])
			break
		}
	}
	return seen
}

// values are the lines of the JSON of an Application.
func values(a config.Application) []string {
	return strings.Split(string(must(json.MarshalIndent(a, "", ""))), "\n")
}

// arrived reads with uapush what the peer has configured.
func arrived(t *testing.T, url string, port int) {
	s := open(t, at(t, url, login("admin", password), nil))
	o, err := s.Observe(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := uafile.Decode(o.File)
	if err != nil {
		t.Fatal(err)
	}
	a := f.Application()
	if !slices.ContainsFunc(a.ServerEndpoints, func(e config.ServerEndpoint) bool { return int(e.Port) == port }) {
		t.Errorf("no endpoint has port %d", port)
	}
	groupOf(t, o, "PeerGroup")
}
