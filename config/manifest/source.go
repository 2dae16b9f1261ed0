package manifest

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// What a manifest may be at most. A real one has a hundred lines.
const (
	MaxSize    = 1 << 20 // bytes
	maxDepth   = 32      // nested lists and objects
	maxEntries = 256     // of one list or object
	maxText    = 8192    // bytes of one value
	maxTokens  = 20000   // words and signs; the YAML parser's time grows with their square
)

// clean checks the bytes before any parser sees them, and gives them with plain
// line ends. It reports and returns false when they are no usable text.
func (r *report) clean(data []byte) (string, bool) {
	if len(data) > MaxSize {
		r.add(position{}, "", fmt.Sprintf("the file is larger than %d KiB", MaxSize>>10), "a manifest describes one endpoint; check that this is the right file")
		return "", false
	}
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		r.add(position{}, "", "expected UTF-8 text, found UTF-16", "save the file as UTF-8")
		return "", false
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	r.lines = strings.Split(text, "\n")
	json := strings.HasPrefix(strings.TrimLeft(text, " \t\n"), "{")
	for i, line := range r.lines {
		r.cleanLine(i+1, line, json)
	}
	if len(r.errs) > 0 {
		return "", false
	}
	if json {
		text = spaces(r.lines)
	}
	return text, true
}

// cleanLine reports what may not be in a line; tabs may indent JSON only.
func (r *report) cleanLine(number int, line string, json bool) {
	column, indent := 0, true
	for i, c := range line {
		column++
		at := position{number, column}
		_, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.add(at, "", fmt.Sprintf("expected UTF-8 text, found the byte 0x%02X", line[i]), "save the file as UTF-8")
			return
		case c == '\t' && indent && !json:
			r.add(at, "", "expected spaces, found a tab in the indentation", "YAML is indented with spaces: replace the tab by two spaces")
			return
		case c != '\t' && forbidden(c):
			r.add(at, "", fmt.Sprintf("expected readable text, found the control character U+%04X", c), "delete it")
			return
		}
		indent = indent && (c == ' ' || c == '\t')
	}
}

// spaces turns the tabs that indent a line into one space each, so that columns stay.
func spaces(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		rest := strings.TrimLeft(line, " \t")
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat(" ", len(line)-len(rest)))
		b.WriteString(rest)
	}
	return b.String()
}

// forbidden tells characters that would make a text look other than it is:
// controls, line separators and those that turn the direction of writing.
func forbidden(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || unicode.Is(unicode.Bidi_Control, c)
}

// screen refuses what the manifest's YAML does not have, before it is parsed:
// a parser recurses and expands, a token list does neither.
func (r *report) screen(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.add(at(tokens[maxTokens]), "", fmt.Sprintf("the file has more than %d words and signs", maxTokens), "a manifest describes one endpoint; check that this is the right file")
		return false
	}
	depth, content := 0, false
	run, line := 0, 0 // "- - - …" nests once per dash
	for _, t := range tokens {
		if t.Position.Line != line {
			run, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			run++
		}
		if depth > maxDepth || run > maxDepth || t.Position.Column > 4*maxText && t.Type == token.SequenceEntryType {
			r.add(at(t), "", fmt.Sprintf("lists and objects are nested more than %d deep", maxDepth), "")
			return false
		}
		if t.Type == token.DocumentHeaderType && content {
			r.add(at(t), "", "expected one document, found a second one", "put the other endpoint into a file of its own")
			return false
		}
		content = content || t.Type != token.CommentType && t.Type != token.DocumentHeaderType
		if what, advice := unsupported(t); what != "" {
			r.add(at(t), "", "expected plain YAML, found "+what, advice)
		}
	}
	return len(r.errs) == 0
}

func unsupported(t *token.Token) (what, advice string) {
	const spell = "write the value out where it is needed"
	switch t.Type {
	case token.AnchorType:
		return "an anchor (&)", spell + "; a text that starts with & needs quotes"
	case token.AliasType:
		return "an alias (*)", spell + "; a text that starts with * needs quotes"
	case token.MergeKeyType:
		return "a merge key (<<)", spell
	case token.TagType:
		return "a tag (!)", "leave it out; a text that starts with ! needs quotes"
	case token.DirectiveType:
		return "a directive (%)", "leave it out; a text that starts with % needs quotes"
	case token.MappingKeyType:
		return "a complex key (?)", "write key: value; a text that starts with ? needs quotes"
	}
	return "", ""
}

func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}
