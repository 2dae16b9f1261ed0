package uafile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// group is the wire form of a CertificateGroup whose empty fields are null or not.
func group(name string, emptyLength []byte, options byte) []byte {
	return slices.Concat(u32(uint32(len(name))), []byte(name), emptyLength, []byte{0, 0}, emptyLength, emptyLength, []byte{options, 0, 0, 0})
}

// groups is a file of nothing but CertificateGroups.
func groups(records ...[]byte) []byte {
	return wrap(null, bytes.Repeat(null, 5), slices.Concat(u32(0), null, bytes.Repeat(null, 5),
		u32(uint32(len(records))), slices.Concat(records...), u32(0), null, u32(0), null, u32(0)))
}

func TestUntouchedRecordsKeepTheirBytes(t *testing.T) {
	zero := u32(0)
	a, b, c := group("a", zero, 1), group("b", null, 2), group("c", zero, 3)
	plainA, plainB2 := group("a", null, 1), group("b", null, 9)
	twin := group("a", null, 1) // equal to a, with other bytes
	tests := []struct {
		name  string
		read  [][]byte
		edit  func(g []config.CertificateGroup) []config.CertificateGroup
		wrote [][]byte
	}{
		{"nothing", [][]byte{a, b, c}, func(g []config.CertificateGroup) []config.CertificateGroup { return g }, [][]byte{a, b, c}},
		{"one changed", [][]byte{a, b, c}, func(g []config.CertificateGroup) []config.CertificateGroup {
			g[1].ValidationOptions = 9
			return g
		}, [][]byte{a, plainB2, c}},
		{"one deleted", [][]byte{a, b, c}, func(g []config.CertificateGroup) []config.CertificateGroup { return g[1:] }, [][]byte{b, c}},
		{"turned round", [][]byte{a, b, c}, func(g []config.CertificateGroup) []config.CertificateGroup {
			slices.Reverse(g)
			return g
		}, [][]byte{c, b, a}},
		{"one added in front", [][]byte{a, c}, func(g []config.CertificateGroup) []config.CertificateGroup {
			return slices.Insert(g, 0, config.CertificateGroup{Record: config.Record{Name: "b"}, ValidationOptions: 9})
		}, [][]byte{plainB2, a, c}},
		{"doubled", [][]byte{a}, func(g []config.CertificateGroup) []config.CertificateGroup { return append(g, g[0]) }, [][]byte{a, plainA}},
		{"twins", [][]byte{a, twin}, func(g []config.CertificateGroup) []config.CertificateGroup { return g }, [][]byte{a, twin}},
		{"the same place comes first", [][]byte{b, a}, func(g []config.CertificateGroup) []config.CertificateGroup {
			g[0] = g[1]
			return g
		}, [][]byte{plainA, a}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := decode(t, groups(tt.read...))
			app := f.Application()
			app.CertificateGroups = tt.edit(app.CertificateGroups)
			if got, want := encode(t, f, app), groups(tt.wrote...); !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestVersionIsThatOfTheApplication(t *testing.T) {
	stream := groups(group("a", u32(0), 1))
	f := decode(t, stream)
	app := f.Application()
	app.Version = 7
	want := bytes.Clone(stream)
	binary.LittleEndian.PutUint32(want[43:], 7)
	if got := encode(t, f, app); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestApplicationIsACopy(t *testing.T) {
	stream := fullVector(t)
	f := decode(t, stream)
	app := f.Application()
	app.CertificateGroups[0].CertificateTypes[0] = "i=1"
	app.AuthorizationServices[0].ServiceCertificates[0].Certificate[0] = 0
	app.Properties[0].Value[5] = 'X'
	clear(stream)
	if got := f.Application(); !reflect.DeepEqual(got, full()) {
		t.Errorf("got %+v, want what was read", got)
	}
}

func TestNamespaces(t *testing.T) {
	f := decode(t, fullVector(t))
	app := f.Application()
	app.CertificateGroups[0].CertificateTypes = append(app.CertificateGroups[0].CertificateTypes, "nsu=urn:new;s=Type", "nsu=urn:vendor:types;i=5")
	app.Properties = append(app.Properties, config.Property{Namespace: "urn:other", Name: "p", Value: []byte{1, 1}})
	app.Properties = append(app.Properties, config.Property{Namespace: "urn:new", Name: "q"})
	stream := encode(t, f, app)
	app.Properties[3].Value = []byte{0} // nothing is the null Variant
	if got := decode(t, stream).Application(); !reflect.DeepEqual(got, app) {
		t.Errorf("got  %+v\nwant %+v", got, app)
	}
	// the old URI keeps its index, the new ones follow in the order of their use
	list := slices.Concat(u32(3), u32(16), []byte("urn:vendor:types"), u32(9), []byte("urn:other"), u32(7), []byte("urn:new"))
	if got := stream[9 : 9+len(list)]; !bytes.Equal(got, list) {
		t.Errorf("namespaces: got %q, want %q", got, list)
	}
}

// A namespace that is added must not give a meaning to an index that had none.
func TestNamespaceForAnIndexWithoutOne(t *testing.T) {
	f := decode(t, withValue(20, 1, 0, 1, 0, 0, 0, 'x')) // the QualifiedName 1:x
	app := f.Application()
	app.CertificateGroups = []config.CertificateGroup{{Purpose: "nsu=urn:new;i=1"}}
	var e *uafile.Error
	if _, err := f.Encode(app); !errors.As(err, &e) || e.Field != "Namespaces" {
		t.Errorf("got %v, want an *Error in Namespaces", err)
	}
}

func TestManyNamespaces(t *testing.T) {
	var app config.Application
	for i := range 300 {
		id := config.NodeID("nsu=urn:n" + string(rune(0x100+i)) + ";i=5")
		app.CertificateGroups = append(app.CertificateGroups, config.CertificateGroup{Purpose: id})
	}
	if got := decode(t, encode(t, uafile.New(uafile.Layout105_06), app)).Application(); !reflect.DeepEqual(got, app) {
		t.Errorf("got %+v, want %+v", got.CertificateGroups[299], app.CertificateGroups[299])
	}
}

// NodeIds are written in the shortest form (OPC 10000-6, 5.2.2.9).
func TestNodeIDForms(t *testing.T) {
	tests := []struct {
		id   config.NodeID
		wire []byte
	}{
		{"", []byte{0, 0}},
		{"i=255", []byte{0, 255}},
		{"i=256", []byte{1, 0, 0, 1}},
		{"i=65536", []byte{2, 0, 0, 0, 0, 1, 0}},
		{"i=4294967295", []byte{2, 0, 0, 255, 255, 255, 255}},
		{"s=a", []byte{3, 0, 0, 1, 0, 0, 0, 'a'}},
		{"g=72962B91-FA75-4AE6-8D28-B404DC7DAF63", fromHex(t, "04 0000 912B9672 75FA E64A 8D28 B404DC7DAF63")},
		{"b=AQID", []byte{5, 0, 0, 3, 0, 0, 0, 1, 2, 3}},
		{"nsu=u;i=0", []byte{1, 1, 0, 0}},
		{"nsu=u;i=1", []byte{1, 1, 1, 0}},
		{"nsu=u;i=65536", []byte{2, 1, 0, 0, 0, 1, 0}},
		{"nsu=u;s=", []byte{3, 1, 0, 255, 255, 255, 255}},
		{"nsu=u;s=a;b", []byte{3, 1, 0, 3, 0, 0, 0, 'a', ';', 'b'}},
	}
	for _, tt := range tests {
		app := config.Application{CertificateGroups: []config.CertificateGroup{{Record: config.Record{Name: "mark"}, Purpose: tt.id}}}
		stream := encode(t, uafile.New(uafile.Layout105_06), app)
		at := bytes.Index(stream, []byte("mark")) + 8
		if got := stream[at : at+len(tt.wire)]; !bytes.Equal(got, tt.wire) {
			t.Errorf("%q: got %x, want %x", tt.id, got, tt.wire)
		}
		if got := decode(t, stream).Application(); !reflect.DeepEqual(got, app) {
			t.Errorf("%q: got %+v", tt.id, got.CertificateGroups)
		}
	}
}

// FuzzDecode holds the law for whole streams, FuzzContent for what is in the
// envelope: there the lengths always fit, so that more gets through.

func FuzzDecode(f *testing.F) {
	for _, stream := range vectors(f) {
		f.Add(stream)
	}
	f.Add(vector(f, "full"))
	f.Fuzz(checkLaws)
}

func FuzzContent(f *testing.F) {
	for _, stream := range vectors(f) {
		namespaces, header, body := decode(f, stream).Parts()
		f.Add(namespaces, header, body)
	}
	for _, value := range carriedValues() {
		namespaces, header, body := decode(f, withValue(value...)).Parts()
		f.Add(namespaces, header, body)
	}
	f.Fuzz(func(t *testing.T, namespaces, header, body []byte) {
		checkLaws(t, wrap(namespaces, header, body))
	})
}

// checkLaws: what is decoded is encoded to the same bytes; errors have a type.
func checkLaws(t *testing.T, stream []byte) {
	file, err := uafile.Decode(stream)
	if err != nil {
		var e *uafile.Error
		var unknown *uafile.UnknownBodyError
		if !errors.As(err, &e) && !errors.As(err, &unknown) {
			t.Fatalf("untyped error %v", err)
		}
		if e != nil && (e.Offset < 0 || e.Offset > len(stream)) {
			t.Fatalf("offset %d of %d: %v", e.Offset, len(stream), err)
		}
		return
	}
	n, complete, err := uafile.Size(stream)
	if err != nil || !complete {
		t.Fatalf("size: %d, %v, %v", n, complete, err)
	}
	app := file.Application()
	if got := encode(t, file, app); !bytes.Equal(got, stream[:n]) {
		t.Fatalf("got  %x\nwant %x", got, stream[:n])
	}
	if got := decode(t, encode(t, uafile.New(file.Layout()), app)).Application(); !reflect.DeepEqual(got, app) {
		t.Fatalf("from scratch: got  %+v\nwant %+v", got, app)
	}
	checkOneChange(t, file, app)
}

// checkOneChange changes the last CertificateGroup: the file then says so, and all
// other records keep their bytes.
func checkOneChange(t *testing.T, file *uafile.File, app config.Application) {
	t.Helper()
	last := len(app.CertificateGroups) - 1
	if last < 0 {
		return
	}
	app.CertificateGroups[last].ValidationOptions ^= 0x8000
	after := decode(t, encode(t, file, app))
	if got := after.Application(); !reflect.DeepEqual(got, app) {
		t.Fatalf("got  %+v\nwant %+v", got, app)
	}
	want := file.RecordBytes()
	for field, got := range after.RecordBytes() {
		n := len(got)
		if field == "CertificateGroups" {
			n = last
		}
		if !slices.EqualFunc(got[:n], want[field][:n], bytes.Equal) {
			t.Fatalf("%s: got %x, want %x", field, got[:n], want[field][:n])
		}
	}
}
