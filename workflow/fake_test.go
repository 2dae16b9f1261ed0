package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/pki"
)

// classed is an error of the fake server.
type classed struct {
	text   string
	class  Class
	status ua.StatusCode // 0 is none
}

func (e *classed) Error() string { return e.text }
func (e *classed) Class() Class  { return e.class }
func (e *classed) Unwrap() error {
	if e.status == 0 {
		return nil
	}
	return e.status
}

func refusal(status ua.StatusCode) error {
	return &classed{text: fmt.Sprintf("refused with 0x%08X", uint32(status)), class: ClassRejected, status: status}
}

var (
	errLost    = &classed{text: "the connection was lost", class: ClassNetwork}
	errUnknown = &classed{text: "sent, and no answer came", class: ClassUnknown}
)

// fault makes one call fail: the n-th of that name, counted from 1. With after
// set the server does what was asked, and only its answer is lost.
type fault struct {
	call  string
	n     int
	err   error
	after bool
}

// server is a scripted Target. It keeps the rules of OPC 10000-12 that the steps
// rely on, and records every call in order. It does not look at certificates.
type server struct {
	app    config.Application
	file   *uafile.File
	groups map[string]*GroupObservation
	typ    config.ApplicationType

	transactions  bool          // SupportsTransactions
	applyRequired bool          // methods ask for ApplyChanges
	noUpdateID    bool          // updates need no confirmation
	forgetful     bool          // accepts updates and forgets them
	idle          bool          // accepts updates, and says that it applied nothing
	applyTakes    time.Duration // after the restart delay
	noFile        bool
	dataType      config.NodeID // SupportedDataType
	identity      ServerIdentity
	verdicts      []uint32 // of the targets; with rejection, the error beside them
	rejection     error
	closed        int // Sessions closed
	sessions      int // Sessions opened

	faults []fault
	calls  []string
	counts map[string]int

	pending     *pendingUpdate
	updates     []ConfigurationUpdate
	lists       []TrustList
	listsOf     []string
	csrs        []SigningRequest
	certs       []CertificateUpdate
	staged      []func()
	probes      []string
	openAt      []time.Time
	confirmedAt time.Time
	shown       func(config.Application) []EndpointCertificate // what discovery shows; nil is not known
}

type pendingUpdate struct {
	id                UpdateID
	before, after     config.Application
	applyAt, revertAt time.Time
	state             string // "", applied, reverted
	at                []time.Time
}

// call records one call and says whether it fails: before, or after its effect.
func (s *server) call(name string) (before, after error) {
	s.settle()
	s.calls = append(s.calls, name)
	s.counts[name]++
	for _, f := range s.faults {
		if f.call == name && f.n == s.counts[name] {
			if f.after {
				return nil, f.err
			}
			return f.err, nil
		}
	}
	return nil, nil
}

// settle lets time pass for an update that waits.
func (s *server) settle() {
	p := s.pending
	if p == nil {
		return
	}
	if p.state == "" && !time.Now().Before(p.applyAt) {
		p.state = "applied"
		s.put(p.after)
	}
	if p.state == "applied" && !s.noUpdateID && !time.Now().Before(p.revertAt) {
		p.state = "reverted"
		s.put(p.before)
	}
}

func (s *server) put(app config.Application) {
	s.app = app
	for _, g := range app.CertificateGroups {
		if s.groups[g.Name] == nil {
			s.groups[g.Name] = &GroupObservation{
				Name: g.Name, Purpose: g.Purpose, Types: g.CertificateTypes, Inspected: true, CertificatesKnown: true,
				Certificates: map[config.NodeID][]byte{},
			}
		}
	}
	maps.DeleteFunc(s.groups, func(name string, _ *GroupObservation) bool {
		return !slices.ContainsFunc(app.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == name })
	})
}

func (s *server) Open(ctx context.Context) (Session, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	before, after := s.call("Open")
	if err := errors.Join(before, after); err != nil {
		return nil, err
	}
	s.sessions++
	s.openAt = append(s.openAt, time.Now())
	opened := &session{server: s}
	if s.shown == nil {
		return opened, nil
	}
	return &showing{opened, s.shown(s.app)}, nil
}

// showing is a Session that knows what discovery showed before it.
type showing struct {
	*session
	at []EndpointCertificate
}

func (s *showing) Endpoints() []EndpointCertificate { return s.at }

func (s *server) Probe(_ context.Context, url string, certificate []byte) (Probe, error) {
	before, after := s.call("Probe")
	if err := errors.Join(before, after); err != nil {
		return Probe{}, err
	}
	s.probes = append(s.probes, url)
	return Probe{EndpointURL: url, SecurityMode: config.ModeSignAndEncrypt, SecurityPolicyURI: config.PolicyBasic256Sha256,
		CertificateSHA256: pki.Fingerprint(certificate), ServerTime: time.Now()}, nil
}

// session is one Session of the server; a transaction ends with it.
type session struct{ *server }

func (s *session) ServerIdentity() ServerIdentity { return s.identity }

func (s *session) Close(context.Context) error {
	s.closed++
	s.staged = nil
	return nil
}

func (s *session) Observe(_ context.Context, _ []string) (Observation, error) {
	before, after := s.call("Observe")
	if err := errors.Join(before, after); err != nil {
		return Observation{}, err
	}
	o := Observation{
		HasConfigurationFile: !s.noFile, CurrentVersion: s.app.Version, ApplicationURI: s.identity.ApplicationURI,
		Capabilities: config.Capabilities{ApplicationType: s.typ}, SupportsTransactions: s.transactions,
		SupportedDataType: s.dataType,
	}
	var err error
	if o.File, err = s.file.Encode(s.app); err != nil {
		return Observation{}, err
	}
	for _, g := range s.app.CertificateGroups {
		o.Groups = append(o.Groups, *s.groups[g.Name])
	}
	return o, nil
}

func (s *session) UpdateConfiguration(_ context.Context, u ConfigurationUpdate) (*ConfigurationResult, error) {
	before, after := s.call("UpdateConfiguration")
	if before != nil {
		return nil, before
	}
	s.updates = append(s.updates, u)
	if s.idle {
		return &ConfigurationResult{TargetResults: make([]uint32, len(u.Targets))}, nil
	}
	if s.rejection != nil {
		return &ConfigurationResult{TargetResults: s.verdicts}, s.rejection
	}
	if u.VersionToUpdate != s.app.Version {
		return nil, &classed{text: "the version has moved", class: ClassConflict, status: ua.StatusBadInvalidState}
	}
	f, err := uafile.Decode(u.File)
	if err != nil {
		return nil, refusal(ua.StatusBadDecodingError)
	}
	next := f.Application()
	for _, t := range u.Targets {
		if t.Type == config.Delete {
			if l, i, _ := config.ParseRecordPath(t.Path); l == config.ServerEndpointList { // the only list that it deletes from
				next.ServerEndpoints = slices.Delete(next.ServerEndpoints, i, i+1)
			}
		}
	}
	if s.forgetful {
		next = s.app.Clone()
	}
	next.Version = s.app.Version + 1
	p := &pendingUpdate{before: s.app, after: next, applyAt: time.Now().Add(u.Timing.RestartDelay + s.applyTakes)}
	p.revertAt = time.Now().Add(u.Timing.RestartDelay + u.Timing.RevertAfter)
	s.pending = p
	if !s.noUpdateID {
		p.id = UpdateID{1, 2, 3}
	}
	if after != nil {
		return nil, after
	}
	return &ConfigurationResult{TargetResults: make([]uint32, len(u.Targets)), NewVersion: next.Version, UpdateID: p.id}, nil
}

func (s *session) ConfirmUpdate(_ context.Context, id UpdateID) error {
	before, after := s.call("ConfirmUpdate")
	if s.pending != nil {
		s.pending.at = append(s.pending.at, time.Now())
	}
	switch {
	case errors.Is(before, StatusBadTransactionFailed), errors.Is(before, ua.StatusBadInvalidArgument):
		s.put(s.pending.before)
		s.pending = nil
		return before
	case before != nil:
		return before
	case s.pending == nil || s.pending.id != id || s.pending.state == "reverted":
		return refusal(ua.StatusBadInvalidArgument)
	case s.pending.state == "":
		return &classed{text: "too early", class: ClassConflict, status: ua.StatusBadInvalidState}
	}
	s.pending, s.confirmedAt = nil, time.Now()
	return after
}

// change does something now, or stages it.
func (s *session) change(do func()) bool {
	if s.applyRequired {
		s.staged = append(s.staged, do)
	} else {
		do()
	}
	return s.applyRequired
}

func (s *session) WriteTrustList(_ context.Context, group string, list TrustList) (bool, error) {
	before, after := s.call("WriteTrustList")
	if before != nil {
		return false, before
	}
	g := s.groups[group]
	if g == nil {
		return false, refusal(ua.StatusBadNodeIDUnknown)
	}
	s.lists, s.listsOf = append(s.lists, list), append(s.listsOf, group)
	return s.change(func() {
		for _, part := range []struct {
			mask     TrustListMask
			from, to *[][]byte
		}{
			{TrustedCertificates, &list.TrustedCertificates, &g.TrustList.TrustedCertificates},
			{TrustedCRLs, &list.TrustedCRLs, &g.TrustList.TrustedCRLs},
			{IssuerCertificates, &list.IssuerCertificates, &g.TrustList.IssuerCertificates},
			{IssuerCRLs, &list.IssuerCRLs, &g.TrustList.IssuerCRLs},
		} {
			if list.Lists&part.mask != 0 {
				*part.to = *part.from
			}
		}
	}), after
}

func (s *session) CreateSigningRequest(_ context.Context, r SigningRequest) ([]byte, error) {
	before, after := s.call("CreateSigningRequest")
	if err := errors.Join(before, after); err != nil {
		return nil, err
	}
	s.csrs = append(s.csrs, r)
	return []byte("request of " + r.Group), nil
}

func (s *session) UpdateCertificate(_ context.Context, u CertificateUpdate) (bool, error) {
	before, after := s.call("UpdateCertificate")
	if before != nil {
		return false, before
	}
	s.certs = append(s.certs, u)
	g := s.groups[u.Group]
	return s.change(func() { g.Certificates[u.Type] = u.Certificate }), after
}

func (s *session) ApplyChanges(context.Context) error {
	before, after := s.call("ApplyChanges")
	if before != nil {
		return before
	}
	for _, do := range s.staged {
		do()
	}
	s.staged = nil
	return after
}

func (s *session) CancelChanges(context.Context) error {
	before, after := s.call("CancelChanges")
	s.staged = nil
	return errors.Join(before, after)
}

// issuer is a pki.Issuer that counts.
type issuer struct {
	s        *server // whose call list it shares
	chain    [][]byte
	requests []pki.Request
	err      error
}

func (i *issuer) Issue(_ context.Context, _ []byte, r pki.Request) ([][]byte, error) {
	i.s.calls = append(i.s.calls, "Issue")
	if i.err != nil {
		return nil, i.err
	}
	i.requests = append(i.requests, r)
	return i.chain, nil
}
