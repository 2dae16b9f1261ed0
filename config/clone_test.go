package config

import (
	"reflect"
	"testing"
	"time"
)

// fill gives every field below v a value: no slice is empty, no string is "".
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(versionEpoch.Add(time.Duration(*n) * time.Second)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(string(rune('a' + *n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32:
		v.SetInt(int64(*n % 3))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(*n % 200))
	default:
		panic("no value for " + v.Kind().String())
	}
}

// shared returns the path of a slice that a and b share, or "".
func shared(path string, a, b reflect.Value) string {
	switch a.Kind() {
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			return ""
		}
		for i := range a.NumField() {
			if s := shared(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); s != "" {
				return s
			}
		}
	case reflect.Slice:
		if a.Pointer() == b.Pointer() {
			return path
		}
		for i := range a.Len() {
			if s := shared(path+"[]", a.Index(i), b.Index(i)); s != "" {
				return s
			}
		}
	}
	return ""
}

func TestCloneSharesNothing(t *testing.T) {
	var a Application
	n := 0
	fill(reflect.ValueOf(&a).Elem(), &n)
	b := a.Clone()
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the clone is %+v, want %+v", b, a)
	}
	if s := shared("Application", reflect.ValueOf(a), reflect.ValueOf(b)); s != "" {
		t.Errorf("the clone shares %s", s)
	}
	if b := (Application{Properties: []Property{}}).Clone(); b.Properties == nil || b.ServerEndpoints != nil {
		t.Error("the clone of an empty list is nil, or that of nil is empty")
	}
}
