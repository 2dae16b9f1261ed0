package plan

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/uapush/uapush/config"
)

// meaning is what a configuration says, whatever the order of its records and
// the names that do not persist: references are replaced by what they refer to.
func meaning(a config.Application) map[config.List][]string {
	a = a.Clone()
	security, tokens := contents(securityList, &a, whole(canonicalSecurity)), contents(tokenList, &a, whole(canonicalToken))
	out := map[config.List][]string{}
	add := func(l config.List, canonical any) { out[l] = append(out[l], text(canonical)) }
	a.Identity.Name = ""
	add(config.ApplicationIdentity, canonicalIdentity(a.Identity))
	for _, g := range a.CertificateGroups {
		add(config.CertificateGroupList, canonicalGroup(g))
	}
	for _, s := range a.AuthorizationServices {
		add(config.AuthorizationServicesList, canonicalService(s))
	}
	for _, s := range security {
		out[config.SecuritySettingsList] = append(out[config.SecuritySettingsList], s)
	}
	for _, s := range tokens {
		out[config.UserTokenSettingsList] = append(out[config.UserTokenSettingsList], s)
	}
	for _, e := range a.ServerEndpoints {
		e.Name = ""
		e.SecuritySettingNames = meanings(e.SecuritySettingNames, security)
		e.UserTokenSettingNames = meanings(e.UserTokenSettingNames, tokens)
		add(config.ServerEndpointList, canonicalServerEndpoint(e))
	}
	for _, e := range a.ClientEndpoints {
		e.Name = ""
		add(config.ClientEndpointList, canonicalEndpoint(e))
	}
	for l := range out {
		slices.Sort(out[l])
	}
	return out
}

func whole[T any](canonical func(T) T) func(T) string {
	return func(t T) string {
		c := canonical(t)
		reflect.ValueOf(&c).Elem().FieldByName("Name").SetString("")
		return text(c)
	}
}

func checkLaws(t *testing.T, seed uint64) {
	t.Helper()
	g := newGenerator(seed)
	a, b := g.application(), g.application()
	if c := Compute(a, a); len(c) != 0 {
		t.Errorf("seed %d: Compute(a, a) = %v, want none", seed, c)
	}
	if c := Compute(a, g.renameAll(g.shuffle(a))); len(c) != 0 {
		t.Errorf("seed %d: Compute(a, a renamed and shuffled) = %+v, want none", seed, c)
	}
	changes := Compute(a, b)
	checkResult(t, seed, a, b, changes)
	checkTargets(t, seed, a, changes)
	checkOrder(t, seed, g, a, b, changes)
	checkSaved(t, seed, changes)
}

func checkResult(t *testing.T, seed uint64, a, b config.Application, changes []Change) {
	t.Helper()
	keep := text(a)
	got, err := Result(a, changes)
	if err != nil {
		t.Fatalf("seed %d: Result: %v", seed, err)
	}
	if text(a) != keep {
		t.Errorf("seed %d: Result changed its argument", seed)
	}
	if g, w := meaning(got), meaning(b); !reflect.DeepEqual(g, w) {
		t.Errorf("seed %d: Result(a, Compute(a, b)) means\n%v, want\n%v", seed, g, w)
	}
	if c := Compute(got, b); len(c) != 0 {
		t.Errorf("seed %d: Compute(Result, b) = %+v, want none", seed, c)
	}
	if err := Check(got, Compute(config.Application{}, got), config.Capabilities{}); err != nil && validGroups(got) {
		t.Errorf("seed %d: Check: %v", seed, err)
	}
}

func validGroups(a config.Application) bool {
	return !slices.ContainsFunc(a.CertificateGroups, func(g config.CertificateGroup) bool { return len(g.CertificateTypes) == 0 })
}

// checkTargets: every change has one target, which points at its record.
func checkTargets(t *testing.T, seed uint64, a config.Application, changes []Change) {
	t.Helper()
	body, targets, err := Apply(a, changes)
	if err != nil {
		t.Fatalf("seed %d: Apply: %v", seed, err)
	}
	if len(targets) != len(changes) {
		t.Fatalf("seed %d: %d targets for %d changes", seed, len(targets), len(changes))
	}
	order := map[config.UpdateType]int{config.Delete: 0, config.Insert: 1, config.Replace: 2}
	for i, c := range changes {
		if want := (config.UpdateTarget{Path: c.Path, Type: c.UpdateType}); targets[i] != want {
			t.Errorf("seed %d: target %d = %v, want %v", seed, i, targets[i], want)
		}
		if i > 0 && order[targets[i-1].Type] > order[targets[i].Type] {
			t.Errorf("seed %d: %v comes after %v", seed, targets[i], targets[i-1])
		}
		want := c.After
		if c.UpdateType == config.Delete {
			want = c.Before
		}
		if got := recordAt(t, body, targets[i].Path); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: %s in the body = %+v, want %+v", seed, targets[i].Path, got, want)
		}
	}
	for _, l := range lists {
		names := l.names(&body)
		if len(set(names)) != len(names) {
			t.Errorf("seed %d: names in the body's %s are not unique: %q", seed, l.list(), names)
		}
	}
}

// recordAt resolves a FieldPath as a server does, on the exported fields.
func recordAt(t *testing.T, a config.Application, path string) any {
	t.Helper()
	list, index, err := config.ParseRecordPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if list == config.ApplicationIdentity {
		return a.Identity
	}
	v := reflect.ValueOf(a).FieldByName(string(list))
	if index >= v.Len() {
		t.Fatalf("%s: the body has %d", path, v.Len())
	}
	return v.Index(index).Interface()
}

func checkOrder(t *testing.T, seed uint64, g generator, a, b config.Application, changes []Change) {
	t.Helper()
	if got := Compute(a, g.shuffle(b)); text(got) != text(changes) {
		// What a set holds is written in the order of want, which was not shuffled.
		t.Errorf("seed %d: Compute depends on the order of want:\n%s, want\n%s", seed, text(got), text(changes))
	}
	bare := func(changes []Change) []string {
		var out []string
		for _, c := range changes {
			c.Path = ""
			out = append(out, text(c))
		}
		slices.Sort(out)
		return out
	}
	if got, want := bare(Compute(g.shuffle(a), b)), bare(changes); !slices.Equal(got, want) {
		t.Errorf("seed %d: Compute depends on the order of base:\n%v, want\n%v", seed, got, want)
	}
}

func checkSaved(t *testing.T, seed uint64, changes []Change) {
	t.Helper()
	p := Plan{Schema: Schema, Changes: noEmpty(changes), Summary: Summarize(changes)}
	var b bytes.Buffer
	if err := Save(&b, p); err != nil {
		t.Fatalf("seed %d: Save: %v", seed, err)
	}
	got, err := Load(&b)
	if err != nil {
		t.Fatalf("seed %d: Load: %v", seed, err)
	}
	if text(got) != text(p) {
		t.Errorf("seed %d: Load(Save(p)) = %s, want %s", seed, text(got), text(p))
	}
}

func checkMerge(t *testing.T, seed uint64) {
	t.Helper()
	g := newGenerator(seed)
	base, typ := g.application(), g.applicationType()
	d := g.desired(typ)
	checkBind(t, seed, base, d, typ)
	merged, err := Merge(base, d, typ)
	if err != nil {
		t.Fatalf("seed %d: Merge: %v", seed, err)
	}
	for _, c := range Compute(base, merged) {
		if c.UpdateType == config.Delete {
			t.Errorf("seed %d: Merge removes %s %q", seed, c.Kind, c.Name)
		}
	}
	after, err := Result(base, Compute(base, merged))
	if err != nil {
		t.Fatalf("seed %d: Result: %v", seed, err)
	}
	for what, server := range map[string]config.Application{
		"at once":                             merged,
		"after the update":                    after,
		"on a server that renamed everything": g.renameAll(g.shuffle(after)),
	} {
		again, err := Merge(server, d, typ)
		if err != nil {
			t.Fatalf("seed %d: Merge again %s: %v", seed, what, err)
		}
		if c := Compute(server, again); len(c) != 0 {
			t.Errorf("seed %d: Merge again %s changes %s", seed, what, text(c))
		}
	}
}

// checkBind: a desired endpoint that also refers to records of the server means the
// same bound, and goes on meaning it when the server has renamed them.
func checkBind(t *testing.T, seed uint64, base config.Application, d config.Desired, typ config.ApplicationType) {
	t.Helper()
	if typ == config.ApplicationClient {
		return // whose endpoints have no settings
	}
	g := newGenerator(seed + 1)
	d.Records = d.Records.Clone()
	for i := range d.Records.ServerEndpoints {
		e := &d.Records.ServerEndpoints[i]
		e.SecuritySettingNames = set(append(e.SecuritySettingNames, some(g, securityList.names(&base)...)...))
		e.UserTokenSettingNames = set(append(e.UserTokenSettingNames, some(g, tokenList.names(&base)...)...))
	}
	merged, err := Merge(base, d, typ)
	if err != nil {
		t.Fatalf("seed %d: Merge: %v", seed, err)
	}
	bound := Bind(base, d)
	again, err := Merge(base, bound, typ)
	if err != nil {
		t.Fatalf("seed %d: Merge of what was bound: %v", seed, err)
	}
	if c := Compute(merged, again); len(c) != 0 {
		t.Errorf("seed %d: bound, it differs by %s", seed, text(c))
	}
	renamed := g.renameAll(again)
	later, err := Merge(renamed, bound, typ)
	if err != nil {
		t.Fatalf("seed %d: Merge after the server has renamed its records: %v", seed, err)
	}
	if c := Compute(renamed, later); len(c) != 0 {
		t.Errorf("seed %d: after the server has renamed its records, Merge changes %s", seed, text(c))
	}
}

func TestLaws(t *testing.T) {
	for seed := range uint64(150) {
		checkLaws(t, seed)
		checkMerge(t, seed)
		if t.Failed() {
			return
		}
	}
}

func FuzzLaws(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkLaws(t, seed); checkMerge(t, seed) })
}
