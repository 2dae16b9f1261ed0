package upkeep

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func certificate(t *testing.T, der []byte) plan.Material {
	t.Helper()
	m, err := plan.Certificate("file", der)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func crl(t *testing.T, der []byte) plan.Material {
	t.Helper()
	m, err := plan.CRL("file", der)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// shape counts the members of each list.
func shape(l plan.TrustList) string {
	return fmt.Sprint(len(l.Trusted), len(l.TrustedCRLs), len(l.Issuers), len(l.IssuerCRLs))
}

func TestSync(t *testing.T) {
	now := time.Now()
	ca, gone := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil), pkitest.NewAuthority(t, pkitest.Key(2), "gone", nil)
	self, hmi := pkitest.Application(t, pkitest.Options{Name: "self"}).Leaf(), pkitest.Application(t, pkitest.Options{Name: "hmi"}).Leaf()
	old, current := ca.CRLAt(t, now.AddDate(0, 0, -20)), ca.CRL(t)
	have := plan.TrustList{
		Group: "G", Trusted: [][]byte{self, pkitest.Expired(t, pkitest.Options{Name: "expired"}).Leaf(), ca.Certificate.Raw},
		TrustedCRLs: [][]byte{old, gone.CRL(t)},
	}
	want := plan.TrustListAction{Trusted: []plan.Material{certificate(t, hmi), certificate(t, ca.Certificate.Raw)}, CRLs: []plan.Material{crl(t, current)}}
	for mode, shapeWanted := range map[SyncMode]string{Union: "4 2 0 0", Replace: "2 1 0 0", Prune: "3 1 0 0"} {
		got := Sync(have, want, mode, now)
		if shape(got) != shapeWanted || got.Group != "G" || !containsDER(got.Trusted, hmi) || !containsDER(got.TrustedCRLs, current) || containsDER(got.TrustedCRLs, old) {
			t.Errorf("%s: got %s, want %s", mode, shape(got), shapeWanted)
		}
		if again := Sync(got, want, mode, now); shape(again) != shape(got) {
			t.Errorf("%s: a second sync makes %s of %s", mode, shape(again), shape(got))
		}
	}
	if got := Sync(have, plan.TrustListAction{}, Union, now); shape(got) != shape(have) {
		t.Errorf("nothing wanted: got %s", shape(got))
	}
	if shape(have) != "3 2 0 0" {
		t.Errorf("the input became %s", shape(have))
	}
}

// OPC 10000-12, 7.8.2.9: a CA goes with its CRLs.
func TestRemove(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	self := pkitest.Application(t, pkitest.Options{}).Leaf()
	have := plan.TrustList{Group: "G", Trusted: [][]byte{self, ca.Certificate.Raw}, TrustedCRLs: [][]byte{ca.CRL(t)}}
	for name, c := range map[string]struct{ word, want string }{
		"SHA-256":         {"sha256:" + pki.Fingerprint(ca.Certificate.Raw), "1 0 0 0"},
		"SHA-1":           {pki.Thumbprint(ca.Certificate.Raw), "1 0 0 0"},
		"first 16 digits": {pki.Fingerprint(self)[:16], "1 1 0 0"},
		"as it is shown":  {pki.Fingerprint(self)[:16] + "…", "1 1 0 0"},
		"a CRL":           {pki.Fingerprint(have.TrustedCRLs[0]), "2 0 0 0"},
	} {
		got, err := Remove(have, []string{c.word})
		if err != nil || shape(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", name, shape(got), err, c.want)
		}
	}
	for _, word := range []string{"", pki.Fingerprint(self)[:15], "0123456789abcdef0123"} {
		var unknown *UnknownError
		if _, err := Remove(have, []string{word}); !errors.As(err, &unknown) {
			t.Errorf("%q: got %v", word, err)
		}
	}
}

func TestDifferenceAndSize(t *testing.T) {
	a, b := []byte("a"), []byte("bb")
	before := plan.TrustList{Trusted: [][]byte{a}, IssuerCRLs: [][]byte{a}}
	after := plan.TrustList{Trusted: [][]byte{a, b}, IssuerCRLs: nil}
	added, removed, mask := Difference(before, after)
	if len(added) != 1 || added[0].List != ListTrusted || len(removed) != 1 || removed[0].List != ListIssuerCRLs || mask != 9 {
		t.Errorf("got %v, %v, mask %d", added, removed, mask)
	}
	if len(Within(added, 1)) != 1 || len(Within(added, 8)) != 0 {
		t.Error("Within does not keep to the mask")
	}
	// A UInt32 and four arrays, each a count and lengths with bytes.
	if got, want := Size(after), 4+4*4+(4+1)+(4+2); got != want {
		t.Errorf("the size is %d, want %d", got, want)
	}
}

func situation(groups ...Group) Situation {
	return Situation{ApplicationURI: uri, IsServer: true, Groups: groups, Now: time.Now()}
}

func listing(after plan.TrustList, g Guard) Listing {
	return Listing{Guard: g, Change: func(plan.TrustList, Situation, Group) (plan.TrustList, error) { return after, nil }}
}

func TestGuard(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	middle := ca.Intermediate(t, pkitest.Key(3), "middle", nil)
	self := middle.Issue(t, pkitest.Options{Name: "self"})
	hmi := pkitest.Application(t, pkitest.Options{Name: "hmi", Key: pkitest.Key(4)}).Leaf()
	all := plan.TrustList{Trusted: [][]byte{middle.Certificate.Raw}, TrustedCRLs: [][]byte{middle.CRL(t)}, Issuers: [][]byte{ca.Certificate.Raw}, IssuerCRLs: [][]byte{ca.CRL(t)}}
	change := func(f func(*plan.TrustList)) plan.TrustList {
		l := plan.TrustList{Trusted: slices.Clone(all.Trusted), TrustedCRLs: slices.Clone(all.TrustedCRLs), Issuers: slices.Clone(all.Issuers), IssuerCRLs: slices.Clone(all.IssuerCRLs)}
		f(&l)
		return l
	}
	add := func(l *plan.TrustList) { l.Trusted = append(l.Trusted, hmi) }
	lockedOut := change(func(l *plan.TrustList) { add(l); l.Trusted, l.TrustedCRLs = l.Trusted[1:], nil })
	for name, c := range map[string]struct {
		after   plan.TrustList
		guard   Guard
		limit   uint32
		purpose config.NodeID
		want    any
	}{
		"one more":            {after: change(add)},
		"same":                {after: all},
		"CA of this client":   {after: lockedOut, want: new(*LockoutError)},
		"meant":               {after: lockedOut, guard: Guard{Lockout: []string{"G"}}},
		"meant for another":   {after: lockedOut, guard: Guard{Lockout: []string{"H"}}, want: new(*LockoutError)},
		"issuer missing":      {after: change(func(l *plan.TrustList) { l.Issuers, l.IssuerCRLs = nil, nil }), want: new(*ChainError)},
		"CRL missing":         {after: change(func(l *plan.TrustList) { l.TrustedCRLs = nil }), want: new(*NoCRLError)},
		"CRL missing, meant":  {after: change(func(l *plan.TrustList) { l.TrustedCRLs = nil }), guard: Guard{NoCRL: true}},
		"too large":           {after: change(add), limit: 500, want: new(*SizeError)},
		"large enough":        {after: change(add), limit: 50000},
		"other purpose":       {after: lockedOut, purpose: "i=19323"},
		"no certificate":      {after: change(func(l *plan.TrustList) { l.Trusted = append(l.Trusted, []byte("x")) }), want: new(error)},
		"no CRL":              {after: change(func(l *plan.TrustList) { l.IssuerCRLs = append(l.IssuerCRLs, []byte("x")) }), want: new(error)},
		"issuer that is none": {after: change(func(l *plan.TrustList) { l.Issuers = append(l.Issuers, hmi) }), want: new(error)},
	} {
		purpose := config.PurposeApplicationCertificate
		if c.purpose != "" {
			purpose = c.purpose
		}
		in := situation(Group{Name: "G", Purpose: purpose, Trust: all, TrustRead: true})
		in.Self, in.MaxTrustListSize = self.Chain, c.limit
		l := listing(c.after, c.guard)
		l.Groups = []string{"G"}
		_, err := l.Decide(in)
		if c.want == nil && err != nil || c.want != nil && !errors.As(err, c.want) {
			t.Errorf("%s: got %T %v, want %T", name, err, err, c.want)
		}
	}
}

func TestListingSelection(t *testing.T) {
	self := pkitest.Application(t, pkitest.Options{}).Leaf()
	empty := plan.TrustList{}
	in := situation(
		Group{Name: "A", Purpose: config.PurposeApplicationCertificate, TrustRead: true},
		Group{Name: "B", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Trust: empty},
		Group{Name: "Users", Purpose: "i=19323", TrustRead: true},
	)
	l := listing(plan.TrustList{Trusted: [][]byte{self}}, Guard{})
	w, err := l.Decide(in)
	if err != nil || len(w.TrustLists) != 2 {
		t.Errorf("got %d lists, %v; want those of A and B, never the users'", len(w.TrustLists), err)
	}
	l.Single = true
	var ambiguous *AmbiguousError
	if _, err := l.Decide(in); !errors.As(err, &ambiguous) {
		t.Errorf("one is meant: got %v", err)
	}
	l.Groups = []string{"Users"}
	if w, err := l.Decide(in); err != nil || len(w.TrustLists) != 1 {
		t.Errorf("named: got %d lists, %v", len(w.TrustLists), err)
	}
	var unknown *UnknownError
	l.Groups = []string{"C"}
	if _, err := l.Decide(in); !errors.As(err, &unknown) || len(unknown.Known) != 3 {
		t.Errorf("unknown: got %v", err)
	}
}
