package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/uapush/uapush/config"
)

// LimitError says that a record exceeds what the server states as its limits
// (OPC 10000-12, 7.10.20).
type LimitError struct {
	List  config.List
	Name  string
	Field string
	Value string
	Limit string // what the server permits
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s %q: %s %s is not permitted by the server", e.List, e.Name, e.Field, e.Value)
}

// Hint says what the server permits.
func (e *LimitError) Hint() string { return "the server permits " + e.Limit }

// ConflictError says that a record of the resulting configuration is at odds
// with another, or lacks one it refers to.
type ConflictError struct {
	List    config.List
	Name    string
	Problem string
	Advice  string
}

func (e *ConflictError) Error() string { return fmt.Sprintf("%s %q: %s", e.List, e.Name, e.Problem) }

// Hint tells what to do about it.
func (e *ConflictError) Hint() string { return e.Advice }

// Check judges the records that the changes insert or replace, as they stand in
// result, against the server's limits and against the rest of result. What the
// server has already is its own affair, except for references to records that
// the changes delete. The errors are joined: *LimitError, *ConflictError.
func Check(result config.Application, changes []Change, c config.Capabilities) error {
	k := checker{result: result, caps: c}
	for _, change := range changes {
		switch after := change.After.(type) {
		case config.CertificateGroup:
			before, _ := change.Before.(config.CertificateGroup)
			k.group(after, before)
		case config.SecuritySettings:
			k.security(after)
		case config.UserTokenSettings:
			k.token(after)
		case config.ServerEndpoint:
			k.endpoint(change, after.Endpoint)
		case config.Endpoint:
			k.endpoint(change, after)
		}
	}
	k.counts(changes)
	k.uniqueNames(changes)
	k.references(changes)
	return errors.Join(k.errs...)
}

type checker struct {
	result   config.Application
	caps     config.Capabilities
	errs     []error
	dangling []reference // reported
}

func (k *checker) limit(l config.List, name, field, value, limit string) {
	k.errs = append(k.errs, &LimitError{List: l, Name: name, Field: field, Value: value, Limit: limit})
}

func (k *checker) conflict(l config.List, name, advice, format string, args ...any) {
	k.errs = append(k.errs, &ConflictError{List: l, Name: name, Problem: fmt.Sprintf(format, args...), Advice: advice})
}

func (k *checker) group(g, before config.CertificateGroup) {
	const list = config.CertificateGroupList
	if p := k.caps.CertificateGroupPurposes; g.Purpose != before.Purpose && len(p) > 0 && !slices.Contains(p, g.Purpose) {
		k.limit(list, g.Name, "purpose", config.PurposeName(g.Purpose), joined(p, config.PurposeName))
	}
	for _, t := range g.CertificateTypes {
		if all := k.caps.CertificateTypes; len(all) > 0 && !slices.Contains(all, t) && !slices.Contains(before.CertificateTypes, t) {
			k.limit(list, g.Name, "type", config.CertificateTypeName(t), joined(all, config.CertificateTypeName))
		}
	}
	if g.Purpose == "" {
		k.conflict(list, g.Name, "state its purpose", "it has no purpose (OPC 10000-12, 7.8.3.4)")
	}
	if len(g.CertificateTypes) == 0 {
		k.conflict(list, g.Name, "give it a type, such as RsaSha256", "it has no certificate type (OPC 10000-12, 7.8.3.4)")
	}
}

func (k *checker) security(s config.SecuritySettings) {
	for _, p := range s.SecurityPolicyURIs {
		if all := k.caps.SecurityPolicyURIs; len(all) > 0 && !slices.Contains(all, p) {
			k.limit(config.SecuritySettingsList, s.Name, "policy", config.PolicyName(p), joined(all, config.PolicyName))
		}
	}
}

func (k *checker) token(u config.UserTokenSettings) {
	all := k.caps.UserTokenTypes
	permitted := slices.ContainsFunc(all, func(t config.UserTokenType) bool {
		return t.TokenType == u.TokenType &&
			(t.TokenType != config.TokenIssued || t.IssuedTokenType == "" || t.IssuedTokenType == u.IssuedTokenType)
	})
	if len(all) > 0 && !permitted {
		value := tokenName(config.UserTokenType{TokenType: u.TokenType, IssuedTokenType: u.IssuedTokenType})
		k.limit(config.UserTokenSettingsList, u.Name, "type", value, joined(all, tokenName))
	}
}

func tokenName(t config.UserTokenType) string {
	if t.TokenType == config.TokenIssued && t.IssuedTokenType != "" {
		return t.TokenType.String() + " " + t.IssuedTokenType
	}
	return t.TokenType.String()
}

func (k *checker) endpoint(c Change, e config.Endpoint) {
	before := endpointOf(c.Before)
	isNew := c.Before == nil
	if isNew || before.NetworkName != e.NetworkName {
		k.network(c.Kind, e)
	}
	if isNew || before.Port != e.Port {
		k.port(c.Kind, e)
	}
	at := slices.DeleteFunc(k.endpointsOf(c.Kind), func(o config.Endpoint) bool { return !sameAddress(o, e) })
	if len(at) > 1 {
		k.conflict(c.Kind, e.Name, "choose another port or network",
			"%d endpoints would listen at %s (OPC 10000-12, 7.10.22): %s", len(at), where(e), joined(at, func(e config.Endpoint) string { return strconv.Quote(e.Name) }))
	}
}

func endpointOf(record any) config.Endpoint {
	switch r := record.(type) {
	case config.ServerEndpoint:
		return r.Endpoint
	case config.Endpoint:
		return r
	}
	return config.Endpoint{}
}

func (k *checker) endpointsOf(l config.List) []config.Endpoint {
	if l == config.ClientEndpointList {
		return slices.Clone(k.result.ClientEndpoints)
	}
	return endpoints(config.Application{ServerEndpoints: k.result.ServerEndpoints})
}

// network lets every literal address pass: AvailableNetworks lists names (7.10.22).
func (k *checker) network(l config.List, e config.Endpoint) {
	all := k.caps.AvailableNetworks
	if e.NetworkName == "" || len(all) == 0 || slices.Contains(all, e.NetworkName) {
		return
	}
	if _, err := netip.ParseAddr(strings.Trim(e.NetworkName, "[]")); err == nil {
		return
	}
	k.limit(l, e.Name, "network", strconv.Quote(e.NetworkName), strings.Join(all, ", ")+", any IP address, or none for all networks")
}

func (k *checker) port(l config.List, e config.Endpoint) {
	if e.Port == 0 {
		k.conflict(l, e.Name, "state the port", "it has no port")
		return
	}
	low, high, ok := portRange(k.caps.AvailablePorts)
	if ok && (int(e.Port) < low || int(e.Port) > high) {
		k.limit(l, e.Name, "port", strconv.Itoa(int(e.Port)), k.caps.AvailablePorts)
	}
}

// portRange reads a NumericRange (OPC 10000-4, 7.27): "a" or "a:b". Ok is false
// where nothing is stated, or nothing that can be understood.
func portRange(text string) (low, high int, ok bool) {
	first, last, isRange := strings.Cut(strings.TrimSpace(text), ":")
	if !isRange {
		last = first
	}
	low, err1 := strconv.Atoi(first)
	high, err2 := strconv.Atoi(last)
	return low, high, err1 == nil && err2 == nil && low <= high
}

func where(e config.Endpoint) string {
	if e.NetworkName == "" {
		return fmt.Sprintf("port %d of every network", e.Port)
	}
	return fmt.Sprintf("port %d of %q", e.Port, e.NetworkName)
}

// counts blames the first record that is new.
func (k *checker) counts(changes []Change) {
	inserted := func(kinds ...config.List) *Change {
		for i, c := range changes {
			if c.After != nil && c.Before == nil && slices.Contains(kinds, c.Kind) {
				return &changes[i]
			}
		}
		return nil
	}
	n := len(k.result.ServerEndpoints) + len(k.result.ClientEndpoints)
	if c := inserted(config.ServerEndpointList, config.ClientEndpointList); c != nil && k.caps.MaxEndpoints > 0 && n > int(k.caps.MaxEndpoints) {
		k.limit(c.Kind, c.Name, "number of endpoints", strconv.Itoa(n), fmt.Sprintf("at most %d", k.caps.MaxEndpoints))
	}
	n = len(k.result.CertificateGroups)
	if c := inserted(config.CertificateGroupList); c != nil && k.caps.MaxCertificateGroups > 0 && n > int(k.caps.MaxCertificateGroups) {
		k.limit(c.Kind, c.Name, "number of groups", strconv.Itoa(n), fmt.Sprintf("at most %d", k.caps.MaxCertificateGroups))
	}
}

func (k *checker) uniqueNames(changes []Change) {
	seen := map[string]bool{}
	for _, c := range changes {
		id := string(c.Kind) + "\x00" + c.Name
		l, ok := listOf(c.Kind)
		if !ok || c.After == nil || c.Kind == config.ApplicationIdentity || seen[id] {
			continue
		}
		seen[id] = true
		names := l.names(&k.result)
		names = slices.DeleteFunc(names, func(n string) bool { return n != c.Name })
		if len(names) > 1 {
			k.conflict(c.Kind, c.Name, "give each a name of its own", "%d records would have this name (OPC 10000-12, 7.10.19)", len(names))
		}
	}
}

func joined[T any](all []T, name func(T) string) string {
	var names []string
	for _, t := range all {
		names = append(names, name(t))
	}
	return strings.Join(names, ", ")
}
