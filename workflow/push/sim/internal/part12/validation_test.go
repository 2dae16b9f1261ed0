package part12

import (
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// 7.8.2.5 and 7.10.5: what 1.05.07 tolerates, what its letter says, and what
// 1.05.06 wants. Each row stages into a TrustList that holds withCA.
func TestValidation(t *testing.T) {
	expired := certOptions{name: "PLC1", uri: "urn:plant:plc1", serial: 3, from: noon.Add(-48 * time.Hour), to: noon.Add(-time.Hour)}
	own := func(o certOptions) func(r *rig) []byte {
		return func(r *rig) []byte { return issue(o, r.ownSlot().Key.Public(), caCert(), caKey()) }
	}
	ok, invalid := ua.StatusOK, ua.StatusBadCertificateInvalid
	for _, tt := range []struct {
		name                string
		list                trustList // instead of withCA; empty keeps it
		certificate         func(r *rig) []byte
		issuers             [][]byte
		tolerant, strict, s ua.StatusCode // s: 1.05.06
	}{
		{name: "a sound certificate", certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1"})},
		{name: "expired", certificate: own(expired), s: invalid},
		{name: "another ApplicationUri", certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc2"}),
			tolerant: ua.StatusBadCertificateURIInvalid, strict: ua.StatusBadCertificateURIInvalid, s: invalid},
		{name: "self-signed, not in the TrustList", certificate: func(r *rig) []byte {
			return issue(certOptions{name: "PLC1", uri: "urn:plant:plc1"}, r.ownSlot().Key.Public(), nil, r.ownSlot().Key)
		}, strict: ua.StatusBadCertificateUntrusted},
		{name: "revoked", list: trustList{Trusted: [][]byte{caCert()}, TrustedCRLs: [][]byte{crl(7)}},
			certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1", serial: 7}),
			tolerant:    ua.StatusBadCertificateRevoked, strict: ua.StatusBadCertificateRevoked, s: invalid},
		{name: "its CA is an issuer only", list: trustList{Issuers: [][]byte{caCert()}, IssuerCRLs: [][]byte{crl()}},
			certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1"}), strict: ua.StatusBadCertificateUntrusted},
		{name: "no CRL of its CA", list: trustList{Trusted: [][]byte{caCert()}},
			certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1"}), s: invalid},
		{name: "IssuerCertificates that are none", certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1"}),
			issuers: [][]byte{{1, 2, 3}}, s: invalid},
		{name: "IssuerCertificates", certificate: own(certOptions{name: "PLC1", uri: "urn:plant:plc1"}), issuers: [][]byte{caCert()}},
	} {
		for v, want := range map[Validation]ua.StatusCode{Tolerant: tt.tolerant, OwnTrust: tt.strict, Strict106: tt.s} {
			r := start(t, func(o *Options) { o.Validation = v })
			a := r.admin("a")
			list := tt.list
			if len(list.Trusted)+len(list.Issuers) == 0 {
				list = withCA
			}
			if got := r.writeTrust(a, trustPath, list, maskAll); got.Status != ok {
				t.Errorf("%s, %d: TrustList: %v", tt.name, v, got.Status)
				continue
			}
			got := r.call(a, "", "UpdateCertificate", nil, rsaSha256, tt.certificate(r), tt.issuers, nil, nil)
			if got.Status != want {
				t.Errorf("%s, %d: got %v, want %v", tt.name, v, got.Status, want)
			}
		}
	}
}

func (r *rig) ownSlot() slot {
	return r.server.state.groups[config.DefaultApplicationGroup].Slots[config.TypeRsaSha256]
}

// 7.8.2.5: the purpose of a group matters since 1.05.07.
func TestTrustListValidation(t *testing.T) {
	old := issue(certOptions{name: "old", from: noon.Add(-48 * time.Hour), to: noon.Add(-time.Hour)}, &outerKey().PublicKey, nil, outerKey())
	orphan := issue(certOptions{name: "leaf", serial: 9}, &outerKey().PublicKey, caCert(), caKey())
	ok, invalid, incomplete := ua.StatusOK, ua.StatusBadCertificateInvalid, ua.StatusBadCertificateChainIncomplete
	for _, tt := range []struct {
		name        string
		group       string
		list        trustList
		tolerant, s ua.StatusCode // s: 1.05.06
	}{
		{"expired application", config.DefaultApplicationGroup, trustList{Trusted: [][]byte{old}}, ok, invalid},
		{"expired user", config.DefaultUserTokenGroup, trustList{Trusted: [][]byte{old}}, ok, invalid},
		{"application without issuer", config.DefaultApplicationGroup, trustList{Trusted: [][]byte{orphan}}, incomplete, invalid},
		{"user without issuer", config.DefaultUserTokenGroup, trustList{Trusted: [][]byte{orphan}}, ok, invalid},
		{"no certificate", config.DefaultUserTokenGroup, trustList{Trusted: [][]byte{{0x30, 0}}}, invalid, invalid},
		{"certificate of a CA without CRL", config.DefaultApplicationGroup, trustList{Trusted: [][]byte{orphan}, Issuers: [][]byte{caCert()}}, ok, invalid},
		{"certificate of a CA with CRL", config.DefaultApplicationGroup, trustList{Trusted: [][]byte{orphan}, Issuers: [][]byte{caCert()}, IssuerCRLs: [][]byte{crl()}}, ok, ok},
	} {
		for v, want := range map[Validation]ua.StatusCode{Tolerant: tt.tolerant, OwnTrust: tt.tolerant, Strict106: tt.s} {
			r := start(t, func(o *Options) { o.Validation = v })
			if got := r.writeTrust(r.admin("a"), groups+tt.group+"/TrustList", tt.list, maskAll); got.Status != want {
				t.Errorf("%s, %d: got %v, want %v", tt.name, v, got.Status, want)
			}
		}
	}
}
