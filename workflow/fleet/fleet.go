package fleet

import (
	"context"
	"sync"
)

// Options bound a fleet.
type Options struct {
	Parallel int // servers at a time; less than 1 is 1
	// Tolerated is how many servers may fail before no further one is begun;
	// negative tolerates any number. What has begun always comes to its end.
	Tolerated int
}

// Result is what became of one server.
type Result struct {
	Server string
	Begun  bool
	Err    error // of the work; nil where it was not begun
}

// Run does the work on every server, in order, and returns a Result for each, in
// the same order. When the context ends, no further server is begun; those that
// have begun are told by it.
func Run(ctx context.Context, servers []string, o Options, work func(ctx context.Context, server string) error) []Result {
	f := &fleet{o: o, results: make([]Result, len(servers))}
	for i, s := range servers {
		f.results[i].Server = s
	}
	var workers sync.WaitGroup
	for range min(max(o.Parallel, 1), len(servers)) {
		workers.Go(func() {
			for {
				r := f.next(ctx)
				if r == nil {
					return
				}
				f.done(r, work(ctx, r.Server))
			}
		})
	}
	workers.Wait()
	return f.results
}

// Failed counts the servers whose work failed, and NotBegun those that were left.
func Failed(results []Result) (failed, notBegun int) {
	for _, r := range results {
		switch {
		case !r.Begun:
			notBegun++
		case r.Err != nil:
			failed++
		}
	}
	return failed, notBegun
}

type fleet struct {
	o Options

	mu      sync.Mutex
	results []Result
	begun   int
	failed  int
}

// next begins a server; nil is that there is none, or that it is enough.
func (f *fleet) next(ctx context.Context) *Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	tooMany := f.o.Tolerated >= 0 && f.failed > f.o.Tolerated
	if f.begun == len(f.results) || tooMany || ctx.Err() != nil {
		return nil
	}
	r := &f.results[f.begun]
	f.begun++
	r.Begun = true
	return r
}

func (f *fleet) done(r *Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Err = err; err != nil {
		f.failed++
	}
}
