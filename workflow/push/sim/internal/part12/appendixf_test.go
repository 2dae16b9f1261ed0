package part12

import (
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

var nonce = make([]byte, 32)

// Result codes of OPC 10000-12, 7.8 and 7.10, through the AddressSpace: channel
// first, then Role, arguments, locks, content. Not verified: audit events.
func TestResultCodes(t *testing.T) {
	null := ua.NewTwoByteNodeID(0)
	csr := func(r *rig, acc *space.Access, regenerate bool, nonce []byte) space.Result {
		return r.call(acc, "", "CreateSigningRequest", null, rsaSha256, nil, regenerate, nonce)
	}
	update := func(r *rig, acc *space.Access, cert []byte, format string, key []byte) space.Result {
		return r.call(acc, "", "UpdateCertificate", null, rsaSha256, cert, nil, format, key)
	}
	own := func(uri string, r *rig) []byte {
		key := r.ownSlot().Key
		return issue(certOptions{name: "PLC1", uri: uri}, key.Public(), nil, key)
	}
	tests := []struct {
		name string
		run  func(r *rig, a, b *space.Access) space.Result
		want ua.StatusCode
	}{
		{"7.10.10 Sign-only channel", func(r *rig, a, b *space.Access) space.Result {
			a.Mode = ua.MessageSecurityModeSign
			return csr(r, a, true, nonce)
		}, ua.StatusBadSecurityModeInsufficient},
		{"7.10.5 Sign-only channel", func(r *rig, a, b *space.Access) space.Result {
			a.Mode = ua.MessageSecurityModeSign
			return update(r, a, nil, "", nil)
		}, ua.StatusBadSecurityModeInsufficient},
		{"7.10.9 no SecurityAdmin", func(r *rig, a, b *space.Access) space.Result {
			a.Roles = []uint32{space.RoleAnonymous}
			return r.call(a, "", "ApplyChanges")
		}, ua.StatusBadUserAccessDenied},
		{"7.8.2.2 second Session stages", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
			return r.call(b, trustPath, "Open", byte(6))
		}, ua.StatusBadTransactionPending},
		{"7.10.5 second Session stages", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
			return update(r, b, own("urn:plant:plc1", r), "", nil)
		}, ua.StatusBadTransactionPending},
		{"7.10.10 second Session", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
			return csr(r, b, false, nil)
		}, ua.StatusBadTransactionPending},
		{"7.8.2.3 list of another Session's transaction", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{clientCert()}}, maskTrusted)
			return r.call(b, trustPath, "OpenWithMasks", uint32(15))
		}, ua.StatusBadTransactionPending},
		{"7.8.2.2 mode 0x02", func(r *rig, a, b *space.Access) space.Result { return r.call(a, trustPath, "Open", byte(2)) }, ua.StatusBadNotSupported},
		{"7.8.2.2 mode 0x03", func(r *rig, a, b *space.Access) space.Result { return r.call(a, trustPath, "Open", byte(3)) }, ua.StatusBadNotSupported},
		{"7.8.2.2 mode 0x0A", func(r *rig, a, b *space.Access) space.Result { return r.call(a, trustPath, "Open", byte(10)) }, ua.StatusBadNotSupported},
		{"7.8.5.1 mode 0x06", func(r *rig, a, b *space.Access) space.Result { return r.call(a, fileName, "Open", byte(6)) }, ua.StatusBadNotSupported},
		{"7.8.2.3 unknown mask", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "OpenWithMasks", uint32(16))
		}, ua.StatusBadInvalidArgument},
		{"7.8.2.1 after ActivityTimeout", func(r *rig, a, b *space.Access) space.Result {
			h := r.good(a, trustPath, "Open", byte(6))[0]
			r.clock.Advance(r.opt.ActivityTimeout)
			return r.call(a, trustPath, "Write", h, []byte{1})
		}, ua.StatusBadInvalidArgument},
		{"7.8.2.5 too large", func(r *rig, a, b *space.Access) space.Result {
			return r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{make([]byte, r.opt.MaxTrustListSize)}}, maskTrusted)
		}, ua.StatusBadRequestTooLarge},
		{"7.8.2.5 no certificate", func(r *rig, a, b *space.Access) space.Result {
			return r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{{0x30, 3, 2, 1, 1}}}, maskTrusted)
		}, ua.StatusBadCertificateInvalid},
		{"7.8.2.5 issuer missing", func(r *rig, a, b *space.Access) space.Result {
			leaf := issue(certOptions{name: "leaf"}, &clientKey().PublicKey, caCert(), caKey())
			return r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{leaf}}, maskTrusted)
		}, ua.StatusBadCertificateChainIncomplete},
		{"7.8.2.5 revoked", func(r *rig, a, b *space.Access) space.Result {
			leaf := issue(certOptions{name: "leaf", serial: 7}, &clientKey().PublicKey, caCert(), caKey())
			return r.writeTrust(a, trustPath, trustList{Trusted: [][]byte{leaf}, Issuers: [][]byte{caCert()}, IssuerCRLs: [][]byte{crl(7)}}, maskAll)
		}, ua.StatusBadCertificateRevoked},
		{"7.8.2.5 CRL of nobody", func(r *rig, a, b *space.Access) space.Result {
			return r.writeTrust(a, trustPath, trustList{TrustedCRLs: [][]byte{crl()}}, maskTrustedCRLs)
		}, ua.StatusBadCertificateInvalid},
		{"7.8.2.5 handle opened for reading", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "CloseAndUpdate", r.good(a, trustPath, "Open", byte(1))[0])
		}, ua.StatusBadInvalidState},
		{"7.10.9 open for writing", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "Open", byte(6))
			return r.call(a, "", "ApplyChanges")
		}, ua.StatusBadInvalidState},
		{"7.10.9 no transaction", func(r *rig, a, b *space.Access) space.Result { return r.call(a, "", "ApplyChanges") }, ua.StatusBadNothingToDo},
		{"7.10.11 no transaction", func(r *rig, a, b *space.Access) space.Result { return r.call(a, "", "CancelChanges") }, ua.StatusBadNothingToDo},
		{"7.10.9 not the owner", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{}, maskIssuers)
			return r.call(b, "", "ApplyChanges")
		}, ua.StatusBadSessionIDInvalid},
		{"7.10.11 not the owner", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{}, maskIssuers)
			return r.call(b, "", "CancelChanges")
		}, ua.StatusBadSessionIDInvalid},
		{"7.10.9 transaction without changes", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "Close", r.good(a, trustPath, "Open", byte(6))[0])
			return r.call(a, "", "ApplyChanges")
		}, ua.StatusOK},
		{"7.8.2.6 as issuer", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "AddCertificate", caCert(), false)
		}, ua.StatusBadCertificateInvalid},
		{"7.8.2.6 issuer missing", func(r *rig, a, b *space.Access) space.Result {
			leaf := issue(certOptions{name: "leaf"}, &clientKey().PublicKey, caCert(), caKey())
			return r.call(a, trustPath, "AddCertificate", leaf, true)
		}, ua.StatusBadCertificateChainIncomplete},
		{"7.8.2.6 a CRL", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "AddCertificate", crl(), true)
		}, ua.StatusBadCertificateInvalid},
		{"7.8.2.6 open for writing", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "Open", byte(6))
			return r.call(a, trustPath, "AddCertificate", caCert(), true)
		}, ua.StatusBadInvalidState},
		{"7.8.2.6 in a transaction", func(r *rig, a, b *space.Access) space.Result {
			r.writeTrust(a, trustPath, trustList{}, maskIssuers)
			return r.call(a, trustPath, "AddCertificate", caCert(), true)
		}, ua.StatusBadTransactionPending},
		{"7.8.2.7 unknown thumbprint", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "RemoveCertificate", digest(caCert()), true)
		}, ua.StatusBadInvalidArgument},
		{"7.8.2.7 needed CA", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "AddCertificate", caCert(), true)
			r.good(a, trustPath, "AddCertificate", issue(certOptions{name: "leaf"}, &outerKey().PublicKey, caCert(), caKey()), true)
			return r.call(a, trustPath, "RemoveCertificate", digest(caCert()), true)
		}, ua.StatusBadCertificateChainIncomplete},
		{"7.10.10 short nonce", func(r *rig, a, b *space.Access) space.Result { return csr(r, a, true, nonce[:31]) }, ua.StatusBadInvalidArgument},
		{"7.10.10 unknown group", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, "", "CreateSigningRequest", groupID("nobody"), rsaSha256, nil, false, nil)
		}, ua.StatusBadInvalidArgument},
		{"7.10.10 unknown type", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, "", "CreateSigningRequest", null, ua.NewNumericNodeID(0, 12559), nil, false, nil)
		}, ua.StatusBadInvalidArgument},
		{"7.9.4 comma between attributes", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, "", "CreateSigningRequest", null, rsaSha256, "CN=a,O=b", false, nil)
		}, ua.StatusBadInvalidArgument},
		{"7.9.4 broken subject", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, "", "CreateSigningRequest", null, rsaSha256, "PLC1", false, nil)
		}, ua.StatusBadInvalidArgument},
		{"7.10.5 key does not match", func(r *rig, a, b *space.Access) space.Result {
			return update(r, a, issue(certOptions{name: "x", uri: "urn:plant:plc1"}, &outerKey().PublicKey, nil, outerKey()), "", nil)
		}, ua.StatusBadSecurityChecksFailed},
		{"7.10.5 unknown key format", func(r *rig, a, b *space.Access) space.Result {
			return update(r, a, own("urn:plant:plc1", r), "JWK", []byte{1})
		}, ua.StatusBadNotSupported},
		{"7.10.5 broken key", func(r *rig, a, b *space.Access) space.Result {
			return update(r, a, own("urn:plant:plc1", r), "PEM", []byte("x"))
		}, ua.StatusBadNotSupported},
		{"7.10.5 no certificate", func(r *rig, a, b *space.Access) space.Result { return update(r, a, []byte{1, 2, 3}, "", nil) }, ua.StatusBadCertificateInvalid},
		{"7.10.5 another ApplicationUri", func(r *rig, a, b *space.Access) space.Result {
			return update(r, a, own("urn:plant:plc2", r), "", nil)
		}, ua.StatusBadCertificateURIInvalid},
		{"7.10.5 issuer not in the TrustList", func(r *rig, a, b *space.Access) space.Result {
			return update(r, a, r.signed(csr(r, a, false, nil).Outputs[0].([]byte), 1), "", nil)
		}, ua.StatusBadCertificateChainIncomplete},
		{"7.10.5 self-signed", func(r *rig, a, b *space.Access) space.Result { return update(r, a, own("urn:plant:plc1", r), "", nil) }, ua.StatusOK},
		{"7.10.8 unknown group", func(r *rig, a, b *space.Access) space.Result { return r.call(a, "", "GetCertificates", null) }, ua.StatusBadInvalidArgument},
		{"7.10.20 write while another Session has a transaction", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "Open", byte(6))
			return r.call(b, fileName, "Open", byte(3))
		}, ua.StatusBadTransactionPending},
		{"7.10.20 stage while the file is open for writing", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, fileName, "Open", byte(3))
			return r.call(a, trustPath, "Open", byte(6))
		}, ua.StatusBadTransactionPending},
		{"7.10.20 stage while awaiting ConfirmUpdate", func(r *rig, a, b *space.Access) space.Result {
			r.upload(a, withGroup(r, "LineA"), 60000, 0, target{"CertificateGroups.[2]", config.Insert})
			r.clock.Advance(0)
			return r.call(b, trustPath, "Open", byte(6))
		}, ua.StatusBadTransactionPending},
		{"7.8.5.2 unknown handle", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, fileName, "CloseAndUpdate", uint32(77), uint32(1), targets(target{"ApplicationIdentity", config.Replace}), 0.0, 0.0)
		}, ua.StatusBadInvalidArgument},
		{"7.8.5.2 no targets", func(r *rig, a, b *space.Access) space.Result {
			h := r.good(a, fileName, "Open", byte(3))[0]
			return r.call(a, fileName, "CloseAndUpdate", h, uint32(1), nil, 0.0, 0.0)
		}, ua.StatusBadInvalidArgument},
		{"7.8.5.2 negative time", func(r *rig, a, b *space.Access) space.Result {
			h := r.good(a, fileName, "Open", byte(3))[0]
			return r.call(a, fileName, "CloseAndUpdate", h, uint32(1), targets(target{"ApplicationIdentity", config.Replace}), -1.0, 0.0)
		}, ua.StatusBadInvalidArgument},
		{"7.8.5.2 stale version", func(r *rig, a, b *space.Access) space.Result {
			h := r.good(a, fileName, "Open", byte(3))[0]
			return r.call(a, fileName, "CloseAndUpdate", h, uint32(1), targets(target{"ApplicationIdentity", config.Replace}), 0.0, 0.0)
		}, ua.StatusBadInvalidState},
		{"7.8.5.3 unknown id", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, fileName, "ConfirmUpdate", ua.NewGUID("12345678-1234-1234-1234-123456789ABC"))
		}, ua.StatusBadInvalidArgument},
		{"7.8.5.3 null id", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, fileName, "ConfirmUpdate", ua.NewGUID(noUpdate))
		}, ua.StatusBadInvalidArgument},
		{"Part 20, 4.2.2 second writer", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, fileName, "Open", byte(1))
			return r.call(b, fileName, "Open", byte(3))
		}, ua.StatusBadNotWritable},
		{"Part 20, 4.2.2 reader beside a writer", func(r *rig, a, b *space.Access) space.Result {
			r.good(a, trustPath, "Open", byte(6))
			return r.call(b, trustPath, "Open", byte(1))
		}, ua.StatusBadNotReadable},
		{"Part 20, 4.2.3 handle of another Session", func(r *rig, a, b *space.Access) space.Result {
			return r.call(b, trustPath, "Close", r.good(a, trustPath, "Open", byte(1))[0])
		}, ua.StatusBadInvalidArgument},
		{"Part 20, 4.2.4 read a write handle", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "Read", r.good(a, trustPath, "Open", byte(6))[0], int32(1))
		}, ua.StatusBadInvalidState},
		{"Part 20, 4.2.4 length 0", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "Read", r.good(a, trustPath, "Open", byte(1))[0], int32(0))
		}, ua.StatusBadInvalidArgument},
		{"Part 20, 4.2.5 write a read handle", func(r *rig, a, b *space.Access) space.Result {
			return r.call(a, trustPath, "Write", r.good(a, trustPath, "Open", byte(1))[0], []byte{1})
		}, ua.StatusBadInvalidState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t)
			if got := tt.run(r, r.admin("a"), r.admin("b")); got.Status != tt.want {
				t.Errorf("got %v, want %v", got.Status, tt.want)
			}
		})
	}
}

// withGroup is the configuration with one more CertificateGroup at its end.
func withGroup(r *rig, name string) config.Application {
	c := r.server.Configuration()
	c.CertificateGroups = append(c.CertificateGroups, config.CertificateGroup{
		Record: config.Record{Name: name}, Purpose: config.PurposeApplicationCertificate,
		CertificateTypes: []config.NodeID{config.TypeRsaSha256}, ValidationOptions: config.DefaultValidation,
	})
	return c
}

// InputArgumentResults name the argument at fault (OPC 10000-4, 5.12.2).
func TestArgumentResults(t *testing.T) {
	r := start(t)
	got := r.call(r.admin("a"), "", "CreateSigningRequest", ua.NewTwoByteNodeID(0), rsaSha256, nil, true, []byte{1})
	want := []ua.StatusCode{0, 0, 0, 0, ua.StatusBadInvalidArgument}
	if len(got.Arguments) != len(want) || got.Arguments[4] != want[4] || got.Arguments[0] != 0 {
		t.Errorf("got %v, want %v", got.Arguments, want)
	}
}
