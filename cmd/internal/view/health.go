package view

import (
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/health"
)

// HealthSchema names the format of a verdict.
const HealthSchema = "uapush.health/1"

// Health is the verdict on one server.
type Health struct {
	Schema string `json:"schema"`
	Server string `json:"server"`
	health.Decision
}

// Verdict prints one word with its reasons, for scripts and cron.
func (v View) Verdict(server string, d health.Decision) error {
	h := Health{Schema: HealthSchema, Server: server, Decision: d}
	return v.Result(h, func(t *Text) {
		t.Line("%s  %s  %s", Clean(server), t.verdict(d.Verdict), reasons(d))
	}, []string{string(d.Verdict)})
}

// Status prints the verdict with everything that was found.
func (v View) Status(server string, d health.Decision) error {
	h := Health{Schema: HealthSchema, Server: server, Decision: d}
	return v.Result(h, func(t *Text) {
		t.Line("%s  %s  %s", Clean(server), t.verdict(d.Verdict), reasons(d))
		var rows [][]string
		for _, f := range d.Findings {
			slot := Clean(f.Group)
			if f.Type != "" {
				slot += " " + config.CertificateTypeName(f.Type)
			}
			rows = append(rows, []string{Clean(f.Endpoint), slot, string(f.Reason), Clean(f.Detail)})
		}
		t.Line("")
		t.Rows([]string{"ENDPOINT", "CERTIFICATE", "REASON", ""}, rows)
	}, []string{string(d.Verdict)})
}

func (t *Text) verdict(v health.Verdict) string {
	switch v {
	case health.Current:
		return t.paint(green, string(v))
	case health.Reprovision:
		return t.paint(red, string(v))
	}
	return t.paint(yellow, string(v))
}

func reasons(d health.Decision) string {
	text := ""
	for i, r := range d.Reasons {
		if i > 0 {
			text += ", "
		}
		text += string(r)
	}
	return text
}
