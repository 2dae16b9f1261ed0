// Package cmd is the command tree: one file a command. It parses, calls and
// renders; what a command does lives in workflow and below.
package cmd
