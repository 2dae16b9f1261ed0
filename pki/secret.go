package pki

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	maxSecret     = 64 << 10 // bytes
	secretTimeout = 30 * time.Second
)

// SecretKind says where a secret comes from.
type SecretKind string

// The sources. A secret itself is never an argument.
const (
	SecretFile  SecretKind = "file"
	SecretStdin SecretKind = "stdin"
	SecretEnv   SecretKind = "env"
	SecretExec  SecretKind = "exec"
)

// SecretSource names a place that holds a secret. It may be shown.
type SecretSource struct {
	Kind SecretKind
	Name string // path, environment variable, or program with its arguments
}

// String is the form that ParseSecretSource reads.
func (s SecretSource) String() string {
	if s.Kind == SecretStdin {
		return string(s.Kind)
	}
	return string(s.Kind) + ":" + s.Name
}

// SecretError says why a source gave no secret. It never holds any of it.
type SecretError struct {
	Source SecretSource
	Err    error
	hint   string
}

func (e *SecretError) Error() string {
	return "read the secret from " + e.Source.String() + ": " + e.Err.Error()
}
func (e *SecretError) Unwrap() error { return e.Err }

// Hint tells the operator what to do, or is empty.
func (e *SecretError) Hint() string { return e.hint }

// ErrSecretSource is the answer to text that names no source. The text is not
// repeated: it may be a password.
var ErrSecretSource = errors.New("a secret is named as file:PATH, env:NAME, exec:PROGRAM ARGUMENTS or stdin")

// ErrNoSecret says that the source exists and is empty, or is not set.
var ErrNoSecret = errors.New("there is no secret")

// ParseSecretSource reads "file:PATH", "env:NAME", "exec:PROGRAM ARGUMENTS" and
// "stdin". Anything else, a bare password above all, is ErrSecretSource.
func ParseSecretSource(text string) (SecretSource, error) {
	if text == string(SecretStdin) {
		return SecretSource{Kind: SecretStdin}, nil
	}
	kind, name, _ := strings.Cut(text, ":")
	switch source := (SecretSource{SecretKind(kind), name}); source.Kind {
	case SecretFile, SecretEnv, SecretExec:
		if strings.TrimSpace(name) != "" {
			return source, nil
		}
	}
	return SecretSource{}, ErrSecretSource
}

// Read fetches the secret: at most 64 KiB, without one newline at its end.
// stdin is read for SecretStdin alone. A program runs without a shell, its
// arguments cut at blanks, for at most 30 seconds; its standard output is the
// secret and its standard error is dropped, as it may repeat one. warning, if not
// empty, is a sentence for the operator: others can read the file. Errors are
// *SecretError.
func (s SecretSource) Read(ctx context.Context, stdin io.Reader) (secret []byte, warning string, err error) {
	var hint string
	switch s.Kind {
	case SecretFile:
		secret, err = ReadBounded(s.Name, maxSecret)
		warning = ExposureWarning(s.Name)
	case SecretStdin:
		secret, err = readStdin(stdin)
	case SecretEnv:
		secret = []byte(os.Getenv(s.Name))
		hint = "set the environment variable " + s.Name
	case SecretExec:
		secret, err = runSecretProgram(ctx, s.Name)
	default:
		err = ErrSecretSource
	}
	secret = trimNewline(secret)
	switch {
	case err == nil && len(secret) > maxSecret:
		err = ErrTooLarge
	case err == nil && len(secret) == 0:
		err = ErrNoSecret
	}
	if err != nil {
		return nil, "", &SecretError{Source: s, Err: err, hint: hint}
	}
	return secret, warning, nil
}

// trimNewline takes one newline, LF or CR LF, from the end.
func trimNewline(secret []byte) []byte {
	if trimmed, found := bytes.CutSuffix(secret, []byte("\n")); found {
		return bytes.TrimSuffix(trimmed, []byte("\r"))
	}
	return secret
}

func readStdin(stdin io.Reader) ([]byte, error) {
	if stdin == nil {
		return nil, ErrNoSecret
	}
	return io.ReadAll(io.LimitReader(stdin, maxSecret+1))
}

// ExposureWarning is a sentence for the operator where other users can read a file
// that holds a secret or a private key, else "".
func ExposureWarning(path string) string {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("other users can reach the secret in %s (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
}

func runSecretProgram(ctx context.Context, commandLine string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	words := strings.Fields(commandLine)
	if len(words) == 0 {
		return nil, ErrSecretSource
	}
	output := &boundedBuffer{limit: maxSecret + 2}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout = output
	cmd.WaitDelay = time.Second // for children that keep the pipe open
	err := cmd.Run()
	switch {
	case output.overflow:
		return nil, ErrTooLarge
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", words[0], ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("run %s: %w", words[0], err)
	}
	return output.data, nil
}

// boundedBuffer refuses what goes beyond limit, which ends the program's pipe.
type boundedBuffer struct {
	data     []byte
	limit    int
	overflow bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > b.limit {
		b.overflow = true
		return 0, ErrTooLarge
	}
	b.data = append(b.data, p...)
	return len(p), nil
}
