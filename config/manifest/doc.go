// Package manifest reads what an operator wants of one endpoint: a YAML (or
// JSON) file, checked completely before anything connects. Every problem is an
// *Error with file, line, column and path, and all of them are reported at once.
//
// The fields, their forms and their documentation are the struct tags of
// Manifest; the parser and the JSON Schema are both derived from them.
package manifest
