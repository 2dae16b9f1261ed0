// Package plan works out how a server's configuration differs from a desired
// one. It is pure: no input or output, no clock. Everything that is shown, saved
// or sent is derived from Plan.Changes.
package plan
