package upkeep

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki/pkitest"
)

const uri = "urn:test:application"

func reasons(needs []Need) []Reason {
	var out []Reason
	for _, n := range needs {
		out = append(out, n.Reason)
	}
	return out
}

func TestNeeds(t *testing.T) {
	now := time.Now()
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	other := pkitest.NewAuthority(t, pkitest.Key(2), "CA", nil) // same name, another key
	issued := ca.Issue(t, pkitest.Options{}).Leaf()
	list := &plan.TrustList{Issuers: [][]byte{ca.Certificate.Raw}}
	sound := Criteria{ApplicationURI: uri, NeedsName: true, Now: now, Trust: list}
	with := func(change func(*Criteria)) Criteria {
		c := sound
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		der      []byte
		criteria Criteria
		want     []Reason
	}{
		"sound":        {issued, sound, nil},
		"self-signed":  {pkitest.Application(t, pkitest.Options{}).Leaf(), sound, nil},
		"empty slot":   {nil, sound, []Reason{Missing}},
		"no DER":       {[]byte("hello"), sound, []Reason{Unreadable}},
		"expired":      {pkitest.Expired(t, pkitest.Options{}).Leaf(), sound, []Reason{Expired}},
		"within 30 d":  {pkitest.Application(t, pkitest.Options{NotAfter: now.Add(29 * 24 * time.Hour)}).Leaf(), with(func(c *Criteria) { c.Threshold.Before = 30 * 24 * time.Hour }), []Reason{Expiring}},
		"not yet":      {pkitest.Application(t, pkitest.Options{NotAfter: now.Add(31 * 24 * time.Hour)}).Leaf(), with(func(c *Criteria) { c.Threshold.Before = 30 * 24 * time.Hour }), nil},
		"last 20 %":    {pkitest.Application(t, pkitest.Options{NotBefore: now.AddDate(0, 0, -81), NotAfter: now.AddDate(0, 0, 19)}).Leaf(), with(func(c *Criteria) { c.Threshold.Percent = 20 }), []Reason{Expiring}},
		"last 21 %":    {pkitest.Application(t, pkitest.Options{NotBefore: now.AddDate(0, 0, -79), NotAfter: now.AddDate(0, 0, 21)}).Leaf(), with(func(c *Criteria) { c.Threshold.Percent = 20 }), nil},
		"revoked":      {issued, with(func(c *Criteria) { c.CRLs = [][]byte{ca.CRL(t, pkitest.Parse(t, issued))} }), []Reason{Revoked}},
		"other's CRL":  {issued, with(func(c *Criteria) { c.CRLs = [][]byte{other.CRL(t)} }), nil},
		"another URI":  {pkitest.Application(t, pkitest.Options{URI: "urn:other"}).Leaf(), sound, []Reason{WrongApplicationURI}},
		"no names":     {pkitest.Application(t, pkitest.Options{Hosts: []string{}}).Leaf(), sound, []Reason{WrongNames}},
		"not for plc1": {issued, with(func(c *Criteria) { c.Names = []string{"LOCALHOST", "127.0.0.1", "plc1"} }), []Reason{WrongNames}},
		"short key":    {pkitest.Application(t, pkitest.Options{Key: pkitest.ShortKey(), Change: short}).Leaf(), sound, []Reason{WeakKey}},
		"too short":    {issued, with(func(c *Criteria) { c.MinBits = 3072 }), []Reason{WeakKey}},
		"issuer gone":  {issued, with(func(c *Criteria) { c.Trust = &plan.TrustList{Trusted: [][]byte{other.Certificate.Raw}} }), []Reason{IssuerGone}},
		"no list":      {issued, with(func(c *Criteria) { c.Trust = nil }), nil},
	} {
		if got := reasons(Needs(c.der, c.criteria)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func short(c *x509.Certificate) { c.SubjectKeyId = []byte{1} }

func TestParseThreshold(t *testing.T) {
	for text, want := range map[string]Threshold{
		"20%": {Percent: 20}, "0%": {}, "30d": {Before: 720 * time.Hour}, "72h": {Before: 72 * time.Hour}, "0": {},
	} {
		if got, err := ParseThreshold(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "101%", "-1%", "x%", "-3d", "99999999d", "soon", "-2h"} {
		if got, err := ParseThreshold(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func TestFits(t *testing.T) {
	rsa2048 := pkitest.Parse(t, pkitest.Application(t, pkitest.Options{}).Leaf())
	rsa3072 := pkitest.Parse(t, pkitest.Application(t, pkitest.Options{Key: pkitest.LongKey()}).Leaf())
	for _, c := range []struct {
		cert *x509.Certificate
		typ  config.NodeID
		want bool
	}{
		{rsa2048, config.TypeRsaMin, true}, {rsa2048, config.TypeRsaSha256, true}, {rsa2048, "i=23538", false},
		{rsa3072, config.TypeRsaMin, false}, {rsa3072, config.TypeRsaSha256, true}, {rsa2048, "i=12558", true},
	} {
		if got := Fits(c.cert, c.typ); got != c.want {
			t.Errorf("%d bits for %s: got %v", c.cert.PublicKey.(interface{ Size() int }).Size()*8, config.CertificateTypeName(c.typ), got)
		}
	}
}
