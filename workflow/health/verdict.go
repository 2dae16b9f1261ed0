package health

import (
	"cmp"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// Verdict says what a server needs. Scripts decide on it.
type Verdict string

// The verdicts.
const (
	Current      Verdict = "current"      // one working endpoint suffices
	Refresh      Verdict = "refresh"      // trust list or endpoint list is behind; no new certificate
	Reprovision  Verdict = "reprovision"  // a new certificate or configuration is needed
	Undetermined Verdict = "undetermined" // not observed; never a reason to provision
)

// Reason is why; scripts may decide on it too.
type Reason string

// The reasons.
const (
	OK Reason = "ok"

	EndpointUnknown Reason = "endpoint-unknown" // configured, and the server does not offer it
	IssuerMissing   Reason = "issuer-missing"   // the TrustList lacks the issuer of the certificate
	CRLStale        Reason = "crl-stale"        // the issuer's CRL is missing, or its NextUpdate has passed

	CertificateRemoved Reason = "certificate-removed" // the slot is empty
	Revoked            Reason = "revoked"
	Expired            Reason = "expired"
	KeyMismatch        Reason = "key-mismatch" // the endpoint shows another certificate than its slot
	URIMismatch        Reason = "uri-mismatch" // the certificate is for another ApplicationUri
	ConfigurationLost  Reason = "configuration-lost"

	Unreachable Reason = "unreachable"
	Timeout     Reason = "timeout"
	ServerBusy  Reason = "server-busy"
	Denied      Reason = "access-denied" // not trusted, or not allowed to look
	NotObserved Reason = "not-observed"
)

// verdictOf has the table of reasons.
func verdictOf(r Reason) Verdict {
	switch r {
	case OK:
		return Current
	case EndpointUnknown, IssuerMissing, CRLStale:
		return Refresh
	case CertificateRemoved, Revoked, Expired, KeyMismatch, URIMismatch, ConfigurationLost:
		return Reprovision
	}
	return Undetermined // also what nobody knows yet
}

// Finding is a reason and where it was found.
type Finding struct {
	Reason   Reason        `json:"reason"`
	Endpoint string        `json:"endpoint,omitempty"`
	Group    string        `json:"group,omitempty"`
	Type     config.NodeID `json:"type,omitempty"`
	Detail   string        `json:"detail,omitempty"`
}

// Decision is the verdict with everything that was found. Findings that did not
// decide are there as well: a server is current by one working endpoint, and
// another may still need attention.
type Decision struct {
	Verdict  Verdict   `json:"verdict"`
	Reasons  []Reason  `json:"reasons"` // those of the verdict, each once, in alphabetical order
	Findings []Finding `json:"findings"`
}

// Facts are what was observed of one application.
type Facts struct {
	Now time.Time
	// Failure says why the server could not be looked at; "" where it could.
	Failure Reason
	Detail  string // what the failure was, in words
	// Endpoints are those that matter: of the manifest, or all there are.
	Endpoints []Endpoint
}

// Endpoint is an endpoint that ought to work. The zero value was not observed.
type Endpoint struct {
	Name, URL  string
	Configured plan.Answer // it is in the ConfigurationFile
	Offered    plan.Answer // GetEndpoints shows it
	// Probe says why no Session came about through it; OK where one did, "" where
	// none was tried.
	Probe Reason
	Note  string // on Probe, in words
	Slots []Slot // those that could serve it; one that works suffices
}

// Slot is a place for a certificate behind an endpoint.
type Slot struct {
	Group     string
	Type      config.NodeID
	Filled    plan.Answer
	NotAfter  time.Time   // zero: not known
	URI       plan.Answer // the certificate is for the application's ApplicationUri
	Shown     plan.Answer // the endpoint shows this very certificate
	Revoked   plan.Answer
	Issuer    plan.Answer // the TrustList has the issuer; Yes for a self-signed one
	FreshCRLs plan.Answer // of the issuer; Yes for a self-signed one
}

// Decide is pure: equal facts give equal decisions. Of several endpoints, and of
// several slots behind one, the best decides; of what is wrong with one, the
// worst. What was not observed ranks below what works and above what does not:
// an endpoint that could not be looked at may well work, and nothing is
// provisioned on a guess.
func Decide(f Facts) Decision {
	if f.Failure != "" && f.Failure != OK {
		reason := f.Failure
		if verdictOf(reason) != Undetermined {
			reason = NotObserved // a server that was not looked at needs nothing yet
		}
		return decision([]Finding{{Reason: reason, Detail: f.Detail}})
	}
	var all []Finding
	var best []Finding
	for i, e := range f.Endpoints {
		found := e.judge(f.Now)
		all = append(all, found...)
		if i == 0 || better(worst(found), worst(best)) {
			best = found
		}
	}
	if len(f.Endpoints) == 0 {
		best = []Finding{{Reason: NotObserved, Detail: "there is no endpoint to look at"}}
		all = best
	}
	d := decision(best)
	d.Findings = all
	return d
}

func decision(found []Finding) Decision {
	d := Decision{Verdict: worst(found), Findings: found}
	for _, f := range found {
		if verdictOf(f.Reason) == d.Verdict && !slices.Contains(d.Reasons, f.Reason) {
			d.Reasons = append(d.Reasons, f.Reason)
		}
	}
	slices.Sort(d.Reasons)
	return d
}

// severity orders the verdicts on one thing: what was not observed is worst,
// because everything else on it is then incomplete.
var severity = []Verdict{Current, Refresh, Reprovision, Undetermined}

func worst(found []Finding) Verdict {
	return verdictOf(slices.MaxFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(severity, verdictOf(a.Reason)), slices.Index(severity, verdictOf(b.Reason)))
	}).Reason)
}

// preference orders the verdicts on alternatives.
var preference = []Verdict{Current, Undetermined, Refresh, Reprovision}

func better(a, b Verdict) bool { return slices.Index(preference, a) < slices.Index(preference, b) }

// judge returns at least one finding.
func (e Endpoint) judge(now time.Time) []Finding {
	var own []Finding
	found := func(r Reason, detail string) { own = append(own, Finding{Reason: r, Endpoint: e.Name, Detail: detail}) }
	switch {
	case e.Configured == plan.No:
		found(ConfigurationLost, "the configuration has no such endpoint")
		return own // it has no slots to speak of
	case e.Probe == OK:
		// A Session through it works, and the certificate was judged with it; slots
		// below may still have a reason to be looked after.
	case e.Probe != "" && verdictOf(e.Probe) == Undetermined:
		found(e.Probe, cmp.Or(e.Note, "no session through it was possible"))
	case e.Probe != "":
		found(e.Probe, e.Note)
	case e.Offered == plan.No:
		found(EndpointUnknown, "the server does not offer it")
	case e.Configured == plan.Unknown || e.Offered == plan.Unknown:
		found(NotObserved, "")
	}
	var best []Finding
	for i, s := range e.Slots {
		f := s.judge(e.Name, now)
		if i == 0 || better(worst(f), worst(best)) {
			best = f
		}
	}
	if len(e.Slots) == 0 && e.Probe != OK {
		best = []Finding{{Reason: NotObserved, Endpoint: e.Name, Detail: "no certificate slot was seen"}}
	}
	all := slices.DeleteFunc(append(own, best...), func(f Finding) bool { return f.Reason == OK })
	if len(all) == 0 {
		return []Finding{{Reason: OK, Endpoint: e.Name, Detail: e.Note}}
	}
	return all
}

func (s Slot) judge(endpoint string, now time.Time) []Finding {
	var out []Finding
	found := func(r Reason, detail string) {
		out = append(out, Finding{Reason: r, Endpoint: endpoint, Group: s.Group, Type: s.Type, Detail: detail})
	}
	switch s.Filled {
	case plan.No:
		found(CertificateRemoved, "the slot is empty")
		return out
	case plan.Unknown:
		found(NotObserved, "whether the slot is filled was not seen")
		return out
	}
	if s.NotAfter.IsZero() {
		found(NotObserved, "its certificate was not seen")
	} else if !now.Before(s.NotAfter) {
		found(Expired, "since "+s.NotAfter.UTC().Format(time.RFC3339))
	}
	for _, c := range []struct {
		is, bad plan.Answer
		reason  Reason
	}{
		{s.URI, plan.No, URIMismatch}, {s.Shown, plan.No, KeyMismatch}, {s.Revoked, plan.Yes, Revoked},
		{s.Issuer, plan.No, IssuerMissing}, {s.FreshCRLs, plan.No, CRLStale},
	} {
		if c.is == c.bad {
			found(c.reason, "")
		}
	}
	if len(out) == 0 {
		found(OK, "")
	}
	return out
}

// Mismatched says in words why a slot needs another certificate although its own
// looks sound: the endpoint shows another one. "" is that it does not.
func (d Decision) Mismatched(group string, typ config.NodeID) string {
	for _, f := range d.Findings {
		if f.Reason == KeyMismatch && f.Group == group && f.Type == typ {
			return "the endpoint shows another certificate"
		}
	}
	return ""
}
