package push

import (
	"errors"
	"strings"
	"testing"

	"github.com/uapush/uapush/workflow"
)

// A TrustList that nobody can read must not hide the others, and is closed.
func TestSurveyTellsAMalformedListWithItsGroup(t *testing.T) {
	file, sound, broken := []byte("file"), encodeTrustList(workflow.TrustList{Lists: workflow.AllLists}), []byte(nil)
	f := device(&file, &sound)
	f.stored(f.group("DefaultHttpsGroup")+"/TrustList", &broken, 1<<16)
	s := f.session(t)
	o, err := s.Survey(t.Context(), func(workflow.GroupObservation) workflow.Parts { return workflow.PartTrustList })
	if err != nil || len(o.Groups) != 2 {
		t.Fatalf("got %d groups, %v", len(o.Groups), err)
	}
	for _, g := range o.Groups {
		var malformed *MalformedError
		if wrong := g.Name == "DefaultHttpsGroup"; g.Inspected == wrong || errors.As(g.TrustListError, &malformed) != wrong {
			t.Errorf("%s: inspected %v, error %v", g.Name, g.Inspected, g.TrustListError)
		}
	}
	if _, err := s.ReadTrustList(t.Context(), "DefaultHttpsGroup", workflow.AllLists); err == nil {
		t.Error("the empty file is a TrustList")
	}
	opened, closed := 0, 0
	for _, method := range f.called {
		opened += strings.Count(method, "TrustList/Open")
		closed += strings.Count(method, "TrustList/Close")
	}
	if opened != 3 || closed != 3 {
		t.Errorf("opened %d files and closed %d, want 3 of each", opened, closed)
	}
}
