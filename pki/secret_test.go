package pki_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki"
)

func TestSecretSource(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	write(t, file, []byte("hunter2\r\n"))
	empty := filepath.Join(dir, "empty")
	write(t, empty, []byte("\n"))
	large := filepath.Join(dir, "large")
	write(t, large, make([]byte, 70_000))
	t.Setenv("UAPUSH_TEST_SECRET", "hunter2")
	tests := []struct {
		source, stdin string
		want          string
		err           error
		program       bool
	}{
		{source: "file:" + file, want: "hunter2"},
		{source: "stdin", stdin: "hunter2\n\n", want: "hunter2\n"},
		{source: "stdin", stdin: "trailing\r", want: "trailing\r"},
		{source: "env:UAPUSH_TEST_SECRET", want: "hunter2"},
		{source: "exec:printf hunter2", want: "hunter2", program: true},
		{source: "env:UAPUSH_TEST_UNSET", err: pki.ErrNoSecret},
		{source: "stdin", err: pki.ErrNoSecret},
		{source: "stdin", stdin: strings.Repeat("x", 70_000), err: pki.ErrTooLarge},
		{source: "file:" + empty, err: pki.ErrNoSecret},
		{source: "file:" + large, err: pki.ErrTooLarge},
		{source: "file:" + file + "x", err: os.ErrNotExist},
		{source: "exec:yes hunter2", err: pki.ErrTooLarge, program: true},
		{source: "exec:no-such-program-here", err: exec.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			source, err := pki.ParseSecretSource(tt.source)
			if err != nil || source.String() != tt.source {
				t.Fatalf("parse: %v, %v", source, err)
			}
			if _, err := exec.LookPath(firstWord(source.Name)); tt.program && err != nil {
				t.Skip("this machine has no such program:", err)
			}
			secret, warning, err := source.Read(t.Context(), strings.NewReader(tt.stdin))
			if string(secret) != tt.want || !errors.Is(err, tt.err) || warning != "" {
				t.Errorf("got %q, %q, %v; want %q, %v", secret, warning, err, tt.want, tt.err)
			}
			var bad *pki.SecretError
			if err != nil && !errors.As(err, &bad) {
				t.Errorf("%T is no *SecretError", err)
			}
		})
	}
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

func TestSecretProgramStops(t *testing.T) {
	if _, err := exec.LookPath("sleep"); err != nil {
		t.Skip("this machine has no sleep:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	source := pki.SecretSource{Kind: pki.SecretExec, Name: "sleep 60"}
	if _, _, err := source.Read(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSecretFileWarning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, []byte("hunter2"))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	secret, warning, err := pki.SecretSource{Kind: pki.SecretFile, Name: path}.Read(t.Context(), nil)
	if err != nil || string(secret) != "hunter2" || !strings.Contains(warning, "0644") || strings.Contains(warning, "hunter2") {
		t.Errorf("got %q, warning %q, %v", secret, warning, err)
	}
}

func TestSecretIsNotRepeated(t *testing.T) {
	for _, text := range []string{"hunter2", "hunter2:x", "", "env:", "file: "} {
		_, err := pki.ParseSecretSource(text)
		if !errors.Is(err, pki.ErrSecretSource) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
