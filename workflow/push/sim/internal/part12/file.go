package part12

import (
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Bits of the mode of Open (OPC 10000-20, 4.2.2).
const (
	modeRead  byte = 1
	modeWrite byte = 2
	modeErase byte = 4
)

// handle is an open file: a TrustList, or the ConfigurationFile when group is "".
// It belongs to one Session and is closed with it.
type handle struct {
	id      uint32
	session string
	app     *Application
	group   string
	mode    byte
	data    []byte
	pos     int
	limit   int // bytes that may be written

	stop func() bool // of the activity timer
	turn int         // counts the timer's restarts
}

// open counts the handles of a file that have one of the mode bits.
func (d *Device) open(a *Application, group string, mode byte) int {
	n := 0
	for _, h := range d.handles {
		if h.app == a && h.group == group && h.mode&mode != 0 {
			n++
		}
	}
	return n
}

// available applies the rules for files that are open already: one writer, and no
// reader besides it (OPC 10000-20, 4.2.2).
func (d *Device) available(a *Application, group string, mode byte) error {
	switch {
	case mode&modeWrite != 0 && d.open(a, group, modeRead|modeWrite) > 0:
		return ua.StatusBadNotWritable
	case mode&modeWrite == 0 && d.open(a, group, modeWrite) > 0:
		return ua.StatusBadNotReadable
	}
	return nil
}

// maxHandles bounds the memory of open files, each of which has its own content.
const maxHandles = 100

func (d *Device) newHandle(acc *space.Access, h handle) (uint32, error) {
	if len(d.handles) >= maxHandles {
		return 0, ua.StatusBadResourceUnavailable
	}
	d.last++
	h.id, h.session, h.stop = d.last, acc.SessionID, func() bool { return true }
	d.handles[h.id] = &h
	d.rearm(&h)
	return h.id, nil
}

// rearm gives an open file another ActivityTimeout; after it the file is closed
// and what was written is lost (7.8.2.1, 7.8.5.1).
func (d *Device) rearm(h *handle) {
	h.stop()
	h.turn++
	turn := h.turn
	h.stop = d.opt.AfterFunc(d.opt.ActivityTimeout, func() {
		d.mu.Lock()
		defer d.unlock()
		if d.handles[h.id] == h && h.turn == turn {
			d.drop(h)
		}
	})
}

// dropAll closes a file for whoever has it open.
func (d *Device) dropAll(a *Application, group string) {
	for _, h := range d.handles {
		if h.app == a && h.group == group {
			d.drop(h)
		}
	}
}

func (d *Device) drop(h *handle) {
	h.stop()
	delete(d.handles, h.id)
}

// handle finds an open file of the Session; its first argument is at fault otherwise.
func (a *Application) handle(acc *space.Access, group string, id uint32) (*handle, error) {
	h := a.d.handles[id]
	if h == nil || h.session != acc.SessionID || h.app != a || h.group != group {
		return nil, badArgument(1)
	}
	a.d.rearm(h)
	return h, nil
}

// The Methods of FileType that all files share (OPC 10000-20, 4.2.3 to 4.2.7).
// group is "" for the ConfigurationFile.

func (a *Application) closeFile(acc *space.Access, group string, id uint32) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, group, id)
	if err != nil {
		return err
	}
	a.d.drop(h)
	return nil
}

// read returns at most MaxByteStringLength bytes; none at the end.
func (a *Application) read(acc *space.Access, group string, id uint32, length int32) ([]byte, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, group, id)
	switch {
	case err != nil:
		return nil, err
	case length <= 0:
		return nil, badArgument(2)
	case h.mode&modeRead == 0:
		return nil, ua.StatusBadInvalidState
	}
	n := min(int(length), a.d.opt.MaxByteStringLength, len(h.data)-h.pos)
	part := h.data[h.pos : h.pos+n]
	h.pos += n
	return append([]byte{}, part...), nil
}

func (a *Application) write(acc *space.Access, group string, id uint32, data []byte) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, group, id)
	switch {
	case err != nil:
		return err
	case len(data) > a.d.opt.MaxByteStringLength:
		return badArgument(2)
	case h.mode&modeWrite == 0:
		return ua.StatusBadInvalidState
	case h.pos+len(data) > h.limit:
		return ua.StatusBadRequestTooLarge
	}
	n := copy(h.data[h.pos:], data)
	h.data = append(h.data, data[n:]...)
	h.pos += len(data)
	return nil
}

func (a *Application) position(acc *space.Access, group string, id uint32) (uint64, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, group, id)
	if err != nil {
		return 0, err
	}
	return uint64(h.pos), nil
}

// setPosition stops at the end of the file.
func (a *Application) setPosition(acc *space.Access, group string, id uint32, pos uint64) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, group, id)
	if err != nil {
		return err
	}
	h.pos = int(min(pos, uint64(len(h.data))))
	return nil
}

func (a *Application) openCount(group string) uint16 {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return uint16(a.d.open(a, group, modeRead|modeWrite))
}
