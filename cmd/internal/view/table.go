package view

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// minimumColumn is the narrowest the last column gets before rows run over.
const minimumColumn = 24

// maximumColumn is the widest that a column before the last one gets.
const maximumColumn = 200

// Rows prints columns without rules. header may be nil. Only the last column is
// wrapped: the ones before it hold names, which are useless when cut.
func (t *Text) Rows(header []string, rows [][]string) {
	if t.err != nil || len(rows) == 0 {
		return
	}
	var buf bytes.Buffer
	table := tablewriter.NewTable(&buf,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off), // else UpdateType becomes UPDATE TYPE
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
	)
	if header != nil {
		table.Header(header)
	}
	clipped := make([][]string, len(rows))
	for i, row := range rows {
		clipped[i] = clip(row)
	}
	if widths := widthsOf(header, clipped); t.tooNarrow(widths, clipped) {
		t.stacked(widths, header, clipped)
		return
	}
	for _, row := range wrapLast(header, clipped, t.width) {
		if t.err = table.Append(row); t.err != nil {
			return
		}
	}
	if t.err = table.Render(); t.err != nil {
		return
	}
	for line := range strings.Lines(buf.String()) {
		t.Line("%s", strings.TrimRight(line, " \n"))
	}
}

// wrapLast folds the last column into further rows so that lines fit the width.
func wrapLast(header []string, rows [][]string, width int) [][]string {
	if width <= 0 {
		return rows
	}
	room := max(width-before(widthsOf(header, rows))-1, minimumColumn)
	var out [][]string
	for _, r := range rows {
		last := len(r) - 1
		for i, part := range fold(r[last], room) {
			line := make([]string, len(r))
			if i == 0 {
				copy(line, r)
			}
			line[last] = part
			out = append(out, line)
		}
	}
	return out
}

// widthsOf gives the columns that each cell needs.
func widthsOf(header []string, rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range append([][]string{header}, rows...) {
		for col, cell := range row {
			widths[col] = max(widths[col], twwidth.Width(cell))
		}
	}
	return widths
}

// before is where the last column begins.
func before(widths []int) int {
	used := 0
	for _, w := range widths[:len(widths)-1] {
		used += w + 2
	}
	return used
}

// tooNarrow says that the terminal would break the rows itself, wherever it ends.
func (t *Text) tooNarrow(widths []int, rows [][]string) bool {
	room := t.width - before(widths) - 1
	return t.width > 0 && room < minimumColumn && widths[len(widths)-1] > room
}

// stackedIndent is where the last column stands below the others.
const stackedIndent = "    "

// stacked prints the last column below the others, each row on lines of its own.
func (t *Text) stacked(widths []int, header []string, rows [][]string) {
	room := max(t.width-len(stackedIndent)-1, minimumColumn)
	if header != nil {
		rows = append([][]string{header}, rows...)
	}
	for _, row := range rows {
		last := len(row) - 1
		var cells strings.Builder
		for col, cell := range row[:last] {
			cells.WriteString(cell + strings.Repeat(" ", widths[col]+2-twwidth.Width(cell)))
		}
		if line := strings.TrimRight(cells.String(), " "); twwidth.Width(line) < t.width {
			t.Line("%s", line)
		} else {
			for i, part := range fold(line, room) {
				t.Line("%s%s", stackedIndent[:min(i*2, 2)], part)
			}
		}
		if row[last] == "" {
			continue
		}
		for _, part := range fold(row[last], room) {
			t.Line("%s%s", stackedIndent, part)
		}
	}
}

// minimumPart is the fewest columns that a part of a word is given on a line.
const minimumPart = 8

// fold breaks a text at blanks, and inside a word that alone is too long.
func fold(s string, room int) []string {
	var lines []string
	line := ""
	end := func() { lines, line = append(lines, line), "" }
	for _, word := range strings.Fields(s) {
		for cutAt(word, room) < len(word) {
			free := room
			if line != "" {
				free -= twwidth.Width(line) + 1
				if free < minimumPart { // no crumbs: the word begins on its own line
					end()
					continue
				}
				line += " "
			}
			cut := cutAt(word, free)
			if line == "" {
				cut = cutAt(word, evenly(word, free))
			}
			line, word = line+word[:cut], word[cut:]
			end()
		}
		switch {
		case line == "":
			line = word
		case twwidth.Width(line)+1+twwidth.Width(word) > room:
			end()
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" || len(lines) == 0 {
		end()
	}
	return lines
}

// evenly is the room for the parts of a word that is too long: equal ones, so that
// of a fingerprint no single digit is left over. What is very long fills the room.
func evenly(word string, room int) int {
	if len(word) > maximumColumn {
		return room
	}
	width := twwidth.Width(word)
	parts := (width + room - 1) / room
	return (width + parts - 1) / parts
}

// cutAt gives how many bytes of s fit into room columns; at least one character.
// It looks no further than that, however long s is.
func cutAt(s string, room int) int {
	n, used := 0, 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if used += twwidth.Width(string(r)); used > room && n > 0 {
			break
		}
		n += size
	}
	return n
}

// clip bounds the cells that are not wrapped: one endless name would pad every row.
func clip(row []string) []string {
	out := slices.Clone(row)
	for i, cell := range out[:max(len(out)-1, 0)] {
		if n := cutAt(cell, maximumColumn); n < len(cell) {
			out[i] = cell[:n] + "…"
		}
	}
	return out
}
