package plan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
)

// authority is a CA that is made once per process; ECDSA keys are cheap.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var testCA = sync.OnceValue(func() authority { return newAuthority("Plant CA", 1) })

// otherCA has the name of testCA and another key.
var otherCA = sync.OnceValue(func() authority { return newAuthority("Plant CA", 2) })

func newAuthority(name string, id byte) authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id)), Subject: pkix.Name{CommonName: name}, SubjectKeyId: []byte{id},
		NotBefore: epoch, NotAfter: epoch.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return authority{cert, key}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (a authority) crl(t *testing.T, number int64, thisUpdate time.Time) Material {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: thisUpdate, NextUpdate: thisUpdate.AddDate(0, 1, 0),
	}, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	m, err := CRL("ca", der)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (a authority) material(t *testing.T) Material {
	t.Helper()
	m, err := Certificate("ca", a.cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrustListActions(t *testing.T) {
	ca, other := testCA().material(t), otherCA().material(t)
	if ca.Subject != "CN=Plant CA" || ca.Source != "ca" {
		t.Errorf("material %q from %q", ca.Subject, ca.Source)
	}
	older, newer := testCA().crl(t, 1, epoch), testCA().crl(t, 2, epoch)
	later := testCA().crl(t, 1, epoch.Add(time.Hour))
	ofOther := otherCA().crl(t, 1, epoch)
	g := func(trusted, issuers, crls []Material) TrustListAction {
		return TrustListAction{Group: "g", Trusted: trusted, Issuers: issuers, CRLs: crls}
	}
	one := func(m ...Material) []Material { return m }
	der := func(m ...Material) [][]byte { return ders(m) }
	tests := []struct {
		name  string
		wants []TrustListAction
		have  []TrustList
		want  []TrustListAction
	}{
		{"a new group lacks everything", []TrustListAction{g(one(ca), one(other), one(older))}, nil, []TrustListAction{g(one(ca), one(other), one(older))}},
		{"everything is there", []TrustListAction{g(one(ca), one(other), one(older, ofOther))},
			[]TrustList{{Group: "g", Trusted: der(ca), Issuers: der(other), TrustedCRLs: der(older), IssuerCRLs: der(ofOther)}}, nil},
		{"a CRL of a trusted CA is among those of issuers", []TrustListAction{g(one(ca), nil, one(older))},
			[]TrustList{{Group: "g", Trusted: der(ca), IssuerCRLs: der(older)}}, []TrustListAction{g(nil, nil, one(older))}},
		{"an issuer becomes trusted", []TrustListAction{g(one(ca), nil, one(older))},
			[]TrustList{{Group: "g", Issuers: der(ca), IssuerCRLs: der(older)}}, []TrustListAction{g(one(ca), nil, one(older))}},
		{"in both, with a CRL in both", []TrustListAction{g(one(ca), nil, one(older))},
			[]TrustList{{Group: "g", Trusted: der(ca), Issuers: der(ca), TrustedCRLs: der(older), IssuerCRLs: der(newer)}}, nil},
		{"a CRL whose CA is in neither", []TrustListAction{g(nil, nil, one(older))}, []TrustList{{Group: "g", IssuerCRLs: der(older)}}, nil},
		{"that of another group does not count", []TrustListAction{g(one(ca), nil, nil)}, []TrustList{{Group: "h", Trusted: der(ca)}}, []TrustListAction{g(one(ca), nil, nil)}},
		{"one is missing", []TrustListAction{g(one(ca, other), nil, nil)}, []TrustList{{Group: "g", Trusted: der(ca)}}, []TrustListAction{g(one(other), nil, nil)}},
		{"an issuer is not trusted", []TrustListAction{g(one(ca), nil, nil)}, []TrustList{{Group: "g", Issuers: der(ca)}}, []TrustListAction{g(one(ca), nil, nil)}},
		{"a trusted one serves as issuer", []TrustListAction{g(nil, one(ca), nil)}, []TrustList{{Group: "g", Trusted: der(ca)}}, nil},
		{"wanted twice", []TrustListAction{g(one(ca), nil, nil), g(one(ca), one(ca), nil)}, nil, []TrustListAction{g(one(ca), nil, nil)}},
		{"a newer CRL is there", []TrustListAction{g(nil, nil, one(older))}, []TrustList{{Group: "g", TrustedCRLs: der(newer)}}, nil},
		{"an older CRL is there", []TrustListAction{g(nil, nil, one(newer))}, []TrustList{{Group: "g", TrustedCRLs: der(older)}}, []TrustListAction{g(nil, nil, one(newer))}},
		{"same number, later", []TrustListAction{g(nil, nil, one(later))}, []TrustList{{Group: "g", TrustedCRLs: der(older)}}, []TrustListAction{g(nil, nil, one(later))}},
		{"the key is another", []TrustListAction{g(nil, nil, one(ofOther))}, []TrustList{{Group: "g", TrustedCRLs: der(newer)}}, []TrustListAction{g(nil, nil, one(ofOther))}},
		{"only the newest is sent", []TrustListAction{g(nil, nil, one(older, newer))}, nil, []TrustListAction{g(nil, nil, one(newer))}},
		{"what cannot be read supersedes nothing", []TrustListAction{g(nil, nil, one(older))}, []TrustList{{Group: "g", TrustedCRLs: [][]byte{{1}}}}, []TrustListAction{g(nil, nil, one(older))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := TrustListActions(tt.wants, tt.have); text(got) != text(tt.want) {
				t.Errorf("missing %s, want %s", text(got), text(tt.want))
			}
		})
	}
}

func ders(materials []Material) [][]byte {
	var out [][]byte
	for _, m := range materials {
		out = append(out, m.DER)
	}
	return out
}

func TestCertificateActions(t *testing.T) {
	const group = "LineA"
	d := config.DesiredCertificate{Group: group, Type: config.TypeRsaSha256, Subject: "CN=PLC1", DNSNames: []string{"plc1"}, Validity: time.Hour}
	types := []config.NodeID{config.TypeRsaSha256}
	tests := []struct {
		name   string
		groups []CertificateSlots
		want   string
	}{
		{"new group", nil, "the group is new"},
		{"another group", []CertificateSlots{{Group: "x", Types: types, Assigned: types}}, "the group is new"},
		{"empty slot", []CertificateSlots{{Group: group, Types: types}}, "no certificate yet"},
		{"new type", []CertificateSlots{{Group: group, Types: []config.NodeID{config.TypeRsaMin}}}, "the certificate type is new to the group"},
		{"assigned", []CertificateSlots{{Group: group, Types: types, Assigned: types}}, ""},
		{"unfit", []CertificateSlots{{Group: group, Types: types, Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: {1}}, Unfit: map[config.NodeID]string{config.TypeRsaSha256: "expired"}}}, "expired"},
		{"another is unfit", []CertificateSlots{{Group: group, Types: types, Assigned: types, Unfit: map[config.NodeID]string{config.TypeRsaMin: "expired"}}}, ""},
		{"certificate read", []CertificateSlots{{Group: group, Types: types, Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: {1}}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := CertificateActions([]config.DesiredCertificate{d, d}, tt.groups)
			if tt.want == "" {
				if len(got) != 0 {
					t.Errorf("actions %+v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].Reason != tt.want || got[0].Action != Issue || got[0].Validity != time.Hour || !slices.Equal(got[0].DNSNames, d.DNSNames) {
				t.Errorf("actions %+v, want one because %q", got, tt.want)
			}
			if want := FoundIn(tt.groups, group, config.TypeRsaSha256); got[0].Replaces != want || tt.name == "unfit" && want == "" {
				t.Errorf("it replaces %q, want %q", got[0].Replaces, want)
			}
		})
	}
}

func TestExtend(t *testing.T) {
	ca, other := testCA().material(t), otherCA().material(t)
	older, newer := testCA().crl(t, 1, epoch), testCA().crl(t, 2, epoch)
	ofOther := otherCA().crl(t, 1, epoch)
	der := func(m ...Material) [][]byte { return ders(m) }
	for _, tt := range []struct {
		name   string
		have   TrustList
		action TrustListAction
		want   TrustList
	}{
		{"each where its CA is", TrustList{Trusted: der(ca), TrustedCRLs: der(older)},
			TrustListAction{Issuers: []Material{other}, CRLs: []Material{newer, ofOther}},
			TrustList{Issuers: der(other), TrustedCRLs: der(newer), IssuerCRLs: der(ofOther)}},
		{"an issuer becomes trusted", TrustList{Issuers: der(ca), IssuerCRLs: der(older)},
			TrustListAction{Trusted: []Material{ca}, CRLs: []Material{older}},
			TrustList{Trusted: der(ca), TrustedCRLs: der(older)}},
		{"a CA in both lists", TrustList{Trusted: der(ca), Issuers: der(ca), TrustedCRLs: der(older), IssuerCRLs: der(older)},
			TrustListAction{CRLs: []Material{newer}},
			TrustList{TrustedCRLs: der(newer), IssuerCRLs: der(newer)}},
		{"a CA in neither", TrustList{}, TrustListAction{CRLs: []Material{newer}}, TrustList{TrustedCRLs: der(newer)}},
	} {
		tt.have.Group, tt.action.Group, tt.want.Group = "g", "g", "g"
		if got := Extend(tt.have, tt.action); text(got) != text(tt.want) {
			t.Errorf("%s: extended %s, want %s", tt.name, text(got), text(tt.want))
		}
	}
}
