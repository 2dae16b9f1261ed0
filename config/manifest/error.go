package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrManifest is what every error of this package unwraps to.
var ErrManifest = errors.New("the manifest cannot be used")

// maxErrors bounds a report; a file with more problems is no manifest.
const maxErrors = 100

// Error is one problem of a manifest.
type Error struct {
	File    string
	Line    int    // from 1
	Column  int    // from 1, in characters
	Path    string // of the value, for example securitySettings[0].policies[1]; "" is the whole file
	Message string // what was expected, and what was found
	Advice  string // what to write instead; may be empty
	Source  string // the source line, shortened around Column when it is long

	caret int // characters of Source before the column
}

// Error gives file:line:column: path: message.
func (e *Error) Error() string {
	where := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		where += e.Path + ": "
	}
	return where + e.Message
}

// Hint tells the operator what to do.
func (e *Error) Hint() string { return e.Advice }

// Unwrap gives ErrManifest.
func (e *Error) Unwrap() error { return ErrManifest }

// Excerpt shows the source line and a caret below the column, in two lines
// without a final newline. It is empty when there is no source line.
func (e *Error) Excerpt() string {
	if e.Source == "" {
		return ""
	}
	number := fmt.Sprintf("%5d | ", e.Line)
	var indent strings.Builder
	for i, r := range []rune(e.Source) {
		if i == e.caret {
			break
		}
		if r != '\t' {
			r = ' '
		}
		indent.WriteRune(r)
	}
	return number + e.Source + "\n" + strings.Repeat(" ", len(number)-2) + "| " + indent.String() + "^"
}

// Errors are all problems of a manifest, in the order of the file.
type Errors []*Error

// Error gives one line per problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// err sorts the list; nil when it is empty.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// position is a place in the source; both count from 1, columns in characters.
type position struct{ line, column int }

// report collects the problems of one file.
type report struct {
	file  string
	lines []string
	errs  Errors
}

func (r *report) add(at position, path, message, advice string) {
	if len(r.errs) >= maxErrors {
		return
	}
	e := &Error{File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Path: path, Message: message, Advice: advice}
	if e.Line <= len(r.lines) {
		e.Source, e.caret = window(r.lines[e.Line-1], e.Column-1)
	}
	r.errs = append(r.errs, e)
}

// window shortens a line to what fits a terminal around a column, and gives the
// column's place in it. Control characters become U+FFFD, except tabs.
func window(line string, column int) (string, int) {
	const before, width = 60, 160
	first := 0
	if utf8.RuneCountInString(line) > width {
		first = max(0, column-before)
	}
	var text strings.Builder
	count := 0
	for _, c := range line {
		if count++; count <= first {
			continue
		}
		if count > first+width {
			text.WriteRune('…')
			break
		}
		if c != '\t' && forbidden(c) {
			c = utf8.RuneError
		}
		text.WriteRune(c)
	}
	if first > 0 {
		return "…" + text.String(), column - first + 1
	}
	return text.String(), min(column, count)
}
