// Package tables makes the tables of README.md that say what tests have found, so
// that nobody writes them by hand. A table stands between two comments,
//
//	<!-- NAME: made by make NAME -->
//	<!-- end of NAME -->
package tables

import (
	"fmt"
	"strings"
)

// Section cuts a text at a table: what is before it with the first comment, the
// table, and what follows from the second comment on.
func Section(text, name string) (before, table, after string, err error) {
	first, last := fmt.Sprintf("<!-- %s: made by make %s -->\n", name, name), fmt.Sprintf("<!-- end of %s -->\n", name)
	before, rest, ok := strings.Cut(text, first)
	table, after, closed := strings.Cut(rest, last)
	if !ok || !closed {
		return "", "", "", fmt.Errorf("there is no %q with a %q after it", strings.TrimSpace(first), strings.TrimSpace(last))
	}
	return before + first, table, last + after, nil
}

// row is one line of a table.
func row(cells ...string) string {
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func rule(columns int) string {
	return "|" + strings.Repeat(" --- |", columns) + "\n"
}
