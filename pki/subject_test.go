package pki_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"reflect"
	"testing"

	"github.com/uapush/uapush/pki"
)

func TestParseSubject(t *testing.T) { // OPC 10000-12, 7.9.4
	tests := []struct{ text, want string }{ // want empty: refused
		{"CN=PLC1/O=Plant", "CN=PLC1/O=Plant"},
		{"O=Plant/CN=PLC1", "CN=PLC1/O=Plant"},
		{"cn=PLC1", "CN=PLC1"},
		{`CN="a/b=c"/O="Plant"`, `CN="a/b=c"/O=Plant`},
		{"CN=x/OU=a/OU=b/L=Graz/S=Styria/C=AT", "CN=x/OU=a/OU=b/L=Graz/S=Styria/C=AT"},
		{"CN=x/DC=plant/DC=example", "CN=x/DC=plant/DC=example"},
		{"CN=Müller, Söhne", "CN=Müller, Söhne"},
		{"", ""},
		{"CN", ""},
		{"CN=", ""},
		{`CN=""`, ""},
		{"CN=a/", ""},
		{"/CN=a", ""},
		{"CN=a=b", ""},
		{`CN="a`, ""},
		{`CN="a"b`, ""},
		{`CN=a"b`, ""},
		{"CN=a/CN=b", ""},
		{"CN=a/C=Austria", ""},
		{"CN=a/C=at", ""},
		{"CN=a/E=b", ""},
		{"CN=a\nb", ""},
		{"CN=a/DC=ü", ""},
		{"CN=0123456789012345678901234567890123456789012345678901234567890123x", ""},
		{"CN=\xff", ""},
	}
	for _, tt := range tests {
		name, err := pki.ParseSubject(tt.text)
		if tt.want == "" {
			var bad *pki.SubjectError
			if !errors.As(err, &bad) || bad.Error() == "" || bad.Hint() == "" {
				t.Errorf("%q: got %v, want a *SubjectError", tt.text, err)
			}
			continue
		}
		if got := pki.FormatSubject(name); err != nil || got != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestFormatSubjectOfACertificate(t *testing.T) {
	name := must(pki.ParseSubject("CN=x/O=Plant/DC=plant"))
	der := must(asn1.Marshal(name.ToRDNSequence()))
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		t.Fatal(err)
	}
	var read pkix.Name
	read.FillFromRDNSequence(&sequence)
	if got, want := pki.FormatSubject(read), "CN=x/O=Plant/DC=plant"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := pki.FormatSubject(pkix.Name{CommonName: "a\"b\x1b"}), "CN=a'b?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseSubject(f *testing.F) {
	for _, seed := range []string{"CN=PLC1/O=Plant", `CN="a/b=c"/DC=x/C=AT`, `CN="`, "=/", "CN=a/CN=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := pki.ParseSubject(text)
		if err != nil {
			_ = err.Error()
			return
		}
		again, err := pki.ParseSubject(pki.FormatSubject(name))
		if err != nil || !reflect.DeepEqual(again, name) {
			t.Errorf("%q → %q: got %v, %v; want %v", text, pki.FormatSubject(name), again, err, name)
		}
		if _, err := asn1.Marshal(name.ToRDNSequence()); err != nil {
			t.Errorf("%q cannot be encoded: %v", text, err)
		}
	})
}
