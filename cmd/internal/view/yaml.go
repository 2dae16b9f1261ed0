package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// writeYAML writes what JSON says as YAML, with the members in the same order.
// Texts are quoted as JSON quotes them unless they are plain beyond doubt: a
// server chooses many of them, and YAML gives meaning to many forms.
//
// The library that reads YAML elsewhere is not used: it writes control characters
// of a text as they are, which a terminal obeys, and breaks at a carriage return.
func writeYAML(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("render YAML: %w", err)
	}
	y := &yamlWriter{in: json.NewDecoder(bytes.NewReader(data))}
	y.in.UseNumber()
	y.value("", "")
	if y.err != nil {
		return fmt.Errorf("render YAML: %w", y.err)
	}
	_, err = w.Write(y.out.Bytes())
	return err
}

type yamlWriter struct {
	in  *json.Decoder
	out bytes.Buffer
	err error
}

func (y *yamlWriter) token() json.Token {
	t, err := y.in.Token()
	if err != nil && y.err == nil {
		y.err = err
	}
	return t
}

// value writes one value and the end of its line. lead is what stands between a
// key and a value on its line, indent what a nested line begins with.
func (y *yamlWriter) value(lead, indent string) {
	switch t := y.token().(type) {
	case json.Delim:
		y.collection(t, lead, indent)
	case string:
		y.line(lead, yamlText(t))
	case nil:
		y.line(lead, "null")
	default: // a json.Number or a bool
		y.line(lead, fmt.Sprint(t))
	}
}

func (y *yamlWriter) line(lead, s string) { fmt.Fprintf(&y.out, "%s%s\n", lead, s) }

// collection writes a map or a list. The first member of a map that is an item of
// a list stands beside the dash.
func (y *yamlWriter) collection(open json.Delim, lead, indent string) {
	if y.err != nil {
		return
	}
	if !y.in.More() {
		y.line(lead, map[json.Delim]string{'{': "{}", '[': "[]"}[open])
		y.token()
		return
	}
	item := strings.HasSuffix(lead, "- ")
	if item {
		y.out.WriteString(lead)
	} else if lead != "" {
		y.out.WriteString("\n")
	}
	for first := true; y.err == nil && y.in.More(); first = false {
		start := indent
		if item && first {
			start = ""
		}
		if open == '[' {
			y.value(start+"- ", indent+"  ")
			continue
		}
		key, _ := y.token().(string)
		y.out.WriteString(start + yamlText(key) + ":")
		y.value(" ", indent+"  ")
	}
	y.token()
}

// plainYAML is what no reader of YAML takes for anything but a text.
var plainYAML = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+=-]*([:][A-Za-z0-9_./@+=-]+)*( [A-Za-z0-9_./@+=-]+)*$`)

func yamlText(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if plainYAML.MatchString(s) {
			return s
		}
	}
	return quoted(s)
}

// quoted is a text as JSON and YAML have it in quotes, with nothing in it that a
// terminal would obey.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return escape(strings.TrimSuffix(b.String(), "\n"), func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}
