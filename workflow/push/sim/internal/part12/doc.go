// Package part12 is the state machine of a server's push management (OPC 10000-12,
// 7.7 to 7.10): configuration file, certificate groups, trust lists, transactions.
// It listens on nothing and speaks to nobody; bind.go ties it to AddressSpace nodes.
package part12
