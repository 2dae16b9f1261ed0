package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/uapush/uapush/pki"
)

// maxSize bounds a journal, in bytes: a plan of 16 MiB, written a few times.
const maxSize = 128 << 20

// Run is a journal as read.
type Run struct {
	Header
	Entries []Entry
	// Torn says that the last line was being written when the machine stopped. It
	// is left out: what it would have said did not happen yet.
	Torn bool

	path string
	size int64  // of the whole lines
	sum  string // of the last one
}

// Read reads the journal of a run. The errors are *DamagedError, *SchemaError,
// or what the system said.
func Read(path string) (Run, error) {
	data, err := pki.ReadBounded(path, maxSize)
	if errors.Is(err, pki.ErrTooLarge) {
		return Run{}, &DamagedError{Path: path, Err: errTooLarge}
	}
	if err != nil {
		return Run{}, fmt.Errorf("read the journal: %w", err)
	}
	return parse(path, data)
}

func parse(path string, data []byte) (Run, error) {
	r := Run{path: path}
	for number := 1; ; number++ {
		end := bytes.IndexByte(data[r.size:], '\n')
		if end < 0 {
			break
		}
		line := data[r.size : r.size+int64(end)]
		entry, sum, err := openLine(r.sum, line)
		if err == nil {
			err = r.add(number, entry)
		}
		var schema *SchemaError
		switch {
		case errors.As(err, &schema):
			return Run{}, err
		case err != nil:
			return Run{}, &DamagedError{Path: path, Line: number, Err: err}
		}
		r.sum = sum
		r.size += int64(end) + 1
	}
	r.Torn = r.size < int64(len(data))
	if r.ID == "" {
		return Run{}, &DamagedError{Path: path, Line: 1, Err: errors.New("the first line is missing")}
	}
	if want := fileName(r.ID); filepath.Base(path) != want {
		return Run{}, &DamagedError{Path: path, Line: 1, Err: fmt.Errorf("it is the journal of run %s", r.ID)}
	}
	return r, nil
}

func (r *Run) add(number int, entry []byte) error {
	if number > 1 {
		var e Entry
		if err := strict(entry, &e); err != nil {
			return err
		}
		r.Entries = append(r.Entries, e)
		return nil
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(entry, &head); err != nil {
		return err
	}
	if head.Schema != Schema && head.Schema != schemaBefore {
		return &SchemaError{Path: r.path, Found: head.Schema}
	}
	if err := strict(entry, &r.Header); err != nil {
		return err
	}
	if !validID(r.ID) {
		return fmt.Errorf("%q is no id of a run", r.ID)
	}
	return nil
}
