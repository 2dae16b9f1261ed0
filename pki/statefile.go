package pki

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// stateFile is a small file that processes side by side share: JSON with a schema
// and one list. It is read at every call, so that they agree. Neither it nor its
// directory need exist.
type stateFile[T any] struct {
	path   string
	schema string
	list   string          // what the list is called, in the file and in messages
	check  func([]T) error // beyond the form; nil checks nothing
	mend   string          // what to do about a file that is damaged
}

const maxStateFile = 4 << 20 // bytes

// read gives nil where there is no file yet. What is no such file is a *FileError
// with ErrDamaged.
func (f stateFile[T]) read() ([]T, error) {
	data, err := ReadBounded(f.path, maxStateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := f.decode(data)
	if err != nil {
		return nil, &FileError{Path: f.path, Err: fmt.Errorf("%w: %w", ErrDamaged, err), hint: f.mend}
	}
	return list, nil
}

// change rewrites the file under its lock; edit gives nil for "leave it".
func (f stateFile[T]) change(ctx context.Context, edit func([]T) ([]T, error)) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the %s: %w", f.list, err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "."+filepath.Base(f.path)+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	list, err := f.read()
	if err != nil {
		return err
	}
	if list, err = edit(list); err != nil || list == nil {
		return err
	}
	data, err := f.encode(list)
	if err != nil {
		return err
	}
	return WriteFileAtomic(f.path, data, 0o600)
}

// encode refuses what decode could not read again.
func (f stateFile[T]) encode(list []T) ([]byte, error) {
	if len(list) == 0 {
		list = []T{}
	}
	text, err := json.MarshalIndent(list, "  ", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the %s: %w", f.list, err)
	}
	data := fmt.Appendf(nil, "{\n  \"schema\": %q,\n  %q: %s\n}\n", f.schema, f.list, text)
	if len(data) > maxStateFile {
		return nil, fmt.Errorf("%s: %w", f.path, ErrTooLarge)
	}
	return data, nil
}

// decode is strict: what is misread would be believed.
func (f stateFile[T]) decode(data []byte) ([]T, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil { // trailing data, too
		return nil, err
	}
	var schema string
	if err := json.Unmarshal(members["schema"], &schema); err != nil || schema != f.schema {
		return nil, fmt.Errorf("schema is %.100s, expected %q", members["schema"], f.schema)
	}
	for name := range members {
		if name != "schema" && name != f.list {
			return nil, fmt.Errorf("the member %.100q is unknown", name)
		}
	}
	var list []T
	d := json.NewDecoder(bytes.NewReader(members[f.list]))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) { // the end: there is no list
		return nil, err
	}
	if f.check == nil {
		return list, nil
	}
	return list, f.check(list)
}
