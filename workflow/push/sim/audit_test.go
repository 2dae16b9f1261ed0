package sim_test

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/sim"
)

// record is a log that several goroutines write.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// OPC 10000-12, 7.10.26: what was asked is on record with who asked, and in the
// log; the private key is in neither.
func TestAudit(t *testing.T) {
	log := &record{}
	s := startServer(t, func(o *sim.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	p := admin(t, secure(s))
	key := must(x509.MarshalPKCS8PrivateKey(clientIdentity().Key))
	if _, status := p.call(ns0(serverConfiguration), ns0(updateCertificate), ns0(14156), ns0(12560), clientIdentity().Leaf(), [][]byte{}, "PKCS8", key); status == ua.StatusOK {
		t.Error("a certificate with another ApplicationUri is accepted")
	}
	if status := p.writeTrustList(defaultTrustList, clientIdentity().Leaf()); status != ua.StatusOK {
		t.Fatal(status)
	}
	var kinds []sim.AuditType
	for _, e := range s.AuditEvents() {
		kinds = append(kinds, e.Type)
		if e.ClientUserID != adminName || e.ClientApplicationURI != clientURI {
			t.Errorf("%v: by %q of %q", e.Type, e.ClientUserID, e.ClientApplicationURI)
		}
		for _, in := range e.InputArguments {
			if b, ok := in.([]byte); ok && bytes.Equal(b, key) {
				t.Error("the private key is on record")
			}
		}
	}
	if len(kinds) != 3 || kinds[0] != sim.CertificateUpdateRequested || kinds[1] != sim.TrustListUpdateRequested || kinds[2] != sim.TrustListUpdated {
		t.Errorf("got %v", kinds)
	}
	if text := log.String(); !strings.Contains(text, "CertificateUpdateRequestedAuditEvent") || !strings.Contains(text, "user="+adminName) {
		t.Errorf("the log has no audit event: %s", text)
	}
}
