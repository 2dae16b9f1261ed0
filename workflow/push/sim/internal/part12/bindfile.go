package part12

import (
	"context"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// bindFile ties what all FileType Objects share; name is the CertificateGroup of a
// TrustList, "" for the ConfigurationFile.
func (a *Application) bindFile(t *space.Tree, name string) {
	t.Add("MaxByteStringLength")
	t.Value("MaxByteStringLength", fixed(uint32(a.d.opt.MaxByteStringLength)))
	t.Value("Size", func() (any, ua.StatusCode) { return nil, ua.StatusBadNotSupported })
	t.Value("Writable", fixed(true))
	t.Value("UserWritable", fixed(true)) // whoever may read it may write the file
	t.Value("OpenCount", func() (any, ua.StatusCode) { return a.openCount(name), ua.StatusOK })
	t.Bind("Close", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.closeFile(acc, name, in[0].(uint32)))
	})
	t.Bind("Read", func(_ context.Context, acc *space.Access, in []any) space.Result {
		data, err := a.read(acc, name, in[0].(uint32), in[1].(int32))
		return answer(in, err, data)
	})
	t.Bind("Write", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.write(acc, name, in[0].(uint32), in[1].([]byte)))
	})
	t.Bind("GetPosition", func(_ context.Context, acc *space.Access, in []any) space.Result {
		pos, err := a.position(acc, name, in[0].(uint32))
		return answer(in, err, pos)
	})
	t.Bind("SetPosition", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.setPosition(acc, name, in[0].(uint32), in[1].(uint64)))
	})
}

// bindConfigurationFile ties an ApplicationConfigurationFileType Object (7.10.20).
func (a *Application) bindConfigurationFile(t *space.Tree) {
	a.bindFile(t, "")
	c := a.d.opt.Capabilities
	t.Value("LastUpdateTime", live(a, func() any { return a.updated }))
	t.Value("CurrentVersion", live(a, func() uint32 { return uint32(a.state.config.Version) }))
	t.Value("ActivityTimeout", fixed(float64(a.d.opt.ActivityTimeout.Milliseconds())))
	t.Value("SupportedDataType", fixed(ua.NewNumericNodeID(0, a.d.opt.supportedDataType())))
	t.Value("AvailableNetworks", fixed(orEmpty(c.AvailableNetworks)))
	t.Value("AvailablePorts", fixed(c.AvailablePorts))
	t.Value("MaxEndpoints", fixed(c.MaxEndpoints))
	t.Value("MaxCertificateGroups", fixed(c.MaxCertificateGroups))
	t.Value("SecurityPolicyUris", fixed(orEmpty(c.SecurityPolicyURIs)))
	t.Value("UserTokenTypes", fixed(tokenPolicies(c.UserTokenTypes)))
	t.Value("CertificateTypes", fixed(typeNodeIDs(c.CertificateTypes)))
	t.Value("CertificateGroupPurposes", fixed(typeNodeIDs(c.CertificateGroupPurposes)))
	t.Bind("Open", func(_ context.Context, acc *space.Access, in []any) space.Result {
		h, err := a.openConfiguration(acc, in[0].(byte))
		return answer(in, err, h)
	})
	t.Bind("CloseAndUpdate", func(_ context.Context, acc *space.Access, in []any) space.Result {
		targets, ok := updateTargets(in[2].([]*ua.ExtensionObject))
		if !ok {
			return answer(in, badArgument(3))
		}
		out, err := a.closeAndUpdate(acc, in[0].(uint32), configurationUpdate{
			Version: config.VersionTime(in[1].(uint32)), Targets: targets,
			RevertAfter: in[3].(float64), RestartDelay: in[4].(float64),
		})
		r := answer(in, err, out.Results, uint32(out.NewVersion), ua.NewGUID(orNoUpdate(out.UpdateID)))
		if err == nil {
			r.Status = out.Status
		}
		return r
	})
	t.Bind("ConfirmUpdate", func(_ context.Context, acc *space.Access, in []any) space.Result {
		return answer(in, a.confirmUpdate(acc, in[0].(*ua.GUID).String()))
	})
}

func updateTargets(objects []*ua.ExtensionObject) ([]config.UpdateTarget, bool) {
	var out []config.UpdateTarget
	for _, o := range objects {
		if o == nil {
			return nil, false
		}
		t, ok := o.Value.(updateTarget)
		if !ok {
			return nil, false
		}
		path, kind := t.Target()
		out = append(out, config.UpdateTarget{Path: path, Type: config.UpdateType(kind)})
	}
	return out, true
}

func orNoUpdate(id string) string {
	if id == "" {
		return noUpdate
	}
	return id
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// tokenPolicies are UserTokenTypes as the Property has them; its other fields are
// ignored (7.10.20).
func tokenPolicies(types []config.UserTokenType) []*ua.ExtensionObject {
	out := []*ua.ExtensionObject{}
	for _, t := range types {
		out = append(out, ua.NewExtensionObject(&ua.UserTokenPolicy{
			TokenType: ua.UserTokenType(t.TokenType), IssuedTokenType: t.IssuedTokenType,
		}))
	}
	return out
}
