package push

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// oneCertificate is OPC 10000-12, 7.8.2.8 in bytes: mask 15, one pseudo certificate.
const oneCertificate = "0f000000" + "01000000" + "05000000" + "3003020101" + "00000000" + "00000000" + "00000000"

func TestTrustListVector(t *testing.T) {
	l := workflow.TrustList{Lists: workflow.AllLists, TrustedCertificates: [][]byte{{0x30, 3, 2, 1, 1}}}
	if got := hex.EncodeToString(encodeTrustList(l)); got != oneCertificate {
		t.Errorf("got %s, want %s", got, oneCertificate)
	}
	// gopcua's own codec is another opinion on the layout.
	other := ua.TrustListDataType{
		SpecifiedLists: 15, TrustedCertificates: l.TrustedCertificates,
		TrustedCrls: [][]byte{}, IssuerCertificates: [][]byte{}, IssuerCrls: [][]byte{},
	}
	if b, err := ua.Encode(&other); err != nil || hex.EncodeToString(b) != oneCertificate {
		t.Errorf("got %x, %v; want %s", b, err, oneCertificate)
	}
}

func TestTrustListMalformed(t *testing.T) {
	for name, text := range map[string]string{
		"negative count":  "0f000000" + "feffffff",
		"huge count":      "0f000000" + "ffffff7f",
		"negative length": "0f000000" + "01000000" + "feffffff",
		"huge length":     "0f000000" + "01000000" + "ffffff7f",
		"truncated":       oneCertificate[:40],
		"empty":           "",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeTrustList(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	null, _ := hex.DecodeString("00000000" + "ffffffff" + "ffffffff" + "ffffffff" + "ffffffff")
	if _, err := decodeTrustList(null); err != nil {
		t.Errorf("null arrays: %v", err)
	}
}

// FuzzTrustList: what decodes is encoded to a stream that decodes the same; a
// prefix of it is never complete and never an error.
func FuzzTrustList(f *testing.F) {
	seed, _ := hex.DecodeString(oneCertificate)
	f.Add(seed)
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeTrustList(b)
		if err != nil {
			return
		}
		encoded := encodeTrustList(l)
		again, err := decodeTrustList(encoded)
		if err != nil || !sameList(l, again) {
			t.Fatalf("got %v, %v; want %v", again, err, l)
		}
		for n := range min(len(encoded), 64) {
			if done, err := trustListComplete(encoded[:n]); done || err != nil {
				t.Fatalf("a prefix of %d bytes: complete %v, %v", n, done, err)
			}
		}
	})
}

func sameList(a, b workflow.TrustList) bool {
	same := func(x, y [][]byte) bool { return slices.EqualFunc(x, y, bytes.Equal) }
	return a.Lists == b.Lists && same(a.TrustedCertificates, b.TrustedCertificates) && same(a.TrustedCRLs, b.TrustedCRLs) &&
		same(a.IssuerCertificates, b.IssuerCertificates) && same(a.IssuerCRLs, b.IssuerCRLs)
}

const listKey = "12637/CertificateGroups/DefaultApplicationGroup/TrustList"

func TestWriteTrustList(t *testing.T) {
	for name, c := range map[string]struct {
		answer ua.CallMethodResult
		want   bool
	}{
		"TRUE":  {good(true), true},
		"FALSE": {good(false), false},
		"none":  {good(), true}, // ApplyChanges with nothing to do is harmless
	} {
		var file, list []byte
		f := device(&file, &list)
		f.method(listKey+"/CloseAndUpdate", func([]any) ua.CallMethodResult { return c.answer })
		f.values["12911"] = uint32(10) // MaxByteStringLength of the server: three pieces
		l := workflow.TrustList{Lists: workflow.TrustedCertificates, TrustedCertificates: [][]byte{{0x30, 3, 2, 1, 1}}}
		got, err := f.session(t).WriteTrustList(t.Context(), "DefaultApplicationGroup", l)
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, c.want)
		}
		if !bytes.Equal(list, encodeTrustList(l)) {
			t.Errorf("%s: written %x, want %x", name, list, encodeTrustList(l))
		}
	}
}

func TestWriteTrustListTooLarge(t *testing.T) {
	var file, list []byte
	f := device(&file, &list) // MaxTrustListSize 64
	l := workflow.TrustList{Lists: workflow.TrustedCertificates, TrustedCertificates: [][]byte{make([]byte, 100)}}
	_, err := f.session(t).WriteTrustList(t.Context(), "DefaultApplicationGroup", l)
	var size *SizeError
	if !errors.As(err, &size) || size.Limit != 64 {
		t.Errorf("got %v, want a SizeError of 64", err)
	}
	if len(f.called) != 0 {
		t.Errorf("called %q before the refusal", f.called)
	}
}

// A failed Write closes the handle, so that the server drops what it has; a
// request that the channel did not send is sent again in smaller pieces.
func TestWriteTrustListFails(t *testing.T) {
	var file, list []byte
	f := device(&file, &list)
	f.method(listKey+"/Write", func([]any) ua.CallMethodResult { return bad(ua.StatusBadRequestTooLarge) })
	_, err := f.session(t).WriteTrustList(t.Context(), "DefaultApplicationGroup", workflow.TrustList{})
	if !errors.Is(err, ua.StatusBadRequestTooLarge) || workflow.ClassOf(err) != workflow.ClassRejected {
		t.Errorf("got %v, want Bad_RequestTooLarge", err)
	}
	if last := f.called[len(f.called)-1]; last != listKey+"/Close" {
		t.Errorf("last call %q, want Close", last)
	}
	f = device(&file, &list)
	delete(f.nodes, "12637/MaxTrustListSize")
	f.method(listKey+"/CloseAndUpdate", func([]any) ua.CallMethodResult { return good(true) })
	f.hook = func(req ua.Request) (ua.Response, error) {
		if r, ok := req.(*secureconv.CallRequest); ok && len(r.Methods[0].Inputs) == 2 {
			if data, ok := r.Methods[0].Inputs[1].([]byte); ok && len(data) > 8192 {
				return nil, &secureconv.LimitError{Limit: "MaxMessageSize", Got: len(data), Most: 8192, Status: ua.StatusBadRequestTooLarge}
			}
		}
		return nil, nil
	}
	l := workflow.TrustList{Lists: workflow.TrustedCertificates, TrustedCertificates: [][]byte{make([]byte, 100000)}}
	if _, err := f.session(t).WriteTrustList(t.Context(), "DefaultApplicationGroup", l); err != nil || !bytes.Equal(list, encodeTrustList(l)) {
		t.Errorf("got %d bytes, %v; want %d", len(list), err, len(encodeTrustList(l)))
	}
}

func TestUnknownGroup(t *testing.T) {
	var file, list []byte
	_, err := device(&file, &list).session(t).WriteTrustList(t.Context(), "LineA", workflow.TrustList{})
	var unknown *UnknownGroupError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"DefaultApplicationGroup"}) {
		t.Errorf("got %v, want an UnknownGroupError", err)
	}
}

// A group that appears after Observe is found by one more look.
func TestNewGroup(t *testing.T) {
	file, list := []byte("x"), encodeTrustList(workflow.TrustList{})
	f := device(&file, &list)
	s := f.session(t)
	if _, err := s.Observe(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var content []byte
	key := f.group("LineA")
	f.stored(key+"/TrustList", &content, 100)
	f.method(key+"/TrustList/CloseAndUpdate", func([]any) ua.CallMethodResult { return good(true) })
	if _, err := s.WriteTrustList(t.Context(), "LineA", workflow.TrustList{}); err != nil || len(content) != 20 {
		t.Errorf("got %d bytes, %v; want 20", len(content), err)
	}
}
