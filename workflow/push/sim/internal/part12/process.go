package part12

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// processing applies the targets of one CloseAndUpdate to a copy of the state
// (7.8.5.2, 7.10.19).
type processing struct {
	app     *Application
	access  *space.Access
	upload  config.Application
	targets []config.UpdateTarget
	results []ua.StatusCode // like targets
	old     *state
	next    *state
	jobs    map[config.List][]job // in the order of the uploaded file
}

// job is a target whose definition makes sense.
type job struct {
	target int // index in targets
	index  int // in the uploaded list
	kind   config.UpdateType
}

func (a *Application) process(acc *space.Access, upload config.Application, targets []config.UpdateTarget) *processing {
	p := &processing{
		app: a, access: acc, upload: upload, targets: targets, results: make([]ua.StatusCode, len(targets)),
		old: a.state, next: a.state.clone(), jobs: map[config.List][]job{},
	}
	p.resolve()
	if p.refused() {
		return p // what the others would do is not known
	}
	for _, list := range config.ProcessingOrder {
		slices.SortStableFunc(p.jobs[list], func(x, y job) int { return x.index - y.index })
		p.applyList(list)
	}
	if !p.refused() {
		p.checkWhole()
	}
	return p
}

func (p *processing) refused() bool { return slices.ContainsFunc(p.results, notGood) }

// resolve finds the record of every target: Bad_InvalidArgument when the path or
// the type is none, or when the record has another target already.
func (p *processing) resolve() {
	taken := map[string]bool{}
	latest := 0
	for i, t := range p.targets {
		list, index, err := config.ParseRecordPath(t.Path)
		canonical := config.RecordPath(list, index)
		if err != nil || t.Type < config.Insert || t.Type > config.Delete || index >= p.length(list) || taken[canonical] {
			p.results[i] = ua.StatusBadInvalidArgument
			continue
		}
		if p.app.d.opt.OrderedTargets && turn(t.Type, latest) < latest {
			p.results[i] = ua.StatusBadInvalidArgument
			continue
		}
		latest = turn(t.Type, latest)
		taken[canonical] = true
		p.jobs[list] = append(p.jobs[list], job{target: i, index: index, kind: t.Type})
	}
}

// turn is when a client is to send a kind of target. InsertOrReplace may come at
// the time of either.
func turn(kind config.UpdateType, latest int) int {
	switch kind {
	case config.Delete:
		return 0
	case config.Insert:
		return 1
	case config.Replace:
		return 2
	}
	return max(1, latest)
}

func (p *processing) length(list config.List) int {
	u := p.upload
	return map[config.List]int{
		config.ApplicationIdentity:       1,
		config.CertificateGroupList:      len(u.CertificateGroups),
		config.UserTokenSettingsList:     len(u.UserTokenSettings),
		config.SecuritySettingsList:      len(u.SecuritySettings),
		config.ServerEndpointList:        len(u.ServerEndpoints),
		config.ClientEndpointList:        len(u.ClientEndpoints),
		config.AuthorizationServicesList: len(u.AuthorizationServices),
	}[list]
}

// applyList processes the records of one kind. Which lists an application has
// depends on its type (7.10.19).
func (p *processing) applyList(list config.List) {
	forClients := list == config.ApplicationIdentity || list == config.CertificateGroupList || list == config.ClientEndpointList
	forServers := list != config.ClientEndpointList
	if client := p.app.kind == config.ApplicationClient; client && !forClients || !client && !forServers {
		for _, t := range p.jobs[list] {
			p.results[t.target] = ua.StatusBadNotSupported
		}
		return
	}
	c, u := &p.next.config, p.upload
	switch list {
	case config.ApplicationIdentity:
		p.applyIdentity()
	case config.CertificateGroupList:
		applyRecords(p, list, &c.CertificateGroups, u.CertificateGroups, rules[config.CertificateGroup]{
			name: func(r *config.CertificateGroup) string { return r.Name }, check: p.checkGroup, remove: p.checkGroupRemoval,
		})
		p.adoptGroups()
	case config.UserTokenSettingsList:
		applyRecords(p, list, &c.UserTokenSettings, u.UserTokenSettings, rules[config.UserTokenSettings]{
			name: func(r *config.UserTokenSettings) string { return r.Name }, check: p.checkToken,
		})
	case config.SecuritySettingsList:
		applyRecords(p, list, &c.SecuritySettings, u.SecuritySettings, rules[config.SecuritySettings]{
			name: func(r *config.SecuritySettings) string { return r.Name }, check: p.checkSecurity,
		})
	case config.ServerEndpointList:
		applyRecords(p, list, &c.ServerEndpoints, u.ServerEndpoints, rules[config.ServerEndpoint]{
			name: func(r *config.ServerEndpoint) string { return r.Name }, check: p.checkServerEndpoint,
		})
	case config.ClientEndpointList:
		applyRecords(p, list, &c.ClientEndpoints, u.ClientEndpoints, rules[config.Endpoint]{
			name: func(r *config.Endpoint) string { return r.Name }, check: p.checkClientEndpoint,
		})
	case config.AuthorizationServicesList:
		applyRecords(p, list, &c.AuthorizationServices, u.AuthorizationServices, rules[config.AuthorizationService]{
			name: func(r *config.AuthorizationService) string { return r.Name }, check: p.checkService,
		})
	}
}

// rules are what kinds of record differ in. check judges a new content; old is nil
// for a new record. remove, when set, judges a deletion.
type rules[R any] struct {
	name   func(*R) string
	check  func(old *R, record R) ua.StatusCode
	remove func(R) ua.StatusCode
}

// applyRecords inserts, replaces and deletes records of one list by name, in the
// order of the uploaded file.
func applyRecords[R any](p *processing, list config.List, records *[]R, upload []R, r rules[R]) {
	*records = slices.Clone(*records)
	written := map[string]bool{}
	for _, t := range p.jobs[list] {
		record := upload[t.index]
		name := r.name(&record)
		at := slices.IndexFunc(*records, func(o R) bool { return r.name(&o) == name })
		result := &p.results[t.target]
		switch {
		case name == "" || len(name) > maxName:
			*result = ua.StatusBadInvalidArgument
		case t.kind != config.Delete && written[name]:
			*result = ua.StatusBadInvalidArgument
		case t.kind == config.Insert && at >= 0:
			*result = ua.StatusBadEntryExists
		case (t.kind == config.Replace || t.kind == config.Delete) && at < 0:
			*result = ua.StatusBadNoEntryExists
		case t.kind == config.Delete:
			if r.remove != nil {
				*result = r.remove((*records)[at])
			}
			if !notGood(*result) {
				*records = slices.Delete(*records, at, at+1)
			}
		case at >= 0:
			old := (*records)[at]
			if *result = r.check(&old, record); !notGood(*result) {
				*result, (*records)[at] = ua.StatusGoodEntryReplaced, record
			}
		default:
			if *result = r.check(nil, record); !notGood(*result) {
				*result, *records = ua.StatusGoodEntryInserted, append(*records, record)
			}
		}
		if t.kind != config.Delete {
			written[name] = true
		}
	}
}

// maxName is the longest name that fits a BrowseName (OPC 10000-3, 8.3).
const maxName = 512

// applyIdentity: there is always exactly one identity, whatever its name (7.10.21).
func (p *processing) applyIdentity() {
	for _, t := range p.jobs[config.ApplicationIdentity] {
		switch t.kind {
		case config.Insert:
			p.results[t.target] = ua.StatusBadEntryExists
		case config.Delete:
			p.results[t.target] = ua.StatusBadNoDeleteRights
		default:
			if p.results[t.target] = checkIdentity(p.upload.Identity); !notGood(p.results[t.target]) {
				p.results[t.target] = ua.StatusGoodEntryReplaced
				p.next.config.Identity = p.upload.Identity
			}
		}
	}
}

// adoptGroups gives every group of the new configuration its TrustList and slots:
// types that stay keep their certificate, new ones get an empty slot.
func (p *processing) adoptGroups() {
	groups := map[string]*group{}
	for i := range p.next.config.CertificateGroups {
		r := &p.next.config.CertificateGroups[i]
		r.CertificateAssigned = nil // ignored on update (7.8.3.4)
		g := p.next.groups[r.Name]
		if g == nil {
			g = &group{}
		}
		slots := map[config.NodeID]slot{}
		for _, t := range r.CertificateTypes {
			slots[t] = g.Slots[t]
		}
		g.Slots = slots
		groups[r.Name] = g
	}
	p.next.groups = groups
}

// changed says whether the new configuration differs from the active one. JSON
// takes null and empty arrays for the same, as the spec does.
func (p *processing) changed() bool {
	return !equal(p.old.config, p.next.config)
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// change says what listeners have to look at.
func (p *processing) change() Change {
	c := Change{Endpoints: true, Updated: true, groups: !slices.Equal(groupNames(p.old), groupNames(p.next))}
	for _, r := range p.next.config.CertificateGroups {
		if old := p.old.record(r.Name); old == nil || old.ValidationOptions != r.ValidationOptions {
			c.Trust = append(c.Trust, r.Name)
		}
	}
	return c
}

func groupNames(s *state) []string {
	var names []string
	for _, r := range s.config.CertificateGroups {
		names = append(names, r.Name)
	}
	return names
}
