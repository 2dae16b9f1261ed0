package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/config/uafile"
)

// approve shows the plan to whoever has to agree.
type approve struct{}

func (approve) Name() string { return "approve" }

func (approve) Skip(s *State) string {
	if s.Plan.Empty() {
		return "there is nothing to do"
	}
	return ""
}

// Run happens without a file open on the server: an operator may take longer
// than the server's ActivityTimeout (OPC 10000-12, 7.8.5.1).
func (approve) Run(ctx context.Context, s *State) error {
	if s.Approve != nil { // else it was approved beforehand
		if err := s.Approve(ctx, s.Plan); err != nil {
			return err
		}
	}
	return s.recordApproved()
}

// recordApproved: from here on the plan is carried out.
func (s *State) recordApproved() error {
	approved := Approved{Plan: s.Plan, PlanSHA256: s.Plan.Digest(), Base: s.Base}
	if s.Guard != nil {
		approved.LetGo = s.Guard.Confirmed
	}
	return s.record(Fact{Approved: &approved}, "")
}

// upload sends the whole configuration with the targets of the plan (7.7.6,
// steps 1 to 3).
type upload struct{}

func (upload) Name() string { return "upload" }
func (upload) Mutates()     {}

func (upload) Skip(s *State) string {
	switch {
	case len(s.Plan.Changes) == 0:
		return "the configuration is as it should be"
	case s.updateSeen():
		return "the server has the update already"
	}
	return ""
}

func (upload) Run(ctx context.Context, s *State) error {
	result, err := s.send(ctx)
	for moves := 0; err != nil && ClassOf(err) == ClassConflict && moves < maxMoves; moves++ {
		if err := s.afterMove(ctx, err); err != nil {
			return err
		}
		result, err = s.send(ctx)
	}
	if err != nil {
		return err
	}
	s.Update = result
	due := s.now().Add(s.Plan.Update.RestartDelay)
	if result.UpdateID != (UpdateID{}) {
		s.Deadline = due.Add(s.Plan.Update.RevertAfter)
	}
	return s.record(Fact{Update: &UpdateFact{
		Base: s.Plan.BaseVersion, Version: result.NewVersion, UpdateID: result.UpdateID, Due: due, Deadline: s.Deadline,
	}}, "version %v follows %v", result.NewVersion, s.Plan.BaseVersion)
}

// send uploads the plan once.
func (s *State) send(ctx context.Context) (*ConfigurationResult, error) {
	u, err := s.configurationUpdate()
	if err != nil {
		return nil, err
	}
	expected, err := plan.Result(s.Base, s.Plan.Changes)
	if err != nil {
		return nil, err
	}
	s.Expected = &expected
	result, err := s.Session.UpdateConfiguration(ctx, u)
	switch {
	case err != nil && result != nil:
		return nil, &RejectedError{Results: s.verdicts(u.Targets, result), Err: err}
	case err == nil && result.NewVersion == 0:
		return nil, &RejectedError{Results: s.verdicts(u.Targets, result), Err: errNothingApplied}
	}
	return result, err
}

// errNothingApplied is what a null NewVersion says (OPC 10000-12, 7.8.5.2).
var errNothingApplied = errors.New("CloseAndUpdate gives no new version, which means that nothing was applied")

// configurationUpdate derives file and targets from the plan's changes alone.
func (s *State) configurationUpdate() (ConfigurationUpdate, error) {
	body, targets, err := plan.Apply(s.Base, s.Plan.Changes)
	if err != nil {
		return ConfigurationUpdate{}, err
	}
	body.Version = s.Plan.BaseVersion
	file, err := s.File.Encode(body)
	if err != nil {
		return ConfigurationUpdate{}, fmt.Errorf("encode the configuration: %w", err)
	}
	// What a server cannot read back the same is not sent.
	if _, err := uafile.Decode(file); err != nil {
		return ConfigurationUpdate{}, fmt.Errorf("the encoded configuration does not decode: %w", err)
	}
	return ConfigurationUpdate{
		File: file, VersionToUpdate: s.Plan.BaseVersion, Targets: targets, Timing: s.Plan.Update,
	}, nil
}

// verdicts puts names to the server's results.
func (s *State) verdicts(targets []config.UpdateTarget, r *ConfigurationResult) []TargetResult {
	names := map[string]string{}
	for _, c := range s.Plan.Changes {
		names[c.Path] = c.Name
	}
	var out []TargetResult
	for i, t := range targets {
		v := TargetResult{UpdateTarget: t, Name: names[t.Path]}
		if i < len(r.TargetResults) && r.TargetResults[i]&severityMask != 0 {
			v.Status = ua.StatusCode(r.TargetResults[i])
		}
		out = append(out, v)
	}
	return out
}

// severityMask are the two bits that tell Good from Uncertain and Bad (OPC
// 10000-4, 7.39): Good_EntryInserted is as good as Good.
const severityMask = 0xC0000000
