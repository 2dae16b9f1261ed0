package push_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// testNodeConfigurationFile has the newest node-opcua, which makes the structures
// from its NodeSet, configure the embedded server.
func testNodeConfigurationFile(t *testing.T, p peers) {
	peer := nodePeer(t, "node-opcua-newest")
	dir := t.TempDir()
	certificate, key := writeIdentity(t, dir, client())
	url, port := p.sim(t, client().Leaf()), freePort(t)
	steps := peer.run(t, "configfile.mjs", "--url", url, "--user", "admin", "--password", password, "--pki", filepath.Join(dir, "pki"),
		"--certificate", certificate, "--key", key, "--uri", clientURI, "--port", fmt.Sprint(port))

	name := "node-opcua " + peer.version + " client"
	differs := ""
	if string(steps["corrected"].Detail) == "true" {
		differs = "its class of ServerEndpointDataType has RecordProperties twice; run with the second one removed"
	}
	steps["decode"].holds(t, "decode", cell{Peer: name, Feature: "ConfigurationFile decoded, and encoded again to the same bytes", Differs: differs})
	t.Run("sees the same", func(t *testing.T) { seesTheSame(t, steps["decode"]) })
	steps["update"].holds(t, "update", cell{Peer: name, Feature: "CloseAndUpdate with four inserted records: all accepted", Differs: differs})
	steps["confirm"].holds(t, "confirm", cell{Peer: name, Feature: "ConfirmUpdate"})
	steps["read again"].holds(t, "read again", cell{Peer: name, Feature: "the new configuration decoded", Differs: differs})
	t.Run("arrived", func(t *testing.T) { arrived(t, url, port) })
}

// seesTheSame compares what the peer read from the file with what uafile reads.
func seesTheSame(t *testing.T, s step) {
	var seen struct {
		Bytes       string // as read, and as the peer encodes what it decoded
		Again       string
		Application struct {
			ApplicationIdentity struct{ ApplicationURI string }
			CertificateGroups   []struct{ Name string }
			ServerEndpoints     []struct {
				Name, NetworkName, TransportProfileURI string
				Port                                   uint16
				DiscoveryURLs, EndpointURLs            []string
				SecuritySettingNames                   []string
				UserTokenSettingNames                  []string
			}
			SecuritySettings []struct {
				Name                 string
				SecurityPolicyUris   []string
				CertificateGroupName string
			}
			UserTokenSettings []struct {
				Name              string
				SecurityPolicyURI string
			}
		}
	}
	if err := json.Unmarshal(s.Detail, &seen); err != nil {
		t.Fatal(err)
	}
	f, err := uafile.Decode(must(hex.DecodeString(seen.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	want, got := f.Application(), seen.Application
	if seen.Again != seen.Bytes {
		t.Errorf("the peer decodes and encodes\n%s\nto\n%s", seen.Bytes, seen.Again)
	}
	if got.ApplicationIdentity.ApplicationURI != want.Identity.ApplicationURI {
		t.Errorf("ApplicationUri: got %q, want %q", got.ApplicationIdentity.ApplicationURI, want.Identity.ApplicationURI)
	}
	if len(got.CertificateGroups) != len(want.CertificateGroups) || len(got.ServerEndpoints) != len(want.ServerEndpoints) ||
		len(got.SecuritySettings) != len(want.SecuritySettings) || len(got.UserTokenSettings) != len(want.UserTokenSettings) {
		t.Fatalf("the lists differ in length: %+v, want %+v", got, want)
	}
	for i, w := range want.CertificateGroups {
		if g := got.CertificateGroups[i]; g.Name != w.Name {
			t.Errorf("group %d: got %+v, want %+v", i, g, w)
		}
	}
	for i, w := range want.ServerEndpoints {
		g := got.ServerEndpoints[i]
		if g.Name != w.Name || g.NetworkName != w.NetworkName || g.TransportProfileURI != w.TransportProfileURI || g.Port != w.Port ||
			!slices.Equal(g.DiscoveryURLs, w.DiscoveryURLs) || !slices.Equal(g.EndpointURLs, w.EndpointURLs) ||
			!slices.Equal(g.SecuritySettingNames, w.SecuritySettingNames) || !slices.Equal(g.UserTokenSettingNames, w.UserTokenSettingNames) {
			t.Errorf("endpoint %d: got %+v, want %+v", i, g, w)
		}
	}
	for i, w := range want.SecuritySettings {
		if g := got.SecuritySettings[i]; g.Name != w.Name || g.CertificateGroupName != w.CertificateGroupName || !slices.Equal(g.SecurityPolicyUris, w.SecurityPolicyURIs) {
			t.Errorf("security settings %d: got %+v, want %+v", i, g, w)
		}
	}
	for i, w := range want.UserTokenSettings {
		if g := got.UserTokenSettings[i]; g.Name != w.Name || g.SecurityPolicyURI != w.SecurityPolicyURI {
			t.Errorf("user token %d: got %+v, want %+v", i, g, w)
		}
	}
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
