package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The peak memory that Linux reports of a process is never below that of the
// process it was forked from, and a test under the race detector is large. So
// the binary is started by this test binary in a second role, which stays small.

const launcherRole = "UAPUSH_TEST_LAUNCHER"

// patience ends a process that ignores its own deadlines.
const patience = 30 * time.Second

// uapush is the binary, built once per test process.
var uapush string

var launcher *launching

func TestMain(m *testing.M) {
	if os.Getenv(launcherRole) != "" {
		launchAll(os.Stdin, os.Stdout)
		return
	}
	os.Exit(prepare(m))
}

func prepare(m *testing.M) int {
	dir, err := os.MkdirTemp("", "uapush")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	launcher, err = newLauncher()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer launcher.in.Close()
	uapush = filepath.Join(dir, "uapush")
	if out, err := exec.Command("go", "build", "-o", uapush, "../../../cmd/uapush").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build uapush: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// order asks for one run of the binary.
type order struct {
	ID   int
	Args []string
	Env  []string
	Dir  string
}

// report is how it went.
type report struct {
	ID       int
	Exit     int // -1 is a signal
	Killed   bool
	Out, Err []byte
	Peak     int64 // bytes
	Took     time.Duration
	Failure  string // it could not be started
}

type launching struct {
	mu      sync.Mutex
	in      io.WriteCloser
	last    int
	waiting map[int]chan report
}

func newLauncher() (*launching, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), launcherRole+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l := &launching{in: in, waiting: map[int]chan report{}}
	go func() {
		d := json.NewDecoder(out)
		for {
			var r report
			if d.Decode(&r) != nil {
				return
			}
			l.mu.Lock()
			l.waiting[r.ID] <- r
			delete(l.waiting, r.ID)
			l.mu.Unlock()
		}
	}()
	return l, cmd.Start()
}

// run runs uapush and waits for its end.
func run(t *testing.T, o order) report {
	t.Helper()
	answer := make(chan report, 1)
	l := launcher
	l.mu.Lock()
	l.last++
	o.ID = l.last
	l.waiting[o.ID] = answer
	o.Args = append([]string{uapush}, o.Args...)
	err := json.NewEncoder(l.in).Encode(o)
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-answer:
		if r.Failure != "" {
			t.Fatal(r.Failure)
		}
		return r
	case <-time.After(patience + 10*time.Second):
		t.Fatal("the launcher does not answer")
		return report{}
	}
}

// launchAll is the second role.
func launchAll(in io.Reader, out io.Writer) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	enc := json.NewEncoder(out)
	d := json.NewDecoder(bufio.NewReader(in))
	for {
		var o order
		if d.Decode(&o) != nil {
			break
		}
		wg.Go(func() {
			r := launch(o)
			mu.Lock()
			defer mu.Unlock()
			_ = enc.Encode(r) // nobody is there to tell
		})
	}
	wg.Wait()
}

func launch(o order) report {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Args[0], o.Args[1:]...)
	cmd.Env, cmd.Dir = o.Env, o.Dir
	var stdout, stderr beginning
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := report{ID: o.ID, Took: time.Since(start), Out: stdout.kept, Err: stderr.kept, Killed: ctx.Err() != nil}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Failure = err.Error()
		return r
	}
	r.Exit = cmd.ProcessState.ExitCode()
	r.Peak = peak(cmd.ProcessState)
	return r
}

// beginning keeps the first part of what is written to it.
type beginning struct{ kept []byte }

func (b *beginning) Write(p []byte) (int, error) {
	const most = 64 << 10
	b.kept = append(b.kept, p[:min(len(p), most-len(b.kept))]...)
	return len(p), nil
}
