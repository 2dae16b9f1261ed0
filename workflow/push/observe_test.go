package push

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// device is a fake with a ConfigurationFile and one group.
func device(file, list *[]byte) *fake {
	f := newFake()
	f.stored("12637/ConfigurationFile", file, 7)
	f.value("12637/ConfigurationFile/CurrentVersion", uint32(820540800))
	f.value("12637/ConfigurationFile/SupportedDataType", numeric(23743))
	f.value("12637/ConfigurationFile/MaxEndpoints", uint16(8))
	f.value("12637/ConfigurationFile/ActivityTimeout", float64(60000))
	f.value("12637/ConfigurationFile/UserTokenTypes", []*ua.ExtensionObject{
		{Value: &ua.UserTokenPolicy{TokenType: ua.UserTokenTypeUserName}}})
	f.value("12637/MaxTrustListSize", uint32(64))
	f.value("12637/SupportsTransactions", true)
	f.value("12637/ApplicationUri", "urn:plc1")
	f.value("2255", []string{"http://opcfoundation.org/UA/", "urn:plc1", "urn:vendor"})
	f.method("12637/UpdateCertificate", func([]any) ua.CallMethodResult { return good(true) })
	key := f.group("DefaultApplicationGroup")
	f.value(key+"/CertificateTypes", []*ua.NodeID{numeric(12560), ua.NewStringNodeID(2, "Own")})
	f.value(key+"/Purpose", numeric(12557))
	f.stored(key+"/TrustList", list, 1<<20)
	f.method("12637/GetCertificates", func([]any) ua.CallMethodResult {
		return good([]*ua.NodeID{numeric(12560)}, [][]byte{{0x30, 0x01, 0x05}})
	})
	return f
}

func TestObserve(t *testing.T) {
	file := []byte("a configuration of some length")
	want := workflow.TrustList{Lists: workflow.AllLists, TrustedCertificates: [][]byte{{0x30, 3, 2, 1, 1}}}
	list := encodeTrustList(want)
	f := device(&file, &list)
	s := f.session(t)
	s.complete = func(b []byte) bool { return len(b) == len(file) }

	o, err := s.Observe(t.Context(), []string{"DefaultApplicationGroup", "Absent"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(o.File, file) || !o.HasConfigurationFile || o.CurrentVersion != 820540800 {
		t.Errorf("got file %q version %v, want %q 820540800", o.File, o.CurrentVersion, file)
	}
	if o.ApplicationURI != "urn:plc1" || !o.SupportsTransactions || o.MaxTrustListSize != 64 || o.Capabilities.MaxEndpoints != 8 {
		t.Errorf("properties: got %+v", o)
	}
	if o.SupportedDataType != "i=23743" || o.ActivityTimeout.Seconds() != 60 {
		t.Errorf("got SupportedDataType %q ActivityTimeout %v", o.SupportedDataType, o.ActivityTimeout)
	}
	if got := o.Capabilities.UserTokenTypes; len(got) != 1 || got[0].TokenType != config.TokenUserName {
		t.Errorf("got UserTokenTypes %v", got)
	}
	g := o.Groups[0]
	if !g.Inspected || !g.CertificatesKnown || g.Purpose != "i=12557" {
		t.Errorf("got group %+v", g)
	}
	if !slices.Equal(g.Types, []config.NodeID{"i=12560", "nsu=urn:vendor;s=Own"}) {
		t.Errorf("got types %q", g.Types)
	}
	if len(g.TrustList.TrustedCertificates) != 1 || len(g.Certificates["i=12560"]) != 3 {
		t.Errorf("got trust list %v, certificates %v", g.TrustList, g.Certificates)
	}
	if slices.ContainsFunc(f.called, func(m string) bool { return m == "" }) {
		t.Errorf("a method was called at an unknown NodeId: %q", f.called)
	}
}

// With one Read per file, a plan's Observe has eight requests, and a second one
// on the same Session six: members stay known.
func TestObserveRequests(t *testing.T) {
	file := []byte("short")
	list := encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	s := f.session(t)
	s.complete = func(b []byte) bool { return len(b) == len(file) }
	for _, want := range []int{8, 6} {
		f.requests = nil
		if _, err := s.Observe(t.Context(), []string{"DefaultApplicationGroup"}); err != nil {
			t.Fatal(err)
		}
		if len(f.requests) != want {
			t.Errorf("got %d requests %v, want %d", len(f.requests), f.requests, want)
		}
	}
}

func TestObserveWithoutComplete(t *testing.T) {
	file, list := []byte("a file that is read until an empty ByteString comes"), encodeTrustList(workflow.TrustList{})
	o, err := device(&file, &list).session(t).Observe(t.Context(), nil)
	if err != nil || !bytes.Equal(o.File, file) {
		t.Errorf("got %q, %v; want %q", o.File, err, file)
	}
	if o.Groups[0].Inspected {
		t.Error("a group that was not asked for is inspected")
	}
}

func TestObserveVersionMoves(t *testing.T) {
	file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	reads := 0
	f.hook = func(req ua.Request) (ua.Response, error) {
		if _, ok := req.(*ua.ReadRequest); ok {
			if reads++; reads == 2 { // the second look, while the file is closed
				f.values["12637/ConfigurationFile/CurrentVersion"] = uint32(820540801)
			}
		}
		return nil, nil
	}
	o, err := f.session(t).Observe(t.Context(), nil)
	if err != nil || o.CurrentVersion != 820540801 || reads != 4 {
		t.Errorf("got version %d after %d reads, %v; want 820540801 after 4", o.CurrentVersion, reads, err)
	}
	f.hook = func(req ua.Request) (ua.Response, error) {
		if _, ok := req.(*ua.ReadRequest); ok {
			f.values["12637/ConfigurationFile/CurrentVersion"] = f.values["12637/ConfigurationFile/CurrentVersion"].(uint32) + 1
		}
		return nil, nil
	}
	var unstable *UnstableError
	if _, err := f.session(t).Observe(t.Context(), nil); !errors.As(err, &unstable) {
		t.Errorf("got %v, want an UnstableError", err)
	}
}

// An old server has groups and no ConfigurationFile; its optional members are absent.
func TestObserveOldServer(t *testing.T) {
	file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	for key := range f.nodes {
		if key == "12637/GetCertificates" || strings.HasPrefix(key, "12637/ConfigurationFile") {
			delete(f.nodes, key)
		}
	}
	s := f.session(t)
	o, err := s.Observe(t.Context(), []string{"DefaultApplicationGroup"})
	if err != nil || o.HasConfigurationFile || !o.Groups[0].Inspected || o.Groups[0].CertificatesKnown {
		t.Errorf("got %+v, %v", o, err)
	}
	_, err = s.UpdateConfiguration(t.Context(), workflow.ConfigurationUpdate{})
	if !errors.Is(err, workflow.ErrNoConfigurationFile) {
		t.Errorf("got %v, want ErrNoConfigurationFile", err)
	}
}

// A user without SecurityAdmin is told so, and not that the server lacks a feature.
func TestObserveHidden(t *testing.T) {
	f := newFake()
	f.node("12637/CertificateGroups")
	f.value("12637/ApplicationUri", "urn:plc1")
	_, err := f.session(t).Observe(t.Context(), nil)
	if workflow.ClassOf(err) != workflow.ClassTrust || !errors.Is(err, ua.StatusBadUserAccessDenied) {
		t.Errorf("got %v, want Bad_UserAccessDenied", err)
	}
	f.node("12637/UpdateCertificate") // some servers hide the groups only
	if _, err := f.session(t).Observe(t.Context(), nil); workflow.ClassOf(err) != workflow.ClassTrust {
		t.Errorf("groups hidden: got %v, want Bad_UserAccessDenied", err)
	}
}

// What was opened is closed when another file is refused.
func TestObserveClosesAfterRefusal(t *testing.T) {
	file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	f.method("12637/CertificateGroups/DefaultApplicationGroup/TrustList/Open", func([]any) ua.CallMethodResult {
		return bad(ua.StatusBadTransactionPending)
	})
	_, err := f.session(t).Observe(t.Context(), []string{"DefaultApplicationGroup"})
	var call *CallError
	if !errors.As(err, &call) || call.Method != "DefaultApplicationGroup.TrustList.Open" || call.Class() != workflow.ClassConflict {
		t.Errorf("got %v, want a conflict of DefaultApplicationGroup.TrustList.Open", err)
	}
	if last := f.called[len(f.called)-1]; last != "12637/ConfigurationFile/Close" {
		t.Errorf("last call %q, want the file closed", last)
	}
}

// A server that shows no methods on its TrustLists has those of the type.
func TestMethodOfTheType(t *testing.T) {
	for name, prepare := range map[string]func(*fake, string){
		"not shown":      func(f *fake, key string) { delete(f.nodes, key) },
		"shown, unknown": func(f *fake, key string) { delete(f.methods, key) },
	} {
		file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
		f := device(&file, &list)
		key := "12637/CertificateGroups/DefaultApplicationGroup/TrustList/Open"
		open := f.methods[key]
		f.nodes["FileType.Open"], f.names[numeric(11580).String()] = numeric(11580), "FileType.Open"
		f.methods["FileType.Open"] = open
		prepare(f, key)
		if _, err := f.session(t).Observe(t.Context(), []string{"DefaultApplicationGroup"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Contains(f.called, "FileType.Open") {
			t.Errorf("%s: the type's method was not called: %q", name, f.called)
		}
	}
}

func TestTooManyOperations(t *testing.T) {
	file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	f.hook = func(req ua.Request) (ua.Response, error) {
		if r, ok := req.(*ua.ReadRequest); ok && len(r.NodesToRead) > 5 {
			return nil, serviceError(ua.StatusBadTooManyOperations)
		}
		return nil, nil
	}
	if o, err := f.session(t).Observe(context.Background(), nil); err != nil || o.Capabilities.MaxEndpoints != 8 {
		t.Errorf("got %+v, %v", o.Capabilities, err)
	}
}

// A server that cannot send as much as was asked for is asked for less.
func TestObserveResponseTooLarge(t *testing.T) {
	file, list := bytes.Repeat([]byte("0123456789abcdef"), 1000), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	f.stored("12637/ConfigurationFile", &file, 1<<20)
	f.hook = func(req ua.Request) (ua.Response, error) {
		if r, ok := req.(*secureconv.CallRequest); ok && len(r.Methods[0].Inputs) == 2 {
			if n, ok := r.Methods[0].Inputs[1].(int32); ok && n > 8192 {
				return nil, serviceError(ua.StatusBadResponseTooLarge)
			}
		}
		return nil, nil
	}
	o, err := f.session(t).Observe(t.Context(), nil)
	if err != nil || !bytes.Equal(o.File, file) {
		t.Errorf("got %d bytes, %v; want %d", len(o.File), err, len(file))
	}
	if got, want := count(f.called, "12637/ConfigurationFile/Open"), count(f.called, "12637/ConfigurationFile/Close"); got != want {
		t.Errorf("%d times opened, %d times closed", got, want)
	}
}

func TestReadTrustListResponseTooLarge(t *testing.T) {
	want := workflow.TrustList{Lists: workflow.AllLists, TrustedCertificates: [][]byte{bytes.Repeat([]byte("0123456789abcdef"), 1000)}}
	file, list := []byte("x"), encodeTrustList(want)
	f := device(&file, &list)
	f.hook = func(req ua.Request) (ua.Response, error) {
		if r, ok := req.(*secureconv.CallRequest); ok && len(r.Methods[0].Inputs) == 2 {
			if n, ok := r.Methods[0].Inputs[1].(int32); ok && n > 8192 {
				return nil, serviceError(ua.StatusBadResponseTooLarge)
			}
		}
		return nil, nil
	}
	got, err := f.session(t).ReadTrustList(t.Context(), "DefaultApplicationGroup", workflow.AllLists)
	if err != nil || len(got.TrustedCertificates) != 1 || len(got.TrustedCertificates[0]) != 16000 {
		t.Errorf("got %d certificates, %v; want one of 16000 bytes", len(got.TrustedCertificates), err)
	}
	const key = "12637/CertificateGroups/DefaultApplicationGroup/TrustList"
	if got, want := count(f.called, key+"/Open"), count(f.called, key+"/Close"); got != want {
		t.Errorf("%d times opened, %d times closed", got, want)
	}
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}
