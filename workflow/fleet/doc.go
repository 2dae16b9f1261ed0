// Package fleet decides in which order one piece of work is done on many servers,
// how many at a time, and when it is enough of failures.
package fleet
