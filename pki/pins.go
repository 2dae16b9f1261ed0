package pki

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Pin binds a server to one exact certificate.
type Pin struct {
	Server         string    `json:"server"` // the discovery URL or the inventory's name
	ApplicationURI string    `json:"applicationUri,omitempty"`
	SHA256         string    `json:"sha256"` // Fingerprint of the leaf
	Added          time.Time `json:"added"`
}

// PinMismatchError says that a server showed another certificate than the pinned one.
type PinMismatchError struct {
	Server string
	Pinned string // SHA-256, lower case hex
	Seen   string
	Added  time.Time // when it was pinned
}

func (e *PinMismatchError) Error() string {
	return fmt.Sprintf("%s shows certificate sha256:%s, but sha256:%s was pinned on %s",
		e.Server, e.Seen, e.Pinned, e.Added.UTC().Format(time.DateOnly))
}

// Hint tells the operator what to do.
func (e *PinMismatchError) Hint() string {
	return "if the server's certificate was renewed, compare the fingerprint at the server and give it with --pin sha256:" +
		e.Seen + "; if not, somebody may be in between"
}

// Pins is the file of certificates accepted on first use. It is read at every
// call, so that processes side by side agree.
type Pins struct {
	file stateFile[Pin]
	now  func() time.Time
}

// NewPins names the file; neither it nor its directory need exist. now nil is the
// system clock.
func NewPins(path string, now func() time.Time) *Pins {
	if now == nil {
		now = time.Now
	}
	return &Pins{now: now, file: stateFile[Pin]{
		path: path, schema: "uapush.pins/1", list: "pins", check: checkPins,
		mend: "restore the file, or remove it and pin the servers again after comparing their fingerprints",
	}}
}

// Lookup finds the pin of a server by its discovery URL or inventory name.
func (p *Pins) Lookup(server string) (pin Pin, found bool, err error) {
	pins, err := p.file.read()
	if err != nil {
		return Pin{}, false, err
	}
	if i := indexPin(pins, server); i >= 0 {
		return pins[i], true, nil
	}
	return Pin{}, false, nil
}

// Check compares a leaf with the pin, if there is one: a difference is
// a *PinMismatchError.
func (p *Pins) Check(server string, leaf []byte) (found bool, err error) {
	pin, found, err := p.Lookup(server)
	if err != nil || !found {
		return false, err
	}
	return true, pin.check(Fingerprint(leaf))
}

func (p Pin) check(seen string) error {
	if p.SHA256 != seen {
		return &PinMismatchError{Server: p.Server, Pinned: p.SHA256, Seen: seen, Added: p.Added}
	}
	return nil
}

// Add pins a leaf. The same pin again changes nothing; another certificate for
// the same server is a *PinMismatchError.
func (p *Pins) Add(ctx context.Context, server, applicationURI string, leaf []byte) (Pin, error) {
	pin := Pin{Server: server, ApplicationURI: applicationURI, SHA256: Fingerprint(leaf), Added: p.now().UTC().Truncate(time.Second)}
	if server == "" {
		return Pin{}, errors.New("a pin needs the name of a server")
	}
	err := p.file.change(ctx, func(pins []Pin) ([]Pin, error) {
		if i := indexPin(pins, server); i >= 0 {
			old := pins[i]
			err := old.check(pin.SHA256)
			pin = old
			return nil, err
		}
		return append(pins, pin), nil
	})
	return pin, err
}

// Replace pins a leaf whatever was pinned before: the operator compared it.
func (p *Pins) Replace(ctx context.Context, server, applicationURI string, leaf []byte) error {
	pin := Pin{Server: server, ApplicationURI: applicationURI, SHA256: Fingerprint(leaf), Added: p.now().UTC().Truncate(time.Second)}
	return p.file.change(ctx, func(pins []Pin) ([]Pin, error) {
		if i := indexPin(pins, server); i >= 0 {
			pins[i] = pin
			return pins, nil
		}
		return append(pins, pin), nil
	})
}

func indexPin(pins []Pin, server string) int {
	return slices.IndexFunc(pins, func(p Pin) bool { return p.Server == server })
}

// checkPins: a pin that is misread is a server that is not checked.
func checkPins(pins []Pin) error {
	for i, pin := range pins {
		switch parsed, err := ParsePin(pin.SHA256); {
		case pin.Server == "":
			return fmt.Errorf("pin %d names no server", i+1)
		case err != nil || parsed != pin.SHA256:
			return fmt.Errorf("pin %d has no usable sha256", i+1)
		case indexPin(pins, pin.Server) != i:
			return fmt.Errorf("pin %d is a second one for the same server", i+1)
		}
	}
	return nil
}
