// Package hostile has no code but tests: uapush, as it is built and shipped,
// against servers that lie, stall, flood and impersonate, and the embedded server
// against clients that do. What the peers send here is made by hand on raw TCP,
// with no code of the conversation under test.
package hostile
