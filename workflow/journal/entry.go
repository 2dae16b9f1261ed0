package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uapush/uapush/workflow"
)

// Schema names the format of a journal; a change that an older reader would
// misunderstand changes the number.
const Schema = "uapush.run/2"

// schemaBefore had fewer facts, and is read as well.
const schemaBefore = "uapush.run/1"

// Header is the first line of a journal: which run it is, and of which command.
type Header struct {
	Schema string    `json:"schema"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	// Command is what the operator ran: apply, endpoint delete, rehearse.
	Command string `json:"command"`
	// Server is what the operator called the server, a name or a URL; URL is its
	// discovery URL.
	Server      string `json:"server"`
	URL         string `json:"url"`
	Application string `json:"application,omitempty"` // as given; "" is the server itself
	// SkipCertificates says that the run ends with the confirmation.
	SkipCertificates bool `json:"skipCertificates,omitempty"`
	// Lists says that the run is Update TrustList, and Signer which program signs;
	// "" is the built-in authority. Its arguments may hold what is nobody's business.
	Lists   bool   `json:"lists,omitempty"`
	Signer  string `json:"signer,omitempty"`
	Program string `json:"program,omitempty"` // version of uapush
}

// Entry is a line after the first.
type Entry struct {
	Time    time.Time      `json:"time"`
	Type    Type           `json:"type"`
	Step    string         `json:"step,omitempty"`
	Message string         `json:"message,omitempty"`
	Class   string         `json:"class,omitempty"` // of the error in Message
	Fact    *workflow.Fact `json:"fact,omitempty"`
	// End says how the run ended; the line that has it is the last one, until a
	// resume goes on.
	End End `json:"end,omitempty"`
}

// Type says what an entry is about: an event of the run, or one of the types below.
type Type = workflow.EventType

// The types that only a journal has.
const (
	Resumed Type = "resumed" // another process goes on
	Ended   Type = "ended"
)

// End says how a run ended.
type End string

// The ends. A run without one was cut off, or is under way.
const (
	Done        End = "done"
	Unconfirmed End = "unconfirmed" // left to uapush confirm, on purpose
	Failed      End = "failed"      // and the server was seen to be as it was, or has what was seen
	Partly      End = "partly"      // the outcome is unknown, or the plan is applied in part
	Abandoned   End = "abandoned"   // the operator will not go on with it
)

// A line is {"sum":"…","entry":{…}}. The sum is the SHA-256 of the sum before it
// (none for the first line) and of the entry's bytes: a line cannot be changed,
// left out or moved without it showing.
const (
	linePrefix = `{"sum":"`
	lineMiddle = `","entry":`
	lineSuffix = `}`
	sumLength  = 2 * sha256.Size
)

func sumOf(previous string, entry []byte) string {
	h := sha256.New()
	h.Write([]byte(previous))
	h.Write(entry)
	return hex.EncodeToString(h.Sum(nil))
}

// encodeLine returns the line without its newline, and its sum.
func encodeLine(previous string, value any) (line []byte, sum string, err error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, "", err
	}
	entry := bytes.TrimRight(b.Bytes(), "\n")
	sum = sumOf(previous, entry)
	return fmt.Appendf(nil, "%s%s%s%s%s", linePrefix, sum, lineMiddle, entry, lineSuffix), sum, nil
}

// openLine checks the sum of a line and returns the bytes of its entry.
func openLine(previous string, line []byte) (entry []byte, sum string, err error) {
	head := len(linePrefix) + sumLength + len(lineMiddle)
	if len(line) < head+len(lineSuffix) || !bytes.HasPrefix(line, []byte(linePrefix)) ||
		!bytes.HasPrefix(line[len(linePrefix)+sumLength:], []byte(lineMiddle)) || !bytes.HasSuffix(line, []byte(lineSuffix)) {
		return nil, "", errShape
	}
	sum = string(line[len(linePrefix) : len(linePrefix)+sumLength])
	entry = line[head : len(line)-len(lineSuffix)]
	if sumOf(previous, entry) != sum {
		return nil, "", errSum
	}
	return entry, sum, nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errShape
	}
	return nil
}
