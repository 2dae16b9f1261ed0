package upkeep

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// Listing changes the TrustLists of the selected groups (OPC 10000-12, 7.7.3).
type Listing struct {
	Selection
	Single bool // one group is meant: more than one need a name
	Change func(have plan.TrustList, in Situation, g Group) (plan.TrustList, error)
	Guard  Guard
}

// Guard says what the operator has confirmed.
type Guard struct {
	// Lockout names groups whose list may cease to vouch for this client.
	Lockout []string
	// NoCRL allows CAs without a CRL.
	NoCRL bool
}

// Decide works out every list and checks it before anything is written.
func (l Listing) Decide(in Situation) (Work, error) {
	groups, err := l.groups(in)
	if err != nil {
		return Work{}, err
	}
	if l.Single && len(l.Groups) == 0 {
		if _, err := l.OneGroup(in); err != nil {
			return Work{}, err
		}
	}
	w := start(in)
	for _, g := range groups {
		if err := g.unread(); err != nil {
			return Work{}, err
		}
		after, err := l.Change(g.Trust, in, g)
		if err != nil {
			return Work{}, err
		}
		if err := w.change(in, g, after, l.Guard); err != nil {
			return Work{}, err
		}
	}
	return w, nil
}

// change adds a ListChange where there is a difference, once the result passed
// everything that can be checked here.
func (w *Work) change(in Situation, g Group, after plan.TrustList, guard Guard) error {
	c := ListChange{Group: g.Name, Before: g.Trust, After: after, Updated: g.Updated, Size: Size(after), Limit: in.MaxTrustListSize}
	c.Added, c.Removed, c.Mask = Difference(g.Trust, after)
	if c.Mask == 0 {
		return nil
	}
	if c.Limit > 0 && c.Size > int(c.Limit) {
		return &SizeError{Group: g.Name, Size: c.Size, Limit: int(c.Limit)}
	}
	for _, m := range c.Added {
		if err := readable(m); err != nil {
			return fmt.Errorf("trust list of %s: %w", g.Name, err)
		}
	}
	if g.ForApplications() {
		if err := w.judge(in, g, c, guard); err != nil {
			return err
		}
	}
	w.TrustLists = append(w.TrustLists, c)
	return nil
}

// judge applies the rules for application certificates; those of other purposes
// are not specified (7.8.2.5).
func (w *Work) judge(in Situation, g Group, c ListChange, guard Guard) error {
	if !Vouches(c.After, in.Self) && !slices.Contains(guard.Lockout, g.Name) {
		switch {
		case Vouches(c.Before, in.Self):
			return &LockoutError{Group: g.Name}
		case in.through(g) && len(c.After.Trusted) > 0:
			return &LockoutError{Group: g.Name, First: true}
		case in.through(g):
			w.Notes = append(w.Notes, fmt.Sprintf("%s trusts nobody by name, and this client got in all the same: once it does, this client needs to be in it (uapush trust add self)", g.Name))
		}
	}
	had := WithoutCRL(c.Before)
	for _, m := range WithoutCRL(c.After) {
		was := slices.ContainsFunc(had, func(o Member) bool { return o.SHA256 == m.SHA256 })
		switch {
		case guard.NoCRL || was:
			w.Notes = append(w.Notes, fmt.Sprintf("%s in %s has no CRL: servers may refuse what it issued", m, g.Name))
		default:
			return &NoCRLError{Group: g.Name, CA: m.String()}
		}
	}
	for _, m := range c.Added {
		if cert := m.List == ListTrusted || m.List == ListIssuers; cert && in.Now.After(m.Until) {
			w.Notes = append(w.Notes, fmt.Sprintf("%s, which goes into %s, has expired on %s", m, g.Name, m.Until.Format("2006-01-02")))
		}
	}
	for _, m := range Stale(c.After, in.Now) {
		w.Notes = append(w.Notes, fmt.Sprintf("the CRL of %s in %s is out of date since %s", m.Subject, g.Name, m.Until.Format("2006-01-02")))
	}
	return unchained(g.Name, c)
}

// unchained refuses a list that lacks the issuer of a member, unless it did
// before: then it is not this change that broke it.
func unchained(group string, c ListChange) error {
	before, after := issuersIn(c.Before.Trusted, c.Before.Issuers), issuersIn(c.After.Trusted, c.After.Issuers)
	for _, der := range slices.Concat(c.After.Trusted, c.After.Issuers) {
		cert, err := pki.ReadCertificate(der)
		if err != nil {
			continue
		}
		missing := after.missing(cert)
		if missing == "" {
			continue
		}
		if had := containsDER(slices.Concat(c.Before.Trusted, c.Before.Issuers), der); had && before.missing(cert) != "" {
			continue
		}
		return &ChainError{Group: group, Member: member("", der).String(), Issuer: missing}
	}
	return nil
}

func readable(m Member) error {
	switch m.List {
	case ListTrusted, ListIssuers:
		c, err := pki.ReadCertificate(m.DER)
		if err != nil {
			return fmt.Errorf("bytes that are no certificate: %w", err)
		}
		if m.List == ListIssuers && !c.IsCA {
			return fmt.Errorf("%s is no CA, so it cannot be an issuer", m)
		}
	default:
		if _, err := x509.ParseRevocationList(m.DER); err != nil {
			return fmt.Errorf("bytes that are no CRL: %w", err)
		}
	}
	return nil
}

// LockoutError says that a list would no longer vouch for this client.
type LockoutError struct {
	Group string
	First bool // the list was empty, and this client got in all the same
}

func (e *LockoutError) Error() string {
	if e.First {
		return "the trust list of " + e.Group + " would be the first that this server has, and not trust this client, which is only let in until then"
	}
	return "the trust list of " + e.Group + " would no longer trust this client, which could then not connect through its endpoints"
}

// Hint tells how to mean it.
func (e *LockoutError) Hint() string {
	if e.First {
		return "add this client in the same command (the word self), or before (uapush trust add self); if locking it out is meant, say --confirm " + e.Group
	}
	return "if that is meant, say --confirm " + e.Group
}

// NoCRLError says that a CA would come without its CRL.
type NoCRLError struct{ Group, CA string }

func (e *NoCRLError) Error() string {
	return fmt.Sprintf("the trust list of %s would have the CA %s without a CRL, and servers may refuse what it issued", e.Group, e.CA)
}

// Hint tells how to go on.
func (e *NoCRLError) Hint() string {
	return "give the CA's CRL in the same command, an empty one if it revoked nothing; uapush trust add --allow-missing-crl does without"
}

// ChainError says that the issuer of a member would be missing.
type ChainError struct{ Group, Member, Issuer string }

func (e *ChainError) Error() string {
	return fmt.Sprintf("the trust list of %s would have %s without its issuer %s", e.Group, e.Member, e.Issuer)
}

// Hint tells how to go on.
func (e *ChainError) Hint() string {
	return "give the issuers up to the root with --issuers FILE, or keep the CA that the certificate needs"
}

// SizeError says that a list is larger than MaxTrustListSize; nothing was written.
type SizeError struct {
	Group       string
	Size, Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("the trust list of %s would have %d bytes, and MaxTrustListSize is %d", e.Group, e.Size, e.Limit)
}

// Hint tells how to go on.
func (e *SizeError) Hint() string {
	return "remove what is not needed (uapush trust sync --mode prune removes what is dead), or raise MaxTrustListSize on the server"
}

// Trusting picks rejected certificates by fingerprint and trusts them.
func Trusting(names []string) func(plan.TrustList, Situation, Group) (plan.TrustList, error) {
	return func(have plan.TrustList, in Situation, g Group) (plan.TrustList, error) {
		want := plan.TrustListAction{Group: g.Name}
		for _, name := range names {
			i := slices.IndexFunc(g.Rejected, func(der []byte) bool { return Named(der, name) })
			if i < 0 {
				var known []string
				for _, der := range g.Rejected {
					known = append(known, member("", der).String())
				}
				return have, &NotRejectedError{Name: name, Group: g.Name, Known: known}
			}
			m, err := plan.Certificate("rejected", bytes.Clone(g.Rejected[i]))
			if err != nil {
				return have, err
			}
			want.Trusted = append(want.Trusted, m)
		}
		return Sync(have, want, Union, in.Now), nil
	}
}

// NotRejectedError says that the server has turned away no such certificate.
type NotRejectedError struct {
	Name, Group string
	Known       []string
}

func (e *NotRejectedError) Error() string {
	known := "none"
	if len(e.Known) > 0 {
		known = strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("the rejected certificates of %s have no %s; they are: %s", e.Group, e.Name, known)
}

// Hint tells how to go on.
func (e *NotRejectedError) Hint() string {
	return "have the client try to connect once more, and name its certificate by the first 16 digits of its SHA-256 or more"
}
