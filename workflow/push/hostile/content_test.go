package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

var plans = []string{"plan", "-f", "manifest.yaml"}

// called changes the result of a method, by the end of its path.
func called(path string, change func(x *exchange, in *ua.CallMethodRequest) *ua.CallMethodResult) script {
	return answered("Call", func(x *exchange) error {
		resp := x.resp.(*ua.CallResponse)
		for i, m := range x.req.(*ua.CallRequest).MethodsToCall {
			if strings.HasSuffix(pathOf(m.MethodID), path) {
				resp.Results[i] = change(x, m)
			}
		}
		return x.send()
	})
}

func result(out ...any) func(*exchange, *ua.CallMethodRequest) *ua.CallMethodResult {
	return func(*exchange, *ua.CallMethodRequest) *ua.CallMethodResult { return good(out...) }
}

// TestFiles serves configuration files that are none.
func TestFiles(t *testing.T) {
	t.Parallel()
	file := func(b []byte) script { return script{model: func(m *model) { m.file = b }} }
	honest := func(change func(b []byte) []byte) script {
		return script{model: func(m *model) { m.file = change(slices.Clone(m.stream())) }}
	}
	length := func(n uint32) func(b []byte) []byte {
		return func(b []byte) []byte { le.PutUint32(b[lengthAt(b):], n); return b }
	}
	all(t, []hostility{
		{name: "empty", exit: anyFailure, trusts: true, script: file([]byte{})},
		{name: "noise", exit: anyFailure, trusts: true, script: file(random(100_000))},
		{name: "half", exit: anyFailure, trusts: true, script: honest(func(b []byte) []byte { return b[:len(b)/2] })},
		{name: "17 MiB of noise", exit: anyFailure, trusts: true, script: file(random(17 << 20))},
		{name: "claims 17 MiB, has them", exit: anyFailure, trusts: true, script: honest(func(b []byte) []byte {
			return append(length(17<<20)(b), make([]byte, 17<<20)...)
		})},
		{name: "claims 15 MiB, has them", exit: anyFailure, trusts: true, script: honest(func(b []byte) []byte {
			return append(length(15<<20)(b), make([]byte, 15<<20)...)
		})},
		{name: "15 MiB of records", exit: anyFailure, trusts: true, script: file(records(15 << 20))},
		{name: "claims 2 GiB", exit: anyFailure, trusts: true, script: honest(length(1<<31 - 1))},
		{name: "claims -2 bytes", exit: anyFailure, trusts: true, script: honest(length(1<<32 - 2))},
		{name: "noise after its end", exit: 0, trusts: true, shows: "encrypted", script: honest(func(b []byte) []byte { return append(b, random(100_000)...) })},
		{name: "never ends", exit: anyFailure, trusts: true, script: called("ConfigurationFile/Read", func(_ *exchange, in *ua.CallMethodRequest) *ua.CallMethodResult {
			return good(bytes.Repeat([]byte{0xff}, int(in.InputArguments[1].Value().(int32))))
		})},
		{name: "never ends, a byte at a time", exit: anyFailure, trusts: true, script: script{
			model: func(m *model) { m.file = length(1 << 20)(m.stream()) }, answer: trickle("ConfigurationFile"),
		}},
		{name: "more than asked for", exit: anyFailure, trusts: true, script: called("ConfigurationFile/Read", result(make([]byte, 4<<20-1000)))},
		{name: "no data", exit: 1, trusts: true, script: called("ConfigurationFile/Read", result())},
		{name: "data of another type", exit: 1, trusts: true, script: called("ConfigurationFile/Read", result("text"))},
		{name: "handle of another type", exit: 1, trusts: true, script: called("ConfigurationFile/Open", result("text"))},
		{name: "no handle", exit: 1, trusts: true, script: called("ConfigurationFile/Open", result())},
		{name: "version that never stands still", exit: 6, trusts: true, script: answered("Read", func(x *exchange) error {
			x.c.s.model.values["ConfigurationFile/CurrentVersion"] = uint32(fileVersion + x.n)
			x.resp = x.c.s.model.answer(x)
			return x.send()
		})},
	})
}

// lengthAt is where a file has the length of the ExtensionObject that is its body:
// the only length there that reaches to the end.
func lengthAt(b []byte) int {
	for i := range len(b) - 4 {
		if int(le.Uint32(b[i:])) == len(b)-i-4 {
			return i
		}
	}
	panic("no length")
}

// records is a sound file with as many records as fit.
func records(size int) []byte {
	m := &model{app: config.Application{Version: fileVersion, Identity: config.Identity{Record: config.Record{Name: "identity"}, ApplicationURI: serverURI}}}
	for i := range size / 60 {
		m.app.UserTokenSettings = append(m.app.UserTokenSettings, config.UserTokenSettings{Record: config.Record{Name: fmt.Sprintf("u%d", i)}})
	}
	return m.stream()
}

// trickle reads a file a byte at a time, and begins again at its end.
func trickle(file string) map[string]func(*exchange) error {
	return called(file+"/Read", func(x *exchange, _ *ua.CallMethodRequest) *ua.CallMethodResult {
		m := x.c.s.model
		m.position[file]++
		return good(m.stream()[m.position[file]%1000%len(m.stream()):][:1])
	}).answer
}

// TestTrustLists is the same for what plan reads besides.
func TestTrustLists(t *testing.T) {
	t.Parallel()
	list := func(b []byte) script { return script{model: func(m *model) { m.list = b }} }
	counted := func(n uint32) []byte { return append(le.AppendUint32([]byte{15, 0, 0, 0}, n), make([]byte, 64)...) }
	all(t, []hostility{
		{name: "noise", args: plans, exit: 1, trusts: true, script: list(random(100_000))},
		{name: "empty", args: plans, exit: 1, trusts: true, script: list([]byte{})},
		{name: "half", args: plans, exit: 1, trusts: true, script: script{model: func(m *model) { m.list = m.list[:len(m.list)/2] }}},
		{name: "17 MiB", args: plans, exit: 1, trusts: true, script: list(trustList(make([]byte, 17<<20)))},
		{name: "15 MiB", args: plans, exit: anything, trusts: true, script: list(trustList(make([]byte, 15<<20)))},
		{name: "2 Gi members", args: plans, exit: 1, trusts: true, script: list(counted(1<<31 - 1))},
		{name: "-2 members", args: plans, exit: 1, trusts: true, script: list(counted(1<<32 - 2))},
		{name: "64 Ki members", args: plans, exit: anything, trusts: true, script: list(append(le.AppendUint32([]byte{15, 0, 0, 0}, 1<<16), make([]byte, 4<<16+12)...))},
		{name: "4 times 64 Ki members", args: plans, exit: anything, trusts: true, script: list(append([]byte{15, 0, 0, 0},
			bytes.Repeat(append(le.AppendUint32(nil, 1<<16), make([]byte, 4<<16)...), 4)...))},
		{name: "member of 2 GiB", args: plans, exit: 1, trusts: true, script: list([]byte{15, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f})},
		{name: "never ends", args: plans, exit: anything, trusts: true, script: called("TrustList/Read", func(_ *exchange, in *ua.CallMethodRequest) *ua.CallMethodResult {
			return good(make([]byte, in.InputArguments[1].Value().(int32)))
		})},
		{name: "never ends, in members", args: plans, exit: anyFailure, trusts: true, script: called("TrustList/Read", func(x *exchange, in *ua.CallMethodRequest) *ua.CallMethodResult {
			b := bytes.Repeat([]byte{0, 0, 1, 0}, int(in.InputArguments[1].Value().(int32))/4)
			if x.n < 2 {
				copy(b, []byte{15, 0, 0, 0})
			}
			return good(b)
		})},
		{name: "never ends, a byte at a time", args: plans, exit: anyFailure, trusts: true, script: called("TrustList/Read", result([]byte{0x0f}))},
		{name: "both never end", args: plans, exit: anyFailure, trusts: true, script: called("/Read", func(_ *exchange, in *ua.CallMethodRequest) *ua.CallMethodResult {
			b := make([]byte, in.InputArguments[1].Value().(int32))
			copy(b, []byte{15, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0xf0, 0})
			return good(b)
		})},
		{name: "more than asked for", args: plans, exit: anything, trusts: true, script: called("TrustList/Read", result(make([]byte, 4<<20-1000)))},
	})
}

// TestResults returns other numbers of results than were asked for, and others.
func TestResults(t *testing.T) {
	t.Parallel()
	one := []byte{1, 0, 0, 0}
	null := []byte{0xff, 0xff, 0xff, 0xff}
	count := func(n byte) []byte { return []byte{n, 0, 0, 0} }
	short := func(service string, number uint16, element []byte) []hostility {
		var cases []hostility
		for _, n := range []byte{0, 1, 2, 200} {
			cases = append(cases, hostility{name: fmt.Sprintf("%d results of %s", n, service), exit: anyFailure, trusts: true, script: answered(service, func(x *exchange) error {
				return x.raw(bodyOf(x, number, count(n), bytes.Repeat(element, int(n)), null))
			})})
		}
		return cases
	}
	browse := func(name string, exit int, sc script) hostility {
		return hostility{name: name, exit: exit, trusts: true, script: sc}
	}
	endless := func(references int) script {
		do := func(x *exchange) error {
			r := &ua.BrowseResult{ContinuationPoint: []byte("again")}
			for i := range references {
				r.References = append(r.References, reference(fmt.Sprintf("g%d", i)))
			}
			number := uint16(id.BrowseResponse_Encoding_DefaultBinary)
			if x.service == "BrowseNext" {
				number = id.BrowseNextResponse_Encoding_DefaultBinary
			}
			b, err := ua.Encode(r)
			if err != nil {
				return err
			}
			return x.raw(bodyOf(x, number, one, b, null))
		}
		return script{answer: map[string]func(*exchange) error{"Browse": do, "BrowseNext": do}}
	}
	minimal := append([]byte{0, 0, 1, 0, 0, 0, 0}, append(null, 0, 0, 0, 0, 0, 0, 0)...) // a reference with nothing in it
	cases := slices.Concat(
		short("Translate", id.TranslateBrowsePathsToNodeIDsResponse_Encoding_DefaultBinary, make([]byte, 8)),
		short("Browse", id.BrowseResponse_Encoding_DefaultBinary, append(make([]byte, 4), append(null, null...)...)),
		short("Read", id.ReadResponse_Encoding_DefaultBinary, []byte{0}),
		short("Call", id.CallResponse_Encoding_DefaultBinary, append(make([]byte, 4), bytes.Repeat(null, 3)...)),
		[]hostility{
			browse("continuation points without end", 1, endless(0)),
			browse("continuation points and references without end", 1, endless(100)),
			browse("200,000 references", 1, answered("Browse", func(x *exchange) error {
				return x.raw(bodyOf(x, id.BrowseResponse_Encoding_DefaultBinary, one, make([]byte, 4), null, []byte{0x40, 0x0d, 3, 0}, bytes.Repeat(minimal, 200_000), null))
			})),
			browse("a thousand groups of one name", 0, script{model: func(m *model) { m.groups = slices.Repeat([]string{theGroup}, 1000) }}),
			browse("ten thousand groups", 1, script{model: func(m *model) {
				m.groups = nil
				for i := range 10_000 {
					m.groups = append(m.groups, fmt.Sprintf("%s-%d", strings.Repeat("g", 50), i))
				}
			}}),
			browse("paths that lead to other servers", anyFailure, answered("Translate", func(x *exchange) error {
				for _, r := range x.resp.(*ua.TranslateBrowsePathsToNodeIDsResponse).Results {
					for _, target := range r.Targets {
						target.TargetID.ServerIndex = 7
						target.TargetID.NodeID.SetIndexFlag()
					}
				}
				return x.send()
			})),
		})
	all(t, cases)
}
