package config

import "testing"

// TestParseRecordPath has the forms of OPC 10000-6, 5.1.14. Indices of more than
// one dimension are refused: no record list has them.
func TestParseRecordPath(t *testing.T) {
	tests := []struct {
		path  string
		list  List // "" is an error
		index int
	}{
		{"CertificateGroups.[1]", CertificateGroupList, 1},
		{"ServerEndpoints.[0]", ServerEndpointList, 0},
		{"UserTokenSettings.[2147483647]", UserTokenSettingsList, 2147483647},
		{"ApplicationIdentity", ApplicationIdentity, 0},
		{"'ApplicationIdentity'", ApplicationIdentity, 0},
		{"'SecuritySettings'.[12]", SecuritySettingsList, 12},
		{"", "", 0},
		{".", "", 0},
		{"certificateGroups.[1]", "", 0},
		{"Properties.[0]", "", 0},
		{"CertificateGroups", "", 0},
		{"CertificateGroups.", "", 0},
		{"CertificateGroups[1]", "", 0},
		{"CertificateGroups.1", "", 0},
		{"CertificateGroups.'1'", "", 0},
		{"CertificateGroups.[]", "", 0},
		{"CertificateGroups.[1", "", 0},
		{"CertificateGroups.[-1]", "", 0},
		{"CertificateGroups.[+1]", "", 0},
		{"CertificateGroups.[a]", "", 0},
		{"CertificateGroups.[1,2]", "", 0},
		{"CertificateGroups.[2147483648]", "", 0},
		{"CertificateGroups.[1].Name", "", 0},
		{"CertificateGroups.[1].", "", 0},
		{"CertificateGroups.[1]x", "", 0},
		{"ApplicationIdentity.[0]", "", 0},
		{"[0].CertificateGroups", "", 0},
		{"[CertificateGroups].[0]", "", 0},
		{"'CertificateGroups.[1]", "", 0},
		{"'CertificateGroups'[1]", "", 0},
		{"'Certificate''Groups'.[1]", "", 0},
		{"''.[1]", "", 0},
	}
	for _, tt := range tests {
		list, index, err := ParseRecordPath(tt.path)
		if (err == nil) != (tt.list != "") || list != tt.list || index != tt.index {
			t.Errorf("ParseRecordPath(%q) = %q, %d, %v, want %q, %d", tt.path, list, index, err, tt.list, tt.index)
		}
	}
}

func TestSplitFieldPathQuoting(t *testing.T) {
	got, err := splitFieldPath("'a.b[0]''c'.d.[1,2]")
	if err != nil || len(got) != 3 || got[0] != (pathElement{"a.b[0]'c", false}) || got[2] != (pathElement{"1,2", true}) {
		t.Errorf("elements %+v, error %v", got, err)
	}
}

func FuzzParseRecordPath(f *testing.F) {
	for _, s := range []string{"CertificateGroups.[1]", "ApplicationIdentity", "'A''B'.[0]", "[", "'", "a."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		list, index, err := ParseRecordPath(path)
		if err != nil {
			return
		}
		l, i, err := ParseRecordPath(RecordPath(list, index))
		if err != nil || l != list || i != index {
			t.Errorf("%q reads as %s %d, and written again as %s %d (%v)", path, list, index, l, i, err)
		}
	})
}
