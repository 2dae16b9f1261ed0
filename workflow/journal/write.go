package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

const (
	extension = ".ndjson"
	idTime    = "20060102T150405Z"
	idRandom  = 6 // characters of base32: 30 bits beside the second
)

func fileName(id string) string { return id + extension }

// newID sorts by time, and is short enough to be typed.
func newID(now time.Time) string {
	return now.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:idRandom])
}

// validID keeps ids from being paths.
func validID(id string) bool {
	at, random, ok := strings.Cut(id, "-")
	_, err := time.Parse(idTime, at)
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	return ok && err == nil && len(random) == idRandom && strings.Trim(random, letters) == ""
}

// Journal is a run that is being recorded. It is not for concurrent use.
type Journal struct {
	id   string
	path string
	file *os.File
	sum  string
	err  error // the first failure: nothing is recorded after it

	recorded func(line int) // tests; nil
	lines    int
}

// Options are what few callers need.
type Options struct {
	// Recorded is told after each line that is on the disk, with its number from 1.
	Recorded func(line int)
}

// Create begins the journal of a new run in the folder dir, and makes the folder.
// Schema, ID and, where it is zero, Time of the header are filled in. The file
// and its first line are on the disk when Create returns. Errors are *WriteError.
func Create(dir string, h Header, o Options) (*Journal, error) {
	if h.Time.IsZero() {
		h.Time = time.Now()
	}
	h.Time = h.Time.UTC()
	h.Schema, h.ID = Schema, newID(h.Time)
	path := filepath.Join(dir, fileName(h.ID))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &WriteError{Path: path, Err: err}
	}
	line, sum, err := encodeLine("", h)
	if err != nil {
		return nil, &WriteError{Path: path, Err: err}
	}
	// The first line comes with the file: a journal without a header is none.
	if err := pki.WriteFileAtomic(path, append(line, '\n'), 0o600); err != nil {
		return nil, &WriteError{Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, &WriteError{Path: path, Err: err}
	}
	j := &Journal{id: h.ID, path: path, file: f, sum: sum, recorded: o.Recorded}
	j.tell()
	return j, nil
}

// Reopen goes on with the journal of an earlier run, and records that it does. A
// torn last line is cut off first. The caller holds the lock of the run's server.
func Reopen(r Run, o Options) (*Journal, error) {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, &WriteError{Path: r.path, Err: err}
	}
	if r.Torn {
		if err := f.Truncate(r.size); err != nil {
			return nil, errors.Join(&WriteError{Path: r.path, Err: err}, f.Close())
		}
	}
	j := &Journal{id: r.ID, path: r.path, file: f, sum: r.sum, recorded: o.Recorded, lines: 1 + len(r.Entries)}
	if err := j.Append(Entry{Type: Resumed}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// ID names the run.
func (j *Journal) ID() string { return j.id }

// Append records an entry. It is on the disk when Append returns, but for entries
// that only tell of something and carry no fact: they are once the next one is.
// After a failure nothing more is recorded.
func (j *Journal) Append(e Entry) error {
	if j.err != nil {
		return j.err
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	line, sum, err := encodeLine(j.sum, e)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	casual := e.Fact == nil && (e.Type == workflow.Noted || e.Type == workflow.Waiting || e.Type == workflow.StepSkipped)
	if err == nil && !casual {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = &WriteError{Path: j.path, Err: err}
		return j.err
	}
	j.sum = sum
	j.tell()
	return nil
}

func (j *Journal) tell() {
	j.lines++
	if j.recorded != nil {
		j.recorded(j.lines)
	}
}

// Observe records an event of a run; it is a workflow.Observer.
func (j *Journal) Observe(e workflow.Event) error {
	return j.Append(Entry{Time: e.Time, Type: e.Type, Step: e.Step, Message: e.Message, Class: e.Class, Fact: e.Fact})
}

// End records how the run ended, and closes the journal.
func (j *Journal) End(end End, message, class string) error {
	return errors.Join(j.Append(Entry{Type: Ended, End: end, Message: message, Class: class}), j.Close())
}

// Close closes the file without an end: the run then counts as cut off.
func (j *Journal) Close() error {
	if err := j.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("close the journal: %w", err)
	}
	return nil
}
