package part12

import (
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
)

// 7.8.5.1: ActivityTimeout counts from the last call; after it the handle is
// unknown, what was written is lost and others may write.
func TestActivityTimeout(t *testing.T) {
	r := start(t)
	a, b := r.admin("a"), r.admin("b")
	h := r.good(a, fileName, "Open", byte(3))[0]
	for range 3 {
		r.clock.Advance(r.opt.ActivityTimeout - time.Millisecond)
		r.good(a, fileName, "GetPosition", h)
	}
	r.want(ua.StatusBadTransactionPending, b, trustPath, "Open", byte(6))
	r.clock.Advance(r.opt.ActivityTimeout)
	r.want(ua.StatusBadInvalidArgument, a, fileName, "GetPosition", h)
	r.good(b, trustPath, "Open", byte(6))
}

// What is no configuration file of SupportedDataType is refused, and the handle is
// closed. The spec names no code for it.
func TestUploadIsNoConfiguration(t *testing.T) {
	older, err := uafile.New(uafile.Layout105_05).Encode(config.Application{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want ua.StatusCode
	}{
		{"garbage", []byte("hello"), ua.StatusBadDecodingError},
		{"a TrustList", withCA.encode(maskAll), ua.StatusBadDecodingError},
		{"ApplicationConfigurationDataType of 1.05.05", older, ua.StatusBadNotSupported},
	} {
		r := start(t)
		a := r.admin("a")
		h := r.good(a, fileName, "Open", byte(3))[0]
		r.good(a, fileName, "Write", h, tt.data)
		got := r.call(a, fileName, "CloseAndUpdate", h, uint32(r.server.Configuration().Version), targets(target{"ApplicationIdentity", config.Replace}), 0.0, 0.0)
		if got.Status != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got.Status, tt.want)
		}
		r.want(ua.StatusBadInvalidArgument, a, fileName, "Close", h)
	}
}

// Memory is bounded whatever a client writes.
func TestWriteIsBounded(t *testing.T) {
	r := start(t, func(o *Options) { o.MaxByteStringLength, o.MaxConfigurationSize = 1000, 1500 })
	a := r.admin("a")
	h := r.good(a, fileName, "Open", byte(3))[0]
	r.want(ua.StatusBadInvalidArgument, a, fileName, "Write", h, make([]byte, 1001))
	r.good(a, fileName, "Write", h, make([]byte, 1000))
	r.want(ua.StatusBadRequestTooLarge, a, fileName, "Write", h, make([]byte, 501))
	r.good(a, fileName, "SetPosition", h, uint64(0))
	if got := r.good(a, fileName, "Read", h, int32(1<<20))[0].([]byte); len(got) != 1000 {
		t.Errorf("one Read gave %d bytes, want MaxByteStringLength", len(got))
	}
}
