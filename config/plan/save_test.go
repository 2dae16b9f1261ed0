package plan

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/uapush/uapush/config"
)

// linePlan is a plan that has everything.
func linePlan(t testing.TB) Plan {
	t.Helper()
	base := device()
	merged, err := Merge(base, lineA(), config.ApplicationServer)
	if err != nil {
		t.Fatal(err)
	}
	merged.ServerEndpoints[0].DiscoveryURLs = []string{"opc.tcp://plc1.example:4840"}
	merged.AuthorizationServices = []config.AuthorizationService{{
		Record:              config.Record{Name: "sso", Properties: []config.Property{{Name: "k", Value: []byte{1}}}},
		ServiceCertificates: []config.ServiceCertificate{{Certificate: []byte{1}, ValidFrom: epoch.Add(100 * time.Nanosecond)}},
	}}
	changes := Compute(base, merged)
	ca, err := Certificate("ca", testCA().cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return Plan{
		Schema: Schema, BaseVersion: base.Version, Application: "nsu=urn:x;s=App",
		Server:       Server{URL: "opc.tcp://plc1:4840", ApplicationURI: "urn:plant:plc1", CertificateSHA256: ca.SHA256},
		Changes:      changes,
		TrustLists:   []TrustListAction{{Group: "LineA", Trusted: []Material{ca}}},
		Certificates: CertificateActions([]config.DesiredCertificate{{Group: "LineA", Type: config.TypeRsaSha256, Subject: "CN=PLC1 & <Co>", IPAddresses: []string{"10.0.0.1"}, Validity: 365 * 24 * time.Hour}}, nil),
		Update:       config.UpdateTiming{RevertAfter: 2 * time.Minute},
		Endpoints:    []string{"opc.tcp://plc1:4843"},
		Summary:      Summarize(changes),
	}
}

func saved(t testing.TB, p Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := Save(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSaveLoad(t *testing.T) {
	for name, p := range map[string]Plan{"empty": {Schema: Schema}, "full": linePlan(t)} {
		t.Run(name, func(t *testing.T) {
			file := saved(t, p)
			got, err := Load(strings.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, p) {
				t.Errorf("Load(Save(p)) = %+v, want %+v", got, p)
			}
			if again := saved(t, got); again != file {
				t.Errorf("saved again it is %s, want %s", again, file)
			}
		})
	}
	if file := saved(t, Plan{}); !strings.Contains(file, `"changes": []`) || !strings.Contains(file, `"revertAfter": "0s"`) {
		t.Errorf("an empty plan is %s", file)
	}
	if file := saved(t, linePlan(t)); !strings.Contains(file, `"validity": "8760h0m0s"`) {
		t.Errorf("the validity is not a duration in words: %s", file)
	}
}

func TestLoadRefuses(t *testing.T) {
	good := saved(t, linePlan(t))
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the plan does not say %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	schema, change, invalid := new(*SchemaError), new(*ChangeError), new(*InvalidError)
	tests := []struct {
		name, file string
		want       any // nil: any error
	}{
		{"nothing", "", nil},
		{"no JSON", "hello", nil},
		{"no plan", "{}", schema},
		{"later version", replace("uapush.plan/1", "uapush.plan/2"), schema},
		{"trailing data", good + "{}", nil},
		{"unknown field", replace(`"baseVersion"`, `"x": 1, "baseVersion"`), nil},
		{"unknown field of a change", replace(`"updateType"`, `"x": 1, "updateType"`), nil},
		{"unknown field of a record", replace(`"purpose"`, `"x": 1, "purpose"`), nil},
		{"unknown field of a certificate", replace(`"reason"`, `"x": 1, "reason"`), nil},
		{"unknown field of update", replace(`"restartDelay"`, `"x": "1s", "restartDelay"`), nil},
		{"path", replace(`"path": "CertificateGroups.[1]"`, `"path": "CertificateGroups[1]"`), change},
		{"path of another list", replace(`"path": "CertificateGroups.[1]"`, `"path": "ServerEndpoints.[7]"`), change},
		{"path twice", replace(`"path": "SecuritySettings.[1]"`, `"path": "SecuritySettings.[1]", "path": "CertificateGroups.[1]"`), change},
		{"unknown kind", replace(`"kind": "CertificateGroups"`, `"kind": "Things"`), change},
		{"update type", replace(`"updateType": "Insert"`, `"updateType": "Delete"`), change},
		{"unknown update type", replace(`"updateType": "Insert"`, `"updateType": "Upsert"`), nil},
		{"name", replace(`"name": "LineA"`, `"name": "LineB"`), change},
		{"type of a group", replace(`"i=12560"`, `"ns=2;i=1"`), change},
		{"fields", replace(`"field": "discoveryUrls"`, `"field": "port"`), change},
		{"summary", replace(`"insert": 5`, `"insert": 1`), invalid},
		{"hash", replace(`"certificateSha256": "`, `"certificateSha256": "x`), invalid},
		{"material", replace(`"der": "MII`, `"der": "MIJ`), invalid},
		{"subject of material", replace(`"subject": "CN=Plant CA"`, `"subject": "CN=Harmless"`), invalid},
		{"action", replace(`"action": "issue"`, `"action": "explode"`), invalid},
		{"validity", replace(`"8760h0m0s"`, `"365d"`), nil},
		{"negative validity", replace(`"8760h0m0s"`, `"-1h"`), invalid},
		{"negative delay", replace(`"restartDelay": "0s"`, `"restartDelay": "-1s"`), invalid},
		{"address", replace(`"10.0.0.1"`, `"plc1"`), invalid},
		{"endpoint", replace(`"opc.tcp://plc1:4843"
  ]`, `"plc1"
  ]`), invalid},
		{"application", replace(`"nsu=urn:x;s=App"`, `"ns=1;s=App"`), invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(strings.NewReader(tt.file))
			switch {
			case err == nil:
				t.Error("it was loaded")
			case tt.want != nil && !errors.As(err, tt.want):
				t.Errorf("error %v, want %T", err, tt.want)
			}
		})
	}
	if _, err := Load(bytes.NewReader(make([]byte, MaxSize+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

func TestSaveRefuses(t *testing.T) {
	p := linePlan(t)
	p.TrustLists[0].Trusted[0].SHA256 = strings.Repeat("0", 64)
	var invalid *InvalidError
	if err := Save(&bytes.Buffer{}, p); !errors.As(err, &invalid) || invalid.Hint() == "" {
		t.Errorf("error %v, want an *InvalidError", err)
	}
	if err := Save(&bytes.Buffer{}, Plan{Server: Server{ApplicationURI: "\xff"}}); err == nil {
		t.Error("text that is not UTF-8 was saved")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(saved(f, linePlan(f))))
	f.Add([]byte(saved(f, Plan{})))
	f.Add([]byte(`{"schema":"uapush.plan/1","changes":[{"path":"ApplicationIdentity","updateType":"Replace","kind":"ApplicationIdentity","name":"","before":{},"after":{}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Load(bytes.NewReader(data))
		if err != nil {
			return
		}
		first := saved(t, p)
		again, err := Load(strings.NewReader(first))
		if err != nil {
			t.Fatalf("Load(Save(p)): %v", err)
		}
		if second := saved(t, again); second != first {
			t.Errorf("saved again it is %s, want %s", second, first)
		}
		_, _, _ = Apply(device(), p.Changes) // an error, never a panic
	})
}
