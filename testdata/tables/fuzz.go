package tables

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// target is a fuzz target and what a run of it did.
type target struct {
	name, folder string
	elapsed      string
	executions   int
}

var (
	started  = regexp.MustCompile(`^(\S+) (Fuzz\w+)$`)
	progress = regexp.MustCompile(`^fuzz: elapsed: (\S+), execs: (\d+) `)
	ended    = regexp.MustCompile(`^(ok|FAIL)\s`)
)

// Fuzz makes a table of the output of make fuzz. The last line sums it up, with the
// time that the first target had.
func Fuzz(output io.Reader) (string, error) {
	targets, err := readFuzz(output)
	if err != nil {
		return "", err
	}
	folders := map[string][]string{}
	var order []string
	total := 0
	for _, t := range targets {
		if folders[t.folder] == nil {
			order = append(order, t.folder)
		}
		folders[t.folder] = append(folders[t.folder], fmt.Sprintf("%s %s", strings.TrimPrefix(t.name, "Fuzz"), thousands(t.executions)))
		total += t.executions
	}
	slices.Sort(order)
	var b strings.Builder
	b.WriteString(row("package", "fuzz targets, and executions of each") + rule(2))
	for _, folder := range order {
		b.WriteString(row(folder, strings.Join(folders[folder], " · ")))
	}
	b.WriteString(row(fmt.Sprintf("%d targets, each for %s", len(targets), targets[0].elapsed), thousands(total)))
	return b.String(), nil
}

func readFuzz(output io.Reader) ([]target, error) {
	var targets []target
	complete := true
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		if m := started.FindStringSubmatch(line); m != nil {
			if !complete {
				return nil, fmt.Errorf("%s did not end", targets[len(targets)-1].name)
			}
			targets, complete = append(targets, target{name: m[2], folder: path.Clean(m[1])}), false
		}
		if m := progress.FindStringSubmatch(line); m != nil && len(targets) > 0 {
			last := &targets[len(targets)-1]
			last.elapsed = m[1]
			last.executions, _ = strconv.Atoi(m[2]) // digits
		}
		if m := ended.FindStringSubmatch(line); m != nil && len(targets) > 0 {
			if m[1] != "ok" {
				return nil, fmt.Errorf("%s has failed", targets[len(targets)-1].name)
			}
			complete = true
		}
	}
	switch {
	case len(targets) == 0:
		return nil, errors.New("this is not the output of make fuzz")
	case !complete:
		return nil, fmt.Errorf("%s did not end", targets[len(targets)-1].name)
	}
	return targets, nil
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
