package uafile

import (
	"fmt"

	"github.com/uapush/uapush/config"
)

// Layout is a wire layout of ApplicationConfigurationDataType.
type Layout int

// The layouts of the released NodeSets. They differ in the certificates of
// AuthorizationServices only.
const (
	Layout105_05 Layout = iota + 1 // encoding i=16542 of data type i=15549
	Layout105_06                   // encoding i=23754 of data type i=23743; also 1.05.07
)

func (l Layout) String() string {
	switch l {
	case Layout105_05:
		return "1.05.05"
	case Layout105_06:
		return "1.05.06"
	}
	return fmt.Sprintf("layout %d", int(l))
}

// LayoutFor gives the layout of a ConfigurationFile's SupportedDataType
// (OPC 10000-12, 7.8.5.1). The error is an *UnknownDataTypeError.
func LayoutFor(supportedDataType config.NodeID) (Layout, error) {
	switch supportedDataType {
	case "i=15549":
		return Layout105_05, nil
	case "i=23743":
		return Layout105_06, nil
	}
	return 0, &UnknownDataTypeError{DataType: supportedDataType}
}

// bodyLayout gives the layout of a Body. Some encoders write the id of the data
// type where the id of its encoding belongs; among released NodeSets neither is
// ambiguous, so both are read.
func bodyLayout(typeID config.NodeID) (Layout, error) {
	switch typeID {
	case "i=16542", "i=15549":
		return Layout105_05, nil
	case "i=23754", "i=23743":
		return Layout105_06, nil
	}
	return 0, &UnknownBodyError{Type: typeID}
}

// encodingID is the NodeId written in front of a new Body.
func (l Layout) encodingID() config.NodeID {
	if l == Layout105_05 {
		return "i=16542"
	}
	return "i=23754"
}
