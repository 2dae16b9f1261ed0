package secureconv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
)

// errFrame is an ERR message.
func errFrame(status ua.StatusCode, reason string) []byte {
	m := uacp.Error{ErrorCode: uint32(status), Reason: reason}
	body, _ := m.Encode()
	b := append([]byte("ERRF\x00\x00\x00\x00"), body...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	return b
}

func TestClientAgainstHostileAnswers(t *testing.T) {
	short := func(b []byte) []byte {
		b = slices.Clone(b[:16])
		binary.LittleEndian.PutUint32(b[4:], 16)
		return b
	}
	for _, tc := range []struct {
		name   string
		answer func(b []byte) []byte
		want   error
	}{
		{"ERR", func([]byte) []byte { return errFrame(ua.StatusBadCertificateUntrusted, "why") }, ua.StatusBadCertificateUntrusted},
		{"cut", func([]byte) []byte { return nil }, ErrConnectionLost},
		{"replay", func(b []byte) []byte { return append(slices.Clone(b), b...) }, ua.StatusBadSequenceNumberInvalid},
		{"16 bytes", short, ua.StatusBadSecurityChecksFailed},
		{"changed", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, ua.StatusBadSecurityChecksFailed},
		{"other token", func(b []byte) []byte { b[12]++; return b }, ua.StatusBadSecureChannelTokenUnknown},
		{"other channel", func(b []byte) []byte { b[8]++; return b }, ua.StatusBadTCPSecureChannelUnknown},
		{"huge frame", func(b []byte) []byte { b[7] = 0x7F; return b }, ua.StatusBadTCPMessageTooLarge},
		{"tiny frame", func(b []byte) []byte { copy(b[4:], "\x03\x00\x00\x00"); return b }, ua.StatusBadTCPMessageTooLarge},
		{"garbage", func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, ua.StatusBadTCPMessageTooLarge},
		{"unknown type", func(b []byte) []byte { copy(b, "XXX"); return b }, ua.StatusBadTCPMessageTypeInvalid},
		{"unknown chunk type", func(b []byte) []byte { b[3] = 'Q'; return b }, ua.StatusBadSecurityChecksFailed},
		{"open not asked for", func(b []byte) []byte { copy(b, "OPN"); return b }, ua.StatusBadSecurityChecksFailed},
		{"short ERR", func([]byte) []byte { return []byte("ERRF\x09\x00\x00\x00\x01") }, ua.StatusBadDecodingError},
	} {
		for _, mode := range modes {
			t.Run(tc.name+" "+mode.String(), func(t *testing.T) {
				calls := 0
				backend := serve(t, serverConfig())
				cfg := clientConfig(proxy(t, backend, nil, func(b []byte) []byte {
					if string(b[:3]) != "MSG" {
						return b
					}
					if calls++; calls > 1 {
						return tc.answer(b)
					}
					return b
				}))
				cfg.SecurityMode = mode
				c := dial(t, cfg)
				ctx := testContext(t)
				if _, err := call(ctx, c, "x"); err != nil {
					t.Fatal(err)
				}
				_, _ = call(ctx, c, "y") // a replay answers this one first
				<-c.Done()
				if err := c.Err(); !errors.Is(err, tc.want) {
					t.Errorf("Err: got %v, want %v", err, tc.want)
				}
				if _, err := call(ctx, c, "z"); !errors.Is(err, tc.want) {
					t.Errorf("a later call: got %v, want %v", err, tc.want)
				}
			})
		}
	}
}

func TestPeerErrorIsBounded(t *testing.T) {
	err := decodePeerError(errFrame(ua.StatusBadTimeout, strings.Repeat("r", 9000))[frameHeader:])
	var peer *PeerError
	if !errors.As(err, &peer) || len(peer.Reason) != maxReason || peer.Status != ua.StatusBadTimeout {
		t.Errorf("got %.80v", err)
	}
}

// service starts a message body of a service.
func service(number uint16, parts ...[]byte) []byte {
	return append(appendServiceID(nil, number), bytes.Join(parts, nil)...)
}

func encoded(v any) []byte {
	b, err := encodeService(v)
	if err != nil {
		panic(err)
	}
	return b
}

// hostileBodies are messages that gopcua's decoder must not get to see.
func hostileBodies(number uint16, header []byte) map[string][]byte {
	one := []byte{1, 0, 0, 0}
	method := append(slices.Clone(one), 0, 1, 0, 2) // one method of two two-byte NodeIds
	if number == id.CallResponse_Encoding_DefaultBinary {
		method = append(slices.Clone(one), 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
	}
	arg := func(b ...byte) []byte { return service(number, header, method, one, b) }
	return map[string][]byte{
		"nested Variant":          arg(bytes.Repeat([]byte{byte(ua.TypeIDVariant)}, 100_000)...),
		"nested DataValue":        arg(bytes.Repeat([]byte{byte(ua.TypeIDDataValue), 1}, 100_000)...),
		"nested DiagnosticInfo":   arg(append([]byte{byte(ua.TypeIDDiagnosticInfo)}, bytes.Repeat([]byte{0x40}, 100_000)...)...),
		"array length -2":         arg(0x86, 0xFE, 0xFF, 0xFF, 0xFF),
		"array length 2^31-1":     arg(0x86, 0xFF, 0xFF, 0xFF, 0x7F),
		"ByteString of 2 GiB":     arg(0x0F, 0xFF, 0xFF, 0xFF, 0x7F),
		"dimensions overflow":     arg(0xC1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0),
		"many dimensions":         arg(append([]byte{0xC1, 1, 0, 0, 0, 1, 0x40, 0, 0, 0}, bytes.Repeat([]byte{1, 0, 0, 0}, 64)...)...),
		"null Variants":           service(number, header, method, []byte{0, 0, 1, 0}, make([]byte, 65536)),
		"arguments beyond":        service(number, header, method, []byte{0xFF, 0xFF, 0xFF, 0x7F}),
		"negative arguments":      service(number, header, method, []byte{0xFE, 0xFF, 0xFF, 0xFF}),
		"truncated":               service(number, header, method),
		"unknown built-in type":   arg(26),
		"unknown kind of NodeId":  arg(17, 0x0E),
		"extension beyond":        arg(22, 1, 0, 0x9D, 0x40, 1, 0xFF, 0xFF, 0xFF, 0x7F),
		"extension body too long": arg(22, 1, 0, 0x9D, 0x40, 1, 4, 0, 0, 0, 9, 0, 0, 0),
		"empty":                   {},
	}
}

func TestServerAgainstHostileRequests(t *testing.T) {
	address := serve(t, serverConfig())
	other := dial(t, clientConfig(address))
	header := encoded(&ua.CancelRequest{})
	for name, body := range hostileBodies(id.CallRequest_Encoding_DefaultBinary, header[4:len(header)-4]) {
		t.Run(name, func(t *testing.T) {
			c := dial(t, clientConfig(address))
			if err := c.conv.send("MSG", 2, body, 0, writeTimeout); err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			var peer *PeerError
			if !errors.As(c.Err(), &peer) || peer.Status != ua.StatusBadDecodingError {
				t.Errorf("got %v, want Bad_DecodingError of the peer", c.Err())
			}
			if _, err := call(testContext(t), other, "still there"); err != nil {
				t.Errorf("another channel: %v", err)
			}
		})
	}
}

func TestClientAgainstHostileResponses(t *testing.T) {
	header := encoded(&ua.CancelResponse{})
	for name, body := range hostileBodies(id.CallResponse_Encoding_DefaultBinary, header[4:len(header)-4]) {
		t.Run(name, func(t *testing.T) {
			cfg := serverConfig()
			cfg.Handle = func(ctx context.Context, ch *Channel, _ ua.Request) ua.Response {
				_ = ch.send("MSG", 2, body, 0, writeTimeout) // the OPN was request 1
				<-ctx.Done()
				return nil
			}
			c := dial(t, clientConfig(serve(t, cfg)))
			_, err := call(testContext(t), c, "x")
			if !errors.Is(err, ua.StatusBadDecodingError) {
				t.Errorf("got %v, want Bad_DecodingError", err)
			}
			<-c.Done()
		})
	}
}

func TestServerAgainstHostileChunks(t *testing.T) {
	address := serve(t, serverConfig())
	big := make([]byte, 5<<20)
	raw := func(b []byte) func(*testing.T, *Client) {
		return func(t *testing.T, c *Client) {
			if _, err := c.conv.conn.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, c *Client)
		want ua.StatusCode
	}{
		{"16 byte chunk", func(t *testing.T, c *Client) {
			b := append([]byte("MSGF\x10\x00\x00\x00"), make([]byte, 8)...)
			binary.LittleEndian.PutUint32(b[8:], c.conv.id)
			binary.LittleEndian.PutUint32(b[12:], c.conv.tokens.forSending().id)
			raw(b)(t, c)
		}, ua.StatusBadSecurityChecksFailed},
		{"sequence gap", func(t *testing.T, c *Client) {
			c.conv.sent.last += 5
			_, _ = call(testContext(t), c, "x")
		}, ua.StatusBadSequenceNumberInvalid},
		{"too large", func(t *testing.T, c *Client) {
			c.conv.agreed.send.MaxMessageSize = 0
			_ = c.conv.send("MSG", 2, big, 0, writeTimeout)
		}, ua.StatusBadTCPMessageTooLarge},
		{"too many chunks", func(t *testing.T, c *Client) {
			c.conv.agreed.send = Limits{BufferSize: minBuffer}
			_ = c.conv.send("MSG", 2, big, 0, writeTimeout)
		}, ua.StatusBadTCPMessageTooLarge},
		{"second hello", raw([]byte("HELF\x08\x00\x00\x00")), ua.StatusBadTCPMessageTypeInvalid},
		{"huge frame", raw([]byte("MSGF\xFF\xFF\xFF\xFF")), ua.StatusBadTCPMessageTooLarge},
		{"huge open", raw(append([]byte("OPNF\x00\xC0\x00\x00"), make([]byte, 0xC000-8)...)), ua.StatusBadTCPMessageTooLarge},
		{"empty open", raw([]byte("OPNF\x08\x00\x00\x00")), ua.StatusBadTCPMessageTooLarge},
		{"response as request", func(t *testing.T, c *Client) {
			_ = c.conv.send("MSG", 2, encoded(&ua.CancelResponse{}), 0, writeTimeout)
		}, ua.StatusBadTCPMessageTypeInvalid},
	} {
		for _, mode := range modes {
			t.Run(tc.name+" "+mode.String(), func(t *testing.T) {
				cfg := clientConfig(address)
				cfg.SecurityMode = mode
				c := dial(t, cfg)
				tc.do(t, c)
				<-c.Done()
				if err := c.Err(); !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		}
	}
	if _, err := call(testContext(t), dial(t, clientConfig(address)), "still there"); err != nil {
		t.Error(err)
	}
}

func TestAbort(t *testing.T) {
	c := dial(t, clientConfig(serve(t, serverConfig())))
	send := func(kind byte, body []byte) {
		b := []byte("MSG\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		b[3] = kind
		binary.LittleEndian.PutUint32(b[8:], c.conv.id)
		binary.LittleEndian.PutUint32(b[12:], c.conv.tokens.forSending().id)
		b = binary.LittleEndian.AppendUint32(b, c.conv.sent.next())
		b = binary.LittleEndian.AppendUint32(b, 2)
		b, err := c.conv.tokens.forSending().keys.seal(append(b, body...), symmetricHeader)
		if err == nil {
			err = c.conv.write(b, writeTimeout)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	send('C', []byte("half a message"))
	send('A', errFrame(ua.StatusBadRequestTooLarge, "given up")[frameHeader:])
	if _, err := call(testContext(t), c, "x"); err != nil {
		t.Errorf("after an abort: %v", err)
	}
}

func TestClientSeesAbort(t *testing.T) {
	cfg := serverConfig()
	cfg.Handle = func(ctx context.Context, ch *Channel, req ua.Request) ua.Response {
		r := req.(*ua.CallRequest)
		if r.MethodsToCall[0].InputArguments[0].Value() != "abort" {
			return echo(ctx, ch, req)
		}
		ch.sendMu.Lock()
		defer ch.sendMu.Unlock()
		token := ch.tokens.forSending()
		b := []byte("MSGA\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		binary.LittleEndian.PutUint32(b[8:], ch.id)
		binary.LittleEndian.PutUint32(b[12:], token.id)
		b = binary.LittleEndian.AppendUint32(b, ch.sent.next())
		b = binary.LittleEndian.AppendUint32(b, req.Header().RequestHandle) // our client's handles are its request ids
		b, _ = token.keys.seal(append(b, errFrame(ua.StatusBadResponseTooLarge, "no")[frameHeader:]...), symmetricHeader)
		_ = ch.write(b, writeTimeout)
		return echo(ctx, ch, req) // late, and dropped
	}
	c := dial(t, clientConfig(serve(t, cfg)))
	_, err := call(testContext(t), c, "abort")
	var peer *PeerError
	if !errors.As(err, &peer) || peer.Status != ua.StatusBadResponseTooLarge || peer.Reason != "no" {
		t.Errorf("got %v, want the abort", err)
	}
	if _, err := call(testContext(t), c, "x"); err != nil {
		t.Errorf("after an abort: %v", err)
	}
}
