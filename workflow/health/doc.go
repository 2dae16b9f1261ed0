// Package health turns what was observed of a server into one verdict.
package health
