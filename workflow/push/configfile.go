package push

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// UpdateConfiguration is Open(0x03), Write and CloseAndUpdate (OPC 10000-12,
// 7.7.6). A result comes with the error where the server judged the targets.
// Nobody is asked anything while the file is open: it has an ActivityTimeout.
func (s *Session) UpdateConfiguration(ctx context.Context, u workflow.ConfigurationUpdate) (*workflow.ConfigurationResult, error) {
	if len(u.File) > maximumContent {
		return nil, &SizeError{What: "the configuration file", Size: len(u.File), Limit: maximumContent}
	}
	if err := s.needFile(ctx); err != nil {
		return nil, err
	}
	opened, err := s.do(ctx, s.app.call(pathFileOpen, openReadWrite))
	if err != nil {
		return nil, err
	}
	handle, err := handleOf(opened)
	if err != nil {
		return nil, err
	}
	// A new handle is at position 0, whether the server hands out the content or
	// an empty stream; so no SetPosition is needed.
	if err := s.writeFile(ctx, &s.app, pathFileWrite, handle, u.File, s.configurationFile().maxBytes); err != nil {
		s.discard(ctx, s.app.call(pathFileClose, handle))
		return nil, err
	}
	r, err := s.answered(ctx, s.app.call(pathFileCloseAndUpdate, handle, uint32(u.VersionToUpdate),
		targetObjects(u.Targets), milliseconds(u.Timing.RevertAfter), milliseconds(u.Timing.RestartDelay)))
	if err != nil {
		s.discardUnlessLost(ctx, s.app.call(pathFileClose, handle), err)
		return judgedTargets(r, len(u.Targets)), err
	}
	return updated(r, u)
}

// needFile makes sure that there is a ConfigurationFile, and that its limits are known.
func (s *Session) needFile(ctx context.Context) error {
	if err := s.members(ctx); err != nil {
		return err
	}
	if s.app.members[pathFile] == nil {
		return &MissingFeatureError{Feature: pathFile}
	}
	if s.values != nil {
		return nil
	}
	return s.readProperties(ctx)
}

// discardUnlessLost closes a file whose CloseAndUpdate was refused: some servers
// have closed it then, others have not.
func (s *Session) discardUnlessLost(ctx context.Context, c call, err error) {
	var refused *CallError
	if errors.As(err, &refused) {
		s.discard(ctx, c)
	}
}

// targetObjects are the Targets: ExtensionObjects with ConfigurationUpdateTargetType
// in its binary encoding.
func targetObjects(targets []config.UpdateTarget) []*ua.ExtensionObject {
	objects := make([]*ua.ExtensionObject, 0, len(targets))
	for _, t := range targets {
		objects = append(objects, &ua.ExtensionObject{
			EncodingMask: ua.ExtensionObjectBinary,
			TypeID:       &ua.ExpandedNodeID{NodeID: numeric(idUpdateTargetEncoding)},
			Value:        &secureconv.UpdateTarget{Path: t.Path, UpdateType: int32(t.Type)},
		})
	}
	return objects
}

// updated reads the outputs of a CloseAndUpdate that was not Bad: UpdateResults,
// NewVersion, UpdateId (7.8.5.2).
func updated(r result, u workflow.ConfigurationUpdate) (*workflow.ConfigurationResult, error) {
	targets := len(u.Targets)
	results, ok := output[[]ua.StatusCode](r, 0)
	version, _ := output[uint32](r, 1)
	switch {
	case !ok && len(r.out) > 0 && !nullOutput(r, 0):
		return nil, r.unclear("UpdateResults is not a list of status codes")
	case len(results) == 0 && !isBad(r.status):
		results = make([]ua.StatusCode, targets) // Good as a whole is good for each
	case len(results) != targets:
		return nil, r.unclear("UpdateResults and Targets differ in length")
	}
	out := &workflow.ConfigurationResult{NewVersion: config.VersionTime(version)}
	bad := isBad(r.status)
	for _, st := range results {
		out.TargetResults = append(out.TargetResults, uint32(st))
		bad = bad || isBad(st)
	}
	if bad && !isBad(r.status) && out.NewVersion != 0 && out.NewVersion != u.VersionToUpdate {
		return nil, r.unclear("it rejects targets, and has a new version all the same")
	}
	if bad {
		return out, &TargetsRejectedError{Status: r.status, Results: results}
	}
	if len(r.out) < 3 {
		return nil, r.unclear("it has no UpdateId")
	}
	id, ok := output[*ua.GUID](r, 2)
	switch {
	case ok:
		out.UpdateID = updateID(id)
	case !nullOutput(r, 2):
		return nil, r.unclear("UpdateId is not a Guid")
	}
	return out, nil
}

// judgedTargets are the verdicts that came with a Bad method; nil where none came,
// or where they merely repeat the method's status, as one public server has it.
func judgedTargets(r result, targets int) *workflow.ConfigurationResult {
	results, ok := output[[]ua.StatusCode](r, 0)
	repeated := !slices.ContainsFunc(results, func(st ua.StatusCode) bool { return st != r.status })
	if !ok || len(results) != targets || repeated {
		return nil
	}
	out := &workflow.ConfigurationResult{}
	for _, st := range results {
		out.TargetResults = append(out.TargetResults, uint32(st))
	}
	return out
}

// ConfirmUpdate makes an update permanent (7.8.5.3).
func (s *Session) ConfirmUpdate(ctx context.Context, id workflow.UpdateID) error {
	if err := s.members(ctx); err != nil {
		return err
	}
	if s.app.members[pathFile] == nil {
		return &MissingFeatureError{Feature: pathFile}
	}
	_, err := s.change(ctx, s.app.call(pathFileConfirmUpdate, guid(id)))
	return err
}

// updateID has the bytes of a Guid in the order of its text form.
func updateID(g *ua.GUID) (id workflow.UpdateID) {
	if g == nil {
		return id
	}
	d1, d2, d3 := g.Data1, g.Data2, g.Data3
	copy(id[:], []byte{byte(d1 >> 24), byte(d1 >> 16), byte(d1 >> 8), byte(d1), byte(d2 >> 8), byte(d2), byte(d3 >> 8), byte(d3)})
	copy(id[8:], g.Data4)
	return id
}

func guid(id workflow.UpdateID) *ua.GUID {
	return &ua.GUID{
		Data1: uint32(id[0])<<24 | uint32(id[1])<<16 | uint32(id[2])<<8 | uint32(id[3]),
		Data2: uint16(id[4])<<8 | uint16(id[5]),
		Data3: uint16(id[6])<<8 | uint16(id[7]),
		Data4: append([]byte(nil), id[8:]...),
	}
}

// milliseconds is a Duration as OPC UA has it (OPC 10000-3, 8.13).
func milliseconds(d time.Duration) float64 {
	return math.Max(0, float64(d)/float64(time.Millisecond))
}
