package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List reads all runs of a folder, the latest first. Journals that cannot be read
// are left out of runs and joined in the error: one damaged file hides no other.
func List(dir string) (runs []Run, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		id, isRun := strings.CutSuffix(e.Name(), extension)
		if !isRun || !validID(id) {
			continue
		}
		r, err := Read(filepath.Join(dir, e.Name()))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		runs = append(runs, r)
	}
	slices.SortStableFunc(runs, func(a, b Run) int { // an id tells no more than the second
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
	})
	return runs, errors.Join(errs...)
}

// Find reads the run with that id, or with an id that ends so: the random part
// is enough. The error is a *NotFoundError, or that of Read.
func Find(dir, word string) (Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Run{}, fmt.Errorf("find the run: %w", err)
	}
	var known, fit []string
	for _, e := range entries {
		id, isRun := strings.CutSuffix(e.Name(), extension)
		if !isRun || !validID(id) {
			continue
		}
		known = append(known, id)
		if id == word || word != "" && strings.HasSuffix(id, "-"+word) {
			fit = append(fit, id)
		}
	}
	if len(fit) != 1 {
		slices.Sort(known)
		slices.Reverse(known)
		return Run{}, &NotFoundError{What: fmt.Sprintf("%q", word), Known: known[:min(len(known), 10)]}
	}
	return Read(filepath.Join(dir, fileName(fit[0])))
}
