package config

import "testing"

// TestParseNodeID has the forms of OPC 10000-6, 5.1.12.
func TestParseNodeID(t *testing.T) {
	tests := []struct {
		text string
		want NodeID
		ok   bool
	}{
		{"i=12560", "i=12560", true},
		{"i=0012560", "i=12560", true},
		{"ns=0;i=12560", "i=12560", true},
		{"nsu=http://opcfoundation.org/UA/;i=12560", "i=12560", true},
		{"i=4294967295", "i=4294967295", true},
		{"nsu=urn:vendor:types;s=Vendor.Type", "nsu=urn:vendor:types;s=Vendor.Type", true},
		{"s=a=b;c", "s=a=b;c", true},
		{"nsu=urn:v;i=0", "nsu=urn:v;i=0", true},
		{"g=09087e75-8e5e-499b-954f-f2a9603db28a", "g=09087E75-8E5E-499B-954F-F2A9603DB28A", true},
		{"b=M/RbKBsRVkePCePcx24oRA==", "b=M/RbKBsRVkePCePcx24oRA==", true},
		{"i=0", "", true},
		{"s=", "", true},
		{"b=", "", true},
		{"g=00000000-0000-0000-0000-000000000000", "", true},
		{"", "", false},
		{"12560", "", false},
		{"i=", "", false},
		{"i=-1", "", false},
		{"i=4294967296", "", false},
		{"ns=1;i=5", "", false},
		{"nsu=urn:v", "", false},
		{"nsu=;i=5", "", false},
		{"g=09087e75", "", false},
		{"b=???", "", false},
		{"x=1", "", false},
	}
	for _, tt := range tests {
		got, err := ParseNodeID(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseNodeID(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
		if again, err := ParseNodeID(string(got)); got != "" && (err != nil || again != got) {
			t.Errorf("ParseNodeID(%q) = %q, %v: the form is not canonical", got, again, err)
		}
	}
}

func TestNodeIDSplit(t *testing.T) {
	tests := []struct {
		id        NodeID
		namespace string
		kind      byte
		text      string
	}{
		{"", "", 'i', "0"},
		{"i=12560", "", 'i', "12560"},
		{"nsu=urn:v;s=a;b", "urn:v", 's', "a;b"},
		{"nsu=urn:v;b=AA==", "urn:v", 'b', "AA=="},
	}
	for _, tt := range tests {
		if ns, kind, text := tt.id.Split(); ns != tt.namespace || kind != tt.kind || text != tt.text {
			t.Errorf("%q.Split() = %q, %c, %q, want %q, %c, %q", tt.id, ns, kind, text, tt.namespace, tt.kind, tt.text)
		}
	}
}
