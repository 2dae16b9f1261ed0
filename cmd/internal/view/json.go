package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// writeJSON writes a value and the end of its line. What a terminal would obey is
// escaped: JSON leaves some control characters as they are.
func writeJSON(w io.Writer, value any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(w, escape(b.String(), func(r rune) string {
		if r <= 0xffff {
			return fmt.Sprintf(`\u%04x`, r)
		}
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}))
	return err
}

// escape replaces what cannot be seen. It is for JSON, where that is in texts only.
func escape(s string, as func(rune) string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x7f || unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(as(r))
		}
	}
	return out.String()
}
