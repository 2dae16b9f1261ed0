package workflow

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// twoGroups is a manifest that gives both groups a trust list, and the new one a
// certificate for each of two types.
func twoGroups() config.Desired {
	d := lineA()
	d.Records.CertificateGroups[0].CertificateTypes = []config.NodeID{config.TypeRsaSha256, config.TypeRsaMin}
	d.TrustLists = append(d.TrustLists, config.DesiredTrustList{Group: config.DefaultApplicationGroup, Trusted: []string{"self"}})
	d.Certificates = append(d.Certificates, config.DesiredCertificate{Group: "LineA", Type: config.TypeRsaMin, Validity: time.Hour})
	return d
}

// from cuts the calls to those from the first of a name on.
func from(calls []string, first string) []string {
	return calls[max(0, slices.Index(calls, first)):]
}

func TestCertificateOrder(t *testing.T) {
	const csr, issue, list, update, apply = "CreateSigningRequest", "Issue", "WriteTrustList", "UpdateCertificate", "ApplyChanges"
	for _, test := range []struct {
		name                   string
		transactions, required bool
		want                   []string
	}{
		{"transactions", true, true, []string{list, list, csr, issue, update, csr, issue, update, apply, "Probe", "Observe"}},
		{"no transactions", false, true, []string{ // a new key is never in force without its certificate
			list, apply, list, apply, csr, issue, update, apply, csr, issue, update, apply, "Probe", "Observe"}},
		{"in force at once", true, false, []string{list, list, csr, issue, update, csr, issue, update, "Probe", "Observe"}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.Desired = twoGroups()
			r.server.transactions, r.server.applyRequired = test.transactions, test.required
			r.must(t, Apply())
			if got := from(r.server.calls, list); !slices.Equal(got, test.want) {
				t.Errorf("the calls are %q, want %q", got, test.want)
			}
			if r.Activated != (test.transactions && test.required) {
				t.Errorf("activated is %v", r.Activated)
			}
			if got, want := r.server.listsOf, []string{"LineA", config.DefaultApplicationGroup}; !slices.Equal(got, want) {
				t.Errorf("trust lists of %q were written, want %q", got, want)
			}
			for _, typ := range []config.NodeID{config.TypeRsaSha256, config.TypeRsaMin} {
				if r.IssuedFor("LineA", typ) == nil || r.server.groups["LineA"].Certificates[typ] == nil {
					t.Errorf("%s of LineA has no certificate", typ)
				}
			}
			if !r.TrustWritten("LineA") || r.TrustWritten("Other") || r.IssuedFor("Other", config.TypeRsaMin) != nil {
				t.Error("TrustWritten and IssuedFor disagree with what was done")
			}
		})
	}
}

func TestSigningRequest(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.Desired = twoGroups()
		r.Desired.Certificates[0].DNSNames = []string{"plc1"}
		r.must(t, Apply())
		first, second := r.server.csrs[0], r.server.csrs[1]
		if first.Subject != "CN=Line A/O=Plant" || second.Subject != "" || second.Type != config.TypeRsaMin {
			t.Errorf("the requests are %+v and %+v", first, second)
		}
		if slices.Equal(first.Nonce, second.Nonce) {
			t.Error("a nonce was used twice")
		}
		q := r.issuer.requests[0]
		if q.ApplicationURI != "urn:plant:plc1" || q.Subject.CommonName != "Line A" || !slices.Equal(q.DNSNames, []string{"plc1"}) ||
			len(q.IPAddresses) != 1 || !q.IPAddresses[0].Equal(net.IPv4(127, 0, 0, 1)) || !q.Server {
			t.Errorf("the issuer was asked for %+v", q)
		}
		if q := r.issuer.requests[1]; q.Validity != time.Hour || q.Subject.CommonName != "" {
			t.Errorf("the issuer was asked for %+v", q)
		}
		u := r.server.certs[0]
		if chain := r.issuer.chain; string(u.Certificate) != string(chain[0]) || len(u.Issuers) != len(chain)-1 {
			t.Errorf("leaf and %d issuers were sent, want %d", len(u.Issuers), len(chain)-1)
		}
	})
}

func TestIssuerFails(t *testing.T) {
	broken := errors.New("the token is not plugged in")
	for _, test := range []struct {
		name string
		set  func(*rig)
		says string
	}{
		{"it refuses", func(r *rig) { r.issuer.err = broken }, broken.Error()},
		{"it returns nothing", func(r *rig) { r.issuer.chain = nil }, "no certificate"},
		{"there is none", func(r *rig) { r.Issuer = nil }, ErrNoIssuer.Error()},
		{"no address", func(r *rig) { r.Desired.Certificates[0].IPAddresses = []string{"plc1"} }, "no IP address"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			test.set(r)
			err := r.run(t, Apply())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v, want one that says %q", err, test.says)
			}
			for _, call := range []string{"UpdateCertificate", "ApplyChanges"} {
				if slices.Contains(r.server.calls, call) {
					t.Errorf("%s was called", call)
				}
			}
			if !slices.Contains(r.server.calls, "CancelChanges") {
				t.Error("the trust list is still staged")
			}
			if !strings.Contains(err.Error(), "The configuration is in force") || !strings.Contains(err.Error(), "were not changed") {
				t.Errorf("the error does not say what is in force: %v", err)
			}
		})
	}
}

// A list gets what it lacks and keeps what it has; the mask leaves the others alone.
func TestPartialTrustLists(t *testing.T) {
	m := material(t)
	other := []byte("somebody else's certificate")
	for _, test := range []struct {
		name string
		want config.DesiredTrustList
		have TrustList
		mask TrustListMask
		list TrustList
	}{
		{
			name: "empty", want: config.DesiredTrustList{Trusted: []string{"self", "ca"}, CRLs: []string{"ca"}},
			mask: TrustedCertificates | TrustedCRLs,
			list: TrustList{TrustedCertificates: [][]byte{m.self, m.ca}, TrustedCRLs: [][]byte{m.crl}},
		}, {
			name: "others stay", want: config.DesiredTrustList{Trusted: []string{"ca"}},
			have: TrustList{TrustedCertificates: [][]byte{other}, IssuerCertificates: [][]byte{other}},
			mask: TrustedCertificates, list: TrustList{TrustedCertificates: [][]byte{other, m.ca}},
		}, {
			name: "a CRL alone", want: config.DesiredTrustList{Trusted: []string{"ca"}, CRLs: []string{"ca"}},
			have: TrustList{TrustedCertificates: [][]byte{m.ca}},
			mask: TrustedCRLs, list: TrustList{TrustedCRLs: [][]byte{m.crl}},
		}, {
			name: "of an issuer", want: config.DesiredTrustList{Issuers: []string{"ca"}, CRLs: []string{"ca"}},
			mask: IssuerCertificates | IssuerCRLs, list: TrustList{IssuerCertificates: [][]byte{m.ca}, IssuerCRLs: [][]byte{m.crl}},
		}, {
			name: "of an issuer that is there", want: config.DesiredTrustList{CRLs: []string{"ca"}},
			have: TrustList{IssuerCertificates: [][]byte{m.ca}},
			mask: IssuerCRLs, list: TrustList{IssuerCRLs: [][]byte{m.crl}},
		},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			test.want.Group = config.DefaultApplicationGroup
			r.Desired = config.Desired{TrustLists: []config.DesiredTrustList{test.want}}
			r.server.groups[config.DefaultApplicationGroup].TrustList = test.have
			r.must(t, Apply())
			if len(r.server.lists) != 1 {
				t.Fatalf("%d lists were written, want 1", len(r.server.lists))
			}
			got := r.server.lists[0]
			if got.Lists != test.mask {
				t.Errorf("the mask is %04b, want %04b", got.Lists, test.mask)
			}
			for name, l := range map[string][2][][]byte{
				"trusted": {got.TrustedCertificates, test.list.TrustedCertificates}, "trusted CRLs": {got.TrustedCRLs, test.list.TrustedCRLs},
				"issuers": {got.IssuerCertificates, test.list.IssuerCertificates}, "issuer CRLs": {got.IssuerCRLs, test.list.IssuerCRLs},
			} {
				if !slices.EqualFunc(l[0], l[1], slices.Equal[[]byte]) {
					t.Errorf("%s holds %d, want %d", name, len(l[0]), len(l[1]))
				}
			}
		})
	}
}

// What was not read cannot be kept, so it is not written.
func TestTrustListThatWasNotRead(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.Desired = config.Desired{TrustLists: []config.DesiredTrustList{{Group: config.DefaultApplicationGroup, Trusted: []string{"ca"}}}}
		r.server.groups[config.DefaultApplicationGroup].Inspected = false
		if err := r.run(t, Apply()); err == nil || len(r.server.lists) != 0 {
			t.Errorf("the error is %v, and %d lists were written", err, len(r.server.lists))
		}
	})
}

func TestCancelChanges(t *testing.T) {
	for _, test := range []struct {
		name      string
		fault     fault
		also      []fault
		want      []string // from the first trust list on
		unchanged bool     // of a plan without changes to the configuration
	}{
		{"the first list", fault{call: "WriteTrustList", n: 1}, nil, []string{"WriteTrustList"}, true},
		{"the certificate", fault{call: "UpdateCertificate", n: 1}, nil, []string{"WriteTrustList", "CreateSigningRequest", "Issue", "UpdateCertificate", "CancelChanges"}, true},
		{"the end", fault{call: "ApplyChanges", n: 1}, nil, []string{"WriteTrustList", "CreateSigningRequest", "Issue", "UpdateCertificate", "ApplyChanges", "CancelChanges"}, true},
		{"and cancelling", fault{call: "UpdateCertificate", n: 1}, []fault{{call: "CancelChanges", n: 1, err: errLost}},
			[]string{"WriteTrustList", "CreateSigningRequest", "Issue", "UpdateCertificate", "CancelChanges", "Open", "Observe"}, false},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r := newRig(t)
			r.Desired = config.Desired{
				TrustLists:   []config.DesiredTrustList{{Group: config.DefaultApplicationGroup, Trusted: []string{"ca"}}},
				Certificates: []config.DesiredCertificate{{Group: config.DefaultApplicationGroup, Type: config.TypeRsaSha256}},
			}
			clear(r.server.groups[config.DefaultApplicationGroup].Certificates)
			test.fault.err = refusal(ua.StatusBadCertificateInvalid)
			r.server.faults = append(test.also, test.fault)
			err := r.run(t, Apply())
			if got := from(r.server.calls, "WriteTrustList"); !slices.Equal(got, test.want) {
				t.Errorf("the calls are %q, want %q", got, test.want)
			}
			g := r.server.groups[config.DefaultApplicationGroup]
			if len(g.TrustList.TrustedCertificates)+len(g.Certificates) != 0 {
				t.Error("the server kept something")
			}
			var partial *PartialError
			if !errors.As(err, &partial) || partial.Unchanged != test.unchanged {
				t.Errorf("unchanged is not %v: %v", test.unchanged, err)
			}
			if !test.unchanged && !strings.Contains(err.Error(), "staged and may not be in force") {
				t.Errorf("the error does not say what was staged: %v", err)
			}
		})
	}
}

// Where a server has no transactions, a failure leaves what was done before it.
func TestPartlyWritten(t *testing.T) {
	for _, test := range []struct {
		call string
		err  error
		says string
	}{
		{"UpdateCertificate", refusal(ua.StatusBadCertificateInvalid), "1 of 1 trust lists and 0 of 1 certificates were written"},
		{"UpdateCertificate", errUnknown, "was not observed"},
		{"Probe", refusal(ua.StatusBadCertificateInvalid), "1 of 1 trust lists and 1 of 1 certificates were written"},
	} {
		bubble(t, test.call, func(t *testing.T) {
			r := newRig(t)
			r.server.transactions = false
			r.server.faults = []fault{{call: test.call, n: 1, err: test.err}}
			err := r.run(t, Apply())
			var partial *PartialError
			if !errors.As(err, &partial) || partial.Unchanged || !strings.Contains(partial.Observed, test.says) {
				t.Errorf("the error is %v, want one that says %q", err, test.says)
			}
		})
	}
}

func TestMaterials(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newRig(t)
		r.Materials.Authority = nil
		if err := r.run(t, Plan()); !errors.Is(err, ErrNoIssuer) {
			t.Errorf("without a CA the error is %v, want ErrNoIssuer", err)
		}
		r = newRig(t)
		r.Materials.Self = nil
		if err := r.run(t, Plan()); err == nil || !strings.Contains(err.Error(), "self") {
			t.Errorf("without a certificate of its own the error is %v", err)
		}
		r = newRig(t)
		r.must(t, Plan())
		want := map[string]string{"self": r.Plan.TrustLists[0].Trusted[0].SHA256, "ca": r.Plan.TrustLists[0].Trusted[1].SHA256}
		for _, m := range r.Plan.TrustLists[0].Trusted {
			if want[m.Source] != m.SHA256 {
				t.Errorf("%s is %s", m.Source, m.SHA256)
			}
		}
		if len(r.Plan.TrustLists[0].CRLs) != 1 || r.Plan.Certificates[0].Action != plan.Issue {
			t.Errorf("the plan is %+v", r.Plan)
		}
	})
}
