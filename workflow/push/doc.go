// Package push is an OPC UA Session seen as OPC 10000-12: it implements
// workflow.Target and workflow.Session over a secure channel of package
// secureconv.
//
//	target.go, discover.go, choose.go   whom to talk to, and through which endpoint
//	session.go, token.go, keepalive.go  CreateSession, ActivateSession, staying alive
//	send.go, services.go, call.go       one request and what became of it
//	nodes.go, locate.go, properties.go  finding and reading nodes by browse name
//	observe.go, filetransfer.go, …      the methods of Part 12
//	errors.go, faults.go, hints.go      what went wrong, and what to do about it
//
// Only SignAndEncrypt is used for push. Nothing is sent over a channel to a
// server whose certificate was not judged first, discovery excepted.
package push
