package sim_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

// stillServes fails unless a well-behaved administrator is served.
func stillServes(t *testing.T, s *sim.Server) {
	t.Helper()
	p := admin(t, secure(s))
	if got := p.read(16306); got.Status != ua.StatusOK {
		t.Errorf("a well-behaved client reads CurrentVersion: %v", got.Status)
	}
	if _, err := p.send(&ua.CloseSessionRequest{}); err != nil {
		t.Errorf("a well-behaved client closes its Session: %v", err)
	}
}

// rawMessage is a frame of UACP (OPC 10000-6, 7.1.2.2).
func rawMessage(kind string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(8+len(body)))
	return append(b, body...)
}

func rawHello(url string, buffer uint32) []byte {
	var b []byte
	for _, n := range []uint32{0, buffer, buffer, 0, 0, uint32(len(url))} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return rawMessage("HELF", append(b, url...))
}

// rawOpen is an OpenSecureChannel header with whatever follows it.
func rawOpen(policy string, certificate, rest []byte) []byte {
	b := make([]byte, 4)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(policy))), policy...)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(certificate))), certificate...)
	b = append(binary.LittleEndian.AppendUint32(b, 20), make([]byte, 20)...)
	return rawMessage("OPNF", append(b, rest...))
}

// What arrives before a secure channel is answered with an ERR or the end of the
// connection, and harms nobody.
func TestNoise(t *testing.T) {
	s := startServer(t)
	address := strings.TrimPrefix(s.URL(), "opc.tcp://")
	hello := rawHello(s.URL(), 65535)
	noise := bytes.Repeat([]byte{0xA5, 0x5A, 0xFF, 0x00}, 4096)
	huge := []byte{'O', 'P', 'N', 'F', 0xFF, 0xFF, 0xFF, 0x7F}
	after := func(b []byte) []byte { return append(bytes.Clone(hello), b...) }
	var work sync.WaitGroup
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"noise":                   noise,
		"a request for a page":    []byte("GET / HTTP/1.1\r\nHost: plc1\r\n\r\n"),
		"half a Hello":            hello[:20],
		"Hello of 2 GiB":          {'H', 'E', 'L', 'F', 0xFF, 0xFF, 0xFF, 0x7F},
		"Hello of 7 bytes":        {'H', 'E', 'L', 'F', 7, 0, 0, 0},
		"Hello with a long URL":   rawHello(strings.Repeat("u", 5000), 65535),
		"Hello with no buffers":   rawHello(s.URL(), 0),
		"Hello claims a long URL": rawMessage("HELF", append(make([]byte, 20), 0xFF, 0xFF, 0xFF, 0x7F)),
		"ReverseHello":            rawMessage("RHEF", noise[:100]),
		"Acknowledge":             rawMessage("ACKF", noise[:20]),
		"ERR":                     rawMessage("ERRF", noise[:20]),
		"noise after Hello":       after(noise),
		"Hello twice":             after(hello),
		"MSG before OPN":          after(rawMessage("MSGF", noise[:100])),
		"CLO before OPN":          after(rawMessage("CLOF", noise[:100])),
		"OPN of 2 GiB":            after(huge),
		"OPN with noise":          after(rawMessage("OPNF", noise[:2000])),
		"OPN of no policy":        after(rawOpen("", nil, noise[:512])),
		"OPN of an odd policy":    after(rawOpen("urn:odd", clientIdentity().Leaf(), noise[:512])),
		"OPN of noise":            after(rawOpen(config.PolicyBasic256Sha256, noise[:1000], noise[:512])),
		"OPN to nobody":           after(rawOpen(config.PolicyBasic256Sha256, clientIdentity().Leaf(), noise[:512])),
		"OPN of None with noise":  after(rawOpen(config.PolicyNone, nil, noise[:512])),
	} {
		for range 8 {
			work.Go(func() {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				_, _ = c.Write(b) // the server may have had enough before the end
				_ = c.(*net.TCPConn).CloseWrite()
				got, err := io.ReadAll(io.LimitReader(c, 1<<20))
				if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
					t.Errorf("%s: the server neither answers nor ends the connection", name)
				}
				if len(got) > 1000 {
					t.Errorf("%s: %d bytes in answer", name, len(got))
				}
			})
		}
	}
	work.Wait()
	stillServes(t, s)
}

// Discovery alone needs no Session (OPC 10000-4, 5.5 and 5.7).
func TestNoServiceWithoutSession(t *testing.T) {
	s := startServer(t)
	other := admin(t, secure(s))
	tokens := map[string]*ua.NodeID{
		"none":              ua.NewTwoByteNodeID(0),
		"guessed":           ua.NewByteStringNodeID(1, make([]byte, 32)),
		"the SessionId":     other.session.SessionID,
		"of another client": other.session.AuthenticationToken,
	}
	node := []*ua.ReadValueID{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}}}
	requests := func() []ua.Request {
		return []ua.Request{
			&ua.ReadRequest{NodesToRead: node},
			&ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue, Value: &ua.DataValue{}}}},
			&ua.BrowseRequest{NodesToBrowse: []*ua.BrowseDescription{{NodeID: ns0(serverConfiguration)}}},
			&ua.BrowseNextRequest{ContinuationPoints: [][]byte{{1}}},
			&ua.TranslateBrowsePathsToNodeIDsRequest{BrowsePaths: []*ua.BrowsePath{{StartingNode: ns0(84), RelativePath: &ua.RelativePath{}}}},
			&secureconv.CallRequest{Methods: []secureconv.MethodCall{{ObjectID: ns0(serverConfiguration), MethodID: ns0(12740)}}},
			&ua.CancelRequest{},
			&ua.CloseSessionRequest{},
			&ua.ActivateSessionRequest{UserIdentityToken: ua.NewExtensionObject(&ua.AnonymousIdentityToken{}), ClientSignature: &ua.SignatureData{}, UserTokenSignature: &ua.SignatureData{}},
			&ua.RegisterNodesRequest{}, &ua.UnregisterNodesRequest{}, &ua.QueryFirstRequest{}, &ua.QueryNextRequest{},
			&ua.HistoryReadRequest{}, &ua.HistoryUpdateRequest{}, &ua.AddNodesRequest{}, &ua.AddReferencesRequest{}, &ua.DeleteNodesRequest{},
			&ua.DeleteReferencesRequest{}, &ua.CreateMonitoredItemsRequest{}, &ua.CreateSubscriptionRequest{}, &ua.PublishRequest{},
			&ua.RepublishRequest{}, &ua.TransferSubscriptionsRequest{}, &ua.DeleteSubscriptionsRequest{},
			&ua.RegisterServerRequest{}, &ua.RegisterServer2Request{}, &ua.FindServersOnNetworkRequest{},
		}
	}
	for name, cfg := range map[string]secureconv.ClientConfig{"without security": insecure(s), "with security": secure(s)} {
		p := dial(t, cfg)
		for kind, token := range tokens {
			for _, req := range requests() {
				req.SetHeader(&ua.RequestHeader{AuthenticationToken: token, AdditionalHeader: ua.NewExtensionObject(nil)})
				_, err := p.send(req)
				switch status := statusOf(err); status {
				case ua.StatusBadSessionIDInvalid, ua.StatusBadSecureChannelIDInvalid, ua.StatusBadServiceUnsupported,
					ua.StatusBadSecurityPolicyRejected, ua.StatusBadApplicationSignatureInvalid:
				default:
					t.Errorf("%s, token %s, %T: got %v, want a refusal", name, kind, req, err)
				}
			}
		}
	}
	if got := other.read(16306); got.Status != ua.StatusOK {
		t.Errorf("the Session whose token was tried: %v", got.Status)
	}
}

// A Session belongs to the client that made it, also among clients that are trusted
// and know the same password (OPC 10000-4, 5.7.3.1).
func TestSessionIsNotTakenOver(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.TrustClients = append(o.TrustClients, stranger().Leaf()) })
	p := admin(t, secure(s))
	cfg := secure(s)
	cfg.Local = stranger()
	thief := dial(t, cfg)
	thief.session, thief.nonce = p.session, p.nonce
	if err := thief.login(adminName, adminPass); statusOf(err) != ua.StatusBadSecureChannelIDInvalid {
		t.Errorf("ActivateSession: got %v, want Bad_SecureChannelIdInvalid", err)
	}
	for _, req := range []ua.Request{&ua.CloseSessionRequest{}, &ua.ReadRequest{}} {
		if _, err := thief.send(req); statusOf(err) != ua.StatusBadSecureChannelIDInvalid {
			t.Errorf("%T: got %v, want Bad_SecureChannelIdInvalid", req, err)
		}
	}
	if got := p.read(16306); got.Status != ua.StatusOK {
		t.Errorf("the owner: %v", got.Status)
	}
}

const (
	filePosition = 11590
	trustList    = 12642
)

// A file handle is good in its own Session only (OPC 10000-20, 4.2.2).
func TestHandlesOfAnotherSession(t *testing.T) {
	s := startServer(t)
	p, q := admin(t, secure(s)), admin(t, secure(s))
	out, status := p.call(ns0(configurationFile), ns0(fileOpen), byte(3))
	if status != ua.StatusOK {
		t.Fatal(status)
	}
	handle := out[0].(uint32)
	for _, tt := range []struct {
		method uint32
		in     []any
	}{
		{fileRead, []any{handle, int32(10)}},
		{fileWrite, []any{handle, []byte("x")}},
		{filePosition, []any{handle}},
		{fileClose, []any{handle}},
		{configurationUpdate, []any{handle, uint32(0), []*ua.ExtensionObject{}, float64(0), float64(0)}},
	} {
		for _, guess := range []uint32{handle, handle + 1, 0, math.MaxUint32} {
			tt.in[0] = guess
			if _, status := q.call(ns0(configurationFile), ns0(tt.method), tt.in...); status != ua.StatusBadInvalidArgument {
				t.Errorf("i=%d with handle %d: got %v, want Bad_InvalidArgument", tt.method, guess, status)
			}
		}
	}
	for _, length := range []int32{-1, 0, math.MinInt32} {
		if _, status := p.call(ns0(configurationFile), ns0(fileRead), handle, length); status != ua.StatusBadInvalidArgument {
			t.Errorf("Read of %d bytes: got %v, want Bad_InvalidArgument", length, status)
		}
	}
	out, status = p.call(ns0(configurationFile), ns0(fileRead), handle, int32(math.MaxInt32))
	if status != ua.StatusOK || len(out[0].([]byte)) == 0 {
		t.Errorf("Read of 2 GiB: got %v", status)
	}
	if _, status := p.call(ns0(configurationFile), ns0(fileClose), handle); status != ua.StatusOK {
		t.Errorf("the owner closes: %v", status)
	}
}

// Memory for open files is bounded, and the end of the Session frees it.
func TestManyHandles(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	opened := 0
	for range 1000 {
		_, status := p.call(ns0(configurationFile), ns0(fileOpen), byte(1))
		if status == ua.StatusBadResourceUnavailable {
			break
		}
		if status != ua.StatusOK {
			t.Fatal(status)
		}
		opened++
	}
	if opened == 1000 {
		t.Error("a thousand open files, and no end")
	}
	if _, err := p.send(&ua.CloseSessionRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, status := admin(t, secure(s)).call(ns0(configurationFile), ns0(fileOpen), byte(1)); status != ua.StatusOK {
		t.Errorf("after the Session has ended: %v", status)
	}
}

// A TrustList that is too large is refused, at the latest by CloseAndUpdate (OPC
// 10000-12, 7.8.2.5), and what may be written before is bounded.
func TestTrustListTooLarge(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Limits.MaxTrustListSize = 1000 })
	p := admin(t, secure(s))
	open := func() uint32 {
		out, status := p.call(ns0(trustList), ns0(fileOpen), byte(6))
		if status != ua.StatusOK {
			t.Fatalf("Open: %v", status)
		}
		return out[0].(uint32)
	}
	handle := open()
	list := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 15), 2)
	for _, der := range [][]byte{clientIdentity().Leaf(), stranger().Leaf()} {
		list = append(binary.LittleEndian.AppendUint32(list, uint32(len(der))), der...)
	}
	list = append(list, make([]byte, 12)...)
	if _, status := p.call(ns0(trustList), ns0(fileWrite), handle, list); status != ua.StatusOK {
		t.Fatalf("Write: %v", status)
	}
	if _, status := p.call(ns0(trustList), ns0(trustListUpdate), handle); status != ua.StatusBadEncodingLimitsExceeded && status != ua.StatusBadRequestTooLarge {
		t.Errorf("CloseAndUpdate of %d bytes: got %v", len(list), status)
	}
	handle = open()
	written := 0
	for range 100 {
		if _, status := p.call(ns0(trustList), ns0(fileWrite), handle, make([]byte, 60000)); status != ua.StatusOK {
			break
		}
		written += 60000
	}
	if written > 200_000 {
		t.Errorf("%d bytes could be written to a list of at most 1000", written)
	}
	if _, status := p.call(ns0(trustList), ns0(fileWrite), handle, make([]byte, 3<<20)); status == ua.StatusOK {
		t.Error("3 MiB could be written at once")
	}
	stillServes(t, s)
}

// Large and odd requests of somebody who is logged in.
func TestLargeRequests(t *testing.T) {
	s := startServer(t)
	p := admin(t, secure(s))
	nodes := make([]*ua.ReadValueID, 20_000)
	browses := make([]*ua.BrowseDescription, 20_000)
	calls := make([]secureconv.MethodCall, 51)
	points := make([][]byte, 20_000)
	for i := range nodes {
		nodes[i] = &ua.ReadValueID{NodeID: ns0(2259), AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}}
		browses[i] = &ua.BrowseDescription{NodeID: ns0(serverConfiguration)}
		points[i] = []byte{1}
	}
	for i := range calls {
		calls[i] = secureconv.MethodCall{ObjectID: ns0(serverConfiguration), MethodID: ns0(12740)}
	}
	long := &ua.RelativePath{}
	for range 30_000 {
		long.Elements = append(long.Elements, &ua.RelativePathElement{ReferenceTypeID: ns0(33), IncludeSubtypes: true, TargetName: &ua.QualifiedName{Name: "x"}})
	}
	for _, tt := range []struct {
		name string
		req  ua.Request
		want []ua.StatusCode
	}{
		{"Read", &ua.ReadRequest{NodesToRead: nodes}, []ua.StatusCode{ua.StatusBadTooManyOperations}},
		{"Browse", &ua.BrowseRequest{NodesToBrowse: browses}, []ua.StatusCode{ua.StatusBadTooManyOperations}},
		{"BrowseNext", &ua.BrowseNextRequest{ContinuationPoints: points}, []ua.StatusCode{ua.StatusBadTooManyOperations}},
		{"Call", &secureconv.CallRequest{Methods: calls}, []ua.StatusCode{ua.StatusBadTooManyOperations}},
		{"a long path", &ua.TranslateBrowsePathsToNodeIDsRequest{BrowsePaths: []*ua.BrowsePath{{StartingNode: ns0(84), RelativePath: long}}}, []ua.StatusCode{ua.StatusOK}},
		{"500 Browses", &ua.BrowseRequest{NodesToBrowse: browses[:500]}, []ua.StatusCode{ua.StatusOK, ua.StatusBadResponseTooLarge}},
	} {
		_, err := p.send(tt.req)
		if got := statusOf(err); got != tt.want[0] && got != tt.want[len(tt.want)-1] {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	many := make([]uint32, 65535)
	for name, in := range map[string][]any{
		"an array":               {many},
		"65535 ByteStrings":      {make([][]byte, 65535)},
		"a thousand arguments":   make([]any, 1000),
		"a Variant in a Variant": {ua.MustVariant(ua.MustVariant(uint32(1)))},
		"no arguments":           nil,
	} {
		switch _, status := p.call(ns0(configurationFile), ns0(fileOpen), in...); status {
		case ua.StatusBadInvalidArgument, ua.StatusBadTypeMismatch, ua.StatusBadTooManyArguments, ua.StatusBadArgumentsMissing:
		default:
			t.Errorf("Open with %s: got %v", name, status)
		}
	}
	stillServes(t, s)
}

// Timeouts that no clock has.
func TestOddTimeouts(t *testing.T) {
	s := startServer(t)
	p := dial(t, secure(s))
	for _, timeout := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		req := p.createRequest()
		req.RequestedSessionTimeout = timeout
		resp, err := p.send(req)
		if err != nil {
			t.Errorf("%v: %v", timeout, err)
			continue
		}
		if got := resp.(*ua.CreateSessionResponse).RevisedSessionTimeout; !(got >= 10_000 && got <= 3_600_000) {
			t.Errorf("%v: revised to %v ms", timeout, got)
		}
	}
}

// A connection beyond the limit is told so, and there is room again when others go.
func TestConnectionLimit(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Limits.MaxConnections = 20 })
	address := strings.TrimPrefix(s.URL(), "opc.tcp://")
	var idle []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	for _, c := range idle {
		c.Close()
	}
	eventuallyServes(t, s)
}

// OPC 10000-4, 5.6.2: channels that nobody uses, each with a token of an hour, and
// connections that say nothing give way to clients with something to do. A Session
// keeps its channel.
func TestIdleChannelsGiveWay(t *testing.T) {
	s := startServer(t, func(o *sim.Options) { o.Limits.MaxConnections = 20 })
	p := admin(t, secure(s))
	address := strings.TrimPrefix(s.URL(), "opc.tcp://")
	var channels []*secureconv.Client
	for range 60 {
		c, err := secureconv.Dial(testContext(t), insecure(s))
		if err != nil {
			t.Fatalf("channel %d: %v", len(channels), err)
		}
		defer c.Close()
		channels = append(channels, c)
		silent, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	stillServes(t, s)
	if got := p.read(2259); got.Status != ua.StatusOK {
		t.Errorf("the Session of before: got %v", got.Status)
	}
	select {
	case <-channels[0].Done():
	case <-time.After(10 * time.Second):
		t.Error("the oldest channel is still open")
	}
}

// A flood of idle channels holds no more memory and goroutines than there are places.
func TestIdleFloodIsBounded(t *testing.T) {
	const places, flood = 200, 10_000
	s := startServer(t, func(o *sim.Options) { o.Limits.MaxConnections = places })
	before := runtime.NumGoroutine()
	address := strings.TrimPrefix(s.URL(), "opc.tcp://")
	hello := rawHello(s.URL(), 65535)
	most := 0
	var idle []net.Conn
	for i := range flood {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if idle = append(idle, c); len(idle) > 2*places { // an attacker has a limit of open files, too
			idle[0].Close()
			idle = idle[1:]
		}
		if i%2 == 0 {
			_, _ = c.Write(hello) // the server may have closed it already
		}
		most = max(most, runtime.NumGoroutine()-before)
	}
	// A connection and one on its way out have a goroutine each, and a timer's.
	if limit := 2*places + 100; most > limit {
		t.Errorf("%d goroutines at most, want %d or fewer", most, limit)
	}
	eventuallyServes(t, s)
	for _, c := range idle {
		c.Close()
	}
}

// eventuallyServes waits until the server has noticed that others have gone.
func eventuallyServes(t *testing.T, s *sim.Server) {
	t.Helper()
	ctx := testContext(t)
	for {
		c, err := secureconv.Dial(ctx, secure(s))
		if err == nil {
			c.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	stillServes(t, s)
}

// A client that asks and never reads holds up nobody else.
func TestClientThatNeverReads(t *testing.T) {
	s := startServer(t)
	address := strings.TrimPrefix(s.URL(), "opc.tcp://")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	open := make([]byte, 0, 200)
	open = binary.LittleEndian.AppendUint32(open, 1) // sequence number
	open = binary.LittleEndian.AppendUint32(open, 1) // request
	body := must(ua.Encode(&ua.OpenSecureChannelRequest{
		RequestHeader: &ua.RequestHeader{AuthenticationToken: ua.NewTwoByteNodeID(0), AdditionalHeader: ua.NewExtensionObject(nil)},
		SecurityMode:  ua.MessageSecurityModeNone, RequestedLifetime: 60_000,
	}))
	none := make([]byte, 4)
	none = append(binary.LittleEndian.AppendUint32(none, uint32(len(config.PolicyNone))), config.PolicyNone...)
	none = append(none, bytes.Repeat([]byte{0xFF}, 8)...)
	open = append(append(open, 1, 0, 0xBE, 0x01), body...)
	if _, err := c.Write(append(rawHello(s.URL(), 65535), rawMessage("OPNF", append(none, open...))...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 28+12)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	channel := binary.LittleEndian.Uint32(answer[28+8:])
	more := make([]byte, 4096)
	if _, err := c.Read(more); err != nil {
		t.Fatal(err)
	}
	token := tokenOf(t, append(answer[28:], more...))
	get := must(ua.Encode(&ua.GetEndpointsRequest{
		RequestHeader: &ua.RequestHeader{AuthenticationToken: ua.NewTwoByteNodeID(0), AdditionalHeader: ua.NewExtensionObject(nil)}, EndpointURL: s.URL(),
	}))
	_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	const requests = 200_000 // 20 MB, far more than sockets buffer
	for i := range uint32(requests) {
		b := binary.LittleEndian.AppendUint32(nil, channel)
		b = binary.LittleEndian.AppendUint32(b, token)
		b = binary.LittleEndian.AppendUint32(b, 2+i)
		b = binary.LittleEndian.AppendUint32(b, 2+i)
		b = append(append(b, 1, 0, 0xAC, 0x01), get...)
		if _, err := c.Write(rawMessage("MSGF", b)); err != nil {
			break // the server has stopped reading, as it should
		}
		if i == requests-1 {
			t.Errorf("%d requests were taken without an answer being read", requests)
		}
	}
	stillServes(t, s)
}

// tokenOf is the TokenId in the answer to an OpenSecureChannel under None: after the
// time stamp of the token, which follows the two ids.
func tokenOf(t *testing.T, b []byte) uint32 {
	t.Helper()
	body := b[12+4+len(config.PolicyNone)+8+8:]
	_, v, err := ua.DecodeService(body)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*ua.OpenSecureChannelResponse).SecurityToken.TokenID
}
