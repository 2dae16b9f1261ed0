// Package secureconv is the conversation of OPC UA: UACP (OPC 10000-6, 7.1) and
// UASC (OPC 10000-6, 6.7), client and server end, on gopcua's codec and crypto.
//
// It owns framing, chunks, tokens, sequence numbers, renewal, limits and ERR
// codes, and nothing above them: sessions and services belong to its callers.
//
// What a caller can rely on:
//
//   - the server certificate a client was given is the only one it will ever
//     talk to, at open and at every renewal, under the one policy it asked for;
//   - whatever arrives, the worst that happens is the end of that connection;
//   - a context ends any wait.
package secureconv
