package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// FaultKind is what a Fault does to a call.
type FaultKind int

// The kinds of fault.
const (
	DropBefore FaultKind = iota // the connection is cut, the call is not carried out
	DropAfter                   // the call is carried out, the connection is cut instead of answering
	Delay                       // the call waits before it is carried out
	Refuse                      // the call is not carried out and answered with Status
	Restart                     // the call is carried out, then the server restarts without answering
	Never                       // the call is carried out and never answered
	Garble                      // the call is carried out, and the last byte of every ByteString of the answer is another
)

var faultNames = []string{"drop-before", "drop-after", "delay", "refuse", "restart", "never", "garble"}

func (k FaultKind) String() string {
	if int(k) < len(faultNames) && k >= 0 {
		return faultNames[k]
	}
	return strconv.Itoa(int(k))
}

// Fault disturbs the first calls of a service or method.
type Fault struct {
	// Method is a service ("CreateSession"), a method ("ApplyChanges"), or an
	// Object with a method ("TrustList/CloseAndUpdate").
	Method string
	Kind   FaultKind
	Status ua.StatusCode // of Refuse
	Delay  time.Duration // of Delay
	Times  int           // how often; 0 is once
}

// ParseFault reads a fault as the command line has it: "CloseAndUpdate:drop-after",
// "ApplyChanges:refuse=0x80AF0000", "CloseAndUpdate:delay=2s", and "*3" at the end
// for three times.
func ParseFault(text string) (Fault, error) {
	method, rest, ok := strings.Cut(text, ":")
	if !ok || method == "" {
		return Fault{}, fmt.Errorf("fault %q: want METHOD:KIND", text)
	}
	f := Fault{Method: method, Times: 1}
	if head, times, found := strings.Cut(rest, "*"); found {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return Fault{}, fmt.Errorf("fault %q: %q is no number of times", text, times)
		}
		rest, f.Times = head, n
	}
	name, value, _ := strings.Cut(rest, "=")
	kind := slices.Index(faultNames, name)
	if kind < 0 {
		return Fault{}, fmt.Errorf("fault %q: kind %q is none of %s", text, name, strings.Join(faultNames, ", "))
	}
	f.Kind = FaultKind(kind)
	if err := f.parseValue(value); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

func (f *Fault) parseValue(value string) error {
	switch f.Kind {
	case Delay:
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration", value)
		}
		f.Delay = d
	case Refuse:
		code, err := strconv.ParseUint(value, 0, 32)
		if err != nil || code>>31 == 0 {
			return fmt.Errorf("%q is no Bad status code", value)
		}
		f.Status = ua.StatusCode(code)
	default:
		if value != "" {
			return fmt.Errorf("%s takes no value", f.Kind)
		}
	}
	return nil
}

// faults hands out each Fault as often as it may happen.
type faults struct {
	mu   sync.Mutex
	left []Fault
}

func (fs *faults) add(list ...Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range list {
		f.Times = max(f.Times, 1)
		fs.left = append(fs.left, f)
	}
}

// take finds a fault for one of the names of a call.
func (fs *faults) take(names []string) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i := range fs.left {
		f := &fs.left[i]
		if f.Times > 0 && slices.Contains(names, f.Method) {
			f.Times--
			return *f, true
		}
	}
	return Fault{}, false
}

// disturb carries out a call under a fault. Where there is to be no answer, the
// channel is closed first, so that what is returned goes nowhere.
func (s *Server) disturb(ctx context.Context, ch *secureconv.Channel, req ua.Request, f Fault, call func() ua.Response) ua.Response {
	s.log.Info("fault", "method", f.Method, "kind", f.Kind.String())
	switch f.Kind {
	case DropBefore:
		ch.Close()
		return secureconv.Fault(req, ua.StatusBadShutdown)
	case Delay:
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return call()
	case Refuse:
		return refusal(req, f)
	}
	resp := call()
	switch f.Kind {
	case Restart:
		ch.Close()
		s.later(s.Restart)
	case Never:
		<-ctx.Done()
	case Garble:
		garble(resp)
	default:
		ch.Close()
	}
	return resp
}

func garble(resp ua.Response) {
	call, ok := resp.(*secureconv.CallResponse)
	if !ok {
		return
	}
	for _, r := range call.Results {
		for i, v := range r.Outputs {
			if b, ok := v.([]byte); ok && len(b) > 0 {
				b = bytes.Clone(b)
				b[len(b)-1] ^= 1
				r.Outputs[i] = b
			}
		}
	}
}

// refusal is a ServiceFault, or the status of every method where the fault is
// for a method.
func refusal(req ua.Request, f Fault) ua.Response {
	call, ok := req.(*ua.CallRequest)
	if !ok || f.Method == "Call" {
		return secureconv.Fault(req, f.Status)
	}
	resp := &secureconv.CallResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
	for range call.MethodsToCall {
		resp.Results = append(resp.Results, secureconv.MethodResult{Status: f.Status})
	}
	return resp
}
