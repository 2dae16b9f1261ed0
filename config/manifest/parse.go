package manifest

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Load reads a manifest from a file. An unreadable file is an ErrManifest too,
// with the operating system's error beside it.
func Load(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", ErrManifest, path, err)
	}
	return Parse(path, data)
}

// Parse reads a manifest. The file is used in messages and for Dir only. Every
// error is an Errors list of *Error, complete unless the file is no YAML at all.
func Parse(file string, data []byte) (*Manifest, error) {
	r := &report{file: file}
	source, ok := r.clean(data)
	if !ok {
		return nil, r.errs.err()
	}
	root := r.tree(source)
	if root == nil {
		return nil, r.errs.err()
	}
	m := &Manifest{source: r, places: map[string]position{}}
	d := decoder{report: r, places: m.places}
	d.value(root, reflect.ValueOf(m).Elem(), "", "")
	if len(d.errs) < maxErrors {
		m.check()
	}
	if err := r.errs.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// decoder fills the Manifest from the tree as the tags say.
type decoder struct {
	*report
	places map[string]position
}

// value decodes n into a field. Its tag gives form, keyed and empty.
func (d decoder) value(n *node, into reflect.Value, path string, tag reflect.StructTag) {
	d.places[path] = n.position
	switch into.Interface().(type) {
	case string:
		d.text(n, into, path, tag)
		return
	case uint16:
		d.port(n, into, path)
		return
	case time.Duration:
		d.duration(n, into, path, tag.Get("form"))
		return
	}
	switch {
	case into.Kind() == reflect.Struct:
		d.object(n, into, path)
	case tag.Get("keyed") != "":
		d.keyed(n, into, path, tag.Get("keyed"))
	default:
		d.list(n, into, path, tag)
	}
}

func (d decoder) wrong(n *node, path, expected string) {
	advice := ""
	switch {
	case n.kind == aNothing:
		advice = "write a value, or leave the field out"
	case n.kind == anObject && expected != "a list":
		advice = "a text with a colon in it needs quotes"
	case expected == "a list" && n.kind == aText:
		advice = "write it in brackets: [" + n.text + "]"
	case (n.kind == aNumber || n.kind == aTruth) && expected != "an object" && expected != "a list":
		advice = fmt.Sprintf("put it in quotes: %q", n.text)
	}
	d.add(n.position, path, "expected "+expected+", found "+n.describe(), advice)
}

func (d decoder) object(n *node, into reflect.Value, path string) {
	if n.kind != anObject {
		d.wrong(n, path, "an object")
		return
	}
	seen := map[string]position{}
	for _, f := range n.fields {
		index, ok := fieldIndex(into.Type(), f.name)
		if first, again := seen[f.name]; again && ok {
			d.duplicate(f.position, join(path, f.name), f.name, first)
			continue
		}
		seen[f.name] = f.position
		if !ok {
			d.unknown(f, into.Type(), path)
			continue
		}
		d.value(f.value, into.Field(index), join(path, f.name), into.Type().Field(index).Tag)
	}
	for i := range into.NumField() {
		tag := into.Type().Field(i).Tag
		if name := tag.Get("key"); tag.Get("need") == "yes" && seen[name] == (position{}) {
			d.add(n.position, join(path, name), "expected "+name+", found none", "add "+name+": "+exampleOf(into.Type().Field(i)))
		}
	}
}

func (d decoder) duplicate(at position, path, name string, first position) {
	d.add(at, path, fmt.Sprintf("%s is given twice; the first is in line %d", quote(name), first.line), "keep one of the two")
}

func (d decoder) unknown(f field, t reflect.Type, path string) {
	names := keysOf(t)
	advice := "the fields are " + strings.Join(names, ", ")
	if near, ok := nearest(f.name, names); ok {
		advice = "did you mean " + near + "?"
	}
	d.add(f.position, join(path, f.name), "unknown field "+quote(f.name), advice)
}

// keyed decodes an object with free keys into a list; the key is the entry's
// first field.
func (d decoder) keyed(n *node, into reflect.Value, path, formName string) {
	if n.kind != anObject {
		d.wrong(n, path, "an object")
		return
	}
	seen := map[string]position{}
	for _, f := range n.fields {
		key, problem, advice := formOf(formName).read(f.name)
		if problem != "" {
			d.add(f.position, join(path, f.name), problem, advice)
			continue
		}
		at := slotPath(path, key)
		if first, again := seen[key]; again {
			d.duplicate(f.position, at, f.name, first)
			continue
		}
		seen[key] = f.position
		entry := reflect.New(into.Type().Elem()).Elem()
		entry.Field(0).SetString(key)
		d.value(f.value, entry, at, "")
		d.places[at] = f.position
		into.Set(reflect.Append(into, entry))
	}
}

func (d decoder) list(n *node, into reflect.Value, path string, tag reflect.StructTag) {
	if n.kind != aList {
		d.wrong(n, path, "a list")
		return
	}
	if len(n.items) == 0 && tag.Get("need") == "yes" {
		d.add(n.position, path, "expected at least one entry, found none", "")
	}
	seen := map[string]position{}
	for i, item := range n.items {
		entry := reflect.New(into.Type().Elem()).Elem()
		at := fmt.Sprintf("%s[%d]", path, i)
		d.value(item, entry, at, reflect.StructTag(`form:"`+tag.Get("form")+`"`))
		if entry.Kind() == reflect.String && entry.String() != "" {
			if first, again := seen[entry.String()]; again {
				d.duplicate(item.position, at, item.text, first)
			}
			seen[entry.String()] = item.position
		}
		into.Set(reflect.Append(into, entry))
	}
}

func (d decoder) text(n *node, into reflect.Value, path string, tag reflect.StructTag) {
	f := formOf(tag.Get("form"))
	if n.kind != aText {
		d.wrong(n, path, f.what)
		return
	}
	if n.text == "" {
		if tag.Get("empty") != "ok" {
			d.add(n.position, path, "expected "+f.what+", found an empty text", "")
		}
		return
	}
	v, problem, advice := f.read(n.text)
	if problem != "" {
		d.add(n.position, path, problem, advice)
		return
	}
	into.SetString(v)
}

func (d decoder) port(n *node, into reflect.Value, path string) {
	p, err := strconv.ParseUint(n.text, 10, 16)
	if n.kind != aNumber || err != nil || p == 0 {
		advice := "write a plain number such as 4843"
		if n.kind == aText && err == nil {
			advice = "remove the quotes"
		}
		d.add(n.position, path, "expected a port from 1 to 65535, found "+n.describe(), advice)
		return
	}
	into.SetUint(p)
}

func (d decoder) duration(n *node, into reflect.Value, path, formName string) {
	f := formOf(formName)
	if n.kind != aText {
		advice := ""
		if n.kind == aNumber {
			advice = "add a unit: " + n.text + "s"
		}
		d.add(n.position, path, "expected "+f.what+", found "+n.describe(), advice)
		return
	}
	v, problem, advice := parseDuration(formName, n.text)
	if problem != "" {
		d.add(n.position, path, problem, advice)
		return
	}
	into.SetInt(int64(v))
}

func keysOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("key"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func fieldIndex(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("key"); key == name && key != "" && key != "-" {
			return i, true
		}
	}
	return 0, false
}

// exampleOf shows what a field can look like, for an advice.
func exampleOf(f reflect.StructField) string {
	switch f.Type.Kind() {
	case reflect.String:
		return formOf(f.Tag.Get("form")).example
	case reflect.Uint16:
		return "4843"
	case reflect.Slice:
		if name := f.Tag.Get("form"); name != "" {
			return "[" + formOf(name).example + "]"
		}
	}
	if f.Type.Kind() != reflect.Struct {
		return "…"
	}
	var parts []string
	for i := range f.Type.NumField() {
		if inner := f.Type.Field(i); inner.Tag.Get("need") == "yes" {
			parts = append(parts, inner.Tag.Get("key")+": "+exampleOf(inner))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// join extends a path by a field; odd names are quoted.
func join(path, name string) string {
	if !plainKey.MatchString(name) {
		name = quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
