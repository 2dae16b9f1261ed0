package push

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// Observe reads everything a plan depends on, in eight requests as a rule:
//
//	Translate   the members of the application
//	Browse      the CertificateGroups
//	Translate   their members
//	Read        all properties
//	Call        Open of the ConfigurationFile and of the TrustLists, GetCertificates
//	Call        Read of the files
//	Call, Read  Close of the files, and CurrentVersion again, at the same time
//
// CurrentVersion is read before the file is opened: when the configuration
// changes in between, the version is too old, and a server refuses the update.
// Read again afterwards, it shows the change, and everything is read once more.
func (s *Session) Observe(ctx context.Context, groups []string) (workflow.Observation, error) {
	if err := s.members(ctx); err != nil {
		return workflow.Observation{}, err
	}
	if err := s.findGroups(ctx); err != nil {
		return workflow.Observation{}, err
	}
	if s.readSize == 0 {
		s.readSize = bytesPerRoundTrip
	}
	for moved := 0; moved < 2; {
		o, err := s.observe(ctx, groups)
		switch {
		case errors.Is(err, ua.StatusBadResponseTooLarge) && s.readSize > smallestPiece:
			s.readSize /= 16 // how far the server has read is not known, so from the start
		case err != nil:
			return workflow.Observation{}, err
		case o.HasConfigurationFile && o.versionAfter != o.CurrentVersion:
			moved++
		default:
			return o.Observation, nil
		}
	}
	return workflow.Observation{}, &UnstableError{}
}

// UnstableError says that the configuration changed each time it was read.
type UnstableError struct{}

func (*UnstableError) Error() string         { return "the configuration changes while it is being read" }
func (*UnstableError) Class() workflow.Class { return workflow.ClassConflict }
func (*UnstableError) Hint() string {
	return "another client is changing it; try again when it is done"
}

// observed is an Observation and the version that was current at its end.
type observed struct {
	workflow.Observation
	versionAfter config.VersionTime
}

func (s *Session) observe(ctx context.Context, inspect []string) (observed, error) {
	if err := s.readProperties(ctx); err != nil {
		return observed{}, err
	}
	base, err := s.observation()
	if err != nil {
		return observed{}, err
	}
	o := observed{Observation: base}
	for _, name := range s.order {
		g := s.groups[name]
		o.Groups = append(o.Groups, workflow.GroupObservation{
			Name: name, Purpose: g.purpose, Types: g.types, Certificates: map[config.NodeID][]byte{},
		})
	}
	var files []*file
	if o.HasConfigurationFile {
		files = append(files, s.configurationFile())
	}
	var chosen []*workflow.GroupObservation
	for i := range o.Groups {
		if g := &o.Groups[i]; slices.Contains(inspect, g.Name) {
			chosen = append(chosen, g)
			if s.groups[g.Name].members[pathList] != nil {
				files = append(files, s.groups[g.Name].listFile())
			}
		}
	}
	if o.versionAfter, err = s.readContents(ctx, files, chosen); err != nil {
		return observed{}, err
	}
	return o, s.fill(&o.Observation, files, chosen)
}

// readContents opens, reads and closes the files, and gets the certificates of
// the chosen groups. It returns CurrentVersion as it is afterwards.
func (s *Session) readContents(ctx context.Context, files []*file, chosen []*workflow.GroupObservation) (version config.VersionTime, err error) {
	calls := opens(files)
	if s.app.members[pathGetCertificates] != nil {
		for _, g := range chosen {
			calls = append(calls, s.app.call(pathGetCertificates, s.groups[g.Name].id))
		}
	}
	if len(calls) == 0 {
		return 0, nil
	}
	results, err := s.calls(ctx, calls)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTakesAtMost)
			defer cancel()
			_ = s.closeFiles(ctx, files) // the error that led here is the one to tell
		}
	}()
	if err := takeHandles(files, results); err != nil {
		return 0, err
	}
	for i, r := range results[len(files):] {
		if err := s.certificatesOf(r, chosen[i]); err != nil {
			return 0, err
		}
	}
	if err := s.readFiles(ctx, files); err != nil {
		return 0, err
	}
	return s.closeAndLookAgain(ctx, files)
}

// closeAndLookAgain closes the files and reads CurrentVersion, at the same time.
func (s *Session) closeAndLookAgain(ctx context.Context, files []*file) (config.VersionTime, error) {
	closed := make(chan error, 1)
	go func() { closed <- s.closeFiles(ctx, files) }()
	var values []*ua.DataValue
	var err error
	node := s.app.members[pathFileVersion]
	if node != nil {
		values, err = s.read(ctx, []*ua.NodeID{node})
	}
	if closeErr := <-closed; err == nil {
		err = closeErr
	}
	switch {
	case err != nil || node == nil:
		return 0, err
	case isBad(values[0].Status):
		return 0, propertyError(pathFileVersion, values[0])
	}
	return config.VersionTime(unsigned(values[0], math.MaxUint32)), nil
}

// fill puts what was read into the observation.
func (s *Session) fill(o *workflow.Observation, files []*file, chosen []*workflow.GroupObservation) error {
	if o.HasConfigurationFile {
		o.File = files[0].data
		files = files[1:]
	}
	for _, g := range chosen {
		if s.groups[g.Name].members[pathList] == nil {
			continue
		}
		list, err := decodeTrustList(files[0].data)
		if err != nil {
			return &MalformedError{What: files[0].what, Err: err}
		}
		g.TrustList, g.Inspected = list, true
		files = files[1:]
	}
	return nil
}
