package view

import (
	"bytes"
	"encoding/json"
)

// The formats of results that have no Schema of their own. A change that a reader
// would misunderstand changes the number.
const (
	configurationSchema = "uapush.configuration/1"
	diffSchema          = "uapush.diff/1"
	endpointsSchema     = "uapush.endpoints/1"
	groupsSchema        = "uapush.groups/1"
	slotsSchema         = "uapush.slots/1"
	trustListsSchema    = "uapush.trust-lists/1"
	rejectedSchema      = "uapush.rejected/1"
	transactionSchema   = "uapush.transaction/1"
	discoverySchema     = "uapush.discovery/1"
	certificateSchema   = "uapush.certificate/1"
	authoritySchema     = "uapush.ca/1"
	versionSchema       = "uapush.version/1"
)

// versioned is a result with the name of its format. An object gets it as its first
// member; a list is printed as it is, and named in NDJSON only.
type versioned struct {
	schema string
	value  any
}

func (v versioned) MarshalJSON() ([]byte, error) {
	data, err := encode(v.value)
	if err != nil || !isObject(data) {
		return data, err
	}
	return withFirst(data, "schema", v.schema)
}

// resultLine is a result as a line of NDJSON: an object whose type says what it is,
// as the lines before it are.
type resultLine struct{ value any }

func (l resultLine) MarshalJSON() ([]byte, error) {
	data, err := encode(l.value)
	if err != nil {
		return nil, err
	}
	if !isObject(data) {
		data = append(append([]byte(`{"items":`), data...), '}')
		if v, ok := l.value.(versioned); ok {
			if data, err = withFirst(data, "schema", v.schema); err != nil {
				return nil, err
			}
		}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members["type"] != nil {
		return data, err
	}
	return withFirst(data, "type", "result")
}

func isObject(data []byte) bool { return bytes.HasPrefix(data, []byte("{")) }

// withFirst puts a member before those that an object has.
func withFirst(object []byte, name, value string) ([]byte, error) {
	member, err := encode(map[string]string{name: value})
	if err != nil {
		return nil, err
	}
	member = bytes.TrimSuffix(member, []byte("}"))
	if rest := object[1:]; !bytes.Equal(rest, []byte("}")) {
		return append(append(member, ','), rest...), nil
	}
	return append(member, '}'), nil
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
