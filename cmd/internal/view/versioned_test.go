package view

import (
	"bytes"
	"testing"
)

// Whatever a command prints in NDJSON is an object that says what it is: jq's
// select(.type == "result") works on every line.
func TestResultsAreVersioned(t *testing.T) {
	type object struct {
		Name string `json:"name"`
	}
	type empty struct{}
	for _, test := range []struct {
		name   string
		value  any
		format Format
		want   string
	}{
		{"an object", versioned{"uapush.x/1", object{"<a&b>"}}, JSON, "{\n  \"schema\": \"uapush.x/1\",\n  \"name\": \"<a&b>\"\n}\n"},
		{"an object in YAML", versioned{"uapush.x/1", object{"a"}}, YAML, "schema: uapush.x/1\nname: a\n"},
		{"an empty object", versioned{"uapush.x/1", empty{}}, JSON, "{\n  \"schema\": \"uapush.x/1\"\n}\n"},
		{"a list", versioned{"uapush.x/1", []object{{"a"}}}, JSON, "[\n  {\n    \"name\": \"a\"\n  }\n]\n"},
		{"a line", versioned{"uapush.x/1", object{"<a&b>"}}, NDJSON, `{"type":"result","schema":"uapush.x/1","name":"<a&b>"}` + "\n"},
		{"a line of a list", versioned{"uapush.x/1", []object{{"a"}}}, NDJSON, `{"type":"result","schema":"uapush.x/1","items":[{"name":"a"}]}` + "\n"},
		{"a line of an empty list", versioned{"uapush.x/1", []object{}}, NDJSON, `{"type":"result","schema":"uapush.x/1","items":[]}` + "\n"},
		{"a line that says its type", map[string]string{"type": "fleet"}, NDJSON, `{"type":"fleet"}` + "\n"},
		{"a line of an empty object", empty{}, NDJSON, `{"type":"result"}` + "\n"},
	} {
		var b bytes.Buffer
		if err := (View{Out: &b, Format: test.format}).Result(test.value, nil, nil); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if b.String() != test.want {
			t.Errorf("%s: got %s, want %s", test.name, &b, test.want)
		}
	}
}
