package cmd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	manifests "github.com/uapush/uapush/testdata/manifest"
)

// exits is the command exits CODE PROGRAM ARGS...: it runs a program that has to
// end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s exits with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// eventually is the command eventually CODE PROGRAM ARGS...: like exits, and tries
// again for at most 20 seconds. It is for what a server does in its own time.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually CODE PROGRAM [ARGS...]")
	}
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); {
		err := ts.Exec(args[1], args[2:]...)
		var exit *exec.ExitError
		if err == nil && args[0] == "0" || errors.As(err, &exit) && fmt.Sprint(exit.ExitCode()) == args[0] {
			return
		}
	}
	ts.Fatalf("%s never exits with %s", strings.Join(args[1:], " "), args[0])
}

// expand is the command expand FILE...: it puts the values of ${NAME} into files.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// writeManifest is the command manifest FILE [OLD NEW]...: it writes the demo's
// manifest with a free port, which PORT then holds, and with words replaced.
func writeManifest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 1 {
		ts.Fatalf("usage: manifest FILE [OLD NEW]...")
	}
	if ts.Getenv("PORT") == "" {
		freeport(ts, false, []string{"PORT"})
	}
	text := strings.ReplaceAll(string(manifests.LineA), "4843", ts.Getenv("PORT"))
	for i := 1; i < len(args); i += 2 {
		if !strings.Contains(text, args[i]) {
			ts.Fatalf("the manifest has no %q", args[i])
		}
		text = strings.ReplaceAll(text, args[i], args[i+1])
	}
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// strangers is the command strangers FILE COUNT: it writes certificates of so many
// clients, a KiB each, which nobody has the keys of.
func strangers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: strangers FILE COUNT")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	var text bytes.Buffer
	for i := range count {
		t := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
			Subject:  pkix.Name{CommonName: fmt.Sprintf("stranger %d", i), Organization: []string{"Plant"}, OrganizationalUnit: []string{strings.Repeat("x", 280)}},
			DNSNames: []string{fmt.Sprintf("stranger-%d.example", i)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
		ts.Check(err)
		ts.Check(pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text.Bytes(), 0o644))
}

// checkMode is the command mode PERM FILE. Windows keeps rights elsewhere.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode PERM FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] && runtime.GOOS != "windows" {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// contains is the command [!] contains FILE PART: the text of PART, without blanks
// around it, occurs in FILE.
func contains(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] contains FILE PART")
	}
	part := strings.TrimSpace(ts.ReadFile(args[1]))
	if part == "" || strings.Contains(ts.ReadFile(args[0]), part) == neg {
		ts.Fatalf("%q in %s: want %v", part, args[0], !neg)
	}
}

// volatile is what differs from run to run, and the words that stand for it.
var volatile = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z \(\d+\)`), "VERSION"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA256"},
	{regexp.MustCompile(`\b[0-9A-F]{40}\b`), "SHA1"},
	{regexp.MustCompile(`\b[0-9a-f]{16}…`), "SHA256…"},
	{regexp.MustCompile(`(?m)^(serial +)[0-9a-f]+$`), "${1}SERIAL"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIMESTAMP"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d`), "DATE"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`\d+ days left`), "DAYS days left"},
	{regexp.MustCompile(`\d+\.\d s\b`), "SECONDS s"},
}

// normal is the command normal FROM TO: it writes a text without what differs
// from run to run. Ports keep their width, so that tables keep theirs.
func normal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: normal FROM TO")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "WORK")
	for name, word := range map[string]string{"SIM_PORT": "$BASE", "PORT": "$PORT"} {
		if port := ts.Getenv(name); port != "" {
			text = strings.ReplaceAll(text, port, word)
		}
	}
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.word)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// checkJSON is the command [!] json FILE PATH [WANT]: a value of a JSON file, or
// of a file with a JSON value per line, is WANT; without WANT, it is there. A
// path is names and indices between dots; len is the length of a list, and
// [NAME=VALUE] the first element with that member.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: [!] json FILE PATH [WANT]")
	}
	value, err := decodeAll(ts.ReadFile(args[0]))
	ts.Check(err)
	got, found := walk(value, strings.Split(args[1], "."))
	if !found || len(args) == 2 {
		if found == neg {
			ts.Fatalf("%s in %s: there is %v", args[1], args[0], found)
		}
		return
	}
	if text := plainText(got); (text == args[2]) == neg {
		ts.Fatalf("%s in %s is %s, want %s (negated: %v)", args[1], args[0], text, args[2], neg)
	}
}

func decodeAll(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var all []any
	for {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func walk(value any, path []string) (any, bool) {
	for _, word := range path {
		if word == "" {
			continue
		}
		next, ok := member(value, word)
		if !ok {
			return nil, false
		}
		value = next
	}
	return value, true
}

func member(value any, word string) (any, bool) {
	if object, ok := value.(map[string]any); ok {
		v, ok := object[word]
		return v, ok
	}
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	if word == "len" {
		return len(list), true
	}
	if name, want, ok := strings.Cut(strings.Trim(word, "[]"), "="); ok {
		for _, e := range list {
			if v, ok := member(e, name); ok && plainText(v) == want {
				return e, true
			}
		}
		return nil, false
	}
	i, err := strconv.Atoi(word)
	if err != nil || i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

func plainText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // it was decoded from JSON
	return strings.TrimSpace(b.String())
}
