package push

import (
	"context"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

// Open modes (OPC 10000-20, 4.2.2; the two kinds of file each allow two of their
// combinations, OPC 10000-12, 7.8.2.2 and 7.8.5.1).
const (
	openRead           = byte(0x01)
	openReadWrite      = byte(0x03)
	openWriteAndErase  = byte(0x06)
	maximumContent     = 16 << 20 // bytes that one file may have
	maximumReads       = 1 << 14  // of one file: a server may return less than it is asked for
	bytesPerRoundTrip  = 1 << 20  // of all the files of one Call, well below a channel's 4 MiB
	smallestPiece      = 4 << 10
	requestEnvelope    = 1 << 10 // what a request has besides the data to write
	closingTakesAtMost = 3 * time.Second
)

// file is a FileType Object to read.
type file struct {
	object   *object
	what     string // for messages
	open     string // paths of the methods
	read     string
	close    string
	maxBytes uint32                          // of one ByteString; 0 is not said
	complete func(data []byte) (bool, error) // says that nothing is missing; nil waits for the end

	handle uint32
	opened bool
	data   []byte
	done   bool
}

// opens are the calls that open the files for reading.
func opens(files []*file) []call {
	var calls []call
	for _, f := range files {
		calls = append(calls, f.object.call(f.open, openRead))
	}
	return calls
}

// takeHandles stores the results of opens. Files that were opened stay so when
// another was refused: the caller closes them.
func takeHandles(files []*file, results []result) error {
	var failed error
	for i, f := range files {
		handle, err := handleOf(results[i])
		switch {
		case err == nil:
			f.handle, f.opened = handle, true
		case failed == nil:
			failed = err
		}
	}
	return failed
}

func handleOf(r result) (uint32, error) {
	if err := r.err(); err != nil {
		return 0, err
	}
	handle, ok := output[uint32](r, 0)
	if !ok {
		return 0, r.malformed("it has no FileHandle")
	}
	return handle, nil
}

// readFiles reads opened files side by side: each request asks for a piece of
// every file that is not complete.
func (s *Session) readFiles(ctx context.Context, files []*file) error {
	for range maximumReads {
		var open []*file
		for _, f := range files {
			if !f.done {
				open = append(open, f)
			}
		}
		if len(open) == 0 {
			return nil
		}
		var calls []call
		for _, f := range open {
			calls = append(calls, f.object.call(f.read, f.handle, int32(s.piece(f.maxBytes, s.readSize/len(open)))))
		}
		results, err := s.calls(ctx, calls)
		if err != nil {
			return err
		}
		for i, f := range open {
			if err := f.take(results[i]); err != nil {
				return err
			}
		}
	}
	return &MalformedError{What: "answers to Read", Why: fmt.Sprintf("%d of them did not complete a file", maximumReads)}
}

// piece is how many bytes one ByteString may carry.
func (s *Session) piece(maxBytes uint32, most int) int {
	n := max(most, smallestPiece)
	if maxBytes == 0 {
		maxBytes = s.maxBytes
	}
	if maxBytes > 0 {
		n = int(min(uint32(n), maxBytes))
	}
	return n
}

// take adds what a Read returned. Less than was asked for is not the end; an
// empty ByteString is (OPC 10000-20, 4.2.4).
func (f *file) take(r result) error {
	if err := r.err(); err != nil {
		return err
	}
	piece, ok := output[[]byte](r, 0)
	if !ok {
		return r.malformed("it has no Data")
	}
	if len(piece) == 0 {
		f.done = true
		return nil
	}
	f.data = append(f.data, piece...)
	if len(f.data) > maximumContent {
		return &MalformedError{What: f.what, Why: fmt.Sprintf("it has more than %d bytes", maximumContent)}
	}
	if f.complete == nil {
		return nil
	}
	done, err := f.complete(f.data)
	if err != nil {
		return &MalformedError{What: f.what, Err: err}
	}
	f.done = done
	return nil
}

// closeFiles closes what was opened, in one request. A refusal is of no
// consequence: the server closes the file after its ActivityTimeout.
func (s *Session) closeFiles(ctx context.Context, files []*file) error {
	var calls []call
	for _, f := range files {
		if f.opened {
			calls = append(calls, f.object.call(f.close, f.handle))
			f.opened = false
		}
	}
	if len(calls) == 0 {
		return nil
	}
	_, err := s.calls(ctx, calls)
	return err
}

// discard closes a file after a failure, also after an interrupt. What was
// written to it is dropped by the server (7.8.2.1, 7.8.5.1).
func (s *Session) discard(ctx context.Context, c call) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTakesAtMost)
	defer cancel()
	if _, err := s.do(ctx, c); err != nil {
		s.log.Debug("close after a failure", "method", c.name, "error", err)
	}
}

// writeFile writes data in pieces that the server takes. Nothing takes effect
// before CloseAndUpdate, so a failure needs no more than a Close.
func (s *Session) writeFile(ctx context.Context, o *object, path string, handle uint32, data []byte, maxBytes uint32) error {
	size := s.piece(maxBytes, bytesPerRoundTrip)
	if s.maxRequest > 0 {
		size = min(size, max(int(s.maxRequest)-requestEnvelope, 1))
	}
	for len(data) > 0 {
		n := min(size, len(data))
		_, err := s.do(ctx, o.call(path, handle, data[:n]))
		if isTooLarge(err) && n > smallestPiece {
			size = max(n/2, smallestPiece) // nothing was written
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// updateRequired reads ApplyChangesRequired. A server that leaves it out is asked
// to apply: Bad_NothingToDo is harmless, a change that stays staged is not.
func updateRequired(r result) bool {
	required, ok := output[bool](r, 0)
	return required || !ok
}

// listFile is a group's TrustList as a file.
func (g *group) listFile() *file {
	return &file{
		object: &g.object, what: "trust list of " + g.name,
		open: pathListOpen, read: pathListRead, close: pathListClose,
		maxBytes: g.maxBytes, complete: trustListComplete,
	}
}

// configurationFile is the application's ConfigurationFile.
func (s *Session) configurationFile() *file {
	f := &file{
		object: &s.app, what: "configuration file",
		open: pathFileOpen, read: pathFileRead, close: pathFileClose,
		maxBytes: uint32(unsigned(s.values[pathFileMaxByteString], 1<<31-1)),
	}
	if s.complete != nil {
		f.complete = func(data []byte) (bool, error) { return s.complete(data), nil }
	}
	return f
}

// certificatesOf reads the answer of GetCertificates. A server that does not have
// the method after all leaves CertificatesKnown false.
func (s *Session) certificatesOf(r result, g *workflow.GroupObservation) error {
	switch r.status {
	case ua.StatusBadNotImplemented, ua.StatusBadMethodInvalid, ua.StatusBadNodeIDUnknown, ua.StatusBadNotSupported:
		return nil
	}
	if err := r.err(); err != nil {
		return err
	}
	types, ok1 := output[[]*ua.NodeID](r, 0)
	ders, ok2 := output[[][]byte](r, 1)
	if !(ok1 || nullOutput(r, 0)) || !(ok2 || nullOutput(r, 1)) || len(types) != len(ders) {
		return r.malformed("CertificateTypeIds and Certificates do not match")
	}
	g.CertificatesKnown = true
	for i, n := range types {
		id, ok := portable(n, s.namespaces)
		if !ok || len(ders[i]) == 0 {
			continue
		}
		g.Certificates[id] = ders[i]
		if leaf := leafOf(ders[i]); leaf != nil {
			g.Certificates[id] = leaf // without its chain (OPC 10000-6, 6.2.6)
		}
	}
	return nil
}

// nullOutput says that an output argument is there and is null, as some servers
// send an empty array.
func nullOutput(r result, i int) bool {
	return i < len(r.out) && r.out[i] != nil && r.out[i].Value() == nil
}
