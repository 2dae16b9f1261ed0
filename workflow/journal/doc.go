// Package journal keeps a record of a run on the disk, ahead of what the run does
// to a server, so that another process can tell how far it came.
package journal
