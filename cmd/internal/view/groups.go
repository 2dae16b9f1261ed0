package view

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/upkeep"
)

// groupRow is a CertificateGroup in few words.
type groupRow struct {
	Name         string          `json:"name"`
	Purpose      config.NodeID   `json:"purpose,omitempty"`
	Types        []config.NodeID `json:"types"`
	Certificates int             `json:"certificates"` // filled slots, as far as known
	Complete     bool            `json:"complete"`     // the server tells of every slot
	Trusted      int             `json:"trusted"`
	Issuers      int             `json:"issuers"`
	CRLs         int             `json:"crls"`
	Size         int             `json:"size"`             // bytes of the trust list
	Unread       string          `json:"unread,omitempty"` // why the trust list could not be read
	Updated      time.Time       `json:"updated,omitzero"`
	Rejected     *int            `json:"rejected,omitempty"`
}

// Groups shows the CertificateGroups of an application.
func (v View) Groups(in upkeep.Situation) error {
	rows := []groupRow{}
	var names []string
	for _, g := range in.Groups {
		r := groupRow{
			Name: g.Name, Purpose: g.Purpose, Types: append([]config.NodeID{}, g.Types...), Certificates: len(g.Certificates), Complete: g.Complete,
			Trusted: len(g.Trust.Trusted), Issuers: len(g.Trust.Issuers), CRLs: len(g.Trust.TrustedCRLs) + len(g.Trust.IssuerCRLs),
			Size: upkeep.Size(g.Trust), Updated: known(g.Updated),
		}
		if n := len(g.Rejected); g.RejectedKnown {
			r.Rejected = &n
		}
		if g.Unread != nil {
			r.Unread = Clean(g.Unread.Error())
		}
		rows, names = append(rows, r), append(names, g.Name)
	}
	return v.Result(versioned{groupsSchema, rows}, func(t *Text) { t.groupRows(rows) }, names)
}

// known drops the times by which servers say that they do not know (OPC 10000-12, 7.8.2.1).
func known(at time.Time) time.Time {
	if at.Year() < 1970 {
		return time.Time{}
	}
	return at.UTC()
}

func (t *Text) groupRows(groups []groupRow) {
	var rows [][]string
	for _, g := range groups {
		filled := fmt.Sprintf("%d of %d", g.Certificates, len(g.Types))
		if !g.Complete && len(g.Types) > 0 {
			filled = "not told"
		}
		list := fmt.Sprintf("%d trusted, %d %s, %d %s", g.Trusted, g.Issuers, plural(g.Issuers, "issuer", "issuers"), g.CRLs, plural(g.CRLs, "CRL", "CRLs"))
		if g.Unread != "" {
			list = g.Unread
		}
		if !g.Updated.IsZero() {
			list += ", of " + g.Updated.Format(time.DateOnly)
		}
		if g.Rejected != nil && *g.Rejected > 0 {
			list += fmt.Sprintf(" · %d rejected", *g.Rejected)
		}
		rows = append(rows, []string{Clean(g.Name), config.PurposeName(g.Purpose), strings.Join(typeNames(g.Types), ", "), filled, list})
	}
	t.Rows([]string{"GROUP", "PURPOSE", "TYPES", "CERTIFICATES", "TRUST LIST"}, rows)
}

// Slot is a certificate slot with what it holds and needs.
type Slot struct {
	Group       string           `json:"group"`
	Type        config.NodeID    `json:"type"`
	Empty       bool             `json:"empty"`
	Known       bool             `json:"known"` // the server, or an endpoint, told
	Certificate *pki.Description `json:"certificate,omitempty"`
	Needs       []upkeep.Need    `json:"needs,omitempty"`
	Endpoints   []string         `json:"endpoints,omitempty"` // that show it
}

// SlotOf describes a slot.
func SlotOf(g upkeep.Group, typ config.NodeID, needs []upkeep.Need, endpoints []string) Slot {
	der := g.Certificates[typ]
	s := Slot{Group: g.Name, Type: typ, Empty: len(der) == 0, Known: g.Complete || len(der) > 0, Needs: needs, Endpoints: endpoints}
	if c, err := pki.ReadCertificate(der); err == nil {
		s.Certificate = describedIn(g, c)
	}
	return s
}

// describedIn describes a certificate of a group. The profile of OPC 10000-6, 6.2.2
// is that of application certificates; of it only what holds for every purpose is a
// problem elsewhere.
func describedIn(g upkeep.Group, c *x509.Certificate) *pki.Description {
	d := pki.Describe(c)
	if !g.ForApplications() {
		d.Problems = slices.DeleteFunc(d.Problems, func(p pki.Problem) bool { return p.Rule != pki.RulePolicy })
	}
	return &d
}

// Slots lists certificate slots.
func (v View) Slots(slots []Slot) error {
	var names []string
	for _, s := range slots {
		names = append(names, s.Group+" "+config.CertificateTypeName(s.Type))
	}
	return v.Result(versioned{slotsSchema, append([]Slot{}, slots...)}, func(t *Text) {
		if len(slots) == 0 {
			t.Line("No slot needs anything.")
			return
		}
		var rows [][]string
		for _, s := range slots {
			rows = append(rows, s.row(t))
		}
		t.Rows([]string{"GROUP", "TYPE", "VALID UNTIL", "SHA-256", "STATE", "SUBJECT"}, rows)
	}, names)
}

func (s Slot) row(t *Text) []string {
	row := []string{Clean(s.Group), config.CertificateTypeName(s.Type), "", "", s.state(), ""}
	if c := s.Certificate; c != nil {
		row[2], row[3], row[5] = c.NotAfter.Format(time.DateOnly), c.SHA256[:16]+"…", Clean(c.Subject)
		if c.SelfSigned {
			row[5] += " (self-signed)"
		} else {
			row[5] += ", by " + Clean(c.Issuer)
		}
	}
	return row
}

func (s Slot) state() string {
	if !s.Known {
		return "not told"
	}
	var words []string
	for _, n := range s.Needs {
		words = append(words, string(n.Reason))
	}
	if len(words) == 0 {
		return "ok"
	}
	return strings.Join(words, ", ")
}

// SlotDetails shows slots with everything there is to say.
func (v View) SlotDetails(slots []Slot) error {
	var names []string
	for _, s := range slots {
		if s.Certificate != nil {
			names = append(names, s.Certificate.SHA256)
		}
	}
	return v.Result(versioned{slotsSchema, append([]Slot{}, slots...)}, func(t *Text) {
		for i, s := range slots {
			if i > 0 {
				t.Line("")
			}
			t.slot(s)
		}
	}, names)
}

func (t *Text) slot(s Slot) {
	t.Line("%s of %s", config.CertificateTypeName(s.Type), Clean(s.Group))
	var rows [][]string
	for _, n := range s.Needs {
		rows = append(rows, []string{t.paint(yellow, "needs"), Clean(fmt.Sprintf("another one, %s: %s", n.Reason, n.Text))})
	}
	for _, e := range s.Endpoints {
		rows = append(rows, []string{"shown by", Clean(e)})
	}
	switch {
	case s.Certificate != nil:
		t.certificate(*s.Certificate, rows...)
		return
	case s.Known:
		t.Line("the slot is empty")
	default:
		t.Line("the server does not tell which certificate is there")
	}
	t.Rows(nil, rows)
}

// trustEntry is a certificate or CRL of a trust list.
type trustEntry struct {
	upkeep.Member
	Certificate *pki.Description `json:"certificate,omitempty"`
	CRL         *crlInfo         `json:"crl,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
}

type trustListView struct {
	Group   string       `json:"group"`
	Updated time.Time    `json:"updated,omitzero"`
	Size    int          `json:"size"`
	Limit   uint32       `json:"limit,omitempty"`
	Entries []trustEntry `json:"entries"`
	Unread  string       `json:"unread,omitempty"`
}

// TrustLists shows the trust lists of groups, with all of every member where the
// details are wanted.
func (v View) TrustLists(groups []upkeep.Group, in upkeep.Situation, details bool) error {
	lists := []trustListView{}
	var names []string
	for _, g := range groups {
		l := trustListView{Group: g.Name, Updated: known(g.Updated), Size: upkeep.Size(g.Trust), Limit: in.MaxTrustListSize, Entries: []trustEntry{}}
		if g.Unread != nil {
			l.Unread = Clean(g.Unread.Error())
		}
		without := map[string]bool{} // a list may have thousands of members: once for all of them
		for _, m := range upkeep.WithoutCRL(g.Trust) {
			without[m.SHA256] = true
		}
		for _, m := range upkeep.Members(g.Trust) {
			l.Entries = append(l.Entries, entryOf(m, g, in, without))
			names = append(names, m.SHA256)
		}
		lists = append(lists, l)
	}
	return v.Result(versioned{trustListsSchema, lists}, func(t *Text) {
		for i, l := range lists {
			if i > 0 {
				t.Line("")
			}
			t.trustList(l, details)
		}
	}, names)
}

func entryOf(m upkeep.Member, g upkeep.Group, in upkeep.Situation, without map[string]bool) trustEntry {
	e := trustEntry{Member: m}
	if c, err := pki.ReadCertificate(m.DER); err == nil {
		e.Certificate = describedIn(g, c)
		if c.IsCA {
			e.Notes = append(e.Notes, "CA")
		}
	} else if crl, err := x509.ParseRevocationList(m.DER); err == nil {
		e.CRL = crlInfoOf(crl, in.Now)
	}
	if len(in.Self) > 0 && m.SHA256 == pki.Fingerprint(in.Self[0]) {
		e.Notes = append(e.Notes, "this client")
	}
	if without[m.SHA256] {
		e.Notes = append(e.Notes, "no CRL")
	}
	if !m.Until.IsZero() && in.Now.After(m.Until) {
		e.Notes = append(e.Notes, "out of date")
	}
	return e
}

func (t *Text) trustList(l trustListView, details bool) {
	limit := "no limit"
	if l.Limit > 0 {
		limit = fmt.Sprintf("%d allowed", l.Limit)
	}
	if l.Unread != "" {
		t.Line("trust list of %s: %s", Clean(l.Group), l.Unread)
		return
	}
	t.Line("trust list of %s: %d bytes, %s", Clean(l.Group), l.Size, limit)
	if len(l.Entries) == 0 {
		t.Line("It is empty: nobody is trusted.")
		return
	}
	if details {
		t.trustDetails(l)
		return
	}
	var rows [][]string
	for _, e := range l.Entries {
		until := ""
		if !e.Until.IsZero() {
			until = e.Until.Format(time.DateOnly)
		}
		if n := e.problems(); n > 0 {
			e.Notes = append(e.Notes, fmt.Sprintf("%d %s", n, plural(n, "problem", "problems")))
		}
		rows = append(rows, []string{listWord(e.List), until, e.SHA256[:16] + "…", strings.Join(e.Notes, ", "), Clean(e.Subject)})
	}
	t.Rows([]string{"LIST", "UNTIL", "SHA-256", "NOTES", "SUBJECT"}, rows)
}

func (e trustEntry) problems() int {
	if e.Certificate == nil {
		return 0
	}
	return len(e.Certificate.Problems)
}

// trustDetails shows the members of a list with everything there is to say.
func (t *Text) trustDetails(l trustListView) {
	for _, e := range l.Entries {
		t.Line("")
		rows := [][]string{{"list", listWord(e.List)}}
		switch {
		case e.Certificate != nil:
			rows = append(rows, certificateRows(*e.Certificate)...)
		case e.CRL != nil:
			rows = append(rows, e.CRL.rows()...)
			rows = append(rows, []string{"SHA-256", e.SHA256})
		default:
			rows = append(rows, []string{"SHA-256", e.SHA256}, []string{"content", Clean(e.Subject)})
		}
		for _, n := range e.Notes {
			rows = append(rows, []string{"note", n})
		}
		t.Rows(nil, rows)
	}
}

func listWord(list string) string {
	return map[string]string{
		upkeep.ListTrusted: "trusted", upkeep.ListTrustedCRLs: "trusted CRL", upkeep.ListIssuers: "issuer", upkeep.ListIssuerCRLs: "issuer CRL",
	}[list]
}

// Rejected shows the certificates that groups have turned away.
func (v View) Rejected(groups []upkeep.Group) error {
	type rejected struct {
		Group string `json:"group"`
		pki.Description
	}
	list := []rejected{}
	var names []string
	for _, g := range groups {
		for _, der := range g.Rejected {
			if c, err := pki.ReadCertificate(der); err == nil {
				list = append(list, rejected{g.Name, pki.Describe(c)})
				names = append(names, pki.Fingerprint(der))
			}
		}
	}
	return v.Result(versioned{rejectedSchema, list}, func(t *Text) {
		if len(list) == 0 {
			t.Line("No certificate is listed as rejected.")
			return
		}
		var rows [][]string
		for _, r := range list {
			rows = append(rows, []string{Clean(r.Group), r.SHA256, r.NotAfter.Format(time.DateOnly), Clean(r.ApplicationURI), Clean(r.Subject)})
		}
		t.Rows([]string{"GROUP", "SHA-256", "UNTIL", "APPLICATIONURI", "SUBJECT"}, rows)
	}, names)
}
