package health

import (
	"bytes"
	"crypto/x509"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow"
)

// Seen is what facts are made of.
type Seen struct {
	Base     config.Application
	Examined workflow.Examined
	Tried    []workflow.Attempt
	// Wanted are the endpoints that matter, as a manifest has them; none means all
	// that the server has.
	Wanted []config.ServerEndpoint
	// CRLs (DER) may know of a revocation that the server does not.
	CRLs [][]byte
	Now  time.Time
	// ReasonOf names what kept a Session from coming about.
	ReasonOf func(error) Reason
}

// FactsOf puts what was seen into facts.
func FactsOf(in Seen) Facts {
	base, seen, wanted := in.Base, in.Examined, in.Wanted
	f := Facts{Now: in.Now}
	if len(wanted) == 0 {
		wanted = base.ServerEndpoints
	}
	for _, w := range wanted {
		e := Endpoint{Name: w.Name, Configured: plan.No}
		i := slices.IndexFunc(base.ServerEndpoints, func(b config.ServerEndpoint) bool {
			return b.NetworkName == w.NetworkName && b.Port == w.Port
		})
		if i < 0 {
			f.Endpoints = append(f.Endpoints, e)
			continue
		}
		there := base.ServerEndpoints[i]
		e.Configured = plan.Yes
		if len(there.EndpointURLs) > 0 {
			e.URL = there.EndpointURLs[0]
		}
		shown := shownAt(seen, there)
		if seen.ShownKnown {
			e.Offered = answer(len(shown) > 0)
		}
		e.Slots = in.slotsOf(there, shown)
		e.Probe, e.Note = in.probed(there)
		f.Endpoints = append(f.Endpoints, e)
	}
	return f
}

// probed says what came of trying an endpoint. That it turns this very client, or
// this kind of user, away says nothing of whether it works for those it is for.
func (in Seen) probed(e config.ServerEndpoint) (Reason, string) {
	i := slices.IndexFunc(in.Tried, func(a workflow.Attempt) bool { return a.NetworkName == e.NetworkName && a.Port == e.Port })
	switch {
	case i < 0:
		return "", ""
	case in.Tried[i].Err == nil:
		return OK, "a session through it works"
	}
	note := in.Tried[i].URL + ": " + in.Tried[i].Err.Error()
	if reason := in.ReasonOf(in.Tried[i].Err); reason != Denied {
		return reason, note
	}
	return "", "not for this client and user: " + note
}

func answer(yes bool) plan.Answer {
	if yes {
		return plan.Yes
	}
	return plan.No
}

// shownAt are the encrypted endpoints that GetEndpoints shows at the port.
func shownAt(seen workflow.Examined, e config.ServerEndpoint) []workflow.EndpointCertificate {
	var out []workflow.EndpointCertificate
	for _, s := range seen.Shown {
		u, err := url.Parse(s.URL)
		if err == nil && u.Port() == strconv.Itoa(int(e.Port)) && s.SecurityMode == config.ModeSignAndEncrypt {
			out = append(out, s)
		}
	}
	return out
}

// slotsOf lists the slots that can serve an endpoint over SignAndEncrypt.
func (in Seen) slotsOf(e config.ServerEndpoint, shown []workflow.EndpointCertificate) []Slot {
	base := in.Base
	var out []Slot
	for _, settings := range base.SecuritySettings {
		if !slices.Contains(e.SecuritySettingNames, settings.Name) || !slices.Contains(settings.SecurityModes, config.ModeSignAndEncrypt) {
			continue
		}
		i := slices.IndexFunc(base.CertificateGroups, func(g config.CertificateGroup) bool { return g.Name == settings.CertificateGroupName })
		if i < 0 {
			continue
		}
		group := base.CertificateGroups[i]
		for k, t := range group.CertificateTypes {
			s := Slot{Group: group.Name, Type: t}
			if k < len(group.CertificateAssigned) {
				s.Filled = answer(group.CertificateAssigned[k])
			}
			s.examine(in, shown)
			out = append(out, s)
		}
	}
	return out
}

// examine fills in what the certificate and the TrustList of the group say.
func (s *Slot) examine(in Seen, shown []workflow.EndpointCertificate) {
	base, seen := in.Base, in.Examined
	i := slices.IndexFunc(seen.Groups, func(g workflow.GroupObservation) bool { return g.Name == s.Group })
	if i < 0 {
		return
	}
	g := seen.Groups[i]
	if g.CertificatesKnown {
		s.Filled = answer(len(g.Certificates[s.Type]) > 0)
	}
	der := g.Certificates[s.Type]
	if len(der) == 0 && s.Filled == plan.Yes && len(shown) > 0 {
		der = shown[0].Certificate // without GetCertificates the endpoint tells
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	s.NotAfter = cert.NotAfter
	uri := base.Identity.ApplicationURI
	if uri == "" {
		uri = seen.ApplicationURI
	}
	if uri != "" {
		s.URI = answer(pki.ApplicationURI(cert) == uri)
	}
	if len(shown) > 0 {
		s.Shown = answer(slices.ContainsFunc(shown, func(e workflow.EndpointCertificate) bool { return bytes.Equal(e.Certificate, der) }))
	}
	if g.Inspected {
		s.judgeIssuer(cert, g.TrustList, in.Now)
	}
	s.judgeByOthers(cert, in.CRLs)
}

// judgeByOthers looks for a revocation in CRLs that the server may not have.
func (s *Slot) judgeByOthers(cert *x509.Certificate, crls [][]byte) {
	for _, der := range crls {
		l, err := x509.ParseRevocationList(der)
		if err != nil || !bytes.Equal(l.RawIssuer, cert.RawIssuer) || len(l.AuthorityKeyId) > 0 && !bytes.Equal(l.AuthorityKeyId, cert.AuthorityKeyId) {
			continue
		}
		if slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(cert.SerialNumber) == 0 }) {
			s.Revoked = plan.Yes
		}
	}
}

// judgeIssuer looks for the issuer and its CRLs in the TrustList of the group,
// which the server needs to build its own chain (OPC 10000-12, 7.10.5).
func (s *Slot) judgeIssuer(cert *x509.Certificate, list workflow.TrustList, now time.Time) {
	if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		s.Issuer, s.FreshCRLs, s.Revoked = plan.Yes, plan.Yes, plan.No
		return
	}
	var issuer *x509.Certificate
	for _, der := range slices.Concat(list.TrustedCertificates, list.IssuerCertificates) {
		if c, err := x509.ParseCertificate(der); err == nil && cert.CheckSignatureFrom(c) == nil {
			issuer = c
		}
	}
	s.Issuer = answer(issuer != nil)
	if issuer == nil {
		return // whose CRLs are meant is not known
	}
	s.FreshCRLs, s.Revoked = plan.No, plan.No
	for _, der := range slices.Concat(list.TrustedCRLs, list.IssuerCRLs) {
		l, err := x509.ParseRevocationList(der)
		if err != nil || l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if l.NextUpdate.IsZero() || now.Before(l.NextUpdate) {
			s.FreshCRLs = plan.Yes
		}
		for _, r := range l.RevokedCertificateEntries {
			if r.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				s.Revoked = plan.Yes
			}
		}
	}
}
