package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"

	"github.com/uapush/uapush/config"
)

// InvalidError says that a part of a plan breaks what a plan promises.
type InvalidError struct {
	Field   string // where, as in the JSON: trustLists[0].trusted[1].sha256
	Problem string
}

func (e *InvalidError) Error() string { return fmt.Sprintf("plan: %s: %s", e.Field, e.Problem) }

// Hint tells how to go on.
func (e *InvalidError) Hint() string {
	return "a saved plan is not meant to be edited; change the manifest and make a new plan"
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Validate checks everything that a plan promises on its own, without a server.
// The errors are joined: *InvalidError, *ChangeError.
func (p Plan) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if s := p.Server.CertificateSHA256; s != "" && !hexSHA256.MatchString(s) {
		bad("server.certificateSha256", "%q is no SHA-256 in lower-case hex", s)
	}
	if !canonicalID(p.Application) {
		bad("application", "%q is no NodeId in its portable form", p.Application)
	}
	if p.Update.RestartDelay < 0 || p.Update.RevertAfter < 0 {
		bad("update", "a duration is negative")
	}
	for i, u := range p.Endpoints {
		if parsed, err := url.Parse(u); err != nil || parsed.Scheme == "" || parsed.Host == "" {
			bad(fmt.Sprintf("endpoints[%d]", i), "%q is no URL of an endpoint", u)
		}
	}
	if want := Summarize(p.Changes); p.Summary != want {
		bad("summary", "it counts %d to insert, %d to replace, %d to delete; the changes are %d, %d and %d",
			p.Summary.Insert, p.Summary.Replace, p.Summary.Delete, want.Insert, want.Replace, want.Delete)
	}
	errs = append(errs, validateChanges(p.Changes)...)
	seen := map[string]bool{}
	for i, t := range p.TrustLists {
		field := fmt.Sprintf("trustLists[%d]", i)
		if t.Group == "" || seen[t.Group] {
			bad(field+".group", "%q is empty or named twice", t.Group)
		}
		seen[t.Group] = true
		errs = append(errs, validateMaterial(field, t)...)
	}
	for i, a := range p.Certificates {
		if problem := a.problem(); problem != "" {
			bad(fmt.Sprintf("certificates[%d]", i), "%s", problem)
		}
	}
	return errors.Join(errs...)
}

func validateChanges(changes []Change) []error {
	var errs []error
	paths, names := map[string]bool{}, map[string]bool{}
	for _, c := range changes {
		if err := c.validate(); err != nil {
			errs = append(errs, err)
			continue
		}
		if id := string(c.Kind) + "\x00" + c.Name; paths[c.Path] || names[id] {
			errs = append(errs, &ChangeError{Path: c.Path, Problem: fmt.Sprintf("%q is changed twice", c.Name)})
		} else {
			paths[c.Path], names[id] = true, true
		}
		errs = append(errs, validateIDs(c)...)
	}
	return errs
}

// validateIDs checks the NodeIds of a record to upload.
func validateIDs(c Change) []error {
	g, ok := c.After.(config.CertificateGroup)
	if !ok {
		return nil
	}
	var errs []error
	for _, id := range append([]config.NodeID{g.Purpose}, g.CertificateTypes...) {
		if !canonicalID(id) {
			errs = append(errs, &ChangeError{Path: c.Path, Problem: fmt.Sprintf("%q is no NodeId in its portable form", id)})
		}
	}
	return errs
}

func canonicalID(id config.NodeID) bool {
	if id == "" {
		return true
	}
	parsed, err := config.ParseNodeID(string(id))
	return err == nil && parsed == id
}

func validateMaterial(field string, t TrustListAction) []error {
	var errs []error
	check := func(list string, all []Material, parse func(source string, der []byte) (Material, error)) {
		for i, m := range all {
			at := fmt.Sprintf("%s.%s[%d]", field, list, i)
			sum := sha256.Sum256(m.DER)
			if m.SHA256 != hex.EncodeToString(sum[:]) {
				errs = append(errs, &InvalidError{Field: at + ".sha256", Problem: "it is not that of der"})
				continue
			}
			want, err := parse(m.Source, m.DER)
			if err != nil {
				errs = append(errs, &InvalidError{Field: at + ".der", Problem: err.Error()})
				continue
			}
			if m.Subject != want.Subject {
				errs = append(errs, &InvalidError{Field: at + ".subject", Problem: fmt.Sprintf("it is %q in der", want.Subject)})
			}
		}
	}
	check("trusted", t.Trusted, Certificate)
	check("issuers", t.Issuers, Certificate)
	check("crls", t.CRLs, CRL)
	return errs
}

// problem says what is wrong with an action, or "".
func (a CertificateAction) problem() string {
	switch {
	case a.Group == "":
		return "it names no group"
	case a.Type == "" || !canonicalID(a.Type):
		return fmt.Sprintf("type %q is no NodeId in its portable form", a.Type)
	case a.Action != Issue:
		return fmt.Sprintf("there is no action %q", a.Action)
	case a.Reason == "":
		return "it gives no reason"
	case a.Replaces != "" && !hexSHA256.MatchString(a.Replaces):
		return fmt.Sprintf("replaces %q is no SHA-256 in lower-case hex", a.Replaces)
	case a.Validity < 0:
		return "validity is negative"
	}
	for _, ip := range a.IPAddresses {
		if _, err := netip.ParseAddr(ip); err != nil {
			return fmt.Sprintf("%q is no IP address", ip)
		}
	}
	return ""
}
