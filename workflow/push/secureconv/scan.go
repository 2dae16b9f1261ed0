package secureconv

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/gopcua/opcua/ua"
)

// Bounds of what gopcua's decoder gets to see. It recurses without a limit,
// believes array dimensions and turns one byte into a structure.
const (
	maxDepth      = 32      // Variants, DataValues, ExtensionObjects and DiagnosticInfos inside each other
	maxDimensions = 8       // of an array in a Variant
	memoryFloor   = 4 << 20 // bytes that decoding any message may take
	memoryFactor  = 8       // and bytes for every byte of the message
	nestedSize    = 128     // bytes of a Variant, a DataValue with its Variant, an ExtensionObject, a DiagnosticInfo, at most
)

// scanError says where a message is not what its type says.
type scanError struct {
	offset int
	what   string
}

func (e *scanError) Error() string { return fmt.Sprintf("message byte %d: %s", e.offset, e.what) }

func (e *scanError) Unwrap() error { return ua.StatusBadDecodingError }

// scanner walks the bytes of a message along the Go type they are about to be
// decoded into, as gopcua's decoder would, and allocates nothing.
type scanner struct {
	b      []byte
	off    int
	depth  int
	budget *int
}

// decodeService decodes the body of a message (OPC 10000-6, 5.2.9 and 6.7.2).
// The request of a service that gopcua does not know is an *unknownRequest.
func decodeService(b []byte) (v any, err error) {
	defer func() {
		if r := recover(); r != nil { // the scan is there to keep this from happening
			v, err = nil, fmt.Errorf("decode: %v: %w", r, ua.StatusBadDecodingError)
		}
	}()
	if v, err = scanService(b); v != nil || err != nil {
		return v, err
	}
	_, v, err = ua.DecodeService(b)
	if err != nil {
		return nil, fmt.Errorf("decode: %v: %w", err, ua.StatusBadDecodingError)
	}
	return v, nil
}

// unknownRequest is a request of a service that gopcua does not know; its
// header is enough to answer it.
type unknownRequest struct{ header *ua.RequestHeader }

func (r *unknownRequest) Header() *ua.RequestHeader     { return r.header }
func (r *unknownRequest) SetHeader(h *ua.RequestHeader) { r.header = h }

// scanService checks a whole message. The value it returns is nil, but for a
// service that gopcua does not know.
func scanService(b []byte) (any, error) {
	budget := memoryFloor + memoryFactor*len(b)
	s := &scanner{b: b, budget: &budget}
	if err := s.nodeID(true); err != nil {
		return nil, err
	}
	_, v, _ := ua.DecodeService(b[:s.off]) // the type; its fields have nothing to be read from
	if v == nil {
		start, header := s.off, new(ua.RequestHeader)
		if err := s.value(reflect.TypeOf(header)); err != nil {
			return nil, err
		}
		_, err := ua.Decode(b[start:s.off], header)
		return &unknownRequest{header: header}, err
	}
	return nil, s.value(reflect.TypeOf(v))
}

func (s *scanner) fail(what string) error { return &scanError{offset: s.off, what: what} }

func (s *scanner) left() int { return len(s.b) - s.off }

func (s *scanner) skip(n int) error {
	if n < 0 || n > s.left() {
		return s.fail("ends too soon")
	}
	s.off += n
	return nil
}

func (s *scanner) byte() (byte, error) {
	if err := s.skip(1); err != nil {
		return 0, err
	}
	return s.b[s.off-1], nil
}

// length reads a length or count: -1 for null, else at most what is left.
func (s *scanner) length() (int, error) {
	if err := s.skip(4); err != nil {
		return 0, err
	}
	n := int32(binary.LittleEndian.Uint32(s.b[s.off-4:]))
	if n < -1 || int(n) > s.left() {
		return 0, s.fail("length or count beyond the message")
	}
	return int(n), nil
}

func (s *scanner) bytes() error {
	n, err := s.length()
	if err != nil {
		return err
	}
	return s.skip(max(n, 0))
}

// spend accounts for memory the decoder will take.
func (s *scanner) spend(n int) error {
	if *s.budget -= n; *s.budget < 0 {
		return s.fail("decodes to far more memory than it has bytes")
	}
	return nil
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested too deeply")
	}
	return nil
}

// value walks one value of a type. The cases are those of gopcua's decode.
func (s *scanner) value(t reflect.Type) error {
	switch t {
	case reflect.TypeFor[*ua.NodeID]():
		return s.nodeID(false)
	case reflect.TypeFor[*ua.ExpandedNodeID]():
		return s.nodeID(true)
	case reflect.TypeFor[*ua.GUID]():
		return s.skip(16)
	case reflect.TypeFor[*ua.LocalizedText]():
		return s.localizedText()
	case reflect.TypeFor[*ua.Variant]():
		return s.nested(s.variant)
	case reflect.TypeFor[*ua.DataValue]():
		return s.nested(s.dataValue)
	case reflect.TypeFor[*ua.DiagnosticInfo]():
		return s.nested(s.diagnosticInfo)
	case reflect.TypeFor[*ua.ExtensionObject]():
		return s.nested(s.extensionObject)
	case timeType:
		return s.skip(8)
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32,
		reflect.Uint32, reflect.Int64, reflect.Uint64, reflect.Float32, reflect.Float64:
		return s.skip(int(t.Size()))
	case reflect.String:
		return s.bytes()
	case reflect.Slice:
		return s.slice(t.Elem())
	case reflect.Pointer:
		if err := s.spend(int(t.Elem().Size())); err != nil {
			return err
		}
		return s.value(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if err := s.value(t.Field(i).Type); err != nil {
				return err
			}
		}
		return nil
	}
	return s.fail("type " + t.String() + " cannot be decoded")
}

func (s *scanner) slice(elem reflect.Type) error {
	n, err := s.length()
	if err != nil || n < 0 {
		return err
	}
	if elem.Kind() == reflect.Uint8 {
		return s.skip(n)
	}
	if err := s.spend(n * int(elem.Size())); err != nil {
		return err
	}
	for range n {
		if err := s.value(elem); err != nil {
			return err
		}
	}
	return nil
}

// nested walks something that can hold itself.
func (s *scanner) nested(f func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if err := s.spend(nestedSize); err != nil {
		return err
	}
	return f()
}
