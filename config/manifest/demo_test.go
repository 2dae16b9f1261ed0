package manifest_test

import (
	"testing"
	"time"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	manifests "github.com/uapush/uapush/testdata/manifest"
)

func TestDemoManifest(t *testing.T) {
	m, err := manifest.Parse("line-a.yaml", manifests.LineA)
	if err != nil {
		t.Fatal(err)
	}
	d, err := m.Desired()
	if err != nil {
		t.Fatal(err)
	}
	e := d.Records.ServerEndpoints[0]
	if e.Port != 4843 || e.Name != "line-a" || e.TransportProfileURI != config.TransportUATCP || len(e.SecuritySettingNames) != 1 {
		t.Errorf("endpoint: got %+v", e)
	}
	s := d.Records.SecuritySettings[0]
	if s.SecurityModes[0] != config.ModeSignAndEncrypt || s.SecurityPolicyURIs[1] != config.PolicyAes256Sha256RsaPss || s.CertificateGroupName != "LineA" {
		t.Errorf("settings: got %+v", s)
	}
	u := d.Records.UserTokenSettings[0]
	if u.TokenType != config.TokenUserName || u.SecurityPolicyURI != config.PolicyBasic256Sha256 {
		t.Errorf("user token: got %+v", u)
	}
	g := d.Records.CertificateGroups[0]
	if g.Purpose != config.PurposeApplicationCertificate || g.CertificateTypes[0] != config.TypeRsaSha256 || g.ValidationOptions != config.DefaultValidation {
		t.Errorf("group: got %+v", g)
	}
	if tl := d.TrustLists[0]; tl.Group != "LineA" || len(tl.Trusted) != 2 || tl.Trusted[0] != "self" || tl.CRLs[0] != "ca" {
		t.Errorf("trust list: got %+v", tl)
	}
	if c := d.Certificates[0]; c.Type != config.TypeRsaSha256 || c.Validity != 365*24*time.Hour || c.DNSNames[0] != "localhost" || c.IPAddresses[0] != "127.0.0.1" {
		t.Errorf("certificate: got %+v", c)
	}
	if d.Update != (config.UpdateTiming{RevertAfter: 2 * time.Minute}) {
		t.Errorf("update: got %+v", d.Update)
	}
}
