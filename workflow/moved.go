package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// ReplannedError says that the configuration changed between showing a plan and
// sending it, so that other changes would be needed now. Nothing was sent.
type ReplannedError struct {
	Shown, Now plan.Plan
	Err        error // of the server
}

func (e *ReplannedError) Error() string {
	return fmt.Sprintf("somebody changed the configuration from version %v to %v meanwhile, and what would have to be changed is no longer what was shown (%d changes were shown, now it would be %d)",
		e.Shown.BaseVersion, e.Now.BaseVersion, len(e.Shown.Changes), len(e.Now.Changes))
}

func (e *ReplannedError) Unwrap() error { return e.Err }

// Class of a version that moved.
func (e *ReplannedError) Class() Class { return ClassConflict }

// Hint tells how to go on.
func (e *ReplannedError) Hint() string {
	return "look at the new plan with uapush plan, and apply that one"
}

// maxMoves bounds how often a run goes after a version that moves.
const maxMoves = 3

// afterMove is asked when the server refused an upload with a conflict. Where the
// version has moved and the changes are the same as those that were approved, the
// plan goes on for the new version; nil says so. Where other changes would be
// needed the error is a *ReplannedError, and for any other conflict the cause.
func (s *State) afterMove(ctx context.Context, cause error) error {
	if s.look(ctx) != nil || s.Base.Version == s.Plan.BaseVersion {
		return cause
	}
	now := s.Plan
	now.BaseVersion = s.Base.Version
	want, err := s.wantNow()
	if err != nil {
		return &ReplannedError{Shown: s.Plan, Now: now, Err: err}
	}
	now.Changes = plan.Compute(s.Base, want)
	now.Summary = plan.Summarize(now.Changes)
	if !sameChanges(s.Plan.Changes, now.Changes) {
		return &ReplannedError{Shown: s.Plan, Now: now, Err: cause}
	}
	s.note("version %v has become %v; what is changed is the same", s.Plan.BaseVersion, now.BaseVersion)
	s.Plan = now
	if (guard{}).Skip(s) == "" { // what was to remain may have gone meanwhile
		if err := (guard{}).Run(ctx, s); err != nil {
			return err
		}
	}
	return s.recordApproved()
}

// wantNow is want for a configuration that moved after the plan was made.
func (s *State) wantNow() (config.Application, error) {
	switch {
	case s.Saved != nil:
		return plan.Result(s.Base, s.Plan.Changes)
	case s.Edit != nil:
		return s.Edit(s.Base)
	}
	return plan.Merge(s.Base, s.bound, s.Observation.Capabilities.ApplicationType)
}

// sameChanges leaves out where a record stands in the file: what is done to it is
// the same behind another record that is new.
func sameChanges(a, b []plan.Change) bool {
	x, errX := json.Marshal(withoutPaths(a))
	y, errY := json.Marshal(withoutPaths(b))
	return errX == nil && errY == nil && string(x) == string(y)
}

func withoutPaths(changes []plan.Change) []plan.Change {
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].Path = ""
	}
	return changes
}
