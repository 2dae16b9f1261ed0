package config

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// NodeID is a NodeId in its portable text form (OPC 10000-6, 5.1.12): the
// namespace is named by its URI, since indices differ from file to file and
// from server to server. Examples: i=12560, nsu=urn:vendor:types;s=Vendor.Type.
//
// ParseNodeID makes the form canonical, so that two equal NodeIds are equal
// strings. "" is the null NodeId.
type NodeID string

var guidForm = regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`)

// ParseNodeID reads a NodeId. Namespace indices other than 0 are refused: they
// mean nothing outside one server or file.
func ParseNodeID(text string) (NodeID, error) {
	rest, prefix := text, ""
	switch {
	case strings.HasPrefix(text, "nsu="):
		uri, after, ok := strings.Cut(text[len("nsu="):], ";")
		if !ok || uri == "" {
			return "", fmt.Errorf("NodeId %q lacks the identifier after its namespace", text)
		}
		rest = after
		if uri != NamespaceOPCUA {
			prefix = "nsu=" + uri + ";"
		}
	case strings.HasPrefix(text, "ns=0;"):
		rest = text[len("ns=0;"):]
	case strings.HasPrefix(text, "ns="):
		return "", fmt.Errorf("NodeId %q uses a namespace index; write nsu=URI; instead", text)
	}
	kind, id, ok := strings.Cut(rest, "=")
	if !ok {
		return "", fmt.Errorf("%q is no NodeId (such as i=12560)", text)
	}
	id, err := canonicalIdentifier(kind, id)
	if err != nil {
		return "", fmt.Errorf("NodeId %q: %w", text, err)
	}
	if prefix == "" && slices.Contains(nullIdentifiers, kind+"="+id) {
		return "", nil
	}
	return NodeID(prefix + kind + "=" + id), nil
}

// nullIdentifiers make a NodeId of namespace 0 null (OPC 10000-3, 8.2.4).
var nullIdentifiers = []string{"i=0", "s=", "g=00000000-0000-0000-0000-000000000000", "b="}

func canonicalIdentifier(kind, id string) (string, error) {
	switch kind {
	case "i":
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return "", fmt.Errorf("%q is no 32-bit number", id)
		}
		return strconv.FormatUint(n, 10), nil
	case "s":
		return id, nil
	case "g":
		if id = strings.ToUpper(id); !guidForm.MatchString(id) {
			return "", fmt.Errorf("%q is no Guid", id)
		}
		return id, nil
	case "b":
		raw, err := base64.StdEncoding.DecodeString(id)
		if err != nil {
			return "", fmt.Errorf("%q is no base64", id)
		}
		return base64.StdEncoding.EncodeToString(raw), nil
	}
	return "", fmt.Errorf("%q is no kind of identifier (i, s, g, b)", kind)
}

// NamespaceOPCUA is namespace 0.
const NamespaceOPCUA = "http://opcfoundation.org/UA/"

// Split gives the namespace URI ("" for OPC UA), the kind of identifier
// (i, s, g or b; i for the null NodeId) and the identifier's text.
func (n NodeID) Split() (namespace string, kind byte, id string) {
	text := string(n)
	if text == "" {
		return "", 'i', "0"
	}
	if after, ok := strings.CutPrefix(text, "nsu="); ok {
		namespace, text, _ = strings.Cut(after, ";")
	}
	if len(text) < 2 {
		return namespace, 'i', "0"
	}
	return namespace, text[0], text[2:]
}
