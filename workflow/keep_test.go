package workflow

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/upkeep"
)

// kept is a server with one group, whose endpoint shows what its slot holds.
type kept struct {
	*server
	own      []byte        // the certificate from before
	silent   bool          // no GetCertificates
	stub     bool          // takes trust lists and forgets them
	merges   bool          // takes what is added to trust lists, and removes nothing
	stuck    bool          // endpoints go on to show the old certificate
	aged     bool          // so does an endpoint with an old policy, whose type is RsaMin
	plain    bool          // so does an endpoint without security, the last one of the list
	full     time.Duration // no room for another Session after ApplyChanges cut the one there was
	cut      time.Time
	told     []TransactionDiagnostics // instead of what it says otherwise, one after the other, the last one again
	accepted [][]byte
	sent     []CertificateUpdate
}

type keptSession struct {
	*session
	k *kept
}

func (k *kept) Open(ctx context.Context) (Session, error) {
	s, err := k.server.Open(ctx)
	if err == nil && time.Since(k.cut) < k.full {
		err = errLost
	}
	if err != nil {
		return nil, err
	}
	return &keptSession{session: s.(*session), k: k}, nil
}

func (s *keptSession) ServerIdentity() ServerIdentity {
	id := s.identity
	id.CertificateSHA256 = pki.Fingerprint(s.slot())
	return id
}

func (s *keptSession) ApplyChanges(ctx context.Context) error {
	s.k.cut = time.Now()
	return s.session.ApplyChanges(ctx)
}

func (s *keptSession) slot() []byte { return s.groups["G"].Certificates[config.TypeRsaSha256] }

func (s *keptSession) Survey(_ context.Context, parts func(GroupObservation) Parts) (Observation, error) {
	before, after := s.call("Survey")
	if err := errors.Join(before, after); err != nil {
		return Observation{}, err
	}
	g := *s.groups["G"]
	_ = parts(g)
	g.TrustList.TrustedCertificates = slices.Clone(g.TrustList.TrustedCertificates)
	if s.counts["ApplyChanges"] > 0 {
		g.TrustListUpdated = time.Now()
	}
	g.Certificates = map[config.NodeID][]byte{}
	if g.CertificatesKnown = !s.k.silent; g.CertificatesKnown && len(s.slot()) > 0 {
		g.Certificates[config.TypeRsaSha256] = s.slot()
	}
	return Observation{
		ApplicationURI: "urn:test:application", SupportsTransactions: s.transactions, PrivateKeyFormats: []string{"PEM"}, Groups: []GroupObservation{g},
	}, nil
}

func (s *keptSession) Endpoints() []EndpointCertificate {
	shown := s.slot()
	if s.k.stuck {
		shown = s.k.own
	}
	all := []EndpointCertificate{{URL: "opc.tcp://test:4840", SecurityMode: config.ModeSignAndEncrypt, Certificate: shown}}
	if s.k.aged {
		all = append(all, EndpointCertificate{
			URL: "opc.tcp://test:4840", SecurityPolicyURI: "http://opcfoundation.org/UA/SecurityPolicy#Basic256", SecurityMode: config.ModeSign, Certificate: s.k.own})
	}
	if s.k.plain {
		all = append(all, EndpointCertificate{URL: "opc.tcp://test:4840", SecurityMode: config.ModeNone, Certificate: s.k.own})
	}
	return all
}

func (s *keptSession) CreateSigningRequest(_ context.Context, r SigningRequest) ([]byte, error) {
	before, after := s.call("CreateSigningRequest")
	if err := errors.Join(before, after); err != nil {
		return nil, err
	}
	return csr(), nil
}

func (s *keptSession) WriteTrustList(ctx context.Context, group string, list TrustList) (bool, error) {
	if s.k.stub {
		list.Lists = 0
	}
	if s.k.merges {
		for _, der := range s.groups["G"].TrustList.TrustedCertificates {
			if !slices.ContainsFunc(list.TrustedCertificates, func(o []byte) bool { return bytes.Equal(o, der) }) {
				list.TrustedCertificates = append(list.TrustedCertificates, der)
			}
		}
	}
	return s.session.WriteTrustList(ctx, group, list)
}

func (s *keptSession) UpdateCertificate(ctx context.Context, u CertificateUpdate) (bool, error) {
	sent := u
	sent.PrivateKey = bytes.Clone(u.PrivateKey)
	s.k.sent = append(s.k.sent, sent)
	return s.session.UpdateCertificate(ctx, u)
}

func (s *keptSession) ReadTrustList(context.Context, string, TrustListMask) (TrustList, error) {
	s.calls = append(s.calls, "ReadTrustList")
	return s.groups["G"].TrustList, nil
}
func (s *keptSession) AddCertificate(_ context.Context, _ string, der []byte) error {
	s.calls = append(s.calls, "AddCertificate")
	list := &s.groups["G"].TrustList
	list.TrustedCertificates = append(list.TrustedCertificates, der)
	return nil
}
func (s *keptSession) RemoveCertificate(_ context.Context, _, thumbprint string, trusted bool) error {
	s.calls = append(s.calls, "RemoveCertificate")
	list := &s.groups["G"].TrustList
	list.TrustedCertificates = slices.DeleteFunc(list.TrustedCertificates, func(der []byte) bool {
		sum := sha1.Sum(der)
		return trusted && strings.EqualFold(hex.EncodeToString(sum[:]), thumbprint)
	})
	return nil
}
func (s *keptSession) GetRejectedList(context.Context, string) ([][]byte, error) { return nil, nil }
func (s *keptSession) GetCertificates(context.Context, string) (map[config.NodeID][]byte, error) {
	return nil, nil
}
func (s *keptSession) CreateSelfSignedCertificate(context.Context, SelfSignedRequest) ([]byte, error) {
	before, after := s.call("CreateSelfSignedCertificate")
	if before != nil {
		return nil, before
	}
	der := s.k.own
	s.change(func() { s.groups["G"].Certificates[config.TypeRsaSha256] = der })
	return der, after
}
func (s *keptSession) DeleteCertificate(context.Context, string, config.NodeID) error {
	before, after := s.call("DeleteCertificate")
	if before != nil {
		return before
	}
	s.change(func() { delete(s.groups["G"].Certificates, config.TypeRsaSha256) })
	return after
}
func (s *keptSession) TransactionDiagnostics(context.Context) (TransactionDiagnostics, error) {
	s.calls = append(s.calls, "TransactionDiagnostics")
	if told := s.k.told; len(told) > 0 {
		s.k.told = told[min(1, len(told)-1):]
		if told[0].Phase == "" {
			return TransactionDiagnostics{}, errors.New("it has none")
		}
		return told[0], nil
	}
	return TransactionDiagnostics{Phase: TransactionCompleted, Errors: []TransactionError{{Target: "G", Status: "Bad_X", Message: "says the server"}}}, nil
}

// material of the tests, made once.
var keptOnce struct {
	csr, old []byte
	ca       *pkitest.Authority
	issued   pkitest.Identity
	crl      []byte
}

func csr() []byte { return keptOnce.csr }

func prepareKept(t *testing.T) {
	t.Helper()
	if keptOnce.csr != nil {
		return
	}
	keptOnce.ca = pkitest.NewAuthority(t, pkitest.Key(1), "Keep CA", nil)
	keptOnce.crl = keptOnce.ca.CRL(t)
	keptOnce.issued = keptOnce.ca.Issue(t, pkitest.Options{Key: pkitest.Key(2)})
	keptOnce.old = pkitest.Application(t, pkitest.Options{}).Leaf()
	keptOnce.csr = pkitest.Request(t, pkitest.Options{Key: pkitest.Key(2)})
}

// keptRig is a run of UpdateCertificates that renews the only slot.
type keptRig struct {
	*State
	k      *kept
	events []Event
}

func newKept(t *testing.T) *keptRig {
	t.Helper()
	prepareKept(t)
	k := &kept{own: keptOnce.old, server: &server{
		transactions: true, applyRequired: true, counts: map[string]int{},
		groups: map[string]*GroupObservation{"G": {
			Name: "G", Types: []config.NodeID{config.TypeRsaSha256}, Inspected: true, Certificates: map[config.NodeID][]byte{config.TypeRsaSha256: keptOnce.old},
		}},
		identity: ServerIdentity{ApplicationURI: "urn:test:application", CertificateSHA256: pki.Fingerprint(keptOnce.old)},
	}}
	issuers, err := plan.Certificate("ca", keptOnce.ca.Certificate.Raw)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := plan.CRL("ca", keptOnce.crl)
	if err != nil {
		t.Fatal(err)
	}
	r := &keptRig{k: k}
	r.State = &State{
		Target: k, Issuer: &issuer{s: k.server, chain: keptOnce.issued.Chain}, ReconnectWithin: 10 * time.Second,
		Observe: func(e Event) error { r.events = append(r.events, e); return nil },
		Accept:  func(der []byte) { k.accepted = append(k.accepted, der); k.calls = append(k.calls, "Accept") },
		Upkeep: Upkeep{
			Decide: upkeep.Renewal{All: true, Selection: upkeep.Selection{Types: []config.NodeID{config.TypeRsaSha256}}, Key: upkeep.ServerKey, Issuers: []plan.Material{issuers}, CRLs: []plan.Material{crl}}.Decide,
			Reads:  func(upkeep.Group) Parts { return PartTrustList | PartCertificates },
		},
	}
	return r
}

func (r *keptRig) slot() []byte { return r.k.groups["G"].Certificates[config.TypeRsaSha256] }

// OPC 10000-12, 7.7.2: the order, by what the server does with changes.
func TestUpdateCertificatesOrder(t *testing.T) {
	for name, c := range map[string]struct {
		transactions, required bool
		want                   string
	}{
		"transactions": {true, true,
			"Open Survey CreateSigningRequest Issue WriteTrustList Accept UpdateCertificate ApplyChanges Open Survey"},
		"delay only": {false, true,
			"Open Survey WriteTrustList ApplyChanges ReadTrustList CreateSigningRequest Issue Accept UpdateCertificate ApplyChanges Open Survey"},
		"at once": {false, false,
			"Open Survey WriteTrustList ReadTrustList CreateSigningRequest Issue Accept UpdateCertificate Open Survey"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			r.k.transactions, r.k.applyRequired = c.transactions, c.required
			if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.k.calls, " "); got != c.want {
				t.Errorf("the calls are\n%s, want\n%s", got, c.want)
			}
			if !bytes.Equal(r.slot(), keptOnce.issued.Leaf()) || !bytes.Equal(r.k.accepted[0], keptOnce.issued.Leaf()) || !r.Verified {
				t.Error("the new certificate is not in force, or was not verified")
			}
			if r.k.closed != r.k.sessions {
				t.Errorf("%d of %d sessions were closed", r.k.closed, r.k.sessions)
			}
		})
	}
}

// A failure of any call leaves the old certificate in force, and says so.
func TestUpdateCertificatesFailures(t *testing.T) {
	for _, call := range []string{"CreateSigningRequest", "WriteTrustList", "UpdateCertificate", "ApplyChanges"} {
		bubble(t, call, func(t *testing.T) {
			r := newKept(t)
			r.k.faults = []fault{{call: call, n: 1, err: refusal(ua.StatusBadUnexpectedError)}}
			err := Run(t.Context(), r.State, UpdateCertificates())
			if !errors.Is(err, ua.StatusBadUnexpectedError) || ClassOf(err) != ClassRejected {
				t.Fatalf("got %v of class %v", err, ClassOf(err))
			}
			if !bytes.Equal(r.slot(), keptOnce.old) || len(r.k.groups["G"].TrustList.IssuerCertificates) != 0 {
				t.Error("something has changed")
			}
			var partial *PartialError
			if changed := call != "CreateSigningRequest"; errors.As(err, &partial) != changed || changed && !partial.Unchanged {
				t.Errorf("got %v", err)
			}
			staged := call == "UpdateCertificate" || call == "ApplyChanges"
			if slices.Contains(r.k.calls, "CancelChanges") != staged {
				t.Errorf("the calls are %q", r.k.calls)
			}
			told := slices.ContainsFunc(r.events, func(e Event) bool { return e.Message == "G: Bad_X says the server" })
			if told != (call != "CreateSigningRequest") {
				t.Error("the diagnostics were not told, or nobody asked for them")
			}
		})
	}
}

// open62541 with room for one Session keeps the one that it cut for its timeout.
func TestUpdateCertificatesOneSession(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.k.full, r.ReconnectWithin = time.Minute+time.Second, 0
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil || !r.Verified {
			t.Errorf("got %v, verified %v", err, r.Verified)
		}
	})
}

// What the server did and could not answer is found out by looking.
func TestUpdateCertificatesLostAnswer(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.k.faults = []fault{{call: "ApplyChanges", n: 1, err: errUnknown, after: true}}
		err := Run(t.Context(), r.State, UpdateCertificates())
		var partial *PartialError
		if !errors.As(err, &partial) || partial.Unchanged || !strings.Contains(partial.Observed, "1 of 1 trust lists and 1 of 1 certificates") {
			t.Fatalf("got %v", err)
		}
		if r.Reached.CertificateSHA256 != pki.Fingerprint(keptOnce.issued.Leaf()) {
			t.Error("nobody learns whom the new session reached")
		}
	})
}

// Servers that accept and do not do it (field lessons: node-opcua, UA-.NETStandard).
func TestUpdateCertificatesDisagreement(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kept)
		want   string
	}{
		"trust list forgotten": {func(k *kept) { k.stub = true }, "the trust list of G lacks 2 of the entries written"},
		"old certificate":      {func(k *kept) { k.stuck = true }, "opc.tcp://test:4840 still shows the old certificate"},
		"both, not told":       {func(k *kept) { k.stuck, k.silent = true, true }, "has another certificate"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			c.change(r.k)
			err := Run(t.Context(), r.State, UpdateCertificates())
			var broken *VerifyError
			if !errors.As(err, &broken) || !strings.Contains(broken.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A server without transactions that forgets its trust list is found out before it
// is asked for a key: node-opcua 2.157 is not to be reached any more after an
// UpdateCertificate that it refuses.
func TestForgottenListBeforeKey(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.k.transactions, r.k.applyRequired, r.k.stub = false, false, true
		err := Run(t.Context(), r.State, UpdateCertificates())
		var broken *VerifyError
		var partial *PartialError
		if !errors.As(err, &broken) || !errors.As(err, &partial) || !partial.Unchanged || slices.Contains(r.k.calls, "CreateSigningRequest") {
			t.Errorf("got %v after %q", err, r.k.calls)
		}
	})
}

// OPC 10000-12, 7.8.2.8: where whole lists have no effect, certificates go one by one.
func TestAddSingly(t *testing.T) {
	for name, c := range map[string]struct {
		stub bool
		want string
	}{
		"takes lists":   {false, "Open Survey WriteTrustList ReadTrustList Survey"},
		"forgets lists": {true, "Open Survey WriteTrustList ReadTrustList AddCertificate ApplyChanges Survey"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			r.k.transactions, r.k.applyRequired, r.k.stub = false, false, c.stub
			r.Decide = upkeep.Listing{Guard: upkeep.Guard{Lockout: []string{"G"}}, Change: func(have plan.TrustList, _ upkeep.Situation, _ upkeep.Group) (plan.TrustList, error) {
				have.Trusted = append(slices.Clone(have.Trusted), keptOnce.old)
				return have, nil
			}}.Decide
			if err := Run(t.Context(), r.State, UpdateTrustList()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.k.calls, " "); got != c.want || !r.Verified || !r.ListTaken("G") {
				t.Errorf("the calls are\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// OPC 10000-12, 7.8.2.7: what the server keeps though the list has it no longer
// goes one by one, too.
func TestRemoveSingly(t *testing.T) {
	for name, c := range map[string]struct {
		merges bool
		want   string
	}{
		"takes lists":  {false, "Open Survey WriteTrustList ReadTrustList Survey"},
		"merges lists": {true, "Open Survey WriteTrustList ReadTrustList RemoveCertificate ApplyChanges Survey"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			r.k.transactions, r.k.applyRequired, r.k.merges = false, false, c.merges
			trusted := &r.k.groups["G"].TrustList.TrustedCertificates
			*trusted = append(*trusted, keptOnce.old)
			r.Decide = upkeep.Listing{Change: func(have plan.TrustList, _ upkeep.Situation, _ upkeep.Group) (plan.TrustList, error) {
				have.Trusted = have.Trusted[:len(have.Trusted)-1]
				return have, nil
			}}.Decide
			if err := Run(t.Context(), r.State, UpdateTrustList()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.k.calls, " "); got != c.want || !r.Verified || !r.ListTaken("G") {
				t.Errorf("the calls are\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// Without GetCertificates the endpoints say what the slot holds; not one without
// security, of which open62541 never changes the certificate.
func TestSlotFromEndpoints(t *testing.T) {
	for name, c := range map[string]struct{ silent, plain, aged bool }{
		"an old policy":                    {aged: true},
		"shown only, an old policy":        {silent: true, aged: true},
		"shown only":                       {silent: true},
		"one without security":             {plain: true},
		"shown only, one without security": {silent: true, plain: true},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newKept(t)
			r.k.silent, r.k.plain, r.k.aged = c.silent, c.plain, c.aged
			if c.aged {
				r.k.groups["G"].Types = []config.NodeID{config.TypeRsaMin, config.TypeRsaSha256}
			}
			if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
				t.Fatal(err)
			}
			if c := r.Work.Certificates[0]; !bytes.Equal(c.Old, keptOnce.old) || !r.Verified {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// S2OPC has one status for a key that it does not have and for a CA that is known as
// an issuer only.
func TestOwnTrustMaybe(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.k.faults = []fault{{call: "UpdateCertificate", n: 1, err: refusal(ua.StatusBadSecurityChecksFailed)}}
		err := Run(t.Context(), r.State, UpdateCertificates())
		var own *OwnTrustError
		if !errors.As(err, &own) || !strings.Contains(own.Error(), "may want to trust the CA") ||
			!strings.Contains(own.Hint(), "--trust-issuer") || !strings.Contains(own.Hint(), "the key is not the server's") {
			t.Errorf("got %v", err)
		}
	})
}

// A certificate that was not announced is not written, nor is anything else.
func TestUnlistedIssuer(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Decide = upkeep.Renewal{All: true, Key: upkeep.ServerKey}.Decide
		err := Run(t.Context(), r.State, UpdateCertificates())
		var unlisted *UnlistedIssuerError
		if !errors.As(err, &unlisted) || slices.Contains(r.k.calls, "UpdateCertificate") {
			t.Errorf("got %v after %q", err, r.k.calls)
		}
	})
}

// An issuer that answers another request.
func TestForeignAnswer(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Issuer = &issuer{s: r.k.server, chain: [][]byte{keptOnce.old}}
		err := Run(t.Context(), r.State, UpdateCertificates())
		var issued *pki.IssuedError
		if !errors.As(err, &issued) || issued.Rule != pki.RequestKey || slices.Contains(r.k.calls, "WriteTrustList") {
			t.Errorf("got %v after %q", err, r.k.calls)
		}
	})
}

// A key made here goes to the server and nowhere else.
func TestLocalKey(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Decide = withLocalKey(r.Decide)
		r.Issuer = signs{r}
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
			t.Fatal(err)
		}
		sent := r.k.sent[0]
		if sent.PrivateKeyFormat != "PEM" {
			t.Errorf("the format is %q", sent.PrivateKeyFormat)
		}
		key, err := pki.ParseAnyKey(sent.PrivateKey)
		if err != nil || pki.CheckPair(sent.Certificate, key) != nil {
			t.Errorf("the key sent is not the certificate's: %v", err)
		}
		for _, m := range r.obtained {
			if bytes.ContainsFunc(m.key, func(c rune) bool { return c != 0 }) {
				t.Error("the key is still in memory")
			}
		}
		if slices.Contains(r.k.calls, "CreateSigningRequest") {
			t.Error("the server was asked for a request")
		}
	})
}

// Keys are made for the types that the standard library can make keys for; the
// others are refused in so many words.
func TestLocalKeyOfType(t *testing.T) {
	for name, want := range map[string]string{
		"EccNistP256": "*ecdsa.PrivateKey", "EccNistP384": "*ecdsa.PrivateKey", "RsaSha256": "*rsa.PrivateKey",
		"EccBrainpoolP256r1": "", "EccCurve25519": "", "EccCurve448": "",
	} {
		id, _ := config.CertificateTypeID(name)
		key, err := localKey(upkeep.SlotChange{Type: id, Bits: 2048})
		switch got := fmt.Sprintf("%T", key); {
		case want == "" && (err == nil || !strings.Contains(err.Error(), name)):
			t.Errorf("%s: got %s, %v; want a refusal that names it", name, got, err)
		case want != "" && (err != nil || got != want):
			t.Errorf("%s: got %s, %v; want %s", name, got, err, want)
		}
	}
}

func withLocalKey(decide func(upkeep.Situation) (upkeep.Work, error)) func(upkeep.Situation) (upkeep.Work, error) {
	return func(in upkeep.Situation) (upkeep.Work, error) {
		w, err := decide(in)
		for i := range w.Certificates {
			w.Certificates[i].Key, w.Certificates[i].Bits, w.Certificates[i].KeyFormat = upkeep.LocalKey, 2048, "PEM"
			w.Certificates[i].Subject = "CN=PLC1/O=Plant"
		}
		return w, err
	}
}

// signs is a pki.Issuer that signs what it is asked to.
type signs struct{ r *keptRig }

func (s signs) Issue(_ context.Context, der []byte, r pki.Request) ([][]byte, error) {
	request, err := pki.CheckRequest(der, r.ApplicationURI)
	if err != nil {
		return nil, err
	}
	leaf, err := signWith(keptOnce.ca, request)
	return [][]byte{leaf, keptOnce.ca.Certificate.Raw}, err
}

// Nothing to do: nobody is asked, nothing is written, nothing is issued.
func TestNothingToKeep(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Decide = upkeep.Renewal{}.Decide
		r.Consent = func(context.Context, upkeep.Work) error { return errors.New("asked") }
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.k.calls, " "); got != "Open Survey" {
			t.Errorf("the calls are %q", got)
		}
	})
}

// Consent comes before anything is sent that changes the server.
func TestConsentDeclined(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Consent = func(context.Context, upkeep.Work) error { return ErrDeclined }
		err := Run(t.Context(), r.State, UpdateCertificates())
		if got := strings.Join(r.k.calls, " "); !errors.Is(err, ErrDeclined) || got != "Open Survey" {
			t.Errorf("got %v after %q", err, got)
		}
	})
}

// Emptying a slot, and having the server fill it, each end with ApplyChanges.
func TestDeleteAndSelfSign(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		r := newKept(t)
		r.Decide = upkeep.Deletion{}.Decide
		if err := Run(t.Context(), r.State, UpdateCertificates()); err != nil || len(r.slot()) != 0 {
			t.Fatalf("got %v", err)
		}
		again := newKept(t)
		again.k = r.k
		again.Target, again.Decide = r.k, upkeep.SelfSign{Names: []string{"plc1"}}.Decide
		if err := Run(t.Context(), again.State, UpdateCertificates()); err != nil || !bytes.Equal(r.slot(), keptOnce.old) {
			t.Fatalf("got %v", err)
		}
		if der, taken := again.SlotTaken("G", config.TypeRsaSha256); !taken || !bytes.Equal(der, keptOnce.old) {
			t.Error("what the server made is not told")
		}
		if r.k.counts["ApplyChanges"] != 2 {
			t.Errorf("ApplyChanges was called %d times", r.k.counts["ApplyChanges"])
		}
	})
}

func TestUpkeepListsShareABeginning(t *testing.T) {
	for name, long := range map[string][]Step{
		"UpdateCertificates": UpdateCertificates(), "UpdateTrustList": UpdateTrustList(), "RequestCertificates": RequestCertificates(),
	} {
		if short := Weigh(); !slices.Equal(short, long[:len(short)]) {
			t.Errorf("Weigh is no prefix of %s", name)
		}
	}
	for _, s := range Weigh() {
		if _, ok := s.(Mutator); ok {
			t.Errorf("%s changes the server, and is part of a preview", s.Name())
		}
	}
}

func signWith(ca *pkitest.Authority, request *x509.CertificateRequest) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: request.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtraExtensions: request.Extensions,
	}
	return x509.CreateCertificate(rand.Reader, template, ca.Certificate, request.PublicKey, ca.Key)
}
