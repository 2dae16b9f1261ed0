package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errFailed = errors.New("failed")

// servers are named s0, s1, …
func servers(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	return names
}

func TestRunStopsAfterTooManyFailures(t *testing.T) {
	for _, tt := range []struct {
		name             string
		tolerated        int
		fail             []string
		failed, notBegun int
	}{
		{"none fails", 0, nil, 0, 0},
		{"the first of all", 0, []string{"s0"}, 1, 5},
		{"none is tolerated", 0, []string{"s2", "s4"}, 1, 3},
		{"one is tolerated", 1, []string{"s2", "s3", "s5"}, 2, 2},
		{"the tolerated number is reached, and not passed", 2, []string{"s0", "s5"}, 2, 0},
		{"all are tolerated", -1, servers(6), 6, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Run(t.Context(), servers(6), Options{Parallel: 1, Tolerated: tt.tolerated}, func(_ context.Context, s string) error {
				if slices.Contains(tt.fail, s) {
					return errFailed
				}
				return nil
			})
			if failed, notBegun := Failed(got); failed != tt.failed || notBegun != tt.notBegun {
				t.Errorf("%d failed and %d were not begun, want %d and %d", failed, notBegun, tt.failed, tt.notBegun)
			}
			for i, r := range got {
				if r.Server != fmt.Sprintf("s%d", i) || r.Begun && (r.Err != nil) != slices.Contains(tt.fail, r.Server) {
					t.Errorf("result %d is %+v", i, r)
				}
			}
		})
	}
}

// As many at a time as was asked for, and no more; what has begun is finished.
func TestRunInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, finished atomic.Int32
		begin := time.Now()
		got := Run(t.Context(), servers(9), Options{Parallel: 3, Tolerated: 0}, func(_ context.Context, s string) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			if s == "s1" {
				time.Sleep(time.Second)
				return errFailed
			}
			time.Sleep(2 * time.Second)
			finished.Add(1)
			return nil
		})
		if most.Load() != 3 || time.Since(begin) != 2*time.Second {
			t.Errorf("%d at a time, in %v; want 3, and that those which had begun were awaited", most.Load(), time.Since(begin))
		}
		if failed, notBegun := Failed(got); failed != 1 || notBegun != 6 || finished.Load() != 2 {
			t.Errorf("%d failed, %d finished, %d were not begun; want 1, 2 and 6", failed, finished.Load(), notBegun)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := Run(ctx, servers(3), Options{Parallel: 1, Tolerated: -1}, func(ctx context.Context, _ string) error {
		cancel()
		return ctx.Err()
	})
	if failed, notBegun := Failed(got); failed != 1 || notBegun != 2 {
		t.Errorf("%d failed and %d were not begun, want 1 and 2", failed, notBegun)
	}
}

func TestRunOfNobody(t *testing.T) {
	if got := Run(t.Context(), nil, Options{}, nil); len(got) != 0 {
		t.Errorf("results %+v, want none", got)
	}
}
