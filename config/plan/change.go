package plan

import (
	"fmt"
	"reflect"

	"github.com/uapush/uapush/config"
)

// index is the position of the record in the body; 0 for ApplicationIdentity.
func (c Change) index() int {
	_, i, _ := config.ParseRecordPath(c.Path)
	return i
}

// validate checks that the parts of a change agree with one another.
func (c Change) validate() error {
	bad := func(format string, args ...any) error {
		return &ChangeError{Path: c.Path, Problem: fmt.Sprintf(format, args...)}
	}
	kind, index, err := config.ParseRecordPath(c.Path)
	if err != nil {
		return bad("%v", err)
	}
	l, ok := listOf(kind)
	if !ok || kind != c.Kind || c.Path != config.RecordPath(kind, index) {
		return bad("the path does not belong to a record of %q", c.Kind)
	}
	needsBefore, needsAfter, ok := c.parts()
	if !ok {
		return bad("update type %s does not go with %s", c.UpdateType, c.Kind)
	}
	if (c.Before != nil) != needsBefore || (c.After != nil) != needsAfter {
		return bad("a %s has the wrong records before and after", c.UpdateType)
	}
	if c.Name == "" && kind != config.ApplicationIdentity {
		return bad("the record has no name")
	}
	for _, r := range []any{c.Before, c.After} {
		if r == nil {
			continue
		}
		if name, ok := l.nameOf(r); !ok || name != c.Name {
			return bad("the record is not %q of %s", c.Name, c.Kind)
		}
	}
	if f := l.fields(c.Before, c.After); !(len(f) == 0 && len(c.Fields) == 0) && !reflect.DeepEqual(f, c.Fields) {
		return bad("the list of fields is not what differs between before and after")
	}
	return nil
}

// parts says which of Before and After a change has; ok is false for an update
// type that its list does not allow.
func (c Change) parts() (before, after, ok bool) {
	if c.Kind == config.ApplicationIdentity {
		return true, true, c.UpdateType == config.Replace
	}
	switch c.UpdateType {
	case config.Insert:
		return false, true, true
	case config.Replace:
		return true, true, true
	case config.InsertOrReplace:
		return c.Before != nil, true, true
	case config.Delete:
		return true, false, true
	}
	return false, false, false
}
