// Package upkeep decides what the certificates and TrustLists of a server need
// (OPC 10000-12, 7.7.2 to 7.7.4). It is pure: what was read goes in, Work comes
// out, and Work alone is carried out.
package upkeep
