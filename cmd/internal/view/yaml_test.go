package view

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/goccy/go-yaml"
)

// sameInYAML checks that another reader of YAML finds what JSON says.
func sameInYAML(t *testing.T, document string) {
	t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(document), &want); err != nil {
		t.Skip()
	}
	var b bytes.Buffer
	if err := writeYAML(&b, json.RawMessage(document)); err != nil {
		t.Fatal(err)
	}
	var read any
	if err := yaml.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatalf("%v in\n%s", err, b.Bytes())
	}
	asJSON, err := json.Marshal(read) // numbers become of one type
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON, &got); err != nil {
		t.Fatalf("%v in %s", err, asJSON)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is read as %s from\n%s", document, asJSON, b.Bytes())
	}
}

func TestYAML(t *testing.T) {
	for _, document := range []string{
		`{}`, `[]`, `null`, `"x"`, `{"a":{}}`, `{"a":[]}`, `[[1,2],[],[[3]]]`, `[{"a":1,"b":[{"c":null},{"d":[true,false]}]},{"e":{"f":{"g":1}}}]`,
		`{"a":["true","no","null","~","1","1.5","0x1","2026-01-01","a: b","a #b","- a","*a","&a","!a","@a","%a","'a'","\"a\"","","  a","a ","a:","?","|",">","{","[",","]}`,
		`{"true":1,"a b":2,"":3,"1":4,"-":5,"a\nb":6}`,
		`{"a":"line\nline","b":"tab\tand \u001b[31m and \u009b and \r and \u2028 and \u202e and \ufeff and \ud83d\ude00"}`,
		`{"url":"opc.tcp://plc1:4840","time":"2026-01-01T00:00:00Z","id":"ns=2;s=App","big":18446744073709551615,"small":-0.5}`,
	} {
		sameInYAML(t, document)
	}
}

func TestYAMLLooks(t *testing.T) {
	var b bytes.Buffer
	if err := writeYAML(&b, json.RawMessage(`{"schema":"uapush.plan/1","changes":[{"path":"A.[1]","before":null,"names":["a","b"]}],"none":[],"url":"opc.tcp://plc1:4840"}`)); err != nil {
		t.Fatal(err)
	}
	want := `schema: uapush.plan/1
changes:
  - path: "A.[1]"
    before: null
    names:
      - a
      - b
none: []
url: opc.tcp://plc1:4840
`
	if b.String() != want {
		t.Errorf("the YAML is\n%s\nwant\n%s", b.String(), want)
	}
}
