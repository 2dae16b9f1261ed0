package part12

import (
	"context"
	"errors"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// updateTarget is how a decoded ConfigurationUpdateTargetType presents itself.
type updateTarget interface {
	Target() (path string, updateType int32)
}

// answer makes the Result of a Method. Which argument was at fault is told only
// with Bad_InvalidArgument.
func answer(in []any, err error, outputs ...any) space.Result {
	if err == nil {
		return space.Result{Outputs: outputs}
	}
	r := space.Result{Status: statusOf(err)}
	var at *argumentError
	if errors.As(err, &at) && at.argument <= len(in) {
		r.Arguments = make([]ua.StatusCode, len(in))
		r.Arguments[at.argument-1] = at.status
	}
	return r
}

// bind ties the Object of an application to its state (7.10.3, 7.10.14).
func (a *Application) bind(t *space.Tree) {
	if a != a.d.server { // the server that proxies it is not to be reset with it
		t.Omit("ResetToServerDefaults")
	}
	a.bindProperties(t)
	a.bindMethods(t)
	a.bindConfigurationFile(t.Child("ConfigurationFile"))
	a.bindGroup(t.Child("CertificateGroups/"+config.DefaultApplicationGroup), config.DefaultApplicationGroup)
	for _, name := range []string{config.DefaultHTTPSGroup, config.DefaultUserTokenGroup} {
		if a == a.d.server && a.holds(name) {
			a.bindGroup(t.Child("CertificateGroups/"+name), name)
		} else {
			t.Omit("CertificateGroups/" + name)
		}
	}
	for _, name := range []string{"StartTime", "EndTime", "Result", "AffectedTrustLists", "AffectedCertificateGroups", "Errors"} {
		t.Value("TransactionDiagnostics/"+name, func() (any, ua.StatusCode) { return a.diagnosticsProperty(name) })
	}
	for _, path := range a.d.opt.Omit {
		t.Omit(path)
	}
}

// fixed is a value that does not change.
func fixed(v any) func() (any, ua.StatusCode) {
	return func() (any, ua.StatusCode) { return v, ua.StatusOK }
}

// live is a value of the state, read under the Device's lock.
func live[V any](a *Application, read func() V) func() (any, ua.StatusCode) {
	return func() (any, ua.StatusCode) {
		a.d.mu.Lock()
		defer a.d.mu.Unlock()
		return read(), ua.StatusOK
	}
}

func (a *Application) bindProperties(t *space.Tree) {
	capabilities := []string{"DA"} // of OPC 10000-12, Annex D
	if a.kind == config.ApplicationClient {
		capabilities = []string{"RCP"} // 7.10.14: a Client has NA or RCP
		t.Add("Enabled")
		t.Value("Enabled", fixed(true))
	} else {
		t.Add("ApplicationNames")
		t.Value("ApplicationNames", live(a, func() []*ua.LocalizedText {
			out := []*ua.LocalizedText{}
			for _, n := range a.state.config.Identity.ApplicationNames {
				out = append(out, localized(n))
			}
			return out
		}))
		t.Add("InApplicationSetup")
		t.Value("InApplicationSetup", live(a, func() bool { return a.d.setup }))
	}
	t.Add("SupportsTransactions")
	t.Value("SupportsTransactions", fixed(a.d.opt.Transactions == Staged))
	t.Value("ApplicationUri", live(a, func() string { return a.state.config.Identity.ApplicationURI }))
	t.Value("ProductUri", live(a, func() string { return a.product }))
	t.Value("ApplicationType", fixed(int32(a.kind)))
	t.Value("ServerCapabilities", fixed(capabilities))
	t.Value("SupportedPrivateKeyFormats", fixed(a.d.opt.PrivateKeyFormats))
	t.Value("MaxTrustListSize", fixed(a.d.opt.listSizeTold()))
	t.Value("HasSecureElement", fixed(false))
	t.Value("MulticastDnsEnabled", live(a, func() bool { return a.multicast }))
	t.OnWrite("MulticastDnsEnabled", func(v any) ua.StatusCode {
		on, ok := v.(bool)
		if !ok {
			return ua.StatusBadTypeMismatch
		}
		return statusOf(a.setMulticast(on))
	})
}

func (a *Application) setMulticast(on bool) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	before := a.multicast
	a.multicast = on
	if err := a.d.save(); err != nil {
		a.multicast = before
		return err
	}
	return nil
}

func (a *Application) bindMethods(t *space.Tree) {
	for _, path := range []string{"GetCertificates", "CreateSelfSignedCertificate", "DeleteCertificate"} {
		t.Add(path)
	}
	t.Bind("CreateSelfSignedCertificate", func(_ context.Context, acc *space.Access, in []any) space.Result {
		der, err := a.createSelfSigned(acc, selfSignedRequest{
			Group: a.groupOf(in[0].(*ua.NodeID)), Type: typeOf(in[1].(*ua.NodeID)), Subject: in[2].(string),
			DNSNames: in[3].([]string), IPAddresses: in[4].([]string), Days: in[5].(uint16), KeyBits: in[6].(uint16),
		})
		return answer(in, err, der)
	})
	t.Bind("DeleteCertificate", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.deleteCertificate(acc, a.groupOf(in[0].(*ua.NodeID)), typeOf(in[1].(*ua.NodeID))))
	})
	if t.Has("ResetToServerDefaults") {
		t.Bind("ResetToServerDefaults", func(_ context.Context, acc *space.Access, in []any) space.Result {
			return answer(in, a.d.resetToServerDefaults(acc))
		})
	}
	t.Bind("ApplyChanges", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.applyChanges(acc))
	})
	t.Bind("CancelChanges", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.cancelChanges(acc))
	})
	a.audited(t, "UpdateCertificate", CertificateUpdateRequested, 6, func(_ context.Context, acc *space.Access, in []any) space.Result {
		required, err := a.updateCertificate(acc, certificateUpdate{
			Group: a.groupOrDefault(in[0].(*ua.NodeID)), Type: typeOf(in[1].(*ua.NodeID)),
			Certificate: in[2].([]byte), Issuers: in[3].([][]byte), KeyFormat: in[4].(string), Key: in[5].([]byte),
		})
		return answer(in, err, required)
	})
	t.Bind("CreateSigningRequest", func(_ context.Context, acc *space.Access, in []any) space.Result {
		der, err := a.createSigningRequest(acc, signingRequest{
			Group: a.groupOrDefault(in[0].(*ua.NodeID)), Type: typeOf(in[1].(*ua.NodeID)),
			Subject: in[2].(string), Regenerate: in[3].(bool), Nonce: in[4].([]byte),
		})
		return answer(in, err, der)
	})
	t.Bind("GetCertificates", func(_ context.Context, _ *space.Access, in []any) space.Result {
		types, certificates, err := a.getCertificates(a.groupOf(in[0].(*ua.NodeID)))
		if certificates == nil {
			certificates = [][]byte{}
		}
		return answer(in, err, typeNodeIDs(types), certificates)
	})
	t.Bind("GetRejectedList", func(_ context.Context, _ *space.Access, in []any) space.Result {
		return answer(in, nil, a.rejected(config.DefaultApplicationGroup))
	})
}

// bindGroup ties a CertificateGroup Object to its state (7.8.3.1).
func (a *Application) bindGroup(t *space.Tree, name string) {
	t.Add("Purpose")
	t.Add("GetRejectedList")
	t.Value("Purpose", live(a, func() *ua.NodeID {
		r := a.state.record(name)
		if r == nil {
			return ua.NewTwoByteNodeID(0)
		}
		return typeNodeIDs([]config.NodeID{r.Purpose})[0]
	}))
	t.Value("CertificateTypes", live(a, func() []*ua.NodeID {
		r := a.state.record(name)
		if r == nil {
			return []*ua.NodeID{}
		}
		return typeNodeIDs(r.CertificateTypes)
	}))
	t.Bind("GetRejectedList", func(_ context.Context, _ *space.Access, in []any) space.Result {
		return answer(in, nil, a.rejected(name))
	})
	a.bindTrustList(t.Child("TrustList"), name)
	for _, path := range a.d.opt.OmitFromGroups {
		t.Omit(path)
	}
}

func (a *Application) bindTrustList(t *space.Tree, name string) {
	a.bindFile(t, name)
	t.Omit("UpdateFrequency") // not below ServerConfiguration (7.8.2.1)
	for _, path := range []string{"ActivityTimeout", "DefaultValidationOptions"} {
		t.Add(path)
	}
	t.Value("LastUpdateTime", func() (any, ua.StatusCode) { return a.trustUpdated(name), ua.StatusOK })
	t.Value("ActivityTimeout", fixed(float64(a.d.opt.ActivityTimeout.Milliseconds())))
	t.Value("DefaultValidationOptions", func() (any, ua.StatusCode) { return a.validationOptions(name), ua.StatusOK })
	t.OnWrite("DefaultValidationOptions", func(v any) ua.StatusCode {
		options, ok := v.(uint32)
		if !ok {
			return ua.StatusBadTypeMismatch
		}
		return statusOf(a.setValidationOptions(name, options))
	})
	t.Bind("Open", a.ifPresent(name, func(acc *space.Access, in []any) space.Result {
		h, err := a.openTrustList(acc, name, in[0].(byte))
		return answer(in, err, h)
	}))
	t.Bind("OpenWithMasks", a.ifPresent(name, func(acc *space.Access, in []any) space.Result {
		h, err := a.openWithMasks(acc, name, in[0].(uint32))
		return answer(in, err, h)
	}))
	a.audited(t, "CloseAndUpdate", TrustListUpdateRequested, 0, a.ifPresent(name, func(acc *space.Access, in []any) space.Result {
		required, err := a.updateTrustList(acc, name, in[0].(uint32))
		return answer(in, err, required)
	}))
	a.audited(t, "AddCertificate", TrustListUpdateRequested, 0, a.ifPresent(name, func(acc *space.Access, in []any) space.Result {
		return answer(in, a.addCertificate(acc, name, in[0].([]byte), in[1].(bool)))
	}))
	a.audited(t, "RemoveCertificate", TrustListUpdateRequested, 0, a.ifPresent(name, func(acc *space.Access, in []any) space.Result {
		return answer(in, a.removeCertificate(acc, name, in[0].(string), in[1].(bool)))
	}))
}

// ifPresent guards the Methods of a group's Object during the moment in which the
// group is gone and the Object is not.
func (a *Application) ifPresent(name string, run func(*space.Access, []any) space.Result) space.Method {
	return func(_ context.Context, acc *space.Access, in []any) space.Result {
		a.d.mu.Lock()
		present := a.state.groups[name] != nil
		a.d.mu.Unlock()
		if !present {
			return space.Result{Status: ua.StatusBadNodeIDUnknown}
		}
		return run(acc, in)
	}
}
