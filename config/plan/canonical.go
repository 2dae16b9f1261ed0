package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
)

// The canonical form of a record leaves out what makes no difference: the order
// of what is a set, the difference between null and empty, and what a server
// ignores. Two records are the same when their canonical forms are.

func canonicalIdentity(i config.Identity) config.Identity {
	i.Record = canonicalRecord(i.Record)
	return i
}

// canonicalGroup drops CertificateAssigned: servers ignore it (OPC 10000-12, 7.8.3.4).
func canonicalGroup(g config.CertificateGroup) config.CertificateGroup {
	g.Record = canonicalRecord(g.Record)
	g.CertificateTypes = set(g.CertificateTypes)
	g.CertificateAssigned = nil
	return g
}

func canonicalEndpoint(e config.Endpoint) config.Endpoint {
	e.Record = canonicalRecord(e.Record)
	return e
}

// canonicalServerEndpoint keeps the order of URLs: where none matches a
// request, the first one counts (7.10.22, 7.10.23).
func canonicalServerEndpoint(e config.ServerEndpoint) config.ServerEndpoint {
	e.Record = canonicalRecord(e.Record)
	e.SecuritySettingNames = set(e.SecuritySettingNames)
	e.UserTokenSettingNames = set(e.UserTokenSettingNames)
	return e
}

func canonicalSecurity(s config.SecuritySettings) config.SecuritySettings {
	s.Record = canonicalRecord(s.Record)
	s.SecurityModes = set(s.SecurityModes)
	s.SecurityPolicyURIs = set(s.SecurityPolicyURIs)
	return s
}

func canonicalToken(u config.UserTokenSettings) config.UserTokenSettings {
	u.Record = canonicalRecord(u.Record)
	return u
}

func canonicalService(s config.AuthorizationService) config.AuthorizationService {
	s.Record = canonicalRecord(s.Record)
	s.ServiceCertificates = slices.Clone(s.ServiceCertificates)
	for i := range s.ServiceCertificates {
		c := &s.ServiceCertificates[i]
		c.Certificate = orNil(c.Certificate)
		c.ValidFrom, c.ValidTo = c.ValidFrom.UTC(), c.ValidTo.UTC()
		c.Issuers = slices.Clone(c.Issuers)
		for j := range c.Issuers {
			c.Issuers[j] = orNil(c.Issuers[j])
		}
	}
	return s
}

func canonicalRecord(r config.Record) config.Record {
	r.Properties = slices.Clone(r.Properties)
	for i := range r.Properties {
		r.Properties[i].Value = orNil(r.Properties[i].Value)
	}
	return r
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// set sorts and drops repetitions, in a copy.
func set[T cmp.Ordered](in []T) []T {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

// text is a canonical form as a comparable string.
func text(canonical any) string {
	b, err := json.Marshal(canonical)
	if err != nil { // a time outside the years 0 to 9999
		return fmt.Sprintf("%+v", canonical)
	}
	return string(b)
}

// fields lists the fields in which two records of one type differ, in the order
// of the type and under their JSON names. The name of a record is none of them.
func fields[T any](before, after T, canonical func(T) T) []Field {
	var out []Field
	b, a := reflect.ValueOf(before), reflect.ValueOf(after)
	cb, ca := reflect.ValueOf(canonical(before)), reflect.ValueOf(canonical(after))
	for _, f := range reflect.VisibleFields(b.Type()) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || tag == "name" {
			continue
		}
		was, is := jsonValue(cb.FieldByIndex(f.Index)), jsonValue(ca.FieldByIndex(f.Index))
		if reflect.DeepEqual(was, is) {
			continue
		}
		out = append(out, Field{
			Field:  tag,
			Before: jsonValue(b.FieldByIndex(f.Index)),
			After:  jsonValue(a.FieldByIndex(f.Index)),
		})
	}
	return out
}

// jsonValue gives a field as JSON has it; null and empty are both nil.
func jsonValue(v reflect.Value) any {
	if v.Kind() == reflect.Slice && v.Len() == 0 {
		return nil
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprintf("%+v", v.Interface())
	}
	var out any
	if json.Unmarshal(b, &out) != nil {
		return string(b)
	}
	return out
}
