package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var oidDomainComponent = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}

// SubjectError says where a subject name cannot be read.
type SubjectError struct {
	Text   string
	Offset int // bytes into Text
	What   string
}

func (e *SubjectError) Error() string {
	return fmt.Sprintf("subject %q: at character %d: %s", e.Text, utf8.RuneCountInString(e.Text[:e.Offset])+1, e.What)
}

// Hint shows a subject that works.
func (e *SubjectError) Hint() string {
	return `write it like "CN=PLC1/O=Plant"; names are CN, O, OU, DC, L, S and C; a value with / or = stands in double quotes`
}

const maxSubject = 1024 // bytes

// ParseSubject reads the subject syntax of OPC 10000-12, 7.9.4: name=value pairs
// between slashes, values with / or = in double quotes. CN and C occur at most
// once. Lengths are those of X.520: CN, O and OU 64 characters, L and S 128, C 2.
// Errors are *SubjectError.
func ParseSubject(text string) (pkix.Name, error) {
	var name pkix.Name
	fail := func(offset int, what string, args ...any) (pkix.Name, error) {
		return pkix.Name{}, &SubjectError{Text: text, Offset: offset, What: fmt.Sprintf(what, args...)}
	}
	switch {
	case text == "":
		return fail(0, "it is empty")
	case len(text) > maxSubject || !utf8.ValidString(text):
		return pkix.Name{}, &SubjectError{What: fmt.Sprintf("it must be UTF-8 of at most %d bytes", maxSubject)}
	}
	for offset := 0; ; {
		key, rest, found := strings.Cut(text[offset:], "=")
		if !found {
			return fail(offset, "a name and = are expected")
		}
		start := offset + len(key) + 1
		value, length, what := subjectValue(rest)
		if what == "" {
			what = addAttribute(&name, strings.ToUpper(key), value)
		}
		if what != "" {
			return fail(offset, "%s", what)
		}
		offset = start + length
		if offset == len(text) {
			return name, nil
		}
		offset++ // the slash
	}
}

// subjectValue reads one value up to a slash or the end; length is what it takes
// of rest, quotes included.
func subjectValue(rest string) (value string, length int, what string) {
	if !strings.HasPrefix(rest, `"`) {
		value, _, _ = strings.Cut(rest, "/")
		if strings.ContainsAny(value, `="`) {
			return "", 0, "a value with / or = stands in double quotes"
		}
		return value, len(value), ""
	}
	value, after, found := strings.Cut(rest[1:], `"`)
	switch {
	case !found:
		return "", 0, "the closing double quote is missing"
	case after != "" && after[0] != '/':
		return "", 0, "after a quoted value a / or the end is expected"
	}
	return value, len(value) + 2, ""
}

func addAttribute(name *pkix.Name, key, value string) (what string) {
	limit := 64
	switch key {
	case "L", "S":
		limit = 128
	case "C":
		limit = 2
	}
	switch {
	case value == "":
		return key + " has no value"
	case utf8.RuneCountInString(value) > limit:
		return fmt.Sprintf("%s has at most %d characters", key, limit)
	case strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }):
		return key + " holds a character that cannot be printed"
	}
	switch key {
	case "CN":
		if name.CommonName != "" {
			return "CN occurs twice"
		}
		name.CommonName = value
	case "C":
		if len(name.Country) > 0 {
			return "C occurs twice"
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < 'A' || r > 'Z' }) || len(value) != 2 {
			return "C is two capital letters"
		}
		name.Country = []string{value}
	case "O":
		name.Organization = append(name.Organization, value)
	case "OU":
		name.OrganizationalUnit = append(name.OrganizationalUnit, value)
	case "L":
		name.Locality = append(name.Locality, value)
	case "S":
		name.Province = append(name.Province, value)
	case "DC":
		if !isPrintable(value) {
			return "DC is ASCII"
		}
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{
			Type:  oidDomainComponent,
			Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(value)}, // RFC 4519, 2.4
		})
	default:
		return fmt.Sprintf("%q is none of CN, O, OU, DC, L, S, C", key)
	}
	return ""
}

// FormatSubject writes a name in the syntax of ParseSubject, in the order CN, OU,
// O, L, S, C, DC. Attributes that the syntax does not have are left out, and a
// double quote or a control character becomes an apostrophe or a question mark.
func FormatSubject(name pkix.Name) string {
	var pairs []string
	add := func(key string, values ...string) {
		for _, value := range values {
			if value != "" {
				pairs = append(pairs, key+"="+quoteValue(value))
			}
		}
	}
	add("CN", name.CommonName)
	add("OU", name.OrganizationalUnit...)
	add("O", name.Organization...)
	add("L", name.Locality...)
	add("S", name.Province...)
	add("C", name.Country...)
	add("DC", domainComponents(name)...)
	return strings.Join(pairs, "/")
}

func quoteValue(value string) string {
	value = printable(strings.ReplaceAll(value, `"`, "'"))
	if strings.ContainsAny(value, "/=") {
		return `"` + value + `"`
	}
	return value
}

// printable replaces what a terminal could act on; certificates come from others.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// domainComponents looks in Names, where parsing puts them, or in ExtraNames,
// where ParseSubject puts them.
func domainComponents(name pkix.Name) []string {
	var values []string
	for _, attribute := range slices.Concat(name.Names, name.ExtraNames) {
		if !attribute.Type.Equal(oidDomainComponent) {
			continue
		}
		switch v := attribute.Value.(type) {
		case string:
			values = append(values, v)
		case asn1.RawValue:
			values = append(values, string(v.Bytes))
		}
	}
	return values
}

func hasDomainComponent(name pkix.Name) bool { return len(domainComponents(name)) > 0 }

// displayName is FormatSubject, or Go's form for names that have nothing it knows.
func displayName(name pkix.Name) string {
	if s := FormatSubject(name); s != "" {
		return s
	}
	return printable(name.String())
}
