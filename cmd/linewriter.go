package cmd

import (
	"bytes"
	"io"
	"sync"
)

// maxHeld bounds a line that is held until its end comes, in bytes.
const maxHeld = 1 << 20

// lineWriter passes whole lines on, so that those of several writers do not mix.
type lineWriter struct {
	mu     *sync.Mutex // guards to, which others write as well
	to     io.Writer
	prefix string
	wrap   func(line []byte) []byte // instead of prefix; gives the line with its end

	own  sync.Mutex
	held []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.own.Lock()
	defer w.own.Unlock()
	w.held = append(w.held, p...)
	for {
		end := bytes.IndexByte(w.held, '\n')
		if end < 0 && len(w.held) < maxHeld {
			return len(p), nil
		}
		if end < 0 {
			end = len(w.held) - 1
		}
		line := bytes.TrimSuffix(w.held[:end+1], []byte("\n"))
		if err := w.pass(line); err != nil {
			return 0, err
		}
		w.held = w.held[end+1:]
	}
}

// finish passes on what has come without the end of its line.
func (w *lineWriter) finish() error {
	w.own.Lock()
	defer w.own.Unlock()
	line := w.held
	if w.held = nil; len(line) == 0 {
		return nil
	}
	return w.pass(line)
}

func (w *lineWriter) pass(line []byte) error {
	out := append(append([]byte(w.prefix), line...), '\n')
	if w.wrap != nil {
		out = w.wrap(line)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.to.Write(out)
	return err
}
