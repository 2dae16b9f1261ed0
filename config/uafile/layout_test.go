package uafile_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// The bytes were made by hand, in forms that other stacks do not write.
func TestLayoutOf105_05(t *testing.T) {
	r := func(name string) config.Record { return config.Record{Name: name} }
	want := config.Application{
		Version:    820540801,
		Properties: []config.Property{{Namespace: "urn:vendor", Name: "vendor", Value: []byte{6, 7, 0, 0, 0}}},
		Identity:   config.Identity{ApplicationURI: "urn:plc", ApplicationNames: []config.LocalizedText{{Text: "PLC"}}},
		CertificateGroups: []config.CertificateGroup{{
			Record: r("DefaultApplicationGroup"), Purpose: "i=12557", CertificateTypes: []config.NodeID{"i=12560", "nsu=urn:vendor;i=9"},
			CertificateAssigned: []bool{true, false}, ValidationOptions: 64,
		}},
		SecuritySettings: []config.SecuritySettings{{Record: r("s"), SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt}}},
		AuthorizationServices: []config.AuthorizationService{
			{Record: r("idp"), ServiceURI: "urn:idp", IssuerEndpointSettings: "{}",
				ServiceCertificates: []config.ServiceCertificate{{Certificate: []byte{0x30, 3, 2, 1, 1}}, {}}},
			{Record: r("sts"), ServiceURI: "urn:sts"},
		},
	}
	f := decode(t, vector(t, "v105_05"))
	if got := f.Layout(); got != uafile.Layout105_05 {
		t.Errorf("layout: got %v, want %v", got, uafile.Layout105_05)
	}
	if got := f.Application(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The bytes were made by hand; node-opcua reads them whole.
func TestHeaderIsCarriedThrough(t *testing.T) {
	f := decode(t, vector(t, "header"))
	want := config.Application{Version: 1, CertificateGroups: []config.CertificateGroup{
		{Record: config.Record{Name: "g"}, Purpose: "nsu=urn:b;i=5"},
	}}
	if got := f.Application(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	_, header, _ := f.Parts()
	want.CertificateGroups[0].Purpose = "nsu=urn:c;i=5"
	changed := decode(t, encode(t, f, want))
	if got := changed.Application(); !reflect.DeepEqual(got, want) {
		t.Errorf("changed: got  %+v\nwant %+v", got, want)
	}
	if _, got, _ := changed.Parts(); !bytes.Equal(got, header) {
		t.Errorf("header: got %x, want %x", got, header)
	}
}

func TestLayout105_05HasNoIssuersOrDates(t *testing.T) {
	tests := map[string]config.ServiceCertificate{
		"AuthorizationServices[0].ServiceCertificate[0].Issuers":   {Issuers: [][]byte{{1}}},
		"AuthorizationServices[0].ServiceCertificate[0].ValidFrom": {ValidFrom: day(2026)},
		"AuthorizationServices[0].ServiceCertificate[0].ValidTo":   {ValidTo: day(2026)},
	}
	for field, certificate := range tests {
		app := config.Application{AuthorizationServices: []config.AuthorizationService{
			{ServiceCertificates: []config.ServiceCertificate{certificate}},
		}}
		_, err := uafile.New(uafile.Layout105_05).Encode(app)
		var e *uafile.UnsupportedFieldError
		if !errors.As(err, &e) || e.Field != field || e.Layout != uafile.Layout105_05 || e.Hint() == "" {
			t.Errorf("got %v, want an UnsupportedFieldError of %s", err, field)
		}
		if _, err := uafile.New(uafile.Layout105_06).Encode(app); err != nil {
			t.Errorf("the later layout: %v", err)
		}
	}
}

func TestLayoutFor(t *testing.T) {
	tests := []struct {
		dataType config.NodeID
		want     uafile.Layout
	}{
		{"i=15549", uafile.Layout105_05}, {"i=23743", uafile.Layout105_06}, {"", 0}, {"i=23754", 0}, {"nsu=urn:vendor;i=15549", 0},
	}
	for _, tt := range tests {
		got, err := uafile.LayoutFor(tt.dataType)
		var e *uafile.UnknownDataTypeError
		if got != tt.want || (tt.want == 0) != (errors.As(err, &e) && e.DataType == tt.dataType) {
			t.Errorf("LayoutFor(%q): got %v, %v, want %v", tt.dataType, got, err, tt.want)
		}
	}
}

func TestNewLayoutUnknown(t *testing.T) {
	_, err := uafile.New(0).Encode(config.Application{})
	var e *uafile.Error
	if !errors.As(err, &e) || e.Offset != -1 {
		t.Errorf("got %v, want an *Error of the encoder", err)
	}
}

// bodyAs changes the type of the body of a vector that has none but four-byte ids.
func bodyAs(t testing.TB, id ...byte) []byte {
	t.Helper()
	b := vector(t, "one_group")
	at := bytes.Index(b, []byte{0x16, 0x01, 0x00, 0xCA, 0x5C})
	copy(b[at+1:], id)
	return b
}

func TestBodyType(t *testing.T) {
	// Files that name the data type in the place of its encoding are read.
	f := decode(t, bodyAs(t, 1, 0, 0xBF, 0x5C)) // i=23743
	if got := f.Layout(); got != uafile.Layout105_06 {
		t.Errorf("layout: got %v, want %v", got, uafile.Layout105_06)
	}
	var unknown *uafile.UnknownBodyError
	if _, err := uafile.Decode(bodyAs(t, 1, 0, 0x39, 0x30)); !errors.As(err, &unknown) || unknown.Type != "i=12345" {
		t.Errorf("got %v, want an UnknownBodyError of i=12345", err)
	}
	var e *uafile.Error
	if _, err := uafile.Decode(bodyAs(t, 1, 4, 0x39, 0x30)); !errors.As(err, &e) || e.Field != "Body" {
		t.Errorf("an index without a URI: got %v, want an *Error in Body", err)
	}
}

func TestDateTime(t *testing.T) {
	latest := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	tests := []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(1600, 12, 31, 0, 0, 0, 0, time.UTC), time.Time{}},
		{time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC), time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC)},
		{time.Date(1969, 12, 31, 23, 59, 59, 999_999_900, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_900, time.UTC)},
		{time.Date(2026, 7, 1, 2, 0, 0, 123_456_789, time.FixedZone("", 7200)), time.Date(2026, 7, 1, 0, 0, 0, 123_456_700, time.UTC)},
		{day(2500), day(2500)}, // beyond what int64 nanoseconds reach
		{latest.Add(-100), latest.Add(-100)},
		{latest, latest},
		{day(20000), latest},
	}
	for _, tt := range tests {
		app := config.Application{AuthorizationServices: []config.AuthorizationService{
			{ServiceCertificates: []config.ServiceCertificate{{ValidTo: tt.in}}},
		}}
		f := decode(t, encode(t, uafile.New(uafile.Layout105_06), app))
		if got := f.Application().AuthorizationServices[0].ServiceCertificates[0].ValidTo; !got.Equal(tt.want) {
			t.Errorf("%v: got %v, want %v", tt.in, got, tt.want)
		}
	}
}

// "No limit" comes back as it was, as do values that cannot be told from others.
func TestDateTimeBytesAreKept(t *testing.T) {
	app := config.Application{AuthorizationServices: []config.AuthorizationService{
		{ServiceCertificates: []config.ServiceCertificate{{Certificate: []byte("mark"), ValidTo: day(2026)}}},
	}}
	stream := encode(t, uafile.New(uafile.Layout105_06), app)
	validTo := bytes.Index(stream, []byte("mark")) + 4 + 4 + 8
	for _, ticks := range []string{"FFFFFFFFFFFFFF7F", "FEFFFFFFFFFFFF7F", "0000000000000080", "FFFFFFFFFFFFFFFF", "0100000000000000"} {
		copy(stream[validTo:], fromHex(t, ticks))
		f := decode(t, stream)
		if got := encode(t, f, f.Application()); !bytes.Equal(got, stream) {
			t.Errorf("%s: got %x, want %x", ticks, got, stream)
		}
	}
}
