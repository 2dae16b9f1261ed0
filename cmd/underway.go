package cmd

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/uapush/uapush/workflow"
)

// underway knows which steps may be changing a server just now: one, or in a fleet
// one for each server. It is safe for concurrent use.
type underway struct {
	mu    sync.Mutex
	steps map[*app]string
}

// follow remembers the step of an invocation.
func (u *underway) follow(of *app, e workflow.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case e.Type == workflow.StepStarted && workflow.Mutates(e.Step):
		if u.steps == nil {
			u.steps = map[*app]string{}
		}
		u.steps[of] = e.Step
	case e.Type == workflow.StepDone:
		delete(u.steps, of)
	}
}

// ended forgets an invocation whose outcome has been said.
func (u *underway) ended(of *app) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.steps, of)
}

// String names the steps; "" is that there are none.
func (u *underway) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	steps := slices.Sorted(maps.Values(u.steps))
	return strings.Join(slices.Compact(steps), ", ")
}
