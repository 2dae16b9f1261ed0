package upkeep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Situation is what was read of one application, and who asks.
type Situation struct {
	Server           plan.Server
	Application      config.NodeID // "" is the server itself
	ApplicationURI   string
	IsServer         bool   // its certificates serve a Server (OPC 10000-6, 6.2.2)
	MaxTrustListSize uint32 // bytes; 0 is unlimited
	KeyFormats       []string
	Groups           []Group
	Self             [][]byte // this client's certificate chain, DER, leaf first
	Now              time.Time
}

// through says whether the session at hand came about through a group: the server
// shows a certificate of it.
func (in Situation) through(g Group) bool {
	if in.Application != "" || in.Server.CertificateSHA256 == "" {
		return false
	}
	for _, der := range g.Certificates {
		if pki.Fingerprint(der) == in.Server.CertificateSHA256 {
			return true
		}
	}
	return false
}

// Group is a CertificateGroup as read.
type Group struct {
	Name      string
	Purpose   config.NodeID // "" where the server does not say
	Types     []config.NodeID
	Trust     plan.TrustList
	TrustRead bool  // Trust was read
	Unread    error // why not, where the server refused
	// Updated is when the TrustList last changed; zero is not known.
	Updated time.Time
	// Certificates are the filled slots, DER of the leaf by type.
	Certificates map[config.NodeID][]byte
	// Complete says that a type without an entry has an empty slot. Without
	// GetCertificates only what endpoints show is known.
	Complete      bool
	Rejected      [][]byte
	RejectedKnown bool
}

// ForApplications says that the group holds application instance certificates.
// Servers from before Purpose are judged by their types (OPC 10000-12, 7.8.3.1).
func (g Group) ForApplications() bool {
	if g.Purpose != "" {
		return g.Purpose == config.PurposeApplicationCertificate
	}
	return g.Name == config.DefaultApplicationGroup || slices.ContainsFunc(g.Types, applicationType)
}

func applicationType(t config.NodeID) bool {
	_, onCurve := curves[t]
	return onCurve || t == config.TypeRsaMin || t == config.TypeRsaSha256
}

// unread says why a list cannot be changed; nil where it was read.
func (g Group) unread() error {
	switch {
	case g.TrustRead:
		return nil
	case g.Unread != nil:
		return g.Refusal()
	}
	return fmt.Errorf("the group %s has no trust list", g.Name)
}

// Refusal is Unread in a sentence; nil where the server did not refuse.
func (g Group) Refusal() error {
	if g.Unread == nil {
		return nil
	}
	return fmt.Errorf("the trust list of %s could not be read: %w", g.Name, g.Unread)
}

// Selection names groups and types. Without names it is every group for
// application certificates, and every type of it (OPC 10000-12, 7.7.2).
type Selection struct {
	Groups []string
	Types  []config.NodeID
}

// Takes says whether a group is selected.
func (s Selection) Takes(g Group) bool {
	if len(s.Groups) > 0 {
		return slices.Contains(s.Groups, g.Name)
	}
	return g.ForApplications()
}

// groups gives the selected groups; a name that the application does not have is
// an *UnknownError.
func (s Selection) groups(in Situation) ([]Group, error) {
	var names []string
	for _, g := range in.Groups {
		names = append(names, g.Name)
	}
	for _, name := range s.Groups {
		if !slices.Contains(names, name) {
			return nil, &UnknownError{What: "CertificateGroup", Name: name, Known: names}
		}
	}
	var out []Group
	for _, g := range in.Groups {
		if s.Takes(g) {
			out = append(out, g)
		}
	}
	for _, t := range s.Types {
		if !slices.ContainsFunc(out, func(g Group) bool { return slices.Contains(g.Types, t) }) {
			return nil, &UnknownError{What: "CertificateType", Name: config.CertificateTypeName(t), Known: typesOf(out)}
		}
	}
	return out, nil
}

// Among gives the selected groups, as found.
// A group that was named and could not be read is an error.
func (s Selection) Among(in Situation) ([]Group, error) {
	groups, err := s.groups(in)
	for _, g := range groups {
		if err == nil && len(s.Groups) > 0 {
			err = g.unread()
		}
	}
	return groups, err
}

// OneGroup gives the only group that the selection can mean.
func (s Selection) OneGroup(in Situation) (Group, error) {
	groups, err := s.groups(in)
	switch {
	case err != nil:
		return Group{}, err
	case len(groups) == 1:
		return groups[0], nil
	}
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	if len(names) == 0 {
		return Group{}, &UnknownError{What: "CertificateGroup for", Name: "application certificates"}
	}
	return Group{}, &AmbiguousError{Among: names}
}

func (s Selection) takesType(t config.NodeID) bool {
	return len(s.Types) == 0 || slices.Contains(s.Types, t)
}

// One gives the only slot that the selection can mean.
func (s Selection) One(in Situation) (Group, config.NodeID, error) {
	groups, err := s.groups(in)
	if err != nil {
		return Group{}, "", err
	}
	type pair struct {
		g Group
		t config.NodeID
	}
	var found []pair
	var names []string
	for _, g := range groups {
		for _, t := range g.Types {
			if s.takesType(t) {
				found = append(found, pair{g, t})
				names = append(names, g.Name+" "+config.CertificateTypeName(t))
			}
		}
	}
	switch len(found) {
	case 0:
		return Group{}, "", &UnknownError{What: "certificate slot", Name: strings.Join(s.Groups, ", "), Known: names}
	case 1:
		return found[0].g, found[0].t, nil
	}
	return Group{}, "", &AmbiguousError{Among: names}
}

func typesOf(groups []Group) []string {
	var names []string
	for _, g := range groups {
		for _, t := range g.Types {
			if n := config.CertificateTypeName(t); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// UnknownError says that the application has no such group or type, or one of its
// trust lists no such entry.
type UnknownError struct {
	What, Name string
	TrustList  string // its group, where an entry is what is unknown
	Known      []string
}

func (e *UnknownError) Error() string {
	known := "none that this user can see"
	if len(e.Known) > 0 {
		known = strings.Join(e.Known, ", ")
	}
	owner := "application"
	if e.TrustList != "" {
		owner = "trust list of " + e.TrustList
	}
	return fmt.Sprintf("the %s has no %s %q; it has %s", owner, e.What, e.Name, known)
}

// Hint tells where the names are.
func (e *UnknownError) Hint() string {
	if e.TrustList != "" {
		return "uapush trust list shows the fingerprints"
	}
	return "uapush group list shows the groups and their types"
}

// AmbiguousError says that several groups or slots are meant where one is needed.
type AmbiguousError struct{ Among []string }

func (e *AmbiguousError) Error() string {
	return "one is needed, and several could be meant: " + strings.Join(e.Among, "; ")
}

// Hint tells how to name one.
func (e *AmbiguousError) Hint() string { return "name it with --group, and a slot with --type as well" }
