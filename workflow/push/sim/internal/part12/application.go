package part12

import (
	"crypto"
	"maps"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
)

// Application is one application whose security the Device manages. The fields
// are guarded by Device.mu.
type Application struct {
	d      *Device
	name   string // "" for the server itself
	prefix string // of NodeIds in namespace 1
	kind   config.ApplicationType

	state     *state
	multicast bool               // MulticastDnsEnabled
	updated   time.Time          // LastUpdateTime of the configuration
	version   config.VersionTime // the highest ever announced
	product   string

	update      *update // scheduled, or applied and not confirmed
	previous    *state  // what an applied update reverts to
	failed      string  // UpdateId of the last update that could not be applied
	diagnostics Diagnostics
}

// state is what an update replaces and a revert restores.
type state struct {
	config config.Application // never changed in place
	groups map[string]*group
}

// group is what a CertificateGroup holds beyond its record.
type group struct {
	Trust    trustList
	Updated  time.Time // LastUpdateTime of the TrustList
	Slots    map[config.NodeID]slot
	Rejected [][]byte // latest last
}

// slot holds a certificate of one CertificateType. Chain is empty until one was issued.
type slot struct {
	Chain   [][]byte // DER, leaf first
	Key     privateKey
	Pending privateKey // made by CreateSigningRequest, becomes Key with its certificate (7.10.10)
}

// privateKey is one of crypto/rsa or crypto/ecdsa; nil is none.
type privateKey interface {
	crypto.Signer
	Equal(crypto.PrivateKey) bool
}

// clone copies what changes in place.
func (s *state) clone() *state {
	c := &state{config: s.config, groups: make(map[string]*group, len(s.groups))}
	for name, g := range s.groups {
		copied := *g
		copied.Slots = maps.Clone(g.Slots)
		copied.Rejected = slices.Clone(g.Rejected)
		c.groups[name] = &copied
	}
	return c
}

// record is the record of a group; nil when there is none.
func (s *state) record(name string) *config.CertificateGroup {
	i := slices.IndexFunc(s.config.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &s.config.CertificateGroups[i]
}

// confirmed is the state to store: an update that is not confirmed does not
// survive a crash.
func (a *Application) confirmed() *state {
	if a.previous != nil {
		return a.previous
	}
	return a.state
}

// everywhere applies f to a slot in the active state and in those it may be
// replaced by, so that neither an update nor a revert loses it.
func (a *Application) everywhere(name string, f func(g *group)) {
	states := []*state{a.state, a.previous}
	if a.update != nil && a.update.next != a.state {
		states = append(states, a.update.next)
	}
	for _, s := range states {
		if s != nil && s.groups[name] != nil {
			f(s.groups[name])
		}
	}
}

// Configuration is the active configuration as a download shows it: with its
// version, and which slots hold a certificate.
func (a *Application) Configuration() config.Application {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return a.describe().Clone()
}

func (a *Application) describe() config.Application {
	c := a.state.config
	c.CertificateGroups = slices.Clone(c.CertificateGroups)
	for i := range c.CertificateGroups {
		r := &c.CertificateGroups[i]
		r.CertificateAssigned = nil
		for _, t := range r.CertificateTypes {
			r.CertificateAssigned = append(r.CertificateAssigned, len(a.state.groups[r.Name].Slots[t].Chain) > 0)
		}
	}
	return c
}

// applicationPurpose says whether a group holds ApplicationInstance Certificates.
func (s *state) applicationPurpose(name string) bool {
	r := s.record(name)
	return r != nil && r.Purpose == config.PurposeApplicationCertificate
}
