package main

import (
	"cmp"
	"slices"
)

type sourceType struct {
	NodeID    string `json:"nodeId"`
	Kind      string `json:"kind"` // structure, enum, optionset; others have no definition
	Super     string `json:"superTypeId"`
	Encodings struct {
		Binary *string `json:"binary"`
	} `json:"encodings"`
	Fields []sourceArgument `json:"wireFields"` // those of supertypes first
	Values []struct {
		Name  string `json:"name"`
		Value int64  `json:"value"`
	} `json:"values"`
	Bits []struct {
		Name string `json:"name"`
		Bit  int64  `json:"bit"`
	} `json:"bits"`
}

// definition is one line of definitions.json; package space has the same type to read it.
type definition struct {
	ID       uint32     `json:"id"`
	Super    uint32     `json:"super,omitempty"`    // of a structure
	Encoding uint32     `json:"encoding,omitempty"` // Default Binary
	Fields   []argument `json:"fields,omitempty"`
	Values   []value    `json:"values,omitempty"` // of an enumeration; bits of an option set
}

type value struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

func (s *subset) definitions() []definition {
	var out []definition
	for _, variants := range s.Types {
		t := variants[len(variants)-1]
		d := definition{ID: id(t.NodeID)}
		switch t.Kind {
		case "structure":
			d.Super, d.Fields = id(t.Super), arguments(t.Fields)
			if t.Encodings.Binary != nil {
				d.Encoding = id(*t.Encodings.Binary)
			}
		case "enum":
			for _, v := range t.Values {
				d.Values = append(d.Values, value{v.Name, v.Value})
			}
		case "optionset":
			for _, b := range t.Bits {
				d.Values = append(d.Values, value{b.Name, b.Bit})
			}
		default:
			continue
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b definition) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
