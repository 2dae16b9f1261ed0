package secureconv

import (
	"errors"
	"strings"
	"testing"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uasc"
)

// faultAsError is the body of an ERR as node-opcua 2.157 sends it.
func faultAsError(status ua.StatusCode, reasons ...string) []byte {
	security, err := uasc.NewAsymmetricSecurityHeader(ua.SecurityPolicyURIBasic256Sha256, []byte("certificate"), make([]byte, 20)).Encode()
	if err != nil {
		panic(err)
	}
	header := &ua.ResponseHeader{
		ServiceResult: status, StringTable: reasons, ServiceDiagnostics: &ua.DiagnosticInfo{}, AdditionalHeader: ua.NewExtensionObject(nil),
	}
	b := append([]byte{2, 0, 0, 0}, security...)
	b = append(b, 1, 0, 0, 0, 1, 0, 0, 0)
	return append(b, encoded(&ua.ServiceFault{ResponseHeader: header})...)
}

func TestServiceFaultInError(t *testing.T) {
	body := faultAsError(ua.StatusBadSecurityChecksFailed, "certificate invalid", "Bad")
	for _, c := range []struct {
		name   string
		body   []byte
		status ua.StatusCode
		reason string
	}{
		{"whole", body, ua.StatusBadSecurityChecksFailed, "certificate invalid: Bad"},
		{"long reason", faultAsError(ua.StatusBadTimeout, strings.Repeat("r", 9000)), ua.StatusBadTimeout, strings.Repeat("r", maxReason)},
		{"cut", body[:len(body)-30], 2, ua.SecurityPolicyURIBasic256Sha256},
		{"not Bad", faultAsError(ua.StatusOK), 2, ua.SecurityPolicyURIBasic256Sha256},
	} {
		var peer *PeerError
		if err := decodePeerError(c.body); !errors.As(err, &peer) || peer.Status != c.status || peer.Reason != c.reason {
			t.Errorf("%s: got %.200v, want %v and %.40q", c.name, err, c.status, c.reason)
		}
	}
	for n := range body { // no prefix gets further than it should
		_ = decodePeerError(body[:n])
	}
}

// Both names of one algorithm are in use; those of others are not taken for it.
func TestSignatureAlgorithmNames(t *testing.T) {
	id := clientID[2048]()
	const xmlName = "http://www.w3.org/2001/04/xmldsig-more#rsa-pss-sha256"
	for _, c := range []struct {
		policy, algorithm string
		want              error
	}{
		{ua.SecurityPolicyURIAes256Sha256RsaPss, xmlName, nil},
		{ua.SecurityPolicyURIAes256Sha256RsaPss, "", nil},
		{ua.SecurityPolicyURIAes256Sha256RsaPss, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ua.StatusBadApplicationSignatureInvalid},
		{ua.SecurityPolicyURIBasic256Sha256, xmlName, ua.StatusBadApplicationSignatureInvalid},
	} {
		sig, err := Sign(c.policy, id.Key, nil, []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		sig.Algorithm = c.algorithm
		if err := VerifySignature(c.policy, id.Leaf(), sig, []byte("data")); !errors.Is(err, c.want) {
			t.Errorf("%s as %q: got %v, want %v", c.policy, c.algorithm, err, c.want)
		}
	}
}
