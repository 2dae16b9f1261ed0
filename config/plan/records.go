package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/uapush/uapush/config"
)

// recordList does, for one record list, what does not depend on its type.
type recordList interface {
	list() config.List
	// align gives the records of want the names that they have in base, and those
	// that base lacks a name that is free there; it returns what was renamed.
	align(base, want *config.Application) map[string]string
	compute(base, want *config.Application) []Change
	build(base *config.Application, changes []Change, keepDeleted bool) error
	names(a *config.Application) []string
	nameOf(record any) (name string, ok bool) // ok: the record is of this list's type
	fields(before, after any) []Field
	decode(raw []byte) (any, error)
}

// lists has the record lists in the order in which a server processes them (7.10.19).
var lists = []recordList{
	records[config.Identity]{
		of:        config.ApplicationIdentity,
		get:       func(a *config.Application) []config.Identity { return []config.Identity{a.Identity} },
		set:       func(a *config.Application, r []config.Identity) { a.Identity = r[0] },
		record:    func(i *config.Identity) *config.Record { return &i.Record },
		canonical: canonicalIdentity,
		keys:      []func(config.Identity) string{func(config.Identity) string { return "" }},
	},
	records[config.CertificateGroup]{
		of:        config.CertificateGroupList,
		get:       func(a *config.Application) []config.CertificateGroup { return a.CertificateGroups },
		set:       func(a *config.Application, r []config.CertificateGroup) { a.CertificateGroups = r },
		record:    func(g *config.CertificateGroup) *config.Record { return &g.Record },
		canonical: canonicalGroup,
		keys:      []func(config.CertificateGroup) string{func(g config.CertificateGroup) string { return g.Name }},
	},
	tokenList, securityList, serverEndpointList, clientEndpointList,
	records[config.AuthorizationService]{
		of:        config.AuthorizationServicesList,
		get:       func(a *config.Application) []config.AuthorizationService { return a.AuthorizationServices },
		set:       func(a *config.Application, r []config.AuthorizationService) { a.AuthorizationServices = r },
		record:    func(s *config.AuthorizationService) *config.Record { return &s.Record },
		canonical: canonicalService,
		keys:      []func(config.AuthorizationService) string{func(s config.AuthorizationService) string { return s.Name }},
	},
}

// The lists whose names a server may regenerate with every version.
var (
	tokenList = records[config.UserTokenSettings]{
		of:        config.UserTokenSettingsList,
		get:       func(a *config.Application) []config.UserTokenSettings { return a.UserTokenSettings },
		set:       func(a *config.Application, r []config.UserTokenSettings) { a.UserTokenSettings = r },
		record:    func(u *config.UserTokenSettings) *config.Record { return &u.Record },
		canonical: canonicalToken,
		keys: byContentThenName(tokenContent,
			func(u config.UserTokenSettings) config.Record { return canonicalRecord(u.Record) }),
	}
	securityList = records[config.SecuritySettings]{
		of:        config.SecuritySettingsList,
		get:       func(a *config.Application) []config.SecuritySettings { return a.SecuritySettings },
		set:       func(a *config.Application, r []config.SecuritySettings) { a.SecuritySettings = r },
		record:    func(s *config.SecuritySettings) *config.Record { return &s.Record },
		canonical: canonicalSecurity,
		keys: byContentThenName(securityContent,
			func(s config.SecuritySettings) config.Record { return canonicalRecord(s.Record) }),
	}
	serverEndpointList = records[config.ServerEndpoint]{
		of:        config.ServerEndpointList,
		get:       func(a *config.Application) []config.ServerEndpoint { return a.ServerEndpoints },
		set:       func(a *config.Application, r []config.ServerEndpoint) { a.ServerEndpoints = r },
		record:    func(e *config.ServerEndpoint) *config.Record { return &e.Record },
		canonical: canonicalServerEndpoint,
		keys: byAddressThenName(func(e config.ServerEndpoint) config.Endpoint {
			return e.Endpoint
		}),
	}
	clientEndpointList = records[config.Endpoint]{
		of:        config.ClientEndpointList,
		get:       func(a *config.Application) []config.Endpoint { return a.ClientEndpoints },
		set:       func(a *config.Application, r []config.Endpoint) { a.ClientEndpoints = r },
		record:    func(e *config.Endpoint) *config.Record { return &e.Record },
		canonical: canonicalEndpoint,
		keys:      byAddressThenName(func(e config.Endpoint) config.Endpoint { return e }),
	}
)

func listOf(l config.List) (recordList, bool) {
	for _, r := range lists {
		if r.list() == l {
			return r, true
		}
	}
	return nil, false
}

// securityContent is what SecuritySettings say, without their name and properties.
func securityContent(s config.SecuritySettings) string {
	s.Record = config.Record{}
	return text(canonicalSecurity(s))
}

// tokenContent is what UserTokenSettings say, without their name and properties.
func tokenContent(u config.UserTokenSettings) string {
	u.Record = config.Record{}
	return text(u)
}

// byContentThenName matches settings: the name is only a tie-break among equal
// ones, and the last resort for ones that were edited.
func byContentThenName[T any](content func(T) string, record func(T) config.Record) []func(T) string {
	name := func(t T) string { return record(t).Name }
	whole := func(t T) string { return content(t) + text(record(t).Properties) }
	return []func(T) string{
		func(t T) string { return strconv.Quote(name(t)) + whole(t) },
		whole,
		func(t T) string { return strconv.Quote(name(t)) + content(t) },
		content,
		name,
	}
}

func byAddressThenName[T any](endpoint func(T) config.Endpoint) []func(T) string {
	name := func(t T) string { return endpoint(t).Name }
	address := func(t T) string { return addressOf(endpoint(t)) }
	return []func(T) string{
		func(t T) string { return strconv.Quote(name(t)) + address(t) },
		address,
		name,
	}
}

// addressOf is what identifies an endpoint, in words: NetworkName and Port.
func addressOf(e config.Endpoint) string {
	return e.NetworkName + ":" + strconv.Itoa(int(e.Port))
}

type records[T any] struct {
	of        config.List
	get       func(*config.Application) []T
	set       func(*config.Application, []T)
	record    func(*T) *config.Record
	canonical func(T) T
	// keys say when two records are one, the best reason first.
	keys []func(T) string
}

func (l records[T]) list() config.List { return l.of }

func (l records[T]) names(a *config.Application) []string {
	var names []string
	for _, r := range l.get(a) {
		names = append(names, l.record(&r).Name)
	}
	return names
}

func (l records[T]) nameOf(record any) (string, bool) {
	r, ok := record.(T)
	if !ok {
		return "", false
	}
	return l.record(&r).Name, true
}

func (l records[T]) same(a, b T) bool { return text(l.canonical(a)) == text(l.canonical(b)) }

func (l records[T]) fields(before, after any) []Field {
	b, ok1 := before.(T)
	a, ok2 := after.(T)
	if !ok1 || !ok2 {
		return nil
	}
	return fields(b, a, l.canonical)
}

func (l records[T]) decode(raw []byte) (any, error) {
	var r T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("record of %s: %w", l.of, err)
	}
	return r, nil
}

// match pairs records: of[j] is the index in base of want[j], or -1. It does not
// depend on the order of either list.
func (l records[T]) match(base, want []T) (of []int) {
	of = slices.Repeat([]int{-1}, len(want))
	used := make([]bool, len(base))
	baseOrder, wantOrder := l.byName(base), l.byName(want)
	for _, key := range l.keys {
		free := map[string][]int{}
		for _, i := range baseOrder {
			if !used[i] {
				k := key(base[i])
				free[k] = append(free[k], i)
			}
		}
		for _, j := range wantOrder {
			if of[j] >= 0 {
				continue
			}
			k := key(want[j])
			if candidates := free[k]; len(candidates) > 0 {
				of[j], free[k] = candidates[0], candidates[1:]
				used[of[j]] = true
			}
		}
	}
	return of
}

// byName lists the indices of the records in the order of their names, and of
// what they say where a name occurs twice.
func (l records[T]) byName(in []T) []int {
	order := make([]int, len(in))
	for i := range order {
		order[i] = i
	}
	texts := map[int]string{} // of records whose name another has
	textOf := func(i int) string {
		if _, ok := texts[i]; !ok {
			texts[i] = text(l.canonical(in[i]))
		}
		return texts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(l.record(&in[a]).Name, l.record(&in[b]).Name); c != 0 {
			return c
		}
		return cmp.Compare(textOf(a), textOf(b))
	})
	return order
}

func (l records[T]) align(base, want *config.Application) map[string]string {
	b, w := l.get(base), l.get(want)
	of := l.match(b, w)
	taken := map[string]bool{}
	for i := range b {
		taken[l.record(&b[i]).Name] = true
	}
	renamed := map[string]string{}
	for _, j := range l.byName(w) {
		r := l.record(&w[j])
		was := r.Name
		if of[j] >= 0 {
			r.Name = l.record(&b[of[j]]).Name
		} else {
			r.Name = freeName(was, taken)
			taken[r.Name] = true
		}
		if _, twice := renamed[was]; !twice {
			renamed[was] = r.Name
		}
	}
	l.set(want, w)
	return renamed
}

// freeName returns name, or name-2, name-3, … where it is taken.
func freeName(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}
