package manifest

import (
	"encoding/json"
	"reflect"
	"time"
)

// schema is a JSON Schema, draft 2020-12, as far as the manifest needs one.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// Additional is false, or the schema of entries with free keys.
	Additional any       `json:"additionalProperties,omitempty"`
	Keys       *schema   `json:"propertyNames,omitempty"`
	Items      *schema   `json:"items,omitempty"`
	Unique     bool      `json:"uniqueItems,omitempty"`
	MinItems   int       `json:"minItems,omitempty"`
	MaxItems   int       `json:"maxItems,omitempty"`
	MinLength  int       `json:"minLength,omitempty"`
	Minimum    int       `json:"minimum,omitempty"`
	Maximum    int       `json:"maximum,omitempty"`
	Enum       []string  `json:"enum,omitempty"`
	Pattern    string    `json:"pattern,omitempty"`
	AnyOf      []*schema `json:"anyOf,omitempty"`
	Examples   []string  `json:"examples,omitempty"`
}

// JSONSchema is the schema of a manifest (JSON Schema draft 2020-12), for
// editors. The parser knows more: references, and what goes together.
func JSONSchema() []byte {
	s := objectSchema(reflect.TypeFor[Manifest]())
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "uapush manifest, " + Version
	s.Description = "One OPC UA endpoint and what it needs."
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // a struct of texts and numbers always marshals
	}
	return append(out, '\n')
}

func objectSchema(t reflect.Type) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("key")
		if name == "" || name == "-" {
			continue
		}
		s.Properties[name] = fieldSchema(f.Type, f.Tag)
		s.Properties[name].Description = f.Tag.Get("doc")
		if f.Tag.Get("need") == "yes" {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

func fieldSchema(t reflect.Type, tag reflect.StructTag) *schema {
	switch {
	case t == reflect.TypeFor[uint16]():
		return &schema{Type: "integer", Minimum: 1, Maximum: 65535}
	case t == reflect.TypeFor[time.Duration](), t.Kind() == reflect.String:
		return textSchema(formOf(tag.Get("form")), tag.Get("empty") == "ok")
	case t.Kind() == reflect.Struct:
		return objectSchema(t)
	case tag.Get("keyed") != "":
		return &schema{Type: "object", Keys: textSchema(formOf(tag.Get("keyed")), false), Additional: objectSchema(t.Elem())}
	}
	s := &schema{Type: "array", MaxItems: maxEntries}
	if tag.Get("need") == "yes" {
		s.MinItems = 1
	}
	if t.Elem().Kind() == reflect.Struct {
		s.Items = objectSchema(t.Elem())
		return s
	}
	s.Unique = true
	s.Items = textSchema(formOf(tag.Get("form")), false)
	return s
}

func textSchema(f form, empty bool) *schema {
	names := &schema{Type: "string", Enum: f.names}
	others := &schema{Type: "string", Pattern: f.pattern}
	if !empty {
		others.MinLength = 1
	}
	switch {
	case f.pattern == "":
		return names
	case len(f.names) == 0:
		others.Examples = []string{f.example}
		return others
	}
	return &schema{AnyOf: []*schema{names, others}}
}
