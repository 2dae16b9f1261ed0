// Package pki makes, judges and keeps certificates: keys, the client's own
// application certificate, certificate requests, pins, and a certification
// authority that lives in a directory, as a root or below one.
//
// The functions work on bytes and total; the few types that touch files write
// them atomically, with 0600 for everything secret. Nothing here speaks OPC UA.
package pki
