// Package view renders every result, for people and for machines. A text view is
// a reader of the value that the JSON view prints, so the two cannot disagree. It
// is the only importer of tablewriter.
package view
