package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/uapush/uapush/config"
)

// operator is the session of an administrator on device().
func operator() Operator {
	return Operator{
		Token: config.TokenUserName, Policies: []string{config.PolicyBasic256Sha256}, Port: 4840,
		ServerTypes: []config.NodeID{config.TypeRsaSha256},
		Trusts: func(group string) Answer {
			if group == config.DefaultApplicationGroup || group == "Ready" {
				return Yes
			}
			return No
		},
		Filled: func(group string, t config.NodeID) Answer {
			if group == config.DefaultApplicationGroup || group == "Ready" || group == "Strangers" {
				return Yes
			}
			return No
		},
	}
}

// second adds an endpoint of its own group at port 4850.
func second(a *config.Application, group string) {
	a.CertificateGroups = append(a.CertificateGroups, config.CertificateGroup{
		Record: config.Record{Name: group}, Purpose: config.PurposeApplicationCertificate, CertificateTypes: []config.NodeID{config.TypeRsaSha256},
	})
	s := a.SecuritySettings[0].Clone()
	s.Name, s.CertificateGroupName = "sec-1", group
	a.SecuritySettings = append(a.SecuritySettings, s)
	e := a.ServerEndpoints[0].Clone()
	e.Name, e.Port, e.SecuritySettingNames = "ep-1", 4850, []string{"sec-1"}
	a.ServerEndpoints = append(a.ServerEndpoints, e)
}

// TestLockOut has the rule of OPC 10000-12, 7.10.19, and what uapush demands
// beyond it: the mode, the user's token, a certificate in the slot.
func TestLockOut(t *testing.T) {
	both := func(group string) func(*config.Application) {
		return func(a *config.Application) { second(a, group) }
	}
	deleteFirst := func(a *config.Application) { a.ServerEndpoints = a.ServerEndpoints[1:] }
	tests := []struct {
		name   string
		base   func(*config.Application)
		change func(*config.Application)
		op     func(*Operator)
		want   string // part of the error; "" lets through
		stops  []string
	}{
		{name: "only insertions need no knowledge", change: both("Empty"), op: func(o *Operator) { *o = Operator{} }},
		{name: "the only endpoint is deleted", change: deleteFirst, want: "ep-0 is deleted", stops: []string{"ep-0 is deleted"}},
		{name: "another endpoint remains", base: both("Ready"), change: deleteFirst, stops: []string{"ep-0 is deleted"}},
		{name: "the other has no certificate", base: both("Empty"), change: deleteFirst, want: "ep-1 uses the group Empty, which has no certificate"},
		{name: "the other does not trust us", base: both("Strangers"), change: deleteFirst, want: "does not trust this client"},
		{name: "nobody knows whether the other trusts us", base: both("Ready"), change: deleteFirst,
			op: func(o *Operator) { o.Trusts = nil }, want: "not known whether it trusts"},
		{name: "nobody knows whether the other has a certificate", base: both("Ready"), change: deleteFirst,
			op: func(o *Operator) { o.Filled = nil }, want: "as far as is known"},
		{name: "the other has no slot for the server's certificate", base: both("Ready"), change: func(a *config.Application) {
			deleteFirst(a)
			a.CertificateGroups[1].CertificateTypes = []config.NodeID{config.TypeRsaMin}
		}, want: "no slot for the certificate"},
		{name: "only signed remains", change: func(a *config.Application) {
			a.SecuritySettings[0].SecurityModes = []config.SecurityMode{config.ModeSign}
		}, want: "no security settings with SignAndEncrypt", stops: []string{"ep-0 has no security settings"}},
		{name: "a policy that this client lacks", change: func(a *config.Application) {
			a.SecuritySettings[0].SecurityPolicyURIs = []string{config.PolicyAes256Sha256RsaPss}
		}, want: "a policy of this client"},
		{name: "the user's kind of token goes", change: func(a *config.Application) {
			a.UserTokenSettings[0].TokenType = config.TokenCertificate
		}, want: "takes no UserName token"},
		{name: "the endpoint loses its tokens", change: func(a *config.Application) { a.ServerEndpoints[0].UserTokenSettingNames = nil }, want: "takes no UserName token"},
		{name: "another transport", change: func(a *config.Application) { a.ServerEndpoints[0].TransportProfileURI = "urn:https" }, want: "another transport"},
		{name: "a group that is gone", change: func(a *config.Application) { a.SecuritySettings[0].CertificateGroupName = "gone" }, want: "which there is not"},
		{name: "a new group takes over", change: func(a *config.Application) {
			second(a, "Fresh")
			a.ServerEndpoints = a.ServerEndpoints[:1]
			a.SecuritySettings = a.SecuritySettings[:1]
			a.SecuritySettings[0].CertificateGroupName = "Fresh"
		}, want: "uses the group Fresh, which has no certificate", stops: []string{"ep-0 uses the group Fresh", "Fresh is new: its TrustList is empty"}},
		{name: "the port moves", change: func(a *config.Application) { a.ServerEndpoints[0].Port = 4999 }},
		{name: "a server that tells too little, and its endpoint stays", base: both("Ready"), change: func(a *config.Application) {
			a.ServerEndpoints = a.ServerEndpoints[:1]
		}, op: func(o *Operator) { o.Filled, o.Trusts = nil, nil }},
		{name: "a server that tells too little, and its endpoint changes", change: func(a *config.Application) {
			a.SecuritySettings[0].SecurityPolicyURIs = nil
		}, op: func(o *Operator) { o.Filled, o.Trusts = nil, nil }, want: "no security settings"},
		{name: "only the names change", change: func(a *config.Application) { a.Identity.ApplicationNames = []config.LocalizedText{{Text: "x"}} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := device()
			if tt.base != nil {
				tt.base(&base)
			}
			want := base.Clone()
			tt.change(&want)
			op := operator()
			if tt.op != nil {
				tt.op(&op)
			}
			stops, err := LockOut(base, Compute(base, want), op)
			var locked *LockOutError
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v, want it let through", err)
			case tt.want != "" && (!errors.As(err, &locked) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want a *LockOutError with %q", err, tt.want)
			case locked != nil && (locked.Name != "ep-0" || !strings.HasSuffix(locked.Hint(), "--confirm ep-0")):
				t.Errorf("the error names %q, its hint says %q; want ep-0", locked.Name, locked.Hint())
			}
			for _, want := range tt.stops {
				if !slices.ContainsFunc(stops, func(s Stop) bool { return strings.HasPrefix(s.Name+" "+s.Why, want) }) {
					t.Errorf("stops %+v lack %q", stops, want)
				}
			}
		})
	}
}

// TestLockOutMoved: what does not fit the configuration is no verdict.
func TestLockOutMoved(t *testing.T) {
	base := device()
	want := base.Clone()
	want.ServerEndpoints[0].DiscoveryURLs = nil
	changes := Compute(base, want)
	base.ServerEndpoints[0].EndpointURLs = nil
	var moved *MovedError
	if _, err := LockOut(base, changes, operator()); !errors.As(err, &moved) {
		t.Errorf("error %v, want a *MovedError", err)
	}
}
