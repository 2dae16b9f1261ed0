package hostile

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uacp"
)

// stages are the answers that an honest run of config get waits for, in order.
var stages = []string{
	"hello", "open for discovery", "GetEndpoints", "open", "CreateSession", "ActivateSession", "Translate", "Browse", "Read", "Call",
}

// entrusted says whether the password was rightly sent when a stage is reached.
func entrusted(stage string) bool {
	switch stage {
	case "hello", "open for discovery", "GetEndpoints", "open", "CreateSession":
		return false
	}
	return true
}

// at does something else instead of the answer at a stage.
func at(stage string, do func(c *link) error) script {
	switch stage {
	case "hello":
		return script{hello: do}
	case "open", "open for discovery":
		return script{open: map[string]func(*opening) error{stage: func(o *opening) error { return do(o.c) }}}
	}
	return script{answer: map[string]func(*exchange) error{stage: func(x *exchange) error { return do(x.c) }}}
}

const paint = "\x1b[31mred\x1b[0m\r\n\u009b2J\u202etxt\u2028"

// TestStages stops, refuses and babbles at every stage of a run.
func TestStages(t *testing.T) {
	t.Parallel()
	var cases []hostility
	for _, stage := range stages {
		trusts := entrusted(stage)
		cases = append(cases,
			hostility{name: "silence at " + stage, wait: "1s", exit: 4, trusts: trusts, says: "did not answer in time",
				script: at(stage, func(*link) error { return nil })},
			hostility{name: "end at " + stage, exit: 4, trusts: trusts, says: "ended the connection",
				script: at(stage, func(*link) error { return errOver })},
			hostility{name: "ERR at " + stage, exit: refusalExit(stage), trusts: trusts,
				script: at(stage, func(c *link) error { return c.write(errMessage(ua.StatusBadInternalError, paint)) })},
			hostility{name: "ERR untrusted at " + stage, exit: distrustExit(stage), trusts: trusts,
				script: at(stage, func(c *link) error { return c.write(errMessage(ua.StatusBadCertificateUntrusted, paint)) })},
			hostility{name: "noise at " + stage, exit: noiseExit(stage), trusts: trusts,
				script: at(stage, func(c *link) error { return c.write(random(4096)) })},
			hostility{name: "half a frame at " + stage, exit: 4, trusts: trusts,
				script: at(stage, func(c *link) error { _ = c.write(frame("MSGF", random(4096))[:2000]); return errOver })},
			hostility{name: "endless frame at " + stage, exit: noiseExit(stage), trusts: trusts,
				script: at(stage, func(c *link) error { return c.write([]byte("MSGF\xff\xff\xff\xff")) })},
		)
	}
	all(t, cases)
}

// refusalExit: before there is a Session the server refuses to have one (7); after
// that it is lost (4).
func refusalExit(stage string) int {
	switch stage {
	case "hello", "open for discovery", "GetEndpoints", "open":
		return 7
	}
	return 4
}

// distrustExit: only an answer to the client's certificate is one about it.
func distrustExit(stage string) int {
	if stage == "open" {
		return 5
	}
	return refusalExit(stage)
}

func noiseExit(stage string) int {
	switch stage {
	case "hello", "open for discovery", "GetEndpoints":
		return 4
	}
	return 1
}

// TestConnections is what can go wrong before there is a channel.
func TestConnections(t *testing.T) {
	t.Parallel()
	ack := func(change func(a *uacp.Acknowledge)) script {
		return script{hello: func(c *link) error {
			a := honestAck()
			change(&a)
			return c.write(acknowledge(a))
		}}
	}
	text := func(s string) script {
		return script{connect: func(c *link) error {
			_, err := io.WriteString(c, s)
			return err
		}}
	}
	all(t, []hostility{
		{name: "web server", exit: 4, says: "does not speak OPC UA", script: text("HTTP/1.1 400 Bad Request\r\n\r\n")},
		{name: "ssh server", exit: 4, says: "does not speak OPC UA", script: text("SSH-2.0-OpenSSH_9.6\r\n")},
		{name: "acknowledges twice", exit: 4, script: script{hello: func(c *link) error {
			return c.write(append(acknowledge(honestAck()), acknowledge(honestAck())...))
		}}},
		{name: "acknowledge without end", exit: 4, script: script{hello: func(c *link) error { return c.write(frame("ACKF", random(3))) }}},
		{name: "no buffers", exit: 4, script: ack(func(a *uacp.Acknowledge) { a.ReceiveBufSize, a.SendBufSize = 0, 0 })},
		{name: "endless buffers", exit: 0, trusts: true, script: ack(func(a *uacp.Acknowledge) {
			a.ReceiveBufSize, a.SendBufSize, a.MaxMessageSize, a.MaxChunkCount = 1<<32-1, 1<<32-1, 1<<32-1, 1<<32-1
		})},
		{name: "takes messages of one byte", exit: 4, script: ack(func(a *uacp.Acknowledge) { a.MaxMessageSize, a.MaxChunkCount = 1, 1 })},
		{name: "every byte by itself", exit: 0, trusts: true, script: script{write: func(c *link, b []byte) error {
			for i := range b {
				if _, err := c.Write(b[i : i+1]); err != nil {
					return err
				}
			}
			return nil
		}}},
		{name: "drip within the timeout", wait: "1s", exit: 4, says: "did not answer in time", script: script{write: drip(20 * time.Millisecond)}},
		{name: "drip of an answer", wait: "1s", exit: 4, trusts: true, says: "did not answer in time", script: script{answer: map[string]func(*exchange) error{
			"Call": func(x *exchange) error {
				for _, b := range x.c.chunks("MSG", x.id, encode(x.resp)) {
					if err := drip(50*time.Millisecond)(x.c, b); err != nil {
						return err
					}
				}
				return nil
			},
		}}},
	})
}

// drip writes a byte at a time, with pauses that no wait for one byte would notice.
func drip(pause time.Duration) func(*link, []byte) error {
	return func(c *link, b []byte) error {
		for i := range b {
			if _, err := c.Write(b[i : i+1]); err != nil {
				return err
			}
			select {
			case <-time.After(pause):
			case <-c.s.t.Context().Done():
				return fmt.Errorf("test over")
			}
		}
		return nil
	}
}
