package workflow

import (
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"
)

// Codes of newer NodeSets, which the codec's table lacks (OPC 10000-4, 7.39).
const (
	StatusBadTransactionFailed ua.StatusCode = 0x80F10000 // since NodeSet 1.05.05
	StatusBadServerTooBusy     ua.StatusCode = 0x80EE0000
)

var newerNames = map[ua.StatusCode]string{
	StatusBadTransactionFailed: "Bad_TransactionFailed",
	StatusBadServerTooBusy:     "Bad_ServerTooBusy",
	ua.StatusUncertain:         "Uncertain",
	0:                          "Good",
}

// specSpelling turns the codec's spelling of names into the specification's.
var specSpelling = strings.NewReplacer("URI", "Uri", "URL", "Url", "ID", "Id", "TCP", "Tcp", "HTTP", "Http")

// StatusText names a status as the specification does: Bad_InvalidState (0x80AF0000).
func StatusText(s ua.StatusCode) string {
	code := s &^ 0xFFFF // without the bits that describe the value, not the outcome
	name, ok := newerNames[code]
	if !ok {
		d, known := ua.StatusCodes[code]
		if !known {
			return fmt.Sprintf("status 0x%08X", uint32(s))
		}
		name = severityFirst(specSpelling.Replace(strings.TrimPrefix(d.Name, "Status")))
	}
	return fmt.Sprintf("%s (0x%08X)", name, uint32(s))
}

// severityFirst puts the underscore of the specification's names.
func severityFirst(name string) string {
	for _, severity := range []string{"Good", "Uncertain", "Bad"} {
		if rest, ok := strings.CutPrefix(name, severity); ok && rest != "" {
			return severity + "_" + rest
		}
	}
	return name
}
