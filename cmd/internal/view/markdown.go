package view

import (
	"strings"

	"github.com/uapush/uapush/config/plan"
)

// Markdown shows a plan for the description of a merge request.
func (v View) Markdown(label string, p plan.Plan) error {
	t := NewText(v.Out, 0, false)
	t.Line("### uapush plan for %s", cell(label))
	t.Line("")
	t.Line("Server %s, configuration %v, server certificate SHA-256 `%s`.", code(p.Server.ApplicationURI), p.BaseVersion, p.Server.CertificateSHA256)
	t.Line("")
	if p.Empty() {
		t.Line("No changes.")
		return t.err
	}
	if len(p.Changes) > 0 {
		t.Line("| | record | name | |")
		t.Line("| --- | --- | --- | --- |")
	}
	for _, c := range p.Changes {
		what := []string{cell(describe(c))}
		for _, f := range c.Fields {
			what = append(what, cell(f.Field+": "+short(f.Before)+" → "+short(f.After)))
		}
		t.Line("| %s | %s | %s | %s |", c.UpdateType, code(c.Path), code(c.Name), strings.Join(what, "<br>"))
	}
	if then := thens(p); len(then) > 0 {
		t.Line("")
		for _, line := range then {
			t.Line("- then: %s", cell(line))
		}
	}
	t.Line("")
	t.Line("%d to insert, %d to replace, %d to delete.", p.Summary.Insert, p.Summary.Replace, p.Summary.Delete)
	t.Line("")
	t.Line("The plan's SHA-256 is `%s`.", p.Digest())
	return t.err
}

// cell keeps a text from being read as markup: what servers supplied must not
// write links or headings into somebody's merge request.
func cell(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "`", "\\`", "<", "&lt;", ">", "&gt;", "[", "\\[", "]", "\\]", "*", "\\*", "_", "\\_", "#", "\\#", "!", "\\!", "\n", " ").Replace(Clean(s))
}

// code is a text in a code span.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "\\|", "\n", " ").Replace(Clean(s)) + "`"
}
