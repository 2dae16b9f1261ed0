package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/upkeep"
)

// Work shows what would be done to groups.
func (v View) Work(label string, w upkeep.Work) error {
	var names []string
	for _, l := range w.TrustLists {
		names = append(names, "trust list of "+l.Group)
	}
	for _, c := range w.Certificates {
		names = append(names, string(c.Action)+" "+c.Group+" "+config.CertificateTypeName(c.Type))
	}
	return v.Result(w, func(t *Text) { t.work(label, w) }, names)
}

func (t *Text) work(label string, w upkeep.Work) {
	t.Line("%s  %s", Clean(label), Clean(w.Server.ApplicationURI))
	if w.Application != "" {
		t.Line("managed application %s", Clean(string(w.Application)))
	}
	t.Line("")
	var kept [][]string
	for _, k := range w.Kept {
		kept = append(kept, []string{"=", Clean(k.Group), config.CertificateTypeName(k.Type), Clean(k.Why)})
	}
	t.Rows(nil, kept)
	if w.Empty() {
		t.Line("Nothing to do.")
		return
	}
	for _, l := range w.TrustLists {
		t.listChange(l)
	}
	for _, c := range w.Certificates {
		t.slotChange(c)
	}
	for _, n := range w.Notes {
		t.Line("%s %s", t.paint(yellow, "note:"), Clean(n))
	}
	t.Line("Plan: %d %s to write, %d %s to change.", len(w.TrustLists), plural(len(w.TrustLists), "trust list", "trust lists"),
		len(w.Certificates), plural(len(w.Certificates), "certificate", "certificates"))
}

func (t *Text) listChange(l upkeep.ListChange) {
	t.Line("trust list of %s, then %d bytes", Clean(l.Group), l.Size)
	var rows [][]string
	for _, part := range []struct {
		symbol  string
		members []upkeep.Member
	}{{t.paint(green, "+"), l.Added}, {t.paint(red, "-"), l.Removed}} {
		for _, m := range part.members {
			rows = append(rows, []string{" " + part.symbol, listWord(m.List), m.SHA256[:16] + "…", Clean(m.Subject)})
		}
	}
	t.Rows(nil, rows)
}

func (t *Text) slotChange(c upkeep.SlotChange) {
	t.Line("%s of %s: %s", config.CertificateTypeName(c.Type), Clean(c.Group), actionWords(c))
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{"  " + name, Clean(value)})
		}
	}
	for _, n := range c.Reasons {
		add("because", n.Text)
	}
	if b := c.Before; b != nil {
		add("now", fmt.Sprintf("%s, by %s, until %s, sha256:%.16s…", b.Subject, b.Issuer, b.NotAfter.Format(time.DateOnly), b.SHA256))
	}
	if b := c.After; b != nil {
		add("then", fmt.Sprintf("%s, by %s, until %s, sha256:%.16s…", b.Subject, b.Issuer, b.NotAfter.Format(time.DateOnly), b.SHA256))
	}
	if c.Action != upkeep.Delete {
		add("subject", c.Subject)
		add("names", strings.Join(append(append([]string{}, c.DNSNames...), c.IPAddresses...), ", "))
	}
	t.Rows(nil, rows)
}

func actionWords(c upkeep.SlotChange) string {
	switch c.Action {
	case upkeep.Install:
		return "update with the certificate given"
	case upkeep.SelfSigned:
		return "have the server sign one for itself"
	case upkeep.Delete:
		return "delete"
	}
	switch c.Key {
	case upkeep.SameKey:
		return "renew, with the key that the server has"
	case upkeep.LocalKey:
		return "renew, with a new key made here and sent as " + c.KeyFormat
	}
	return "renew, with a new key of the server's"
}

// UpkeepSchema names the format of the result of the certificate commands.
const UpkeepSchema = "uapush.upkeep-result/1"

// Kept is what an upkeep achieved, as observed.
type Kept struct {
	Schema       string              `json:"schema"`
	Changed      bool                `json:"changed"`
	TrustLists   []string            `json:"trustLists,omitempty"`
	Certificates []IssuedCertificate `json:"certificates,omitempty"`
	Deleted      []Slot              `json:"deleted,omitempty"`
	Verified     bool                `json:"verified"`
}

// KeptOf reads what a run left in its State.
func KeptOf(s *workflow.State) Kept {
	w := s.Promised()
	k := Kept{Schema: UpkeepSchema, Changed: !w.Empty(), Verified: s.Upkeep.Verified}
	for _, l := range w.TrustLists {
		if s.ListTaken(l.Group) {
			k.TrustLists = append(k.TrustLists, l.Group)
		}
	}
	for _, c := range w.Certificates {
		der, taken := s.SlotTaken(c.Group, c.Type)
		if b := upkeep.Brief(der); taken && b != nil {
			k.Certificates = append(k.Certificates, IssuedCertificate{Group: c.Group, Type: c.Type, Subject: b.Subject, SHA256: b.SHA256, NotAfter: b.NotAfter})
		} else if taken && c.Action == upkeep.Delete {
			k.Deleted = append(k.Deleted, Slot{Group: c.Group, Type: c.Type, Empty: true, Known: true})
		}
	}
	return k
}

// Kept shows the end of an upkeep.
func (v View) Kept(k Kept) error {
	var names []string
	for _, c := range k.Certificates {
		names = append(names, c.SHA256)
	}
	return v.Result(k, func(t *Text) {
		if !k.Changed {
			t.Line("Nothing to do.")
			return
		}
		for _, g := range k.TrustLists {
			t.Line("Trust list of %s is written.", Clean(g))
		}
		for _, c := range k.Certificates {
			t.Line("%s of %s is %s, until %s, SHA-256 %s.", config.CertificateTypeName(c.Type), Clean(c.Group), Clean(c.Subject),
				c.NotAfter.UTC().Format(time.DateOnly), c.SHA256)
		}
		for _, s := range k.Deleted {
			t.Line("%s of %s is empty.", config.CertificateTypeName(s.Type), Clean(s.Group))
		}
	}, names)
}

// Transaction shows TransactionDiagnostics.
func (v View) Transaction(d workflow.TransactionDiagnostics) error {
	return v.Result(versioned{transactionSchema, d}, func(t *Text) {
		switch d.Phase {
		case workflow.NoTransaction:
			t.Line("There was no transaction since the server started.")
			return
		case workflow.TransactionUnknown:
			t.Line("The server took the call, and does not say what became of the transaction.")
			return
		case workflow.TransactionActive:
			t.Line("A transaction is open since %s.", d.StartTime.UTC().Format(time.DateTime))
		default:
			t.Line("The latest transaction ended at %s: %s.", d.EndTime.UTC().Format(time.DateTime), d.Result)
		}
		var rows [][]string
		for _, name := range d.TrustLists {
			rows = append(rows, []string{"affects", Clean(name)})
		}
		for _, name := range d.Groups {
			rows = append(rows, []string{"affects", "certificates of " + Clean(name)})
		}
		for _, e := range d.Errors {
			rows = append(rows, []string{t.paint(red, "error"), Clean(fmt.Sprintf("%s: %s %s", e.Target, e.Status, e.Message))})
		}
		t.Rows(nil, rows)
	}, []string{string(d.Phase)})
}

// UpkeepResult writes what an upkeep achieved to the stream of events.
func (s *Stream) UpkeepResult(k Kept) error {
	return s.write(struct {
		Type string `json:"type"`
		Kept
	}{"result", k})
}

// Work writes what will be done to the stream of events.
func (s *Stream) Work(w upkeep.Work) error {
	return s.write(struct {
		Type string      `json:"type"`
		Work upkeep.Work `json:"plan"`
	}{"plan", w})
}
