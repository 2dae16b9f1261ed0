package plan

import (
	"fmt"
	"slices"

	"github.com/uapush/uapush/config"
)

// reference is a record's use of another record's name.
type reference struct {
	from  config.List
	name  string
	field string
	to    config.List
	value string
}

// referencesIn lists every reference between records (OPC 10000-12, 7.10.23 to 7.10.25).
func referencesIn(a config.Application) []reference {
	var out []reference
	add := func(from config.List, name, field string, to config.List, values ...string) {
		for _, v := range values {
			if v != "" {
				out = append(out, reference{from, name, field, to, v})
			}
		}
	}
	for _, u := range a.UserTokenSettings {
		add(config.UserTokenSettingsList, u.Name, "certificateGroup", config.CertificateGroupList, u.CertificateGroupName)
		add(config.UserTokenSettingsList, u.Name, "authorizationService", config.AuthorizationServicesList, u.AuthorizationServiceName)
	}
	for _, s := range a.SecuritySettings {
		add(config.SecuritySettingsList, s.Name, "certificateGroup", config.CertificateGroupList, s.CertificateGroupName)
	}
	for _, e := range a.ServerEndpoints {
		add(config.ServerEndpointList, e.Name, "securitySettings", config.SecuritySettingsList, e.SecuritySettingNames...)
		add(config.ServerEndpointList, e.Name, "userTokens", config.UserTokenSettingsList, e.UserTokenSettingNames...)
	}
	return out
}

// references finds those that lead nowhere: of records that change, and to
// records that are deleted.
func (k *checker) references(changes []Change) {
	id := func(l config.List, name string) string { return string(l) + "\x00" + name }
	changed, deleted, there := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range changes {
		changed[id(c.Kind, c.Name)] = c.After != nil
		deleted[id(c.Kind, c.Name)] = c.After == nil
	}
	for _, l := range lists {
		for _, n := range l.names(&k.result) {
			there[id(l.list(), n)] = true
		}
	}
	for _, r := range referencesIn(k.result) {
		target := id(r.to, r.value)
		if there[target] || !(changed[id(r.from, r.name)] || deleted[target]) {
			continue
		}
		l, _ := listOf(r.to)
		advice := fmt.Sprintf("%s has %v", r.to, nearest(r.value, l.names(&k.result)))
		if deleted[target] {
			advice = fmt.Sprintf("change or delete %q of %s first", r.name, r.from)
		}
		if !slices.Contains(k.dangling, r) {
			k.dangling = append(k.dangling, r)
			k.conflict(r.from, r.name, advice, "%s names %q, which is not in %s", r.field, r.value, r.to)
		}
	}
}
