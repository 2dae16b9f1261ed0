package plan

import (
	"errors"
	"slices"

	"github.com/uapush/uapush/config"
)

// Merge returns base with what d desires added to it; nothing of base is taken
// away. Records are matched by what persists, so names in d for anything but
// CertificateGroups and AuthorizationServices are handles: a new record whose
// handle is taken gets a free name, and an existing one keeps its own. A
// reference that no desired record bears is one to a record of base.
//
// The errors are joined: *DanglingError, *ApplicationTypeError.
func Merge(base config.Application, d config.Desired, t config.ApplicationType) (config.Application, error) {
	m := merger{app: base.Clone(), desired: d.Records.Clone(), typ: t}
	m.refuseUnsuitable()
	m.identity()
	m.groups()
	m.services()
	tokens := m.tokens()
	security := m.security()
	m.serverEndpoints(security, tokens)
	for _, e := range m.desired.ClientEndpoints {
		m.clientEndpoint(e)
	}
	if err := errors.Join(m.errs...); err != nil {
		return config.Application{}, err
	}
	return m.app, nil
}

type merger struct {
	app     config.Application // grows
	desired config.Application
	typ     config.ApplicationType
	errs    []error
}

func (m *merger) fail(err error) { m.errs = append(m.errs, err) }

// refuseUnsuitable finds what the kind of application cannot have (7.10.19).
func (m *merger) refuseUnsuitable() {
	refuse := func(l config.List, name string) {
		m.fail(&ApplicationTypeError{List: l, Name: name, Type: m.typ})
	}
	switch m.typ {
	case config.ApplicationClient:
		for _, s := range m.desired.SecuritySettings {
			refuse(config.SecuritySettingsList, s.Name)
		}
		for _, u := range m.desired.UserTokenSettings {
			refuse(config.UserTokenSettingsList, u.Name)
		}
	case config.ApplicationServer, config.ApplicationDiscoveryServer:
		for _, e := range m.desired.ClientEndpoints {
			refuse(config.ClientEndpointList, e.Name)
		}
	}
}

func (m *merger) identity() {
	i, d := &m.app.Identity, m.desired.Identity
	state(&i.ApplicationURI, d.ApplicationURI)
	stateList(&i.ApplicationNames, d.ApplicationNames)
	stateList(&i.AdditionalServers, d.AdditionalServers)
	stateList(&i.Properties, d.Properties)
}

// groups adds types to groups and never takes one away: a server refuses to drop
// a type that has a certificate (7.8.3.4).
func (m *merger) groups() {
	for _, d := range m.desired.CertificateGroups {
		i := slices.IndexFunc(m.app.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == d.Name })
		if i < 0 {
			m.app.CertificateGroups = append(m.app.CertificateGroups, config.CertificateGroup{
				Record:            config.Record{Name: d.Name},
				Purpose:           config.PurposeApplicationCertificate,
				ValidationOptions: config.DefaultValidation,
			})
			i = len(m.app.CertificateGroups) - 1
		}
		g := &m.app.CertificateGroups[i]
		state(&g.Purpose, d.Purpose)
		state(&g.ValidationOptions, d.ValidationOptions)
		stateList(&g.Properties, d.Properties)
		for _, t := range d.CertificateTypes {
			if !slices.Contains(g.CertificateTypes, t) {
				g.CertificateTypes = append(g.CertificateTypes, t)
			}
		}
		if n := len(g.CertificateTypes); len(g.CertificateAssigned) < n { // runs parallel
			assigned := make([]bool, n)
			copy(assigned, g.CertificateAssigned)
			g.CertificateAssigned = assigned
		}
	}
}

func (m *merger) services() {
	for _, d := range m.desired.AuthorizationServices {
		i := slices.IndexFunc(m.app.AuthorizationServices, func(s config.AuthorizationService) bool { return s.Name == d.Name })
		if i < 0 {
			m.app.AuthorizationServices = append(m.app.AuthorizationServices, d)
			continue
		}
		s := &m.app.AuthorizationServices[i]
		state(&s.ServiceURI, d.ServiceURI)
		stateList(&s.ServiceCertificates, d.ServiceCertificates)
		state(&s.IssuerEndpointSettings, d.IssuerEndpointSettings)
		stateList(&s.Properties, d.Properties)
	}
}

// tokens returns, for each desired handle, the name of the record that it means.
func (m *merger) tokens() map[string]string {
	for _, u := range m.desired.UserTokenSettings {
		m.resolve(config.UserTokenSettingsList, u.Name, "certificateGroup", u.CertificateGroupName, config.CertificateGroupList)
		m.resolve(config.UserTokenSettingsList, u.Name, "authorizationService", u.AuthorizationServiceName, config.AuthorizationServicesList)
	}
	return mergeSettings(m, tokenList, m.desired.UserTokenSettings, tokenContent)
}

func (m *merger) security() map[string]string {
	for _, s := range m.desired.SecuritySettings {
		m.resolve(config.SecuritySettingsList, s.Name, "certificateGroup", s.CertificateGroupName, config.CertificateGroupList)
	}
	return mergeSettings(m, securityList, m.desired.SecuritySettings, securityContent)
}

// resolve reports a reference to a record that does not exist; "" refers to nothing.
func (m *merger) resolve(from config.List, name, field, reference string, to config.List) {
	l, _ := listOf(to)
	if names := l.names(&m.app); reference != "" && !slices.Contains(names, reference) {
		m.fail(&DanglingError{List: from, Name: name, Field: field, Reference: reference, Available: names})
	}
}

// mergeSettings finds each desired record by its content, or adds it.
func mergeSettings[T any](m *merger, l records[T], desired []T, content func(T) string) map[string]string {
	handles := map[string]string{}
	for _, d := range desired {
		handle := l.record(&d).Name
		i := findSettings(l, l.get(&m.app), d, content)
		if i < 0 {
			l.record(&d).Name = m.freeName(handle)
			l.set(&m.app, append(l.get(&m.app), d))
			handles[handle] = l.record(&d).Name
			continue
		}
		handles[handle] = l.record(&l.get(&m.app)[i]).Name
	}
	return handles
}

// findSettings returns the index of the record that says what d does. Among
// several, one that is also named like d goes first.
func findSettings[T any](l records[T], have []T, d T, content func(T) string) int {
	want, record, found := content(d), *l.record(&d), -1
	for i := range have {
		r := l.record(&have[i])
		if content(have[i]) != want {
			continue
		}
		if len(record.Properties) > 0 && text(canonicalRecord(config.Record{Properties: r.Properties})) != text(canonicalRecord(config.Record{Properties: record.Properties})) {
			continue
		}
		if found < 0 || r.Name == record.Name {
			found = i
		}
	}
	return found
}

// freeName finds a name that no record of the configuration has: some servers
// want names to be unique over all lists.
func (m *merger) freeName(handle string) string {
	taken := map[string]bool{"": true}
	for _, l := range lists {
		for _, n := range l.names(&m.app) {
			taken[n] = true
		}
	}
	if handle == "" {
		handle = "record"
	}
	return freeName(handle, taken)
}

// state takes over a value that is stated, which the zero value is not.
func state[T comparable](field *T, stated T) {
	var zero T
	if stated != zero {
		*field = stated
	}
}

func stateList[T any](field *[]T, stated []T) {
	if len(stated) > 0 {
		*field = stated
	}
}
