package config

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"port", "port", 0}, {"port", "PORT", 0}, {"", "port", 4}, {"port", "prot", 1}, {"userToken", "userTokens", 1},
		{"line-a", "line-b", 1}, {"größe", "grösse", 2}, {"plc1", "plc22", 2}, {long, long, 0}, {long, "x", 64}, {"x", long, 64},
	} {
		if got, back := Distance(tt.a, tt.b), Distance(tt.b, tt.a); got != tt.want || back != tt.want {
			t.Errorf("Distance(%q, %q) = %d and %d the other way round, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}
