package cmd

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// Lines of several writers do not mix, in whatever pieces they come.
func TestLineWriter(t *testing.T) {
	var mu sync.Mutex
	var all bytes.Buffer
	var writers sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		w := &lineWriter{mu: &mu, to: &all, prefix: name + ": "}
		writers.Go(func() {
			for range 200 {
				for _, piece := range []string{name, name + name, name + "\n" + name, name + "\n"} {
					if _, err := w.Write([]byte(piece)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	lines := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
	if len(lines) != 3*400 {
		t.Fatalf("%d lines, want 1200", len(lines))
	}
	for _, line := range lines {
		name, text, _ := strings.Cut(line, ": ")
		if len(name) != 1 || strings.Trim(text, name) != "" || len(text) != 4 && len(text) != 2 {
			t.Fatalf("the line %q is mixed", line)
		}
	}
}

func TestLineWriterBoundsWhatItHolds(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	w := &lineWriter{mu: &mu, to: &out}
	for range 3 {
		if _, err := w.Write(bytes.Repeat([]byte("x"), maxHeld)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.held) > maxHeld || out.Len() < 2*maxHeld {
		t.Errorf("%d bytes are held, %d were passed on", len(w.held), out.Len())
	}
}

// A last line without its end is not lost, and not said twice.
func TestLineWriterFinish(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	w := &lineWriter{mu: &mu, to: &out, prefix: "plc1: "}
	if _, err := w.Write([]byte("one\ntwo")); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "plc1: one\n"; got != want {
		t.Errorf("before the end: got %q, want %q", got, want)
	}
	for range 2 {
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "plc1: one\nplc1: two\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
