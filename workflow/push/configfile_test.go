package push

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

const closeAndUpdate = "12637/ConfigurationFile/CloseAndUpdate"

func serviceError(st ua.StatusCode) error {
	return &secureconv.ServiceError{Service: "Call", Status: st}
}

func update() workflow.ConfigurationUpdate {
	return workflow.ConfigurationUpdate{
		File: []byte("the new configuration"), VersionToUpdate: 820540800,
		Targets: []config.UpdateTarget{{Path: "CertificateGroups.[1]", Type: config.Insert}, {Path: "ServerEndpoints.[1]", Type: config.Replace}},
		Timing:  config.UpdateTiming{RestartDelay: 1500 * time.Millisecond, RevertAfter: 2 * time.Minute},
	}
}

func TestUpdateConfiguration(t *testing.T) {
	var file, list []byte
	var in []any
	f := device(&file, &list)
	id := workflow.UpdateID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	f.method(closeAndUpdate, func(args []any) ua.CallMethodResult {
		in = args
		return good([]ua.StatusCode{ua.StatusGoodEntryInserted, ua.StatusGood}, uint32(820540801), guid(id))
	})
	u := update()
	got, err := f.session(t).UpdateConfiguration(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if got.NewVersion != 820540801 || got.UpdateID != id || !slices.Equal(got.TargetResults, []uint32{0x00A20000, 0}) {
		t.Errorf("got %+v", got)
	}
	if !bytes.Equal(file, u.File) {
		t.Errorf("written %q, want %q", file, u.File)
	}
	if in[0] != uint32(42) || in[1] != uint32(820540800) || in[3] != float64(120000) || in[4] != float64(1500) {
		t.Errorf("arguments: got %v", in)
	}
	target := in[2].([]*ua.ExtensionObject)[1].Value.(*secureconv.UpdateTarget)
	if target.Path != "ServerEndpoints.[1]" || target.UpdateType != 2 {
		t.Errorf("target: got %+v", target)
	}
}

// Every answer of CloseAndUpdate (OPC 10000-12, 7.8.5.2) and what becomes of it.
func TestCloseAndUpdateAnswers(t *testing.T) {
	verdicts := []ua.StatusCode{ua.StatusGoodEntryInserted, ua.StatusBadEntryExists}
	rejected := func(st ua.StatusCode, rs []ua.StatusCode) ua.CallMethodResult {
		r := good(rs, uint32(0), &ua.GUID{Data4: make([]byte, 8)})
		r.StatusCode = st
		return r
	}
	newVersion := func(rs []ua.StatusCode) ua.CallMethodResult {
		return good(rs, uint32(820540801), &ua.GUID{Data4: make([]byte, 8)})
	}
	oldVersion := func(rs []ua.StatusCode) ua.CallMethodResult {
		return good(rs, uint32(820540800), &ua.GUID{Data4: make([]byte, 8)})
	}
	for _, c := range []struct {
		name   string
		answer ua.CallMethodResult
		class  workflow.Class
		judged bool // a result comes with the error
	}{
		{"Uncertain", rejected(ua.StatusUncertain, verdicts), workflow.ClassRejected, true},
		{"Good with a bad target", rejected(ua.StatusGood, verdicts), workflow.ClassRejected, true},
		{"Bad with verdicts", rejected(ua.StatusBadInvalidArgument, verdicts), workflow.ClassRejected, true},
		{"Bad, repeated per target", rejected(ua.StatusBadInvalidState, []ua.StatusCode{ua.StatusBadInvalidState, ua.StatusBadInvalidState}), workflow.ClassConflict, false},
		{"version moved", bad(ua.StatusBadInvalidState), workflow.ClassConflict, false},
		{"transaction", bad(ua.StatusBadTransactionPending), workflow.ClassConflict, false},
		{"no role", bad(ua.StatusBadUserAccessDenied), workflow.ClassTrust, false},
		{"Good, bad targets and a new version", newVersion(verdicts), workflow.ClassUnknown, false},
		{"Good, bad targets and the old version", oldVersion(verdicts), workflow.ClassRejected, true},
		{"results of another length", rejected(ua.StatusUncertain, verdicts[:1]), workflow.ClassUnknown, false},
		{"results of another type", good("fine", uint32(1), &ua.GUID{Data4: make([]byte, 8)}), workflow.ClassUnknown, false},
		{"no UpdateId", good([]ua.StatusCode{0, 0}, uint32(1)), workflow.ClassUnknown, false},
		{"the server gave up waiting", bad(ua.StatusBadTimeout), workflow.ClassUnknown, false},
	} {
		var file, list []byte
		f := device(&file, &list)
		f.method(closeAndUpdate, func([]any) ua.CallMethodResult { return c.answer })
		got, err := f.session(t).UpdateConfiguration(t.Context(), update())
		if class := workflow.ClassOf(err); err == nil || class != c.class || (got != nil) != c.judged {
			t.Errorf("%s: got %+v, class %d, %v; want class %d, judged %v", c.name, got, class, err, c.class, c.judged)
		}
	}
}

func TestUpdateWithoutConfirmation(t *testing.T) {
	for name, answer := range map[string]ua.CallMethodResult{
		"null Guid":     good([]ua.StatusCode{0, 0}, uint32(2), &ua.GUID{Data4: make([]byte, 8)}),
		"no results":    good([]ua.StatusCode{}, uint32(2), &ua.GUID{Data4: make([]byte, 8)}),
		"null UpdateId": {OutputArguments: []*ua.Variant{ua.MustVariant([]ua.StatusCode{0, 0}), ua.MustVariant(uint32(2)), {}}},
	} {
		var file, list []byte
		f := device(&file, &list)
		f.method(closeAndUpdate, func([]any) ua.CallMethodResult { return answer })
		got, err := f.session(t).UpdateConfiguration(t.Context(), update())
		if err != nil || got.UpdateID != (workflow.UpdateID{}) || len(got.TargetResults) != 2 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A request that failed on the way: what is known of its outcome, and whose turn it is.
func TestFailuresOnTheWay(t *testing.T) {
	lost := errors.Join(secureconv.ErrConnectionLost)
	for _, c := range []struct {
		name         string
		err          error
		read, change workflow.Class
	}{
		{"connection lost", lost, workflow.ClassNetwork, workflow.ClassUnknown},
		{"no answer in time", context.DeadlineExceeded, workflow.ClassNetwork, workflow.ClassUnknown},
		{"ERR while waiting", &secureconv.PeerError{Status: ua.StatusBadTCPInternalError}, workflow.ClassNetwork, workflow.ClassUnknown},
		{"ERR: too large", &secureconv.PeerError{Status: ua.StatusBadTCPMessageTooLarge}, workflow.ClassRejected, workflow.ClassRejected},
		{"not sent", &secureconv.LimitError{Status: ua.StatusBadRequestTooLarge}, workflow.ClassRejected, workflow.ClassRejected},
		{"closed before", secureconv.ErrClosed, workflow.ClassNetwork, workflow.ClassNetwork},
		{"session dropped", serviceError(ua.StatusBadSessionIDInvalid), workflow.ClassNetwork, workflow.ClassNetwork},
		{"session closed meanwhile", serviceError(ua.StatusBadSessionClosed), workflow.ClassNetwork, workflow.ClassUnknown},
		{"channel closed meanwhile", serviceError(ua.StatusBadSecureChannelClosed), workflow.ClassNetwork, workflow.ClassUnknown},
		{"fault", serviceError(ua.StatusBadUserAccessDenied), workflow.ClassTrust, workflow.ClassTrust},
		{"answer too large", serviceError(ua.StatusBadResponseTooLarge), workflow.ClassRejected, workflow.ClassUnknown},
		{"answer does not decode", ua.StatusBadDecodingError, workflow.ClassOther, workflow.ClassUnknown},
		{"another certificate", secureconv.ErrServerCertificate, workflow.ClassTrust, workflow.ClassUnknown},
	} {
		f := newFake()
		f.method("12637/UpdateCertificate", nil)
		s := f.session(t)
		s.resolved = true
		f.hook = func(ua.Request) (ua.Response, error) { return nil, c.err }
		_, err := s.read(t.Context(), []*ua.NodeID{numeric(idState)})
		if got := workflow.ClassOf(err); got != c.read {
			t.Errorf("%s: Read: got class %d, %v; want %d", c.name, got, err, c.read)
		}
		err = s.ApplyChanges(t.Context())
		var unknown *OutcomeUnknownError
		if got := workflow.ClassOf(err); got != c.change || errors.As(err, &unknown) != (c.change == workflow.ClassUnknown) {
			t.Errorf("%s: ApplyChanges: got class %d, %v; want %d", c.name, got, err, c.change)
		}
	}
}

// open62541 1.5.7 ends when it is asked for the key that it has, and a newer one waits
// for its certificate.
func TestSigningRequestLost(t *testing.T) {
	for newKey, hint := range map[bool]string{false: "ask for a new key", true: "run the command again"} {
		var file, list []byte
		f := device(&file, &list)
		f.method("12637/CreateSigningRequest", nil)
		s := f.session(t)
		if err := s.members(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.hook = func(req ua.Request) (ua.Response, error) {
			if _, ok := req.(*secureconv.CallRequest); ok {
				return nil, secureconv.ErrConnectionLost
			}
			return nil, nil
		}
		_, err := s.CreateSigningRequest(t.Context(), workflow.SigningRequest{Group: "DefaultApplicationGroup", Type: config.TypeRsaSha256, RegenerateKey: newKey})
		if workflow.ClassOf(err) != workflow.ClassNetwork || !strings.Contains(hintOf(err), hint) {
			t.Errorf("new key %v: got class %d, hint %q, %v; want %q", newKey, workflow.ClassOf(err), hintOf(err), err, hint)
		}
	}
}

// A key takes its time on a small device.
func TestPatience(t *testing.T) {
	for newKey, want := range map[bool]time.Duration{false: 5 * time.Second, true: keyMaking} {
		var file, list []byte
		f := device(&file, &list)
		f.method("12637/CreateSigningRequest", func([]any) ua.CallMethodResult { return good([]byte{0x30, 0}) })
		_, err := f.session(t).CreateSigningRequest(t.Context(), workflow.SigningRequest{Group: "DefaultApplicationGroup", Type: config.TypeRsaSha256, RegenerateKey: newKey})
		if err != nil || f.waited > want || f.waited < want-time.Second {
			t.Errorf("new key %v: %v, it may take %v, want %v", newKey, err, f.waited, want)
		}
	}
}

// Nothing is unknown about a request that was never sent.
func TestNotSent(t *testing.T) {
	f := newFake()
	s := f.session(t)
	s.resolved = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.ApplyChanges(ctx); !errors.Is(err, context.Canceled) || workflow.ClassOf(err) != workflow.ClassOther {
		t.Errorf("interrupted before: got %v", err)
	}
	close(f.done)
	if err := s.ApplyChanges(t.Context()); workflow.ClassOf(err) != workflow.ClassNetwork {
		t.Errorf("cut before: got %v", err)
	}
	if len(f.requests) != 0 {
		t.Errorf("sent %v", f.requests)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("closing a session that was cut: %v", err)
	}
}

func TestInterruptedWhileWaiting(t *testing.T) {
	f := newFake()
	s := f.session(t)
	s.resolved = true
	ctx, cancel := context.WithCancel(t.Context())
	f.hook = func(ua.Request) (ua.Response, error) { cancel(); return nil, ctx.Err() }
	err := s.ApplyChanges(ctx)
	if workflow.ClassOf(err) != workflow.ClassUnknown || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an unknown outcome that says it was interrupted", err)
	}
}

func TestApplyAndCancel(t *testing.T) {
	for _, c := range []struct {
		method string
		status ua.StatusCode
		ok     bool
	}{
		{"ApplyChanges", 0, true},
		{"ApplyChanges", ua.StatusBadNothingToDo, true},
		{"ApplyChanges", ua.StatusBadInvalidState, false},
		{"ApplyChanges", ua.StatusBadSessionIDInvalid, false},
		{"CancelChanges", 0, true},
		{"CancelChanges", ua.StatusBadNothingToDo, true},
		{"CancelChanges", ua.StatusBadUserAccessDenied, false},
	} {
		var file, list []byte
		f := device(&file, &list)
		f.method("12637/"+c.method, func([]any) ua.CallMethodResult { return bad(c.status) })
		s := f.session(t)
		do := map[string]func(context.Context) error{"ApplyChanges": s.ApplyChanges, "CancelChanges": s.CancelChanges}[c.method]
		if err := do(t.Context()); (err == nil) != c.ok {
			t.Errorf("%s %v: got %v, want ok %v", c.method, c.status, err, c.ok)
		}
	}
	var file, list []byte
	if err := device(&file, &list).session(t).CancelChanges(t.Context()); !errors.Is(err, workflow.ErrNoCancelChanges) {
		t.Errorf("CancelChanges, absent: got %v", err)
	}
	// node-opcua 2.157 and open62541 1.5: a node without an implementation.
	f := device(&file, &list)
	f.method("12637/CancelChanges", func([]any) ua.CallMethodResult { return bad(ua.StatusBadInternalError) })
	if err := f.session(t).CancelChanges(t.Context()); !errors.Is(err, workflow.ErrNoCancelChanges) {
		t.Errorf("CancelChanges, unbound: got %v", err)
	}
}

func TestCertificates(t *testing.T) {
	var file, list []byte
	var in []any
	f := device(&file, &list)
	group := f.node("12637/CertificateGroups/DefaultApplicationGroup")
	f.method("12637/CreateSigningRequest", func(args []any) ua.CallMethodResult { in = args; return good([]byte{0x30, 0}) })
	f.method("12637/UpdateCertificate", func(args []any) ua.CallMethodResult { in = args; return good(false) })
	s := f.session(t)
	_, err := s.CreateSigningRequest(t.Context(), workflow.SigningRequest{
		Group: "DefaultApplicationGroup", Type: "nsu=urn:vendor;s=Own", RegenerateKey: true, Nonce: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	if !group.Equal(in[0].(*ua.NodeID)) || in[1].(*ua.NodeID).String() != "ns=2;s=Own" {
		t.Errorf("CreateSigningRequest: got %v", in)
	}
	required, err := s.UpdateCertificate(t.Context(), workflow.CertificateUpdate{
		Group: "DefaultApplicationGroup", Type: "i=12560", Certificate: []byte{0x30, 0}})
	if err != nil || required {
		t.Errorf("UpdateCertificate: got %v, %v", required, err)
	}
	if issuers, ok := in[3].([][]byte); !ok || issuers == nil || len(issuers) != 0 || in[4] != "" {
		t.Errorf("a self-signed certificate goes with an empty list: got %v", in)
	}
	f.method("12637/UpdateCertificate", func([]any) ua.CallMethodResult {
		r := bad(ua.StatusBadInvalidArgument)
		r.InputArgumentResults = []ua.StatusCode{0, ua.StatusBadInvalidArgument, 0, 0, 0, 0}
		return r
	})
	_, err = s.UpdateCertificate(t.Context(), workflow.CertificateUpdate{Group: "DefaultApplicationGroup", Type: "i=12559"})
	var call *CallError
	if !errors.As(err, &call) || !slices.Equal(call.Arguments, []ArgumentResult{{"CertificateTypeId", ua.StatusBadInvalidArgument}}) {
		t.Fatalf("got %v, want CertificateTypeId named", err)
	}
	if want := "UpdateCertificate: Bad_InvalidArgument (0x80AB0000) (CertificateTypeId Bad_InvalidArgument (0x80AB0000))"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestUpdateIDIsInTextOrder(t *testing.T) {
	g := ua.NewGUID("72962B91-FA75-4AE6-8D28-B404DC7DAF63")
	if got, want := updateID(g), (workflow.UpdateID{0x72, 0x96, 0x2b, 0x91, 0xfa, 0x75, 0x4a, 0xe6, 0x8d, 0x28, 0xb4, 0x04, 0xdc, 0x7d, 0xaf, 0x63}); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := guid(updateID(g)).String(); !strings.EqualFold(got, g.String()) {
		t.Errorf("got %s, want %s", got, g)
	}
}

// TestUncertainIsNoSuccess: for CloseAndUpdate of the ConfigurationFile alone the
// specification says what Uncertain means (OPC 10000-12, 7.8.5.2).
func TestUncertainIsNoSuccess(t *testing.T) {
	var file, list []byte
	f := device(&file, &list)
	uncertain := func([]any) ua.CallMethodResult {
		r := good(true)
		r.StatusCode = ua.StatusUncertain
		return r
	}
	const key = "12637/CertificateGroups/DefaultApplicationGroup/TrustList"
	for _, m := range []string{
		"12637/ConfigurationFile/ConfirmUpdate", "12637/UpdateCertificate", "12637/ApplyChanges", "12637/CancelChanges",
		"12637/DeleteCertificate", key + "/CloseAndUpdate", key + "/AddCertificate", key + "/RemoveCertificate",
	} {
		f.method(m, uncertain)
	}
	s, ctx := f.session(t), t.Context()
	const group = "DefaultApplicationGroup"
	for name, do := range map[string]func() error{
		"ConfirmUpdate":     func() error { return s.ConfirmUpdate(ctx, workflow.UpdateID{1}) },
		"ApplyChanges":      func() error { return s.ApplyChanges(ctx) },
		"CancelChanges":     func() error { return s.CancelChanges(ctx) },
		"DeleteCertificate": func() error { return s.DeleteCertificate(ctx, group, config.TypeRsaSha256) },
		"AddCertificate":    func() error { return s.AddCertificate(ctx, group, []byte{0x30}) },
		"RemoveCertificate": func() error { return s.RemoveCertificate(ctx, group, "00", true) },
		"UpdateCertificate": func() error {
			_, err := s.UpdateCertificate(ctx, workflow.CertificateUpdate{Group: group, Type: config.TypeRsaSha256})
			return err
		},
		"CloseAndUpdate": func() error {
			_, err := s.WriteTrustList(ctx, group, workflow.TrustList{Lists: workflow.AllLists})
			return err
		},
	} {
		if err := do(); workflow.ClassOf(err) != workflow.ClassUnknown || !errors.Is(err, ua.StatusUncertain) {
			t.Errorf("%s: got %v, want an unknown outcome", name, err)
		}
	}
}
