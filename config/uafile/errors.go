package uafile

import (
	"fmt"

	"github.com/uapush/uapush/config"
)

// Error says what is wrong with a stream, or with an application to encode.
type Error struct {
	Offset int    // byte of the stream at which it was noticed; -1 when encoding
	Field  string // for example CertificateGroups[1].Purpose; "" is the envelope
	What   string
}

func (e *Error) Error() string {
	text := e.What
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Offset < 0 {
		return "encode configuration file: " + text
	}
	return fmt.Sprintf("decode configuration file: byte %d: %s", e.Offset, text)
}

// UnknownBodyError refuses a file whose Body is of a type this package does not
// know; nothing of it is dropped, since nothing of it is read.
type UnknownBodyError struct {
	Type config.NodeID // the encoding's NodeId, as the ExtensionObject has it
}

func (e *UnknownBodyError) Error() string {
	return fmt.Sprintf("decode configuration file: body is of the unknown type %q", e.Type)
}

// Hint tells the operator what to look at.
func (e *UnknownBodyError) Hint() string {
	return "the server's configuration is of a vendor's type; see its SupportedDataType"
}

// UnknownDataTypeError says that no Layout belongs to a SupportedDataType.
type UnknownDataTypeError struct {
	DataType config.NodeID // "" when the server states none
}

func (e *UnknownDataTypeError) Error() string {
	if e.DataType == "" {
		return "the server states no SupportedDataType for its configuration file"
	}
	return fmt.Sprintf("configuration files of the type %q are not known", e.DataType)
}

// Hint tells the operator what is supported.
func (e *UnknownDataTypeError) Hint() string {
	return "supported are ApplicationConfigurationDataType i=23743 (NodeSet 1.05.06 and later) and i=15549 (1.05.05)"
}

// UnsupportedFieldError says that a field holds something that the layout has no
// place for.
type UnsupportedFieldError struct {
	Layout Layout
	Field  string // for example AuthorizationServices[0].ServiceCertificates[0].Issuers
}

func (e *UnsupportedFieldError) Error() string {
	return fmt.Sprintf("encode configuration file: %s does not exist in the layout of NodeSet %s", e.Field, e.Layout)
}

// Hint tells the operator what to change.
func (e *UnsupportedFieldError) Hint() string {
	return "leave the field out for this server, or update the server to NodeSet 1.05.06 or later"
}
