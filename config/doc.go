// Package config is the vocabulary of an OPC UA ApplicationConfiguration
// (OPC 10000-12, 7.10.19 to 7.10.25): the records a ConfigurationFile holds,
// the UpdateTargets that name them, and the version they belong to.
//
// It knows no encoding, no network and no file; it imports the standard library
// only, so that every other package may speak it.
package config
