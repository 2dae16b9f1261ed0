package sim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

// has says whether ServerConfiguration has a member.
func (p *peer) has(path string) bool {
	p.t.Helper()
	var elements []*ua.RelativePathElement
	for name := range strings.SplitSeq(path, "/") {
		elements = append(elements, &ua.RelativePathElement{
			ReferenceTypeID: ns0(33), IncludeSubtypes: true, TargetName: &ua.QualifiedName{Name: name}})
	}
	resp, err := p.send(&ua.TranslateBrowsePathsToNodeIDsRequest{BrowsePaths: []*ua.BrowsePath{{
		StartingNode: ns0(serverConfiguration), RelativePath: &ua.RelativePath{Elements: elements}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.(*ua.TranslateBrowsePathsToNodeIDsResponse).Results[0].StatusCode == ua.StatusOK
}

// What a client finds, or does not find, on each kind of server.
func TestProfiles(t *testing.T) {
	const httpsGroup, userGroup = "CertificateGroups/DefaultHttpsGroup", "CertificateGroups/DefaultUserTokenGroup"
	const transactions, file, cancel = "SupportsTransactions", "ConfigurationFile", "CancelChanges"
	const diagnostics, purpose = "TransactionDiagnostics", "CertificateGroups/DefaultApplicationGroup/Purpose"
	all := []string{transactions, file, cancel, diagnostics, purpose, userGroup}
	for name, absent := range map[string][]string{
		"full": nil, "renames-records": nil, "ns105-05": nil, "ignores-targets": nil, "slow-restart": nil, "strict-1.05.06": nil, "strict-1.05.07": nil,
		"strict-own-trust": nil, "ecc": nil, "other-curves": nil,
		"no-configfile":   {file, transactions, purpose},
		"no-transactions": {transactions, cancel, diagnostics},
		"delays-changes":  {cancel, diagnostics},
		"single-group":    {userGroup},
	} {
		s := startServer(t, func(o *sim.Options) { o.Profile = name })
		p := admin(t, secure(s))
		for _, path := range all {
			if got, want := p.has(path), !slices.Contains(absent, path); got != want {
				t.Errorf("%s: has %s: got %v, want %v", name, path, got, want)
			}
		}
		if p.has(httpsGroup) {
			t.Errorf("%s: has a DefaultHttpsGroup", name)
		}
		if sim.AboutProfile(name) == "" {
			t.Errorf("%s: nothing is said about it", name)
		}
	}
	if n := len(sim.Profiles()); n != 14 {
		t.Errorf("got %d profiles, want as many as are tested here", n)
	}
	if _, err := sim.Start(testContext(t), sim.Options{Profile: "nonsense"}); err == nil {
		t.Error("a profile that there is not is accepted")
	}
}

// A server that drops everybody when changes are applied answers the one who
// applied them first.
func TestSessionsAreDropped(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Profile = "single-group" })
	p, other := admin(t, secure(s)), admin(t, secure(s))
	if status := p.writeTrustList(defaultTrustList, clientIdentity().Leaf()); status != ua.StatusOK {
		t.Fatal(status)
	}
	p.waitForClose()
	other.waitForClose()
	if n := s.Sessions(); n != 0 {
		t.Errorf("got %d Sessions, want none", n)
	}
	admin(t, secure(s)) // everybody may come back
}

// A server that restarts slowly after an update of its configuration: the answer
// comes, then nobody listens for a while, then the new endpoint is there too.
func TestSlowRestart(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Profile, o.Downtime = "slow-restart", 50*time.Millisecond })
	p := admin(t, secure(s))
	begin := time.Now()
	if _, status := p.endpointUpdate(freePort(t), 60000, 10); status != ua.StatusOK {
		t.Fatal(status)
	}
	p.waitForClose()
	var back *secureconv.Client
	ctx := testContext(t)
	for err := error(nil); back == nil; back, err = secureconv.Dial(ctx, secure(s)) {
		if ctx.Err() != nil {
			t.Fatalf("the server does not come back: %v", err)
		}
	}
	if took := time.Since(begin); took < 60*time.Millisecond {
		t.Errorf("the server was back after %v", took)
	}
	back.Close()
	q := admin(t, secure(s))
	if groups := q.configuration().CertificateGroups; len(groups) != 3 {
		t.Errorf("got %d groups, want the new one too", len(groups))
	}
}

// configuration is what a download shows.
func (p *peer) configuration() config.Application {
	p.t.Helper()
	f, err := uafile.Decode(p.download(ns0(configurationFile)))
	if err != nil {
		p.t.Fatal(err)
	}
	return f.Application()
}

// A client that wants an endpoint in a group of its own is told by the limits that
// it cannot have one.
func TestSingleGroupLimits(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Profile = "single-group" })
	p := admin(t, secure(s))
	if got := p.read(19443).Value.Value(); got != uint16(1) {
		t.Errorf("MaxCertificateGroups: got %v, want 1", got)
	}
	out, status := p.endpointUpdate(freePort(t), 0, 0)
	results, _ := out[0].([]ua.StatusCode)
	if status != ua.StatusUncertain || len(results) != 4 || results[0] != ua.StatusBadResourceUnavailable {
		t.Errorf("got %v, %v; want Bad_ResourceUnavailable for the group", status, results)
	}
	if formats := p.read(12639).Value.Value(); !slices.Equal(formats.([]string), []string{"PEM"}) {
		t.Errorf("SupportedPrivateKeyFormats: got %v, want PEM", formats)
	}
	for _, r := range p.configuration().UserTokenSettings {
		if r.TokenType == config.TokenCertificate {
			t.Error("user certificates are offered without a group to trust them")
		}
	}
}
