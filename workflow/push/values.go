package push

import (
	"strconv"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// valueAs is the value of a DataValue; ok is false where it is bad, absent, or of another type.
func valueAs[T any](v *ua.DataValue) (t T, ok bool) {
	if v == nil || v.Status&0x80000000 != 0 || v.Value == nil {
		return t, false
	}
	t, ok = v.Value.Value().(T)
	return t, ok
}

// statusOf is why a value is not there.
func statusOf(v *ua.DataValue) ua.StatusCode {
	switch {
	case v == nil:
		return ua.StatusBadNoMatch
	case v.Status&0x80000000 != 0:
		return v.Status
	}
	return ua.StatusBadTypeMismatch
}

// unsigned is a value of any integer type that fits.
func unsigned(v *ua.DataValue, most uint64) uint64 {
	var n uint64
	value := any(nil)
	if v != nil && v.Value != nil && v.Status&0x80000000 == 0 {
		value = v.Value.Value()
	}
	switch x := value.(type) {
	case uint8:
		n = uint64(x)
	case uint16:
		n = uint64(x)
	case uint32:
		n = uint64(x)
	case uint64:
		n = x
	case int32:
		n = uint64(max(x, 0))
	case int64:
		n = uint64(max(x, 0))
	}
	return min(n, most)
}

// portable turns a NodeId of the server into one whose namespace goes by its URI
// (OPC 10000-6, 5.1.12). ok is false for a namespace the server does not list.
func portable(n *ua.NodeID, namespaces []string) (config.NodeID, bool) {
	if n == nil {
		return "", true
	}
	var prefix string
	if index := int(n.Namespace()); index > 0 {
		if index >= len(namespaces) {
			return "", false
		}
		prefix = "nsu=" + namespaces[index] + ";"
	}
	var text string
	switch n.Type() {
	case ua.NodeIDTypeString:
		text = "s=" + n.StringID()
	case ua.NodeIDTypeGUID:
		text = "g=" + n.StringID()
	case ua.NodeIDTypeByteString:
		text = "b=" + n.StringID()
	default:
		text = "i=" + strconv.FormatUint(uint64(n.IntID()), 10)
	}
	id, err := config.ParseNodeID(prefix + text)
	return id, err == nil
}

// portables leaves out what has no portable form: no plan could name it either.
func portables(nodes []*ua.NodeID, namespaces []string) []config.NodeID {
	var out []config.NodeID
	for _, n := range nodes {
		if id, ok := portable(n, namespaces); ok {
			out = append(out, id)
		}
	}
	return out
}

// onServer is the inverse of portable.
func onServer(id config.NodeID, namespaces []string) (*ua.NodeID, bool) {
	uri, kind, text := id.Split()
	index := 0
	if uri != "" {
		for index = len(namespaces) - 1; index > 0 && namespaces[index] != uri; index-- {
		}
		if index <= 0 {
			return nil, false
		}
	}
	n, err := ua.ParseNodeID("ns=" + strconv.Itoa(index) + ";" + string(kind) + "=" + text)
	return n, err == nil
}

// looksLikeNodeID tells a NodeId from an ApplicationUri.
func looksLikeNodeID(text string) bool {
	for _, p := range []string{"nsu=", "ns=", "i=", "s=", "g=", "b="} {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}
