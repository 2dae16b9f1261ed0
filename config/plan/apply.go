package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/uapush/uapush/config"
)

// Apply returns the body to upload and the targets that go with it. The body is
// the complete configuration as it will be, followed, in each list, by the
// records to delete: a server finds those by their name (OPC 10000-12, 7.8.5.7),
// and one that ignores the targets and takes the body needs the rest. Targets
// are ordered Delete, Insert, Replace; their indices count in the body.
//
// The error is a *MovedError when base is not what the changes were made for,
// or a *ChangeError when a change contradicts itself.
func Apply(base config.Application, changes []Change) (config.Application, []config.UpdateTarget, error) {
	body, err := build(base, changes, true)
	if err != nil {
		return config.Application{}, nil, err
	}
	ordered := slices.Clone(changes)
	sortChanges(ordered)
	var targets []config.UpdateTarget
	for _, c := range ordered {
		targets = append(targets, config.UpdateTarget{Path: c.Path, Type: c.UpdateType})
	}
	return body, targets, nil
}

// Result returns the configuration after the changes. Its Version is that of
// base; the server chooses the new one. The errors are those of Apply.
func Result(base config.Application, changes []Change) (config.Application, error) {
	return build(base, changes, false)
}

func build(base config.Application, changes []Change, keepDeleted bool) (config.Application, error) {
	for _, c := range changes {
		if err := c.validate(); err != nil {
			return config.Application{}, err
		}
	}
	body := base.Clone()
	for _, l := range lists {
		var own []Change
		for _, c := range changes {
			if c.Kind == l.list() {
				own = append(own, c)
			}
		}
		if len(own) == 0 {
			continue
		}
		if err := l.build(&body, own, keepDeleted); err != nil {
			return config.Application{}, err
		}
	}
	return body.Clone(), nil // the changes keep their records
}

func (l records[T]) build(body *config.Application, changes []Change, keepDeleted bool) error {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.index(), b.index()) })
	old := l.get(body)
	at, err := l.locate(old, changes)
	if err != nil {
		return err
	}
	changeOf := map[int]Change{}
	var inserted, deleted []Change
	for i, c := range changes {
		if at[i] >= 0 {
			changeOf[at[i]] = c
		}
		switch {
		case c.UpdateType == config.Delete:
			deleted = append(deleted, c)
		case c.Before == nil:
			inserted = append(inserted, c)
		}
	}
	var out []T
	add := func(c Change, record any) error {
		if c.index() != len(out) {
			return &MovedError{List: l.of, Name: c.Name, What: fmt.Sprintf("it would be at %s", config.RecordPath(l.of, len(out)))}
		}
		out = append(out, record.(T))
		return nil
	}
	for i, r := range old {
		c, changed := changeOf[i]
		switch {
		case !changed:
			out = append(out, r)
		case c.UpdateType != config.Delete:
			if err := add(c, c.After); err != nil {
				return err
			}
		}
	}
	for _, c := range inserted {
		if err := add(c, c.After); err != nil {
			return err
		}
	}
	stay := len(out)
	for _, c := range deleted {
		if err := add(c, c.Before); err != nil {
			return err
		}
	}
	if !keepDeleted {
		out = out[:stay]
	}
	l.set(body, out)
	return nil
}

// locate finds the records that the changes are about: -1 for a new one.
func (l records[T]) locate(old []T, changes []Change) ([]int, error) {
	byName := map[string][]int{}
	for i := range old {
		n := l.record(&old[i]).Name
		byName[n] = append(byName[n], i)
	}
	at := make([]int, len(changes))
	seen := map[string]bool{}
	for k, c := range changes {
		at[k] = -1
		if seen[c.Name] {
			return nil, &ChangeError{Path: c.Path, Problem: fmt.Sprintf("%q is changed twice (OPC 10000-12, 7.10.19)", c.Name)}
		}
		seen[c.Name] = true
		candidates := byName[c.Name]
		if c.Before == nil {
			if len(candidates) > 0 {
				return nil, &MovedError{List: l.of, Name: c.Name, What: "there is one of that name already"}
			}
			continue
		}
		if len(candidates) == 0 {
			return nil, &MovedError{List: l.of, Name: c.Name, What: "it is gone"}
		}
		match := slices.IndexFunc(candidates, func(i int) bool { return l.same(old[i], c.Before.(T)) })
		if match < 0 {
			return nil, &MovedError{List: l.of, Name: c.Name, What: "it differs from what the plan shows"}
		}
		at[k] = candidates[match]
	}
	return at, nil
}
