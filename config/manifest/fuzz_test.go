package manifest_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/uapush/uapush/config/manifest"
	manifests "github.com/uapush/uapush/testdata/manifest"
)

// FuzzParse: no panic, every error typed and placed, and what is accepted means
// the same each time.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(full))
	f.Add(manifests.LineA)
	for _, c := range bad {
		f.Add([]byte(spoil(c.old, c.new)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Parse("m.yaml", data)
		if err != nil {
			placed(t, err)
			return
		}
		again, err := manifest.Parse("m.yaml", data)
		if err != nil {
			t.Fatalf("second time: %v", err)
		}
		a, errA := m.Desired()
		b, errB := again.Desired()
		if !reflect.DeepEqual(a, b) || (errA == nil) != (errB == nil) {
			t.Errorf("got %+v and %+v", a, b)
		}
		if errA != nil {
			placed(t, errA)
			return
		}
		if len(a.Records.ServerEndpoints) != 1 || a.Records.ServerEndpoints[0].Port == 0 || a.Records.ServerEndpoints[0].Name == "" {
			t.Errorf("accepted without an endpoint: %+v", a.Records)
		}
	})
}

func placed(t *testing.T, err error) {
	t.Helper()
	var problems manifest.Errors
	if !errors.As(err, &problems) || len(problems) == 0 || !errors.Is(err, manifest.ErrManifest) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	for _, p := range problems {
		if p.File != "m.yaml" || p.Line < 1 || p.Column < 1 || p.Message == "" {
			t.Errorf("problem without a place: %+v", p)
		}
		_ = p.Excerpt()
	}
}
