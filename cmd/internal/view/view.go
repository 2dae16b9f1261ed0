package view

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Format is a value of the -o flag.
type Format string

// The formats. Table is for people.
const (
	Table  Format = "table"
	JSON   Format = "json"
	YAML   Format = "yaml"
	NDJSON Format = "ndjson"
	Name   Format = "name"
)

// Formats lists the formats in the order of the help text.
func Formats() []string {
	return []string{string(Table), string(JSON), string(YAML), string(NDJSON), string(Name)}
}

// View is where results go, and how.
type View struct {
	Out    io.Writer // results
	Format Format
	Width  int  // of the terminal in columns; 0 does not wrap
	Colour bool // Out is a terminal that shows colours
}

// Result prints a value: text renders it for people, names lists what -o name
// shows, every other format is the value itself.
func (v View) Result(value any, text func(*Text), names []string) error {
	switch v.Format {
	case JSON:
		return writeJSON(v.Out, value, "  ")
	case NDJSON:
		return writeJSON(v.Out, resultLine{value}, "")
	case YAML:
		return writeYAML(v.Out, value)
	case Name:
		for _, n := range names {
			if _, err := fmt.Fprintln(v.Out, Clean(n)); err != nil {
				return err
			}
		}
		return nil
	}
	t := &Text{w: v.Out, width: v.Width, colour: v.Colour}
	text(t)
	return t.err
}

// Text writes lines for people and keeps the first error, so that a renderer
// reads like what it prints.
type Text struct {
	w      io.Writer
	width  int
	colour bool
	err    error
}

// NewText returns a Text for prose beside a result, such as progress.
func NewText(w io.Writer, width int, colour bool) *Text {
	return &Text{w: w, width: width, colour: colour}
}

// Line prints one line; what servers supplied must have gone through Clean.
func (t *Text) Line(format string, args ...any) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, strings.TrimRight(fmt.Sprintf(format, args...), " ")+"\n")
	}
}

// Clean strips what a server could use to paint on the operator's terminal, or to
// make one name look like another: control characters, the marks that turn the
// direction of writing, everything invisible, and separators of lines.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r >= 0xfe00 && r <= 0xfe0f {
			return -1
		}
		return r
	}, s)
}

func clean(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Clean(s)
	}
	return out
}

// The colours; a paint is applied to whole words, never to what decides a width.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (t *Text) paint(colour, s string) string {
	if !t.colour || s == "" {
		return s
	}
	return colour + s + reset
}

// mostFailure bounds a sentence, in bytes: it may quote a server.
const mostFailure = 12 << 10

// Failure prints an error and, below it, what to do about it.
func (t *Text) Failure(message, hint string) {
	t.Line("%s %s", t.paint(red, "uapush:"), strings.TrimRight(cleanLines(message), "\n"))
	if hint == "" {
		return
	}
	for line := range strings.SplitSeq(cleanLines(hint), "\n") {
		t.Line("%s %s", t.paint(yellow, "hint:"), line)
	}
}

func cleanLines(s string) string {
	if len(s) > mostFailure {
		s = strings.ToValidUTF8(s[:mostFailure], "") + "…"
	}
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		lines = append(lines, Clean(strings.ReplaceAll(line, "\t", "    ")))
	}
	return strings.Join(lines, "\n")
}
