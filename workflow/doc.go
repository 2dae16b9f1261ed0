// Package workflow puts the steps of OPC 10000-12, 7.7 in order: a step does one
// thing, the lists in lists.go say which steps make a command, and the runner
// gives them their names, their skips and their errors.
package workflow
