// Package uafile turns the bytes of a ConfigurationFile into a
// config.Application and back: a UABinaryFileDataType (OPC 10000-5, 12.36) in
// OPC UA Binary (OPC 10000-6, 5.2), encoded as an ExtensionObject whose Body is a
// Variant that holds the ApplicationConfigurationDataType (OPC 10000-12, 7.10.19)
// as an ExtensionObject of its own.
//
// Input is never trusted: every length and count is checked against the bytes
// that are left before anything is allocated, and nesting is bounded. What the
// package does not interpret is carried through byte for byte or refused.
//
// Namespace indices are local to a file. Records name namespaces by URI, but the
// values of properties and the type descriptions in the header are carried as
// bytes with the indices in them: they belong to the file they were read from.
package uafile
