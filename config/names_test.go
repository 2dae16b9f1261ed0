package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestShortNames(t *testing.T) {
	for _, n := range PolicyNames() {
		if uri, ok := PolicyURI(n); !ok || PolicyName(uri) != n {
			t.Errorf("policy %q stands for %q, which is shortened to %q", n, uri, PolicyName(uri))
		}
	}
	for _, n := range TransportNames() {
		if uri, ok := TransportURI(n); !ok || TransportName(uri) != n {
			t.Errorf("transport %q stands for %q, which is shortened to %q", n, uri, TransportName(uri))
		}
	}
	ids := map[string]func(string) (NodeID, bool){}
	for _, n := range CertificateTypeNames() {
		ids[n] = CertificateTypeID
	}
	for _, n := range PurposeNames() {
		ids[n] = PurposeID
	}
	for n, look := range ids {
		id, ok := look(n)
		if again, err := ParseNodeID(string(id)); !ok || err != nil || again != id {
			t.Errorf("%q stands for %q, which is not canonical (%v)", n, id, err)
		}
		if CertificateTypeName(id) != n && PurposeName(id) != n {
			t.Errorf("%q stands for %q, which is not shortened to it", n, id)
		}
	}
	if uri, ok := PolicyURI("basic256sha256"); !ok || uri != PolicyBasic256Sha256 {
		t.Errorf("case matters: %q, %v", uri, ok)
	}
	if _, ok := PolicyURI("Basic"); ok || PolicyName("urn:own") != "urn:own" {
		t.Error("an unknown name has a meaning, or an unknown URI a name")
	}
	if TypeRsaMin != "i=12559" || TypeRsaSha256 != "i=12560" || PurposeApplicationCertificate != "i=12557" {
		t.Error("constants differ from OPC 10000-12, 7.8.4")
	}
}

func TestEnumsInJSON(t *testing.T) {
	type all struct {
		M []SecurityMode
		T TokenType
		A ApplicationType
		U UpdateType
	}
	in := all{[]SecurityMode{ModeSign, 7}, TokenIssued, ApplicationClientAndServer, InsertOrReplace}
	b, err := json.Marshal(in)
	if want := `{"M":["Sign","7"],"T":"IssuedToken","A":"ClientAndServer","U":"InsertOrReplace"}`; err != nil || string(b) != want {
		t.Errorf("JSON %s, %v, want %s", b, err, want)
	}
	var out all
	if err := json.Unmarshal(b, &out); err != nil || !reflect.DeepEqual(out, in) {
		t.Errorf("read back %+v, %v, want %+v", out, err, in)
	}
	for _, bad := range []string{"", "x", "1x", "01", " 1", "4294967296"} {
		var m SecurityMode
		if err := m.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, m)
		}
	}
	var m SecurityMode
	if err := m.UnmarshalText([]byte("signandencrypt")); err != nil || m != ModeSignAndEncrypt {
		t.Errorf("case matters: %v, %v", m, err)
	}
}

func TestValidationOptions(t *testing.T) {
	o := DefaultValidation | SuppressHostNameInvalid | 1<<31
	if got, want := o.Names(), []string{"SuppressHostNameInvalid", "CheckRevocationStatusOffline", "bit 31"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if DefaultValidation != 64 || ValidationOptions(0).String() != "none" { // 7.8.2.10
		t.Errorf("default %d, none %q", DefaultValidation, ValidationOptions(0))
	}
	for bit, n := range validationNames {
		if got, ok := ValidationOption(n); !ok || got != 1<<bit {
			t.Errorf("ValidationOption(%q) = %d, %v, want bit %d", n, got, ok, bit)
		}
	}
	if _, ok := ValidationOption("bit 31"); ok {
		t.Error("an option without a name has one")
	}
}

func TestVersionTime(t *testing.T) {
	tests := []struct {
		at   time.Time
		want VersionTime
	}{
		{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 820540800},
		{time.Date(2026, 1, 1, 1, 0, 0, 999, time.FixedZone("", 3600)), 820540800},
		{time.Date(2136, 2, 7, 6, 28, 15, 0, time.UTC), 4294967295},
		{time.Date(2136, 2, 7, 6, 28, 16, 0, time.UTC), 0}, // it wraps
	}
	for _, tt := range tests {
		if got := VersionAt(tt.at); got != tt.want {
			t.Errorf("VersionAt(%v) = %d, want %d", tt.at, got, tt.want)
		}
		if v := tt.want; v != 0 && VersionAt(v.Time()) != v {
			t.Errorf("version %d does not come back from its time %v", v, v.Time())
		}
	}
	if got, want := VersionTime(820540800).String(), "2026-01-01T00:00:00Z (820540800)"; got != want {
		t.Errorf("version in words %q, want %q", got, want)
	}
	if got := VersionTime(0).String(); got != "none (0)" {
		t.Errorf("no version in words %q", got)
	}
}

func TestUpdateTimingInJSON(t *testing.T) {
	in := UpdateTiming{RestartDelay: 1500 * time.Millisecond, RevertAfter: 2 * time.Minute}
	b, err := json.Marshal(in)
	if want := `{"restartDelay":"1.5s","revertAfter":"2m0s"}`; err != nil || string(b) != want {
		t.Errorf("JSON %s, %v, want %s", b, err, want)
	}
	var out UpdateTiming
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("read back %+v, %v", out, err)
	}
	for _, bad := range []string{`{}`, `{"restartDelay":1,"revertAfter":"1s"}`, `{"restartDelay":"0s","revertAfter":"1d"}`, `{"restartDelay":"0s","revertAfter":"1s","x":1}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was read as %+v", bad, out)
		}
	}
}
