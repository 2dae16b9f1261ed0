package push

import (
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

// CallError is the server's refusal of a method, a service or a property.
type CallError struct {
	Method    string // as the NodeSet names it, with its Object where that helps
	Status    ua.StatusCode
	Arguments []ArgumentResult // what the server said of single arguments
	Reason    string           // what it wrote beside the status; untrusted text
}

// ArgumentResult is the server's verdict on one input argument that it did not accept.
type ArgumentResult struct {
	Name   string
	Status ua.StatusCode
}

func (e *CallError) Error() string {
	text := e.Method + ": " + statusText(e.Status)
	var bad []string
	for _, a := range e.Arguments {
		bad = append(bad, a.Name+" "+statusText(a.Status))
	}
	if len(bad) > 0 {
		text += " (" + strings.Join(bad, ", ") + ")"
	}
	if e.Reason != "" {
		text += fmt.Sprintf(": %q", e.Reason)
	}
	return text
}

func (e *CallError) Unwrap() error         { return e.Status }
func (e *CallError) Class() workflow.Class { return judge(e.Status).class }

func (e *CallError) Hint() string {
	if e.Method == pathApplyChanges && e.Status == ua.StatusBadUserAccessDenied { // open62541
		return "the user lacks the SecurityAdmin role, or nothing waits that this session began: a transaction ends with its own session"
	}
	return judge(e.Status).hint
}

// TargetsRejectedError comes with the result of a CloseAndUpdate whose targets
// the server did not take; it has applied none of them (OPC 10000-12, 7.8.5.2).
type TargetsRejectedError struct {
	Status  ua.StatusCode   // of the method: Uncertain, as a rule
	Results []ua.StatusCode // one per target
}

func (e *TargetsRejectedError) Error() string {
	bad := 0
	for _, r := range e.Results {
		if isBad(r) {
			bad++
		}
	}
	return fmt.Sprintf("ConfigurationFile.CloseAndUpdate: the server rejected %d of %d targets (%s)",
		bad, len(e.Results), statusText(e.Status))
}

// Unwrap gives the verdicts that were not good, each once, and the method's status.
func (e *TargetsRejectedError) Unwrap() []error {
	errs := []error{e.Status}
	seen := map[ua.StatusCode]bool{e.Status: true}
	for _, r := range e.Results {
		if isBad(r) && !seen[r] {
			seen[r] = true
			errs = append(errs, r)
		}
	}
	return errs
}

// Hint explains the verdicts, each once.
func (e *TargetsRejectedError) Hint() string {
	var hints []string
	seen := map[string]bool{}
	for _, r := range e.Results {
		if h := targetHints[r]; isBad(r) && h != "" && !seen[h] {
			seen[h] = true
			hints = append(hints, h)
		}
	}
	return strings.Join(hints, "\n")
}

func (e *TargetsRejectedError) Class() workflow.Class { return workflow.ClassRejected }

// OutcomeUnknownError says that a request that changes the server was sent, and
// that its answer was not seen, or leaves it open: it may or may not have been
// carried out.
type OutcomeUnknownError struct {
	Method   string
	Err      error
	Answered bool
}

func (e *OutcomeUnknownError) Error() string {
	why := e.Err.Error()
	if e.Answered {
		return fmt.Sprintf("the answer to %s does not say what came of it, so it may have taken effect: %s", e.Method, why)
	}
	if lost, ok := e.Err.(*ConnectError); ok {
		why = lost.URL + " " + lost.Kind.String() // its stage is the method
	}
	return fmt.Sprintf("%s was sent and its answer was not seen, so it may have taken effect: %s", e.Method, why)
}

func (e *OutcomeUnknownError) Unwrap() error         { return e.Err }
func (e *OutcomeUnknownError) Class() workflow.Class { return workflow.ClassUnknown }
func (e *OutcomeUnknownError) Hint() string {
	return "look at what the server shows now: uapush plan and uapush config get only read"
}

// OldKeyRequestError says that the connection ended while a request for the key that
// the server has was on its way.
type OldKeyRequestError struct{ Err error }

func (e *OldKeyRequestError) Error() string { return e.Err.Error() }
func (e *OldKeyRequestError) Unwrap() error { return e.Err }

// Hint is about open62541 (1.5.7 to the newest of 2026), which frees a key twice there.
func (e *OldKeyRequestError) Hint() string {
	return "see whether the server still runs: open62541 does not survive a request for the key that it has while a newer key waits for its certificate. " +
		"Restart it, or ask for a new key as well"
}

// MissingFeatureError names an optional part of Part 12 that the server lacks.
type MissingFeatureError struct {
	Feature string
}

func (e *MissingFeatureError) Error() string { return "the server has no " + e.Feature }

// Unwrap gives the sentinel that a workflow knows for the feature.
func (e *MissingFeatureError) Unwrap() error {
	switch e.Feature {
	case pathFile:
		return workflow.ErrNoConfigurationFile
	case pathCancelChanges:
		return workflow.ErrNoCancelChanges
	}
	return nil
}

func (e *MissingFeatureError) Class() workflow.Class { return workflow.ClassRejected }
func (e *MissingFeatureError) Hint() string {
	switch e.Feature {
	case pathFile:
		return "ConfigurationFile came with NodeSet 1.05.05; ask the vendor for a newer firmware, or configure the endpoint with the vendor's tool"
	case pathCancelChanges:
		return "a transaction ends with the session that began it: end that session, or wait until it times out"
	}
	return "the feature is optional in OPC 10000-12; ask the vendor, or do without it"
}

// UnknownApplicationError says that the server manages no such application.
type UnknownApplicationError struct {
	Application string
	Known       []string // ApplicationUris of those it manages, or their browse names
}

func (e *UnknownApplicationError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("the server manages no application %q, nor any other", e.Application)
	}
	return fmt.Sprintf("the server manages no application %q; it manages %s", e.Application, listOr(e.Known, "none"))
}

func (e *UnknownApplicationError) Class() workflow.Class { return workflow.ClassUsage }
func (e *UnknownApplicationError) Hint() string {
	return "give --application one of those, or leave it away for the server itself; applications are seen by users with the SecurityAdmin role only"
}

// UnknownGroupError says that the application has no such CertificateGroup.
type UnknownGroupError struct {
	Group string
	Known []string
}

func (e *UnknownGroupError) Error() string {
	return fmt.Sprintf("the application has no CertificateGroup %q; it has %s", e.Group, listOr(e.Known, "none that this user can see"))
}

func (e *UnknownGroupError) Class() workflow.Class { return workflow.ClassRejected }
func (e *UnknownGroupError) Hint() string {
	return "a group that an update has just made is there once the update is in force; see uapush config get"
}

// SizeError refuses content that is larger than a limit; nothing was written.
type SizeError struct {
	What        string
	Size, Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s has %d bytes, and the limit is %d", e.What, e.Size, e.Limit)
}

func (e *SizeError) Class() workflow.Class { return workflow.ClassRejected }
func (e *SizeError) Hint() string {
	return "remove certificates and CRLs that are not needed, or raise MaxTrustListSize on the server"
}

// MalformedError says that the server answered in a way the specification does not know.
type MalformedError struct {
	What string // the answer
	Why  string // where Err does not say it
	Err  error  // may be nil
}

func (e *MalformedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("malformed %s: %v", e.What, e.Err)
	}
	return fmt.Sprintf("malformed %s: %s", e.What, e.Why)
}

func (e *MalformedError) Unwrap() error         { return e.Err }
func (e *MalformedError) Class() workflow.Class { return workflow.ClassOther }
func (e *MalformedError) Hint() string {
	return "this is a fault of the server; its vendor will want to see it, with a trace of the connection"
}

// mostListed and longestItem bound what a server can put into a sentence.
const (
	mostListed  = 10
	longestItem = 300 // bytes
)

func listOr(items []string, none string) string {
	if len(items) == 0 {
		return none
	}
	shown := make([]string, 0, mostListed)
	for _, item := range items[:min(len(items), mostListed)] {
		if len(item) > longestItem {
			item = strings.ToValidUTF8(item[:longestItem], "") + "…"
		}
		shown = append(shown, item)
	}
	text := strings.Join(shown, ", ")
	if more := len(items) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
