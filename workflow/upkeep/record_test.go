package upkeep

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki/pkitest"
)

// works are of every kind of command.
func works(t testing.TB) map[string]Work {
	t.Helper()
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	leaf := ca.Issue(t, pkitest.Options{})
	updated := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	in := situation(Group{
		Name: "A", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Complete: true, Updated: updated,
		Trust: plan.TrustList{Group: "A", Trusted: [][]byte{leaf.Leaf()}}, Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: leaf.Leaf()},
	}, Group{Name: "B", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Complete: true})
	in.KeyFormats, in.MaxTrustListSize, in.Server.CertificateSHA256 = []string{"PEM"}, 1<<16, strings.Repeat("c0", 32)
	issuer, err := plan.Certificate("ca", ca.Certificate.Raw)
	if err != nil {
		t.Fatal(err)
	}
	list, err := plan.CRL("ca", ca.CRL(t))
	if err != nil {
		t.Fatal(err)
	}
	cas, crls := []plan.Material{issuer}, []plan.Material{list}
	out := map[string]Work{}
	for name, decide := range map[string]func(Situation) (Work, error){
		"renew": Renewal{All: true, Key: ServerKey, Names: []string{"plc1", "192.0.2.1"}, Validity: 36 * time.Hour, Issuers: cas, CRLs: crls}.Decide,
		"local": Renewal{All: true, Key: LocalKey, Bits: 3072, Subject: "CN=PLC1/O=Plant", Issuers: cas, CRLs: crls}.Decide,
		"install": Installation{
			Selection: Selection{Groups: []string{"B"}}, Chain: leaf.Chain, HasKey: true, Issuers: cas, CRLs: crls,
		}.Decide,
		"self-signed": SelfSign{Selection: Selection{Groups: []string{"B"}}, Names: []string{"plc1"}, Validity: time.Hour}.Decide,
		"delete":      Deletion{Selection{Groups: []string{"A"}}}.Decide,
		"list": Listing{Change: func(have plan.TrustList, in Situation, _ Group) (plan.TrustList, error) {
			return Sync(have, plan.TrustListAction{Trusted: cas, CRLs: crls}, Replace, in.Now), nil
		}}.Decide,
	} {
		w, err := decide(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.Empty() {
			t.Fatalf("%s: nothing to do", name)
		}
		out[name] = w
	}
	return out
}

func encoded(t testing.TB, w Work) []byte {
	t.Helper()
	r, err := Recorded(w)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decoded(data []byte) (Work, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Work{}, err
	}
	return r.Work()
}

// What is read from a record is what was approved.
func TestRecordRoundTrip(t *testing.T) {
	for name, w := range works(t) {
		got, err := decoded(encoded(t, w))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(encoded(t, got), encoded(t, w)) {
			t.Errorf("%s: recorded again, it is another one", name)
		}
		w.Kept, w.Notes = nil, nil // which nobody needs to go on
		if a, b := shownAs(t, got), shownAs(t, w); a != b {
			t.Errorf("%s: it is shown as\n%s, and was\n%s", name, a, b)
		}
		for i, c := range got.Certificates {
			if want := w.Certificates[i]; c.Validity != want.Validity || !slices.Equal(c.Old, want.Old) || len(c.Given) != len(want.Given) {
				t.Errorf("%s: slot %d is not what it was", name, i)
			}
		}
	}
}

func shownAs(t *testing.T, w Work) string {
	t.Helper()
	data, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A record that says something else than a Work can is refused.
func TestRecordIsChecked(t *testing.T) {
	ws := works(t)
	for name, c := range map[string]struct {
		work   string
		change func(*Record)
		field  string
	}{
		"another schema":    {"renew", func(r *Record) { r.Schema = "uapush.upkeep-record/9" }, "schema"},
		"nothing to do":     {"delete", func(r *Record) { r.Certificates = nil }, "trustLists"},
		"no fingerprint":    {"renew", func(r *Record) { r.Server.CertificateSHA256 = "x" }, "server.certificateSha256"},
		"no NodeId":         {"renew", func(r *Record) { r.Application = "x" }, "application"},
		"a list twice":      {"list", func(r *Record) { r.TrustLists[1].Group = "A" }, "trustLists[1].group"},
		"no change":         {"list", func(r *Record) { r.TrustLists[0].After = r.TrustLists[0].Before }, "trustLists[0]"},
		"a slot twice":      {"renew", func(r *Record) { r.Certificates[1].Group = "A" }, "certificates[1]"},
		"no group":          {"renew", func(r *Record) { r.Certificates[0].Group = "" }, "certificates[0]"},
		"no type":           {"renew", func(r *Record) { r.Certificates[0].Type = "" }, "certificates[0]"},
		"another action":    {"renew", func(r *Record) { r.Certificates[0].Action = "burn" }, "certificates[0]"},
		"another key":       {"renew", func(r *Record) { r.Certificates[0].Key = "mine" }, "certificates[0]"},
		"a key to install":  {"install", func(r *Record) { r.Certificates[0].Key = ServerKey }, "certificates[0]"},
		"no format":         {"local", func(r *Record) { r.Certificates[0].KeyFormat = "" }, "certificates[0]"},
		"another format":    {"local", func(r *Record) { r.Certificates[0].KeyFormat = "JKS" }, "certificates[0]"},
		"a negative key":    {"local", func(r *Record) { r.Certificates[0].Bits = -1 }, "certificates[0]"},
		"no certificate":    {"install", func(r *Record) { r.Certificates[0].Given = nil }, "certificates[0]"},
		"bytes":             {"install", func(r *Record) { r.Certificates[0].Given[0] = []byte("x") }, "certificates[0]"},
		"a certificate":     {"renew", func(r *Record) { r.Certificates[0].Given = [][]byte{{1}} }, "certificates[0]"},
		"no subject":        {"local", func(r *Record) { r.Certificates[0].Subject = "PLC1" }, "certificates[0]"},
		"no address":        {"renew", func(r *Record) { r.Certificates[0].IPAddresses = []string{"plc1"} }, "certificates[0]"},
		"no duration":       {"renew", func(r *Record) { r.Certificates[0].Validity = "long" }, "certificates[0]"},
		"negative duration": {"renew", func(r *Record) { r.Certificates[0].Validity = "-1h" }, "certificates[0]"},
	} {
		var r Record
		if err := json.Unmarshal(encoded(t, ws[c.work]), &r); err != nil {
			t.Fatal(err)
		}
		c.change(&r)
		_, err := r.Work()
		var bad *RecordError
		if !errors.As(err, &bad) || bad.Field != c.field || bad.Hint() == "" {
			t.Errorf("%s: got %v, want a *RecordError of %s", name, err, c.field)
		}
	}
	big := ws["list"]
	big.TrustLists = slices.Clone(big.TrustLists)
	big.TrustLists[0].After.Issuers = [][]byte{make([]byte, MaxRecord+1)}
	if _, err := Recorded(big); !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("a list that is too large: got %v", err)
	}
}

// Only a list on the way from the one to the other is written over.
func TestBetween(t *testing.T) {
	a, b, c, d := []byte("a"), []byte("b"), []byte("c"), []byte("d")
	l := ListChange{Mask: 1, Before: plan.TrustList{Trusted: [][]byte{a, b}}, After: plan.TrustList{Trusted: [][]byte{b, c}}}
	for name, test := range map[string]struct {
		now           [][]byte
		between, done bool
	}{
		"before":          {[][]byte{a, b}, true, false},
		"after":           {[][]byte{c, b}, true, true},
		"half":            {[][]byte{a, b, c}, true, false},
		"more":            {[][]byte{a, b, d}, false, false},
		"after, and more": {[][]byte{b, c, d}, false, false},
		"less":            {[][]byte{a}, false, false},
		"empty":           {nil, false, false},
	} {
		// The lists that are not written do not count.
		now := plan.TrustList{Trusted: test.now, Issuers: [][]byte{d}}
		if got := l.Between(now); got != test.between {
			t.Errorf("%s: between is %v", name, got)
		}
		if got := l.Done(now); got != test.done {
			t.Errorf("%s: done is %v", name, got)
		}
	}
}

// FuzzRecord: what is accepted holds together, and is the same when it is recorded again.
func FuzzRecord(f *testing.F) {
	for _, w := range works(f) {
		f.Add(encoded(f, w))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := decoded(data)
		if err != nil {
			return
		}
		again, err := decoded(encoded(t, w))
		if err != nil {
			t.Fatalf("refused when it was recorded again: %v", err)
		}
		if a, b := encoded(t, w), encoded(t, again); !bytes.Equal(a, b) {
			t.Fatalf("recorded again it is\n%s, and was\n%s", b, a)
		}
		for _, l := range again.TrustLists {
			if !l.Between(l.Before) || !l.Between(l.After) || !l.Done(l.After) || l.Done(l.Before) {
				t.Fatalf("the list %+v is not between its ends", l)
			}
		}
	})
}
