package plan

import (
	"slices"

	"github.com/uapush/uapush/config"
)

// Bind puts the records of base that desired endpoints refer to by name among the
// desired ones. A server may give its records other names with every
// ConfigurationVersion (OPC 10000-12, 7.10.19); what they say is found again.
// References that lead nowhere are left as they are, for Merge to report.
func Bind(base config.Application, d config.Desired) config.Desired {
	d.Records = d.Records.Clone()
	r := &d.Records
	for _, e := range r.ServerEndpoints {
		bindSettings(securityList, base.SecuritySettings, &r.SecuritySettings, e.SecuritySettingNames)
		bindSettings(tokenList, base.UserTokenSettings, &r.UserTokenSettings, e.UserTokenSettingNames)
	}
	return d
}

func bindSettings[T any](l records[T], have []T, desired *[]T, names []string) {
	named := func(all []T, name string) int {
		return slices.IndexFunc(all, func(r T) bool { return l.record(&r).Name == name })
	}
	for _, name := range names {
		if i := named(have, name); i >= 0 && named(*desired, name) < 0 {
			*desired = append(*desired, have[i])
		}
	}
}
