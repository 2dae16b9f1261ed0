// Package sim is the embedded server: a conforming peer for push management (OPC
// 10000-12, 7.7 to 7.10) with users, profiles and faults. It shares no code with
// the client beyond the secure conversation and the configuration vocabulary, so
// that the two cannot share a mistake.
package sim
