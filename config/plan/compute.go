package plan

import (
	"cmp"
	"slices"

	"github.com/uapush/uapush/config"
)

// Compute lists the changes that turn base into want, in the order in which
// their UpdateTargets are sent: Delete, Insert, Replace (OPC 10000-12, 7.10.19).
// It matches records by what persists: CertificateGroups and
// AuthorizationServices by name, endpoints by NetworkName and Port, settings by
// what they say. A record that is matched keeps its name in base, so a mere
// renaming is no change. Version, ConfigurationProperties and
// CertificateAssigned are no part of the comparison; nor is order, except that
// of URLs, texts and certificates.
func Compute(base, want config.Application) []Change {
	b, w := base.Clone(), want.Clone()
	align(&b, &w)
	var changes []Change
	for _, l := range lists {
		changes = append(changes, l.compute(&b, &w)...)
	}
	sortChanges(changes)
	return changes
}

// align gives the records of want the names that base has for them, wherever
// names do not persist, and keeps the references to them right.
func align(base, want *config.Application) {
	want.Identity.Name = base.Identity.Name
	tokens := tokenList.align(base, want)
	security := securityList.align(base, want)
	for i := range want.ServerEndpoints {
		e := &want.ServerEndpoints[i]
		rename(e.SecuritySettingNames, security)
		rename(e.UserTokenSettingNames, tokens)
	}
	serverEndpointList.align(base, want)
	clientEndpointList.align(base, want)
	keepReferences(base, want)
}

// keepReferences leaves the references of an endpoint as they are in base where
// those of want mean the same: a configuration may hold equal settings twice.
func keepReferences(base, want *config.Application) {
	security, tokens := wholeSecurity(base), wholeTokens(base)
	wantSecurity, wantTokens := wholeSecurity(want), wholeTokens(want)
	old := map[string]config.ServerEndpoint{}
	for _, e := range base.ServerEndpoints {
		old[e.Name] = e
	}
	keep := func(names *[]string, had []string, content, wantContent map[string]string) {
		stays := func(n string) bool { return content[n] != "" && content[n] == wantContent[n] }
		if allOf(had, stays) && slices.Equal(meanings(had, content), meanings(*names, wantContent)) {
			*names = slices.Clone(had)
		}
	}
	for i := range want.ServerEndpoints {
		e := &want.ServerEndpoints[i]
		if o, ok := old[e.Name]; ok {
			keep(&e.SecuritySettingNames, o.SecuritySettingNames, security, wantSecurity)
			keep(&e.UserTokenSettingNames, o.UserTokenSettingNames, tokens, wantTokens)
		}
	}
}

func wholeSecurity(a *config.Application) map[string]string {
	return contents(securityList, a, func(s config.SecuritySettings) string {
		s.Name = ""
		return text(canonicalSecurity(s))
	})
}

func wholeTokens(a *config.Application) map[string]string {
	return contents(tokenList, a, func(u config.UserTokenSettings) string {
		u.Name = ""
		return text(canonicalToken(u))
	})
}

func allOf(names []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !ok(n) })
}

func rename(names []string, renamed map[string]string) {
	for i, n := range names {
		if r, ok := renamed[n]; ok {
			names[i] = r
		}
	}
}

// compute numbers the records as they stand in the body to upload: those that
// stay in the order of base, then the new ones by name, then the deleted ones.
func (l records[T]) compute(base, want *config.Application) []Change {
	b, w := l.get(base), l.get(want)
	of := l.match(b, w)
	inWant := slices.Repeat([]int{-1}, len(b))
	for j, i := range of {
		if i >= 0 {
			inWant[i] = j
		}
	}
	var changes []Change
	index := 0
	add := func(t config.UpdateType, name string, before, after any, f []Field) {
		changes = append(changes, Change{
			Path: config.RecordPath(l.of, index), UpdateType: t, Kind: l.of, Name: name,
			Before: before, After: after, Fields: f,
		})
	}
	for i, j := range inWant {
		if j < 0 {
			continue
		}
		if !l.same(b[i], w[j]) {
			add(config.Replace, l.record(&b[i]).Name, b[i], w[j], l.fields(b[i], w[j]))
		}
		index++
	}
	for _, j := range l.byName(w) {
		if of[j] < 0 {
			add(config.Insert, l.record(&w[j]).Name, nil, w[j], nil)
			index++
		}
	}
	for i, j := range inWant {
		if j < 0 {
			add(config.Delete, l.record(&b[i]).Name, b[i], nil, nil)
			index++
		}
	}
	return changes
}

// sortChanges puts changes into the order of their targets: Delete, Insert,
// Replace; within these the processing order of the lists, then the array order.
func sortChanges(changes []Change) {
	slices.SortStableFunc(changes, func(a, b Change) int {
		_, i, _ := config.ParseRecordPath(a.Path)
		_, j, _ := config.ParseRecordPath(b.Path)
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(slices.Index(config.ProcessingOrder, a.Kind), slices.Index(config.ProcessingOrder, b.Kind)),
			cmp.Compare(i, j),
		)
	})
}

func rank(c Change) int {
	switch {
	case c.UpdateType == config.Delete:
		return 0
	case c.Before == nil:
		return 1
	}
	return 2
}
