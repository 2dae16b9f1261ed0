package manifest

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The words of a trust list that are no files.
const (
	WordSelf = "self" // this client's own application certificate
	WordCA   = "ca"   // the built-in CA's certificate, or its CRL
)

var hostShape = regexp.MustCompile(`^[\p{L}\p{N}_]([\p{L}\p{N}._-]*[\p{L}\p{N}_.])?$`)

// urlForm is a URL of one of the schemes. Hosts are not resolved: behind a
// gateway only others can (OPC 10000-12, 7.10.22).
func urlForm(schemes ...string) form {
	example := schemes[0] + "://plc1:4840"
	quoted := make([]string, len(schemes))
	for i, s := range schemes {
		quoted[i] = regexp.QuoteMeta(s)
	}
	return form{
		what:    "a URL such as " + example,
		pattern: "^(" + strings.Join(quoted, "|") + `)://\S+$`,
		example: example,
		parse:   func(text string) (value, problem, advice) { return parseURL(text, schemes, example) },
	}
}

func parseURL(text string, schemes []string, example string) (value, problem, advice) {
	wrong := func(found string) (value, problem, advice) {
		return "", "expected a URL such as " + example + ", found " + quote(text) + found, "write scheme://host:port; the schemes are " + strings.Join(schemes, ", ")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.ContainsFunc(text, unicode.IsSpace) {
		return wrong("")
	}
	if !slices.Contains(schemes, u.Scheme) || !strings.HasPrefix(text, u.Scheme+"://") {
		if near, ok := nearest(u.Scheme, schemes); ok && u.Scheme != "http" { // http is no typing error
			return "", "expected a URL such as " + example + ", found the scheme " + quote(u.Scheme), "did you mean " + near + "://?"
		}
		return wrong("")
	}
	switch host, port := u.Hostname(), u.Port(); {
	case host == "":
		return wrong(" without a host")
	case u.User != nil:
		return "", "expected a URL such as " + example + ", found one with a user in it", "a URL is public: leave the user and the password out"
	case u.Fragment != "":
		return wrong(" with a fragment")
	case !goodHost(host):
		return wrong(" with an unusable host")
	case strings.HasSuffix(u.Host, ":"):
		return wrong(" without a port after the colon")
	case port != "":
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", "expected a port from 1 to 65535, found " + quote(port), ""
		}
	}
	return text, "", ""
}

func goodHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(host) <= 253 && !strings.Contains(host, "..") && hostShape.MatchString(host)
}

var (
	subjectNames = []string{"CN", "O", "OU", "DC", "L", "S", "C"}
	commaForm    = regexp.MustCompile(`^\s*[A-Za-z]+\s*=[^,/="]*(,\s*[A-Za-z]+\s*=[^,/="]*)+$`)
)

// parseSubject checks a subject name (OPC 10000-12, 7.9.4): name=value pairs
// separated by "/"; a value with "/" or "=" in it stands in double quotes.
func parseSubject(text string) (value, problem, advice) {
	const shape = "expected a subject such as CN=PLC1/O=Plant, found "
	if commaForm.MatchString(text) {
		parts := strings.Split(text, ",")
		for i, p := range parts {
			name, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			parts[i] = strings.TrimSpace(name) + "=" + strings.TrimSpace(v)
		}
		return "", shape + "commas in " + quote(text), "separate the pairs with slashes: " + strings.Join(parts, "/")
	}
	if strings.HasPrefix(text, "/") {
		return "", shape + quote(text), "leave out the first slash: " + strings.TrimPrefix(text, "/")
	}
	seen := map[string]bool{}
	for rest, more := text, true; more; {
		var name, v string
		var ok bool
		if name, v, rest, more, ok = cutPair(rest); !ok {
			return "", shape + quote(text), `write name=value pairs; a value with / or = in it needs double quotes: O="A/S"`
		}
		if !slices.Contains(subjectNames, name) {
			return "", shape + "the name " + quote(name), subjectAdvice(name)
		}
		if strings.TrimSpace(v) == "" || strings.ContainsFunc(v, func(c rune) bool { return !unicode.IsPrint(c) }) {
			return "", shape + "no printable value for " + name, "write " + name + "=value"
		}
		if seen[name] && (name == "CN" || name == "C") {
			return "", shape + name + " twice", "a subject has one " + name
		}
		if n := len([]rune(v)); name == "C" && n != 2 {
			return "", shape + "the country " + quote(v), "a country has two letters, such as DE"
		}
		seen[name] = true
	}
	return text, "", ""
}

func subjectAdvice(name string) advice {
	upper := strings.ToUpper(strings.TrimSpace(name))
	if upper == "ST" {
		return "write S for a state or province"
	}
	if slices.Contains(subjectNames, upper) {
		return "write " + upper
	}
	return "the names are " + strings.Join(subjectNames, ", ")
}

// cutPair takes the first name=value off; more says that a slash followed.
func cutPair(text string) (name, v, rest string, more, ok bool) {
	name, after, found := strings.Cut(text, "=")
	if !found || strings.Contains(name, "/") {
		return "", "", "", false, false
	}
	if quoted, isQuoted := strings.CutPrefix(after, `"`); isQuoted {
		v, rest, found = strings.Cut(quoted, `"`)
		if !found || rest != "" && rest[0] != '/' {
			return "", "", "", false, false
		}
		return name, v, strings.TrimPrefix(rest, "/"), rest != "", true
	}
	v, rest, more = strings.Cut(after, "/")
	return name, v, rest, more, !strings.ContainsAny(v, `="`)
}

// The bounds of durations.
const (
	day         = 24 * time.Hour
	maxValidity = 36500 * day
	maxWait     = day
)

const durationPattern = `^([0-9]+d)?([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))*$`

var durationShape = regexp.MustCompile(durationPattern)

// parseDuration reads a Go duration with an optional number of days before it.
func parseDuration(formName, text string) (d time.Duration, problem, advice string) {
	const units = "write a number and a unit (d, h, m, s), such as 365d, 1d12h or 120s"
	limit, most := maxWait, "24h"
	if formName == "validity" {
		limit, most = maxValidity, "36500d"
	}
	if strings.HasPrefix(text, "-") {
		return 0, "expected a duration from 0s to " + most + ", found " + quote(text), units
	}
	if text == "" || !durationShape.MatchString(text) {
		return 0, "expected a duration, found " + quote(text), units
	}
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Sprintf("expected a duration from 0s to %s, found %s", most, quote(text)), units
	}
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, "expected a duration, found " + quote(text), units
		}
	}
	if total := time.Duration(n)*day + d; n <= 36500 && d <= maxValidity && total <= limit {
		return total, "", ""
	}
	return 0, fmt.Sprintf("expected a duration from 0s to %s, found %s", most, quote(text)), units
}
