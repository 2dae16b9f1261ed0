package uafile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

var null = []byte{0xFF, 0xFF, 0xFF, 0xFF}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// wrap puts the fields of a file after Namespaces into an envelope.
func wrap(namespaces, header, configuration []byte) []byte {
	body := slices.Concat([]byte{0x16, 1, 0, 0xCA, 0x5C, 1}, u32(uint32(len(configuration))), configuration)
	return envelope(slices.Concat(namespaces, header, body))
}

func envelope(content []byte) []byte {
	return slices.Concat([]byte{1, 0, 0x3E, 0x3C, 1}, u32(uint32(len(content))), content)
}

// withValue is a file with one ConfigurationProperty of that value.
func withValue(value ...byte) []byte {
	rest := bytes.Repeat(null, 11)
	return wrap(null, bytes.Repeat(null, 5), slices.Concat(u32(0), u32(1), []byte{0, 0, 1, 0, 0, 0, 'k'}, value, rest))
}

// nested is an array of one Variant, in an array of one Variant, …
func nested(depth int) []byte {
	return append(bytes.Repeat([]byte{0x98, 1, 0, 0, 0}, depth), 0)
}

func TestSizeFollowsTheEnvelope(t *testing.T) {
	stream := vector(t, "one_group")
	for n := range len(stream) + 1 {
		size, complete, err := uafile.Size(stream[:n])
		wantSize := 0
		if n >= 9 {
			wantSize = len(stream)
		}
		if err != nil || size != wantSize || complete != (n == len(stream)) {
			t.Fatalf("%d bytes: got %d, %v, %v, want %d, %v", n, size, complete, err, wantSize, n == len(stream))
		}
	}
	if size, complete, err := uafile.Size(append(stream, 1, 2, 3)); size != len(stream) || !complete || err != nil {
		t.Errorf("with a tail: got %d, %v, %v", size, complete, err)
	}
	if size, _, err := uafile.Size(vector(t, "v105_05")[:12]); size == 0 || err != nil {
		t.Errorf("numeric TypeId: got %d, %v", size, err)
	}
}

func TestTruncatedStreamsAreRefused(t *testing.T) {
	for name, stream := range vectors(t) {
		for n := range stream {
			var e *uafile.Error
			if _, err := uafile.Decode(stream[:n]); !errors.As(err, &e) {
				t.Fatalf("%s, %d bytes: got %v, want an *Error", name, n, err)
			}
			// the same with an envelope that fits
			if n < 12 {
				continue
			}
			cut := bytes.Clone(stream[:n])
			at := 5
			if cut[0] == 2 {
				at = 8
			}
			binary.LittleEndian.PutUint32(cut[at:], uint32(n-at-4))
			if _, err := uafile.Decode(cut); !errors.As(err, &e) {
				t.Fatalf("%s, cut to %d bytes: got %v, want an *Error", name, n, err)
			}
		}
	}
}

func TestMalformedStreams(t *testing.T) {
	header := bytes.Repeat(null, 5)
	plain := vector(t, "empty")
	change := func(at int, b ...byte) []byte {
		out := bytes.Clone(plain)
		copy(out[at:], b)
		return out
	}
	group := func(fields ...[]byte) []byte {
		return wrap(null, header, slices.Concat(u32(0), null, bytes.Repeat(null, 5), u32(1), slices.Concat(fields...), bytes.Repeat(null, 16)))
	}
	name := slices.Concat(u32(1), []byte{'g'}, null)
	tests := []struct {
		what   string
		stream []byte
		field  string
	}{
		{"another TypeId", change(2, 0x3F), "TypeId"},
		{"a TypeId with a namespace", change(1, 1), "TypeId"},
		{"a TypeId of no form", change(0, 6), "TypeId"},
		{"an ExpandedNodeId", change(0, 0x81), "TypeId"},
		{"an XML body", change(4, 2), ""},
		{"a negative length", change(5, null...), ""},
		{"a negative count", change(9, 0xFE, 0xFF, 0xFF, 0xFF), "Namespaces"},
		{"a count of 1e9", change(9, u32(1e9)...), "Namespaces"},
		{"a count of 1e9 descriptions", change(13, u32(1e9)...), "StructureDataTypes"},
		{"a string of 2 GiB", change(25, u32(1<<31-1)...), "SchemaLocation"},
		{"a null body", change(33, 0), "Body"},
		{"an array body", change(33, 0x96), "Body"},
		{"a body without content", change(38, 0), "Body"},
		{"a body that is too short", change(39, u32(0x33)...), "Body"},
		{"a body that is too long", change(39, u32(0x35)...), "Body"},
		{"bytes after the body", envelope(append(bytes.Clone(plain[9:]), 0)), "Body"},
		{"bytes after the configuration", wrap(null, header, append(bytes.Clone(plain[43:]), 0)), ""},
		{"a name that is not UTF-8", group(u32(1), []byte{0xFF}, null, []byte{0, 0}, null, null, u32(0)), "CertificateGroups[0].Name"},
		{"a purpose without a namespace", group(name, []byte{1, 1, 0, 0}, null, null, u32(0)), "CertificateGroups[0].Purpose"},
		{"a type without a namespace", group(name, []byte{0, 0}, u32(1), []byte{3, 9, 0}, null, null, u32(0)), "CertificateGroups[0].CertificateTypes[0]"},
		{"1e9 types", group(name, []byte{0, 0}, u32(1e9), null, u32(0)), "CertificateGroups[0].CertificateTypes"},
		{"a key without a namespace", wrap(null, header, slices.Concat(u32(0), u32(1), []byte{1, 0}, null, bytes.Repeat(null, 12))), "ConfigurationProperties[0].Key"},
		{"a namespace that is null", wrap(slices.Concat(u32(1), null), header,
			slices.Concat(u32(0), null, bytes.Repeat(null, 5), u32(1), name, []byte{1, 1, 0, 0}, bytes.Repeat(null, 8))), "CertificateGroups[0].Purpose"},
		{"a namespace with a semicolon in a NodeId", wrap(slices.Concat(u32(1), u32(3), []byte("a;b")), header,
			slices.Concat(u32(0), null, bytes.Repeat(null, 5), u32(1), name, []byte{1, 1, 0, 0}, bytes.Repeat(null, 8))), "CertificateGroups[0].Purpose"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			_, err := uafile.Decode(tt.stream)
			var e *uafile.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Field != tt.field || e.Offset < 0 || e.Offset > len(tt.stream) || e.What == "" {
				t.Errorf("got %q at %d (%v), want the field %q", e.Field, e.Offset, e, tt.field)
			}
		})
	}
}

// carriedValues has a Variant of every kind.
func carriedValues() map[string][]byte {
	str := []byte{1, 0, 0, 0, 'x'}
	id := []byte{0, 1}
	return map[string][]byte{
		"null":             {0},
		"Boolean":          {1, 1},
		"SByte":            {2, 1},
		"Byte":             {3, 1},
		"Int16":            {4, 1, 2},
		"UInt16":           {5, 1, 2},
		"Int32":            {6, 1, 2, 3, 4},
		"UInt32":           {7, 1, 2, 3, 4},
		"Int64":            {8, 1, 2, 3, 4, 5, 6, 7, 8},
		"UInt64":           {9, 1, 2, 3, 4, 5, 6, 7, 8},
		"Float":            {10, 1, 2, 3, 4},
		"Double":           {11, 1, 2, 3, 4, 5, 6, 7, 8},
		"String":           append([]byte{12}, str...),
		"DateTime":         {13, 1, 2, 3, 4, 5, 6, 7, 8},
		"Guid":             append([]byte{14}, make([]byte, 16)...),
		"ByteString":       append([]byte{15}, str...),
		"XmlElement":       append([]byte{16}, str...),
		"NodeId":           slices.Concat([]byte{17, 3, 0, 0}, str),
		"ExpandedNodeId":   slices.Concat([]byte{18, 0xC0}, id[1:], str, u32(1)),
		"StatusCode":       {19, 1, 2, 3, 4},
		"QualifiedName":    slices.Concat([]byte{20, 0, 0}, str),
		"LocalizedText":    slices.Concat([]byte{21, 3}, str, str),
		"ExtensionObject":  slices.Concat([]byte{22, 0, 9, 1}, str),
		"no body":          {22, 0, 9, 0},
		"XML body":         slices.Concat([]byte{22, 0, 9, 2}, str),
		"DataValue":        slices.Concat([]byte{23, 0x3F, 1, 1}, make([]byte, 4+8+2+8+2)),
		"DiagnosticInfo":   slices.Concat([]byte{25, 0x7F}, make([]byte, 16), str, u32(0), []byte{0}),
		"reserved type":    append([]byte{31}, str...),
		"String array":     slices.Concat([]byte{0x8C}, u32(2), str, null),
		"null array":       slices.Concat([]byte{0x8C}, null),
		"ByteString array": slices.Concat([]byte{0x8F}, u32(1), str),
		"NodeId array":     slices.Concat([]byte{0x91}, u32(2), id, id),
		"DataValue array":  slices.Concat([]byte{0x97}, u32(2), []byte{0, 0}),
		"matrix":           slices.Concat([]byte{0xC1}, u32(4), []byte{1, 0, 1, 0}, u32(2), u32(2), u32(2)),
		"32 Variants deep": nested(31),
	}
}

func TestValuesThatAreCarried(t *testing.T) {
	for name, value := range carriedValues() {
		t.Run(name, func(t *testing.T) {
			stream := withValue(value...)
			f := decode(t, stream)
			app := f.Application()
			if got := app.Properties[0].Value; !bytes.Equal(got, value) {
				t.Errorf("value: got %x, want %x", got, value)
			}
			if got := encode(t, f, app); !bytes.Equal(got, stream) {
				t.Errorf("again: got %x, want %x", got, stream)
			}
			if got := encode(t, uafile.New(uafile.Layout105_06), app); !bytes.Equal(got, stream) {
				t.Errorf("from scratch: got %x, want %x", got, stream)
			}
		})
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	tests := map[string][]byte{
		"null array":                  {0x80, 0, 0, 0, 0},
		"type 32":                     {32, 0, 0, 0, 0},
		"dimensions without an array": {0x41, 1},
		"a Variant in a Variant":      {24, 0},
		"too deep":                    nested(33),
		"far too deep":                nested(100_000),
		"deep DataValues":             append(bytes.Repeat([]byte{0x97, 1, 0, 0, 0, 1}, 50), 0),
		"deep DiagnosticInfo":         append([]byte{25}, bytes.Repeat([]byte{0x40}, 100_000)...),
		"1e9 Booleans":                slices.Concat([]byte{0x81}, u32(1e9)),
		"1e9 Variants":                slices.Concat([]byte{0x98}, u32(1e9)),
		"2 GiB":                       slices.Concat([]byte{15}, u32(1<<31-1)),
		"a length of -2":              {12, 0xFE, 0xFF, 0xFF, 0xFF},
		"text that is not UTF-8":      {12, 1, 0, 0, 0, 0xC0},
		"a NodeId of form 6":          {17, 6, 0, 0, 0},
		"a LocalizedText with bit 2":  {21, 4},
		"a DataValue with bit 6":      {23, 0x40},
		"a DiagnosticInfo with bit 7": {25, 0x80},
		"an ExtensionObject's byte 3": {22, 0, 9, 3},
		"dimensions too small":        slices.Concat([]byte{0xC1}, u32(4), []byte{1, 0, 1, 0}, u32(2), u32(2), u32(1)),
		"dimensions that overflow":    slices.Concat([]byte{0xC1}, u32(0), u32(3), u32(1<<31-1), u32(1<<31-1), u32(4)),
		"a negative dimension":        slices.Concat([]byte{0xC1}, u32(1), []byte{1}, u32(2), null, null),
		"no dimensions":               slices.Concat([]byte{0xC1}, u32(1), []byte{1}, u32(0)),
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			var e *uafile.Error
			_, err := uafile.Decode(withValue(value...))
			if !errors.As(err, &e) || e.Field != "ConfigurationProperties[0].Value" {
				t.Errorf("decode: got %v, want an *Error in ConfigurationProperties[0].Value", err)
			}
			app := config.Application{Properties: []config.Property{{Name: "k", Value: value}}}
			_, err = uafile.New(uafile.Layout105_06).Encode(app)
			if !errors.As(err, &e) || e.Field != "ConfigurationProperties[0].Value" || e.Offset != -1 {
				t.Errorf("encode: got %v, want an *Error in ConfigurationProperties[0].Value", err)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	group := func(purpose config.NodeID) config.Application {
		return config.Application{CertificateGroups: []config.CertificateGroup{{Purpose: purpose}}}
	}
	tests := []struct {
		app   config.Application
		field string
	}{
		{group("12557"), "CertificateGroups[0].Purpose"},
		{group("ns=1;i=1"), "CertificateGroups[0].Purpose"},
		{group("g=123"), "CertificateGroups[0].Purpose"},
		{group("b=%"), "CertificateGroups[0].Purpose"},
		{group("i=4294967296"), "CertificateGroups[0].Purpose"},
		{group("s=\xFF"), "CertificateGroups[0].Purpose"},
		{group("nsu=\xFF;i=1"), "CertificateGroups[0].Purpose"},
		{config.Application{Identity: config.Identity{ApplicationURI: "\xFF"}}, "ApplicationIdentity.ApplicationUri"},
		{config.Application{Properties: []config.Property{{Name: "p", Value: []byte{1, 1, 1}}}}, "ConfigurationProperties[0].Value"},
		{config.Application{ServerEndpoints: []config.ServerEndpoint{{}, {EndpointURLs: []string{"a", "\xFF"}}}}, "ServerEndpoints[1].EndpointUrls[1]"},
	}
	for _, tt := range tests {
		_, err := uafile.New(uafile.Layout105_06).Encode(tt.app)
		var e *uafile.Error
		if !errors.As(err, &e) || e.Field != tt.field || e.Offset != -1 || !strings.HasPrefix(err.Error(), "encode ") {
			t.Errorf("got %v, want an *Error in %s", err, tt.field)
		}
	}
}

// The memory that decoding takes is bounded by the length of the stream, not by
// what the stream says.
func TestHostileStreamsTakeLittleMemory(t *testing.T) {
	const budget = 16 << 20
	header := bytes.Repeat(null, 5)
	tests := map[string][]byte{
		"1e9 namespaces":       wrap(u32(1e9), header, nil),
		"2 GiB name":           wrap(null, header, slices.Concat(u32(0), null, u32(1<<31-1))),
		"1e9 groups":           wrap(null, header, slices.Concat(u32(0), null, bytes.Repeat(null, 5), u32(1e9))),
		"2 GiB envelope":       slices.Concat([]byte{1, 0, 0x3E, 0x3C, 1}, u32(1<<31-100)),
		"100,000 Variants":     withValue(nested(100_000)...),
		"100,000 Diagnostics":  withValue(append([]byte{25}, bytes.Repeat([]byte{0x40}, 100_000)...)...),
		"100,000 null strings": wrap(slices.Concat(u32(100_000), bytes.Repeat(null, 100_000)), header, nil),
	}
	uri := slices.Concat(u32(1), u32(100_000), bytes.Repeat([]byte{'u'}, 100_000))
	tests["a long URI 100,000 times"] = wrap(uri, header, slices.Concat(u32(0), null, bytes.Repeat(null, 5),
		u32(1), null, null, []byte{0, 0}, u32(100_000), bytes.Repeat([]byte{1, 1, 0, 0}, 100_000), null, u32(0), bytes.Repeat(null, 5)))
	for name, stream := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := uafile.Decode(stream)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("got no error")
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > budget {
				t.Errorf("got %d bytes allocated for %d, want at most %d", got, len(stream), budget)
			}
		})
	}
}

func TestElementsAreBounded(t *testing.T) {
	var a config.Application
	for range 20_000 {
		a.UserTokenSettings = append(a.UserTokenSettings, config.UserTokenSettings{})
		a.CertificateGroups = append(a.CertificateGroups, config.CertificateGroup{})
	}
	for _, tt := range []struct {
		groups int
		want   string
	}{{10_000, ""}, {20_000, "records and list elements"}} {
		part := a
		part.CertificateGroups = a.CertificateGroups[:tt.groups]
		stream, err := uafile.New(uafile.Layout105_06).Encode(part)
		if err != nil {
			t.Fatal(err)
		}
		_, err = uafile.Decode(stream)
		if got := fmt.Sprint(err); (err != nil) != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%d records: got %v, want %q", 20_000+tt.groups, err, tt.want)
		}
	}
}
