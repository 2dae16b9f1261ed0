package upkeep

import (
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
)

func TestRenewal(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	fine := pkitest.Application(t, pkitest.Options{}).Leaf()
	in := situation(
		Group{Name: "A", Types: []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}, Complete: true, TrustRead: true,
			Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: fine}},
		Group{Name: "B", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Certificates: map[config.NodeID][]byte{}}, // does not tell
		Group{Name: "Users", Purpose: "i=19323", TrustRead: true, Complete: true},
	)
	r := Renewal{Key: SameKey, Issuers: []plan.Material{certificate(t, ca.Certificate.Raw)}, CRLs: []plan.Material{crl(t, ca.CRL(t))}}
	w, err := r.Decide(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Certificates) != 1 || w.Certificates[0].Type != config.TypeRsaMin || w.Certificates[0].Key != ServerKey || len(w.Kept) != 2 {
		t.Errorf("got %+v, kept %+v; want the empty slot, with a new key of the server's", w.Certificates, w.Kept)
	}
	if len(w.TrustLists) != 1 || w.TrustLists[0].Mask != 12 || shape(w.TrustLists[0].After) != "0 0 1 1" {
		t.Errorf("got %+v; want the CA among the issuers, and nobody trusted for it", w.TrustLists)
	}
	r.All = true
	if w, err = r.Decide(in); err != nil || len(w.Certificates) != 3 || len(w.TrustLists) != 2 {
		t.Errorf("all: got %d certificates, %d lists, %v", len(w.Certificates), len(w.TrustLists), err)
	}
	c := w.Certificates[1]
	if c.Key != SameKey || !slices.Equal(c.DNSNames, []string{"localhost"}) || !slices.Equal(c.IPAddresses, []string{"127.0.0.1"}) || c.Reasons[0].Reason != Asked {
		t.Errorf("got %+v; want the names there are", c)
	}
	r.Types = []config.NodeID{"i=23538"}
	var unknown *UnknownError
	if _, err := r.Decide(in); !errors.As(err, &unknown) {
		t.Errorf("an unknown type: got %v", err)
	}
}

func TestKeyFormat(t *testing.T) {
	for _, c := range []struct {
		supported []string
		want      string
	}{
		{[]string{"PFX", "PEM"}, "PEM"}, {[]string{"pfx"}, "PFX"}, {[]string{"PKCS8"}, "PKCS8"}, {[]string{"JKS"}, ""}, {nil, ""},
	} {
		got, err := KeyFormat(c.supported)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: got %q, %v; want %q", c.supported, got, err, c.want)
		}
	}
	var none *KeyFormatError
	in := situation(Group{Name: "A", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Complete: true})
	if _, err := (Renewal{Key: LocalKey}).Decide(in); !errors.As(err, &none) {
		t.Errorf("a server that takes no keys: got %v", err)
	}
}

// open62541 takes a certificate for a key that it does not have, and is not reached
// any more: such a certificate is not sent.
func TestInstallationKey(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	cert := ca.Issue(t, pkitest.Options{Key: pkitest.Key(2)})
	key := func(id pkitest.Identity) string { return pki.KeyID(id.Certificate(t).RawSubjectPublicKeyInfo) }
	other := ca.Issue(t, pkitest.Options{Key: pkitest.Key(3)})
	list := plan.TrustList{Issuers: [][]byte{ca.Certificate.Raw}, IssuerCRLs: [][]byte{ca.CRL(t)}}
	for name, c := range map[string]struct {
		slot            []byte
		asked, onRecord string
		hasKey, refused bool
	}{
		"the key in use":        {slot: ca.Issue(t, pkitest.Options{Key: pkitest.Key(2)}).Leaf()},
		"on record":             {slot: other.Leaf(), onRecord: key(cert)},
		"on record, empty slot": {onRecord: key(cert)},
		"asked for elsewhere":   {slot: other.Leaf(), asked: key(cert), onRecord: key(other)},
		"its key comes along":   {slot: other.Leaf(), hasKey: true},
		"of no request":         {slot: other.Leaf(), refused: true},
		"not the latest":        {slot: other.Leaf(), onRecord: key(other), refused: true},
		"not of the request":    {slot: cert.Leaf(), asked: key(other), refused: true},
	} {
		g := Group{Name: "A", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Complete: true, Trust: list,
			Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: c.slot}}
		in := situation(g)
		in.KeyFormats = []string{"PEM"}
		_, err := Installation{
			Chain: cert.Chain, HasKey: c.hasKey, Asked: c.asked,
			OnRecord: func(uri, group string, typ config.NodeID) (string, error) {
				if uri != in.ApplicationURI || group != "A" || typ != config.TypeRsaSha256 {
					t.Errorf("%s: asked for %s %s %s", name, uri, group, typ)
				}
				return c.onRecord, nil
			},
		}.Decide(in)
		var unfit *UnfitError
		if refused := errors.As(err, &unfit) && unfit.Rule == "key"; refused != c.refused || !refused && err != nil {
			t.Errorf("%s: got %v, want refused %v", name, err, c.refused)
		}
	}
}

// What can be known to be wrong is said before anything is sent.
func TestInstallation(t *testing.T) {
	ca := pkitest.NewAuthority(t, pkitest.Key(1), "CA", nil)
	good := ca.Issue(t, pkitest.Options{})
	group := func(l plan.TrustList) Situation {
		in := situation(Group{Name: "A", Types: []config.NodeID{config.TypeRsaSha256}, TrustRead: true, Complete: true, Trust: l,
			Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: ca.Issue(t, pkitest.Options{Name: "old"}).Leaf()}})
		in.Server.URL = "opc.tcp://127.0.0.1:4840/path"
		return in
	}
	known := plan.TrustList{Issuers: [][]byte{ca.Certificate.Raw}, IssuerCRLs: [][]byte{ca.CRL(t)}}
	for name, c := range map[string]struct {
		chain [][]byte
		list  plan.TrustList
		rule  string
	}{
		"fits":           {good.Chain, known, ""},
		"self-signed":    {pkitest.Application(t, pkitest.Options{}).Chain, plan.TrustList{}, ""},
		"no certificate": {[][]byte{[]byte("x")}, known, "structure"},
		"another URI":    {ca.Issue(t, pkitest.Options{URI: "urn:other"}).Chain, known, "applicationUri"},
		"expired":        {pkitest.Expired(t, pkitest.Options{}).Chain, known, "validity"},
		"not yet valid":  {ca.Issue(t, pkitest.Options{NotBefore: time.Now().Add(time.Hour)}).Chain, known, "validity"},
		"short key":      {pkitest.Application(t, pkitest.Options{Key: pkitest.ShortKey(), Change: short}).Chain, known, "type"},
		"another host":   {ca.Issue(t, pkitest.Options{Hosts: []string{"localhost", "192.0.2.1"}}).Chain, known, "hostName"},
		"address as DNS": {ca.Issue(t, pkitest.Options{Change: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }}).Chain, known, ""},
		"no host":        {ca.Issue(t, pkitest.Options{Hosts: []string{}}).Chain, known, "hostName"},
		"unknown issuer": {good.Chain, plan.TrustList{}, "chain"},
	} {
		w, err := Installation{Chain: c.chain}.Decide(group(c.list))
		var unfit *UnfitError
		switch {
		case c.rule == "" && (err != nil || len(w.Certificates) != 1):
			t.Errorf("%s: got %v", name, err)
		case c.rule != "" && (!errors.As(err, &unfit) || unfit.Rule != c.rule):
			t.Errorf("%s: got %v, want the rule %s", name, err, c.rule)
		}
	}
}

func TestOneSlot(t *testing.T) {
	two := situation(Group{Name: "A", Types: []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}, Complete: true,
		Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: pkitest.Application(t, pkitest.Options{}).Leaf()}})
	var ambiguous *AmbiguousError
	if _, err := (Asking{}).Decide(two); !errors.As(err, &ambiguous) || len(ambiguous.Among) != 2 {
		t.Errorf("two slots: got %v", err)
	}
	filled := Selection{Types: []config.NodeID{config.TypeRsaSha256}}
	var full *FilledError
	if _, err := (SelfSign{Selection: filled, Names: []string{"plc1"}}).Decide(two); !errors.As(err, &full) {
		t.Errorf("a filled slot: got %v", err)
	}
	empty := Selection{Types: []config.NodeID{config.TypeRsaMin}}
	if w, err := (SelfSign{Selection: empty, Names: []string{"plc1", "192.0.2.1"}}).Decide(two); err != nil || len(w.Certificates[0].DNSNames) != 1 || len(w.Certificates[0].IPAddresses) != 1 {
		t.Errorf("an empty slot: got %+v, %v", w, err)
	}
	if w, err := (Deletion{empty}).Decide(two); err != nil || !w.Empty() {
		t.Errorf("delete from an empty slot: got %+v, %v", w, err)
	}
	if w, err := (Deletion{filled}).Decide(two); err != nil || len(w.Certificates) != 1 || w.Certificates[0].Before == nil {
		t.Errorf("delete: got %+v, %v", w, err)
	}
}
