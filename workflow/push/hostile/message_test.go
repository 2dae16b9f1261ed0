package hostile

import (
	"bytes"
	"slices"
	"testing"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// bodyOf starts a response: its encoding id and header, then parts.
func bodyOf(x *exchange, service uint16, parts ...[]byte) []byte {
	return slices.Concat(le.AppendUint16([]byte{1, 0}, service), x.header(), bytes.Join(parts, nil))
}

// framed answers with these frames.
func framed(service string, frames func(x *exchange) [][]byte) script {
	return answered(service, func(x *exchange) error { return x.c.write(bytes.Join(frames(x), nil)) })
}

func (x *exchange) frames() [][]byte { return x.c.chunks("MSG", x.id, encode(x.resp)) }

// TestMessages breaks what carries the answers: frames, chunks, numbers.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, place := range []struct {
		service string
		secure  bool
	}{{"GetEndpoints", false}, {"Read", true}} {
		wrong, lost := 4, 4 // anything wrong before the channel is secure is not OPC UA
		if place.secure {
			wrong = 1
		}
		forged := wrong
		if place.secure {
			forged = 5
		}
		named := func(name string, exit int, sc script) hostility {
			h := hostility{name: name + " of " + place.service, exit: exit, trusts: place.secure || exit == 0 || exit == anything, script: sc}
			if exit == 4 {
				h.wait = "1s" // it may be for an answer that never comes
			}
			return h
		}
		all(t, []hostility{
			named("replay", choose(place.secure, anyFailure, anything), framed(place.service, func(x *exchange) [][]byte { return slices.Repeat(x.frames(), 2) })),
			named("frame of before", anyFailure, framed(place.service, func(x *exchange) [][]byte {
				x.c.sequence -= 3
				return x.frames()
			})),
			named("sequence number far ahead", wrong, framed(place.service, func(x *exchange) [][]byte {
				x.c.sequence += 1 << 30
				return x.frames()
			})),
			named("chunks in reverse", wrong, framed(place.service, func(x *exchange) [][]byte {
				f := halves(x)
				slices.Reverse(f)
				return f
			})),
			named("a chunk twice", wrong, framed(place.service, func(x *exchange) [][]byte {
				f := halves(x)
				return [][]byte{f[0], f[0], f[1]}
			})),
			named("two halves", 0, framed(place.service, func(x *exchange) [][]byte { return halves(x) })),
			named("first half only", lost, framed(place.service, func(x *exchange) [][]byte { return halves(x)[:1] })),
			named("changed byte", choose(place.secure, forged, 4), framed(place.service, func(x *exchange) [][]byte {
				f := x.frames()
				f[0][20] ^= 0x40
				return f
			})),
			named("endless chunks", wrong, answered(place.service, func(x *exchange) error {
				for range 100_000 {
					if err := x.c.write(x.c.chunk("MSG", 'C', x.id, make([]byte, chunkBody))); err != nil {
						return err
					}
				}
				return nil
			})),
			named("endless empty chunks", wrong, answered(place.service, func(x *exchange) error {
				for range 100_000 {
					if err := x.c.write(x.c.chunk("MSG", 'C', x.id, nil)); err != nil {
						return err
					}
				}
				return nil
			})),
			named("endless messages that are never finished", wrong, answered(place.service, func(x *exchange) error {
				for i := range uint32(100_000) {
					if err := x.c.write(x.c.chunk("MSG", 'C', x.id+i, make([]byte, 100))); err != nil {
						return err
					}
				}
				return nil
			})),
			named("aborted", anyFailure, answered(place.service, func(x *exchange) error {
				return x.c.write(x.c.chunk("MSG", 'A', x.id, errMessage(ua.StatusBadOutOfMemory, paint)[8:]))
			})),
			named("unknown kind of chunk", wrong, answered(place.service, func(x *exchange) error {
				return x.c.write(x.c.chunk("MSG", 'Z', x.id, encode(x.resp)))
			})),
			named("CLO", wrong, answered(place.service, func(x *exchange) error {
				return x.c.write(x.c.chunk("CLO", 'F', x.id, encode(x.resp)))
			})),
			named("another request", lost, answered(place.service, func(x *exchange) error { x.id--; return x.send() })),
			named("a request that was never made", wrong, answered(place.service, func(x *exchange) error { x.id += 1000; return x.send() })),
			named("request 0", wrong, answered(place.service, func(x *exchange) error { x.id = 0; return x.send() })),
			named("another request handle", 0, answered(place.service, func(x *exchange) error {
				h := x.resp.Header()
				h.RequestHandle += 1000
				return x.send()
			})),
			named("another channel", wrong, answered(place.service, func(x *exchange) error { x.c.id++; return x.send() })),
			named("empty message", wrong, answered(place.service, func(x *exchange) error { return x.raw(nil) })),
			named("half a message", wrong, answered(place.service, func(x *exchange) error {
				b := encode(x.resp)
				return x.raw(b[:len(b)/2])
			})),
			named("more after the message", 0, answered(place.service, func(x *exchange) error { return x.raw(append(encode(x.resp), random(100)...)) })),
			named("unknown service", wrong, answered(place.service, func(x *exchange) error { return x.raw(bodyOf(x, 65000)) })),
			named("answer to another service", anyFailure, answered(place.service, func(x *exchange) error {
				return x.raw(encode(&ua.CancelResponse{ResponseHeader: secureconv.ResponseHeader(x.req, ua.StatusOK)}))
			})),
			named("a request as answer", wrong, answered(place.service, func(x *exchange) error { return x.raw(encode(x.req)) })),
			named("fault that is Good", anyFailure, answered(place.service, func(x *exchange) error {
				return x.raw(encode(&ua.ServiceFault{ResponseHeader: secureconv.ResponseHeader(x.req, ua.StatusOK)}))
			})),
		})
	}
}

func choose(secure bool, yes, no int) int {
	if secure {
		return yes
	}
	return no
}

func halves(x *exchange) [][]byte {
	b := encode(x.resp)
	n := len(b) / 2
	return [][]byte{x.c.chunk("MSG", 'C', x.id, b[:n]), x.c.chunk("MSG", 'F', x.id, b[n:])}
}

// TestValues sends what no decoder may believe.
func TestValues(t *testing.T) {
	t.Parallel()
	one := []byte{1, 0, 0, 0}
	huge := []byte{0xff, 0xff, 0xff, 0x7f}
	minusTwo := []byte{0xfe, 0xff, 0xff, 0xff}
	values := map[string][]byte{
		"nested Variants":          bytes.Repeat([]byte{24}, 100_000),
		"nested Variant arrays":    bytes.Repeat([]byte{0x98, 1, 0, 0, 0}, 100_000),
		"nested DataValues":        bytes.Repeat([]byte{23, 1}, 100_000),
		"nested DiagnosticInfos":   append([]byte{25}, bytes.Repeat([]byte{0x40}, 100_000)...),
		"ByteString of 2 GiB":      append([]byte{15}, huge...),
		"String of -2":             append([]byte{12}, minusTwo...),
		"array of -2":              append([]byte{0x86}, minusTwo...),
		"array of 2 Gi":            append([]byte{0x86}, huge...),
		"array of 1 Mi Variants":   append([]byte{0x98, 0, 0, 0x10, 0}, make([]byte, 1<<20)...),
		"array of 3 Mi Booleans":   append([]byte{0x81, 0, 0, 0x30, 0}, make([]byte, 3<<20)...),
		"array of 64 Ki Strings":   append([]byte{0x8c, 0xff, 0xff, 0, 0}, bytes.Repeat([]byte{0xff}, 4<<16)...),
		"array of 64 Ki NodeIds":   append([]byte{0x91, 0xff, 0xff, 0, 0}, make([]byte, 2<<16)...),
		"array of 64 Ki objects":   append([]byte{0x96, 0xff, 0xff, 0, 0}, make([]byte, 3<<16)...),
		"dimensions that overflow": {0xc1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0},
		"a million dimensions":     append([]byte{0xc1, 1, 0, 0, 0, 1, 0x40, 0x42, 0x0f, 0}, bytes.Repeat(one, 1_000_000)...),
		"unknown built-in type":    {26},
		"unknown ExtensionObject":  {22, 1, 0, 0x39, 0x30, 1, 4, 0, 0, 0, 1, 2, 3, 4},
		"XML ExtensionObject":      {22, 1, 0, 0x39, 0x30, 2, 4, 0, 0, 0, '<', 'a', '/', '>'},
		"ExtensionObject of 2 GiB": append([]byte{22, 1, 0, 0x39, 0x30, 1}, huge...),
		"Variant with nothing":     {},
		"the wrong type":           {1, 1},
		"null":                     {0},
	}
	read := uint16(id.ReadResponse_Encoding_DefaultBinary)
	call := uint16(id.CallResponse_Encoding_DefaultBinary)
	var cases []hostility
	for name, v := range values {
		cases = append(cases,
			hostility{name: name + " in Read", trusts: true, exit: anyFailure, script: answered("Read", func(x *exchange) error {
				return x.raw(bodyOf(x, read, one, []byte{1}, v, []byte{0xff, 0xff, 0xff, 0xff}))
			})},
			hostility{name: name + " in Call", trusts: true, exit: anyFailure, script: answered("Call", func(x *exchange) error {
				return x.raw(bodyOf(x, call, one, make([]byte, 12), one, v, []byte{0xff, 0xff, 0xff, 0xff}))
			})})
	}
	all(t, cases)
}

// TestHeaders puts hostile values where every answer has some, and into discovery.
func TestHeaders(t *testing.T) {
	t.Parallel()
	service := le.AppendUint16([]byte{1, 0}, id.GetEndpointsResponse_Encoding_DefaultBinary)
	start := slices.Concat(service, make([]byte, 16)) // timestamp, handle, result
	null := []byte{0xff, 0xff, 0xff, 0xff}
	bodies := map[string][]byte{
		"nested diagnostics":        slices.Concat(start, bytes.Repeat([]byte{0x40}, 100_000)),
		"string table of 2 Gi":      slices.Concat(start, []byte{0}, []byte{0xff, 0xff, 0xff, 0x7f}),
		"string table of a million": slices.Concat(start, []byte{0, 0x40, 0x42, 0x0f, 0}, bytes.Repeat(null, 1_000_000), make([]byte, 3), null),
		"nested header":             slices.Concat(start, []byte{0}, null, bytes.Repeat([]byte{1, 0, 0x9d, 0x40, 1, 0xff, 0xff, 0, 0}, 10_000)),
		"endpoints of -2":           slices.Concat(start, []byte{0}, null, make([]byte, 3), []byte{0xfe, 0xff, 0xff, 0xff}),
		"endpoints of 2 Gi":         slices.Concat(start, []byte{0}, null, make([]byte, 3), []byte{0xff, 0xff, 0xff, 0x7f}),
		"100,000 empty endpoints":   slices.Concat(start, []byte{0}, null, make([]byte, 3), []byte{0xa0, 0x86, 1, 0}, make([]byte, 4_000_000)),
	}
	var cases []hostility
	for name, b := range bodies {
		for _, args := range [][]string{{"config", "get"}, {"discover"}} {
			cases = append(cases, hostility{name: name + " for " + args[0], args: args, exit: anything, script: answered("GetEndpoints", func(x *exchange) error {
				return x.raw(b)
			})})
		}
	}
	all(t, cases)
}
