package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/uapush/uapush/pki"
)

// Holder says who has, or had, a lock.
type Holder struct {
	Run   string    `json:"run"`
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// maxHolder bounds the file that names the holder, in bytes.
const maxHolder = 4096

// Lock keeps two runs from working on one server. The system drops it with the
// process, however that ends: a lock cannot be left behind, only the name of its
// holder can.
type Lock struct {
	release func()
	holder  string // the file that names the holder
	// Stale is the holder that died with the lock; nil where there was none.
	Stale *Holder
}

// Acquire takes the lock of a server without waiting. key is what identifies the
// server: ServerKey or IdentityKey; shown is what the operator calls it. The error
// is a *BusyError where another run has it.
func Acquire(dir, key, shown, run string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", shown, err)
	}
	digest := sha256.Sum256([]byte(key))
	path := filepath.Join(dir, hex.EncodeToString(digest[:12]))
	l := &Lock{holder: path + ".json"}
	previous, err := readHolder(l.holder)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", shown, err)
	}
	release, ok, err := tryLock(path + ".lock")
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", shown, err)
	case !ok:
		busy := &BusyError{Server: shown}
		if previous != nil {
			busy.Holder = *previous
		}
		return nil, busy
	}
	// Read again: it may have been given back between the two.
	if l.Stale, err = readHolder(l.holder); err == nil {
		err = writeHolder(l.holder, run)
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("lock %s: %w", shown, err)
	}
	l.release = release
	return l, nil
}

// tryLock tries for a moment: whoever only asks Held has the lock for an instant.
func tryLock(path string) (release func(), ok bool, err error) {
	for try := 0; ; try++ {
		release, ok, err = pki.TryLock(path)
		if ok || err != nil || try == 3 {
			return release, ok, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Name says which run holds the lock, where that was not known at first.
func (l *Lock) Name(run string) error { return writeHolder(l.holder, run) }

// Release gives the lock back.
func (l *Lock) Release() {
	if l.release == nil {
		return
	}
	_ = os.Remove(l.holder) // what stays behind would only be shown as a stale holder
	l.release()
	l.release = nil
}

// Held says whether a run holds the lock of a server.
func Held(dir, key string) (Holder, bool) {
	l, err := Acquire(dir, key, "", "")
	var busy *BusyError
	if errors.As(err, &busy) {
		return busy.Holder, true
	}
	if err == nil {
		stale := l.Stale
		l.Release()
		if stale != nil { // who died with it is still worth naming to the next run
			_ = writeHolderOf(l.holder, *stale)
		}
	}
	return Holder{}, false
}

// readHolder returns nil where nobody is named. What cannot be read as a holder
// was being written when its process died, and names nobody either.
func readHolder(path string) (*Holder, error) {
	data, err := pki.ReadBounded(path, maxHolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h Holder
	if json.Unmarshal(data, &h) != nil {
		return &Holder{}, nil
	}
	return &h, nil
}

func writeHolder(path, run string) error {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return writeHolderOf(path, Holder{Run: run, PID: os.Getpid(), Host: host, Since: time.Now().UTC()})
}

func writeHolderOf(path string, h Holder) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return pki.WriteFileAtomic(path, append(data, '\n'), 0o600)
}

// ServerKey identifies a server by its discovery URL, before anything is known
// of it; application is the managed application, "" for the server itself.
func ServerKey(serverURL, application string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		return serverURL
	}
	port := u.Port()
	if port == "" {
		port = "4840"
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port) + " " + application
}

// IdentityKey identifies a server by what it has proven to be, so that two URLs
// of one server meet. The certificate counts beside the ApplicationUri: devices
// of one kind often come with one and the same ApplicationUri.
func IdentityKey(applicationURI, certificateSHA256 string) string {
	return applicationURI + " " + certificateSHA256
}
