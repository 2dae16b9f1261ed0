package part12

import (
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// wholeBody turns an upload that is to replace the configuration into targets: its
// records are inserted or replace, and those it lacks, which are added at the end
// of their lists, are deleted.
func wholeBody(old, upload config.Application) (config.Application, []config.UpdateTarget) {
	targets := []config.UpdateTarget{{Path: string(config.ApplicationIdentity), Type: config.Replace}}
	add := func(list []config.UpdateTarget) { targets = append(targets, list...) }
	add(wholeList(config.CertificateGroupList, old.CertificateGroups, &upload.CertificateGroups, nameOfGroup))
	add(wholeList(config.UserTokenSettingsList, old.UserTokenSettings, &upload.UserTokenSettings, nameOfToken))
	add(wholeList(config.SecuritySettingsList, old.SecuritySettings, &upload.SecuritySettings, nameOfSettings))
	add(wholeList(config.ServerEndpointList, old.ServerEndpoints, &upload.ServerEndpoints, nameOfServerEndpoint))
	add(wholeList(config.ClientEndpointList, old.ClientEndpoints, &upload.ClientEndpoints, nameOfClientEndpoint))
	add(wholeList(config.AuthorizationServicesList, old.AuthorizationServices, &upload.AuthorizationServices, nameOfService))
	return upload, targets
}

func wholeList[R any](list config.List, old []R, upload *[]R, name func(R) string) []config.UpdateTarget {
	var targets []config.UpdateTarget
	sent := *upload
	for _, r := range old {
		if !slices.ContainsFunc(sent, func(s R) bool { return name(s) == name(r) }) {
			*upload = append(*upload, r)
			targets = append(targets, config.UpdateTarget{Path: config.RecordPath(list, len(*upload)-1), Type: config.Delete})
		}
	}
	for i := range sent {
		targets = append(targets, config.UpdateTarget{Path: config.RecordPath(list, i), Type: config.InsertOrReplace})
	}
	return targets
}

// inOneWord gives every target that the client sent the same result: Good, or the
// first error, which is also that of the Method.
func (o updateOutcome) inOneWord(targets int) updateOutcome {
	verdict := ua.StatusOK
	if i := slices.IndexFunc(o.Results, notGood); i >= 0 {
		verdict = o.Results[i]
	}
	o.Status, o.Results = verdict, slices.Repeat([]ua.StatusCode{verdict}, targets)
	return o
}

// onlyAdds says whether every record that was there is still there, as it was.
func (p *processing) onlyAdds() bool {
	old, next := p.old.config, p.next.config
	return equal(old.Identity, next.Identity) &&
		keeps(old.CertificateGroups, next.CertificateGroups, nameOfGroup) && keeps(old.UserTokenSettings, next.UserTokenSettings, nameOfToken) &&
		keeps(old.SecuritySettings, next.SecuritySettings, nameOfSettings) && keeps(old.ServerEndpoints, next.ServerEndpoints, nameOfServerEndpoint) &&
		keeps(old.ClientEndpoints, next.ClientEndpoints, nameOfClientEndpoint) && keeps(old.AuthorizationServices, next.AuthorizationServices, nameOfService)
}

func keeps[R any](old, next []R, name func(R) string) bool {
	return !slices.ContainsFunc(old, func(r R) bool {
		return !slices.ContainsFunc(next, func(n R) bool { return name(n) == name(r) && equal(n, r) })
	})
}

func nameOfGroup(r config.CertificateGroup) string        { return r.Name }
func nameOfToken(r config.UserTokenSettings) string       { return r.Name }
func nameOfSettings(r config.SecuritySettings) string     { return r.Name }
func nameOfServerEndpoint(r config.ServerEndpoint) string { return r.Name }
func nameOfClientEndpoint(r config.Endpoint) string       { return r.Name }
func nameOfService(r config.AuthorizationService) string  { return r.Name }
