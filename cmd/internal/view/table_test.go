package view

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func rows(width int, header []string, rows [][]string) string {
	var b bytes.Buffer
	t := NewText(&b, width, false)
	t.Rows(header, rows)
	return b.String()
}

// columns is the width of a text on a terminal, for the characters of these tests.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r >= 0x1100 && r != '…' && r != '→':
			n += 2
		case r >= 0x300 && r < 0x370:
		default:
			n++
		}
	}
	return n
}

func TestRowsAlign(t *testing.T) {
	for _, test := range []struct {
		name   string
		header []string
		rows   [][]string
	}{
		{"ASCII", []string{"NAME", "CONTENT"}, [][]string{{"a", "x"}, {"longer", "x"}}},
		{"CJK", nil, [][]string{{"日本語", "x"}, {"longer than that", "x"}, {"ひ", "x"}}},
		{"accents", nil, [][]string{{"Übergröße", "x"}, {"e\u0301te\u0301", "x"}, {"plain", "x"}}},
		{"empty cells", []string{"A", "B"}, [][]string{{"", "x"}, {"b", "x"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := rows(0, test.header, test.rows)
			at := -1
			for line := range strings.Lines(got) {
				i := strings.LastIndex(line, "x")
				if i < 0 {
					continue // the header
				}
				if n := columns(line[:i]); at >= 0 && n != at {
					t.Errorf("a last column begins at %d, another at %d:\n%s", n, at, got)
				} else {
					at = n
				}
			}
			if test.header != nil && !strings.HasPrefix(got, test.header[0]) {
				t.Errorf("the header is not as it was given:\n%s", got)
			}
		})
	}
	if got := rows(0, nil, nil); got != "" {
		t.Errorf("no rows print %q", got)
	}
}

func TestHeaderIsNotReformatted(t *testing.T) {
	if got := rows(0, []string{"UpdateType", "ApplicationUri"}, [][]string{{"Insert", "urn:x"}}); !strings.HasPrefix(got, "UpdateType  ApplicationUri\n") {
		t.Errorf("the header is\n%s", got)
	}
}

func TestRowsFold(t *testing.T) {
	long := "opc.tcp://a-very-long-host-name.plant.example:4843/with/a/path · 日本語日本語日本語日本語日本語日本語日本語日本語日本語 · short words that fold at blanks"
	for _, width := range []int{40, 60, 80, 120} {
		got := rows(width, nil, [][]string{{"first", long}, {"名前", "x"}})
		var last strings.Builder
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if n := columns(line); n > width {
				t.Errorf("width %d: a line has %d columns: %q", width, n, line)
			}
			if !strings.HasPrefix(line, "名前") {
				last.WriteString(strings.TrimSpace(strings.TrimPrefix(line, "first")))
			}
		}
		if want := strings.ReplaceAll(long, " ", ""); strings.ReplaceAll(last.String(), " ", "") != want {
			t.Errorf("width %d: folded it is %q, want %q", width, last.String(), want)
		}
	}
}

// Where the last column would have no room beside the others, it stands below them.
func TestRowsOnANarrowTerminal(t *testing.T) {
	header := []string{"GROUP", "TYPE", "SUBJECT"}
	cells := [][]string{
		{"DefaultApplicationGroup", "RsaSha256", "CN=PLC1/O=Plant, by CN=Plant CA/O=Plant"},
		{"LineA", "RsaSha256", "CN=Line A"},
		{"LineB", "RsaSha256", ""},
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{80, `GROUP                    TYPE       SUBJECT
DefaultApplicationGroup  RsaSha256  CN=PLC1/O=Plant, by CN=Plant CA/O=Plant
LineA                    RsaSha256  CN=Line A
LineB                    RsaSha256
`},
		{50, `GROUP                    TYPE
    SUBJECT
DefaultApplicationGroup  RsaSha256
    CN=PLC1/O=Plant, by CN=Plant CA/O=Plant
LineA                    RsaSha256
    CN=Line A
LineB                    RsaSha256
`},
		{30, `GROUP                    TYPE
    SUBJECT
DefaultApplicationGroup
  RsaSha256
    CN=PLC1/O=Plant, by
    CN=Plant CA/O=Plant
LineA RsaSha256
    CN=Line A
LineB RsaSha256
`},
	} {
		got := rows(test.width, header, cells)
		if got != test.want {
			t.Errorf("width %d:\n%s\nwant\n%s", test.width, got, test.want)
		}
		for line := range strings.Lines(got) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > test.width {
				t.Errorf("width %d: a line has %d columns: %q", test.width, n, line)
			}
		}
	}
	short := [][]string{{"DefaultApplicationGroup", "RsaSha256", "ok"}}
	if got := rows(50, nil, short); strings.Count(got, "\n") != 1 {
		t.Errorf("what fits is not kept on its line:\n%s", got)
	}
}

// A server can send names and URLs of any length.
func TestRowsOfHostileLength(t *testing.T) {
	long, wide := strings.Repeat("x", 1<<18), strings.Repeat("語", 1<<16)
	cells := [][]string{{long, wide}}
	for range 1000 {
		cells = append(cells, []string{"name", "x"})
	}
	got := rows(80, nil, cells)
	if len(got) > 2<<20 {
		t.Errorf("%d bytes are printed for %d that were given", len(got), len(long)+len(wide))
	}
	if strings.Count(got, "x") != maximumColumn+1000 || strings.Count(got, "語") != 1<<16 {
		t.Errorf("it begins with %.300s", got)
	}
	for line := range strings.Lines(got) {
		if n := columns(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line has %d columns: %q", n, line)
		}
	}
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		name, in string
		room     int
		want     []string
	}{
		{"nothing", "", 10, []string{""}},
		{"fits", "one two", 7, []string{"one two"}},
		{"at blanks", "one two three", 8, []string{"one two", "three"}},
		{"a word that just fits", "0123456789", 10, []string{"0123456789"}},
		{"a word too long, in equal parts", "0123456789ab", 10, []string{"012345", "6789ab"}},
		{"begins beside what is there", "see 0123456789abcdef", 13, []string{"see 012345678", "9abcdef"}},
		{"no crumbs", "see what 0123456789ab", 11, []string{"see what", "012345", "6789ab"}},
		{"wide", "日本語日本語", 6, []string{"日本語", "日本語"}},
		{"wide, odd room", "日本語日本語", 7, []string{"日本語", "日本語"}},
		{"wide, no crumbs", "see 日本語日本語日本語", 12, []string{"see 日本語日", "本語日本語"}},
		{"wide crumbs", "see one 日本語日本語日本語", 12, []string{"see one", "日本語日", "本語日本語"}},
		{"wider than the room", "日本", 1, []string{"日", "本"}},
		{"marks stay with their letter", "e\u0301e\u0301e\u0301", 2, []string{"e\u0301e\u0301", "e\u0301"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := fold(test.in, test.room)
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("fold(%q, %d) = %q, want %q", test.in, test.room, got, test.want)
			}
		})
	}
}

func FuzzFold(f *testing.F) {
	f.Add("see 0123456789abcdef", 13)
	f.Add("日本語 日本語 e\u0301\u200d👩‍👩", 3)
	f.Add("\xff\xfe \x00", 1)
	f.Fuzz(func(t *testing.T, s string, room int) {
		room = 1 + room&0x7f
		s = Clean(s)
		lines := fold(s, room)
		if got, want := strings.Join(strings.Fields(strings.Join(lines, "")), ""), strings.Join(strings.Fields(s), ""); got != want {
			t.Errorf("folded it is %q, want %q", got, want)
		}
		for _, l := range lines {
			if utf8.RuneCountInString(s) > 0 && utf8.ValidString(s) && !utf8.ValidString(l) {
				t.Errorf("a character was cut: %q", l)
			}
		}
	})
}
