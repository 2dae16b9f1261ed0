package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RecordPath writes the FieldPath of a record (OPC 10000-6, 5.1.14). The index
// is zero-based and counts in the uploaded file; it is left out for
// ApplicationIdentity.
func RecordPath(list List, index int) string {
	if list == ApplicationIdentity {
		return string(list)
	}
	return string(list) + ".[" + strconv.Itoa(index) + "]"
}

// ParseRecordPath reads the FieldPath of a record. Names may be quoted with
// apostrophes, as 5.1.14 allows for any name.
func ParseRecordPath(path string) (List, int, error) {
	elements, err := splitFieldPath(path)
	if err != nil {
		return "", 0, err
	}
	list := List(elements[0].name)
	switch {
	case elements[0].index || !slices.Contains(ProcessingOrder, list):
		return "", 0, fmt.Errorf("field path %q names no record list", path)
	case list == ApplicationIdentity && len(elements) == 1:
		return list, 0, nil
	case list == ApplicationIdentity || len(elements) != 2 || !elements[1].index:
		return "", 0, fmt.Errorf("field path %q does not name one record", path)
	}
	// 31 bits: an array on the wire cannot be longer (OPC 10000-6, 5.2.5).
	n, err := strconv.ParseUint(elements[1].name, 10, 31)
	if err != nil {
		return "", 0, fmt.Errorf("field path %q has no usable index", path)
	}
	return list, int(n), nil
}

type pathElement struct {
	name  string
	index bool // written in brackets
}

// splitFieldPath cuts a FieldPath at its dots. Bracketed and quoted elements
// hold dots of their own; inside quotes an apostrophe is doubled.
func splitFieldPath(path string) ([]pathElement, error) {
	var out []pathElement
	for rest := path; ; {
		var e pathElement
		var n int
		switch {
		case strings.HasPrefix(rest, "["):
			n = strings.IndexByte(rest, ']') + 1
			if n < 3 {
				return nil, fmt.Errorf("field path %q has an unfinished index", path)
			}
			e = pathElement{name: rest[1 : n-1], index: true}
		case strings.HasPrefix(rest, "'"):
			name, length, ok := unquote(rest)
			if !ok {
				return nil, fmt.Errorf("field path %q has an unfinished quotation", path)
			}
			e, n = pathElement{name: name}, length
		default:
			if n = strings.IndexByte(rest, '.'); n < 0 {
				n = len(rest)
			}
			e = pathElement{name: rest[:n]}
			if strings.ContainsAny(e.name, "'[]") {
				return nil, fmt.Errorf("field path %q needs apostrophes around %q", path, e.name)
			}
		}
		if e.name == "" {
			return nil, fmt.Errorf("field path %q has an empty element", path)
		}
		out = append(out, e)
		if rest = rest[n:]; rest == "" {
			return out, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("field path %q lacks a dot before %q", path, rest)
		}
		rest = rest[1:]
	}
}

// unquote reads a quoted name at the start of s and says how long it is.
func unquote(s string) (name string, length int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, true
	}
	return "", 0, false
}
