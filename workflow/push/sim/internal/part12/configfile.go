package part12

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// noUpdate is the null Guid: nothing needs to be confirmed.
const noUpdate = "00000000-0000-0000-0000-000000000000"

// update is a configuration that CloseAndUpdate accepted.
type update struct {
	id      string // noUpdate when no confirmation is needed
	session string // that sent it
	by      *space.Access
	next    *state
	change  Change
	revert  time.Duration
	applied bool
	stop    func() bool // of the timer that applies or reverts
}

// openConfiguration opens the ConfigurationFile for reading (0x01) or for reading
// and writing (0x03); both start with the active configuration (7.8.5.1). Writing
// waits for the end of any transaction and of the update before.
func (a *Application) openConfiguration(acc *space.Access, mode byte) (uint32, error) {
	d := a.d
	d.mu.Lock()
	defer d.unlock()
	if mode != modeRead && mode != modeRead|modeWrite {
		return 0, d.opt.OtherModes
	}
	if mode&modeWrite != 0 && (d.tx != nil || d.scheduled()) {
		return 0, ua.StatusBadTransactionPending
	}
	if d.opt.LastOpenWins {
		d.dropAll(a, "")
	}
	if err := d.available(a, "", mode); err != nil {
		return 0, err
	}
	data, err := uafile.New(d.opt.Layout).Encode(a.describe())
	if err != nil {
		return 0, err
	}
	if mode&modeWrite != 0 && d.opt.EmptyWriteStream {
		data = nil
	}
	return d.newHandle(acc, handle{app: a, mode: mode, data: data, limit: d.opt.MaxConfigurationSize})
}

// scheduled says whether an update of any application waits to be applied or confirmed.
func (d *Device) scheduled() bool { return d.server.update != nil || d.client.update != nil }

// configurationUpdate are the arguments of CloseAndUpdate after the handle (7.8.5.2).
type configurationUpdate struct {
	Version      config.VersionTime
	Targets      []config.UpdateTarget
	RevertAfter  float64 // ms
	RestartDelay float64 // ms
}

// updateOutcome are its results. Status is Good, or Uncertain when a target was
// refused: then nothing changes.
type updateOutcome struct {
	Status     ua.StatusCode
	Results    []ua.StatusCode
	NewVersion config.VersionTime // 0: no change
	UpdateID   string
}

// closeAndUpdate judges what was written and schedules it. The handle is closed
// whenever the arguments make sense, also when the update is refused (7.8.5.2).
func (a *Application) closeAndUpdate(acc *space.Access, id uint32, u configurationUpdate) (updateOutcome, error) {
	a.d.mu.Lock()
	defer a.d.unlock()
	h, err := a.handle(acc, "", id)
	if err != nil {
		return updateOutcome{}, err
	}
	revert, okRevert := milliseconds(u.RevertAfter)
	delay, okDelay := milliseconds(u.RestartDelay)
	switch {
	case h.mode&modeWrite == 0:
		return updateOutcome{}, ua.StatusBadInvalidState
	case len(u.Targets) == 0 && !a.d.opt.IgnoreTargets:
		return updateOutcome{}, badArgument(3)
	case !okRevert:
		return updateOutcome{}, badArgument(4)
	case !okDelay:
		return updateOutcome{}, badArgument(5)
	}
	a.d.drop(h)
	if u.Version != a.state.config.Version {
		return updateOutcome{}, ua.StatusBadInvalidState
	}
	file, err := uafile.Decode(h.data)
	if err != nil {
		return updateOutcome{}, ua.StatusBadDecodingError
	}
	if file.Layout() != a.d.opt.Layout {
		return updateOutcome{}, ua.StatusBadNotSupported
	}
	if a.d.opt.LateRevert && revert > 0 {
		revert += delay
	}
	if !a.d.opt.IgnoreTargets {
		return a.schedule(acc, a.process(acc, file.Application(), u.Targets), revert, delay)
	}
	body, targets := wholeBody(a.state.config, file.Application())
	out, err := a.schedule(acc, a.process(acc, body, targets), revert, delay)
	return out.inOneWord(len(u.Targets)), err
}

// milliseconds converts a Duration that a client sent; up to 100 days make sense.
func milliseconds(ms float64) (time.Duration, bool) {
	if math.IsNaN(ms) || ms < 0 || ms > 100*24*3600*1000 {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}

// schedule starts the restart delay of an accepted update.
func (a *Application) schedule(acc *space.Access, p *processing, revert, delay time.Duration) (updateOutcome, error) {
	out := updateOutcome{Results: p.results, UpdateID: noUpdate}
	if p.refused() {
		out.Status = ua.StatusUncertain
		return out, nil
	}
	if !p.changed() {
		return out, nil
	}
	u := &update{id: noUpdate, session: acc.SessionID, by: acc, next: p.next, change: p.change(), revert: revert}
	if revert > 0 && !(a.d.opt.ConfirmOnlyLoss && p.onlyAdds()) {
		u.id = newUpdateID()
	}
	p.next.config.Version = a.nextVersion()
	if a.d.opt.RenameRecords {
		renameRecords(&p.next.config)
	}
	a.update = u
	u.stop = a.d.opt.AfterFunc(delay, func() { a.apply(u) })
	out.NewVersion, out.UpdateID = p.next.config.Version, u.id
	return out, nil
}

// nextVersion is later than any version announced before, also one that was
// reverted (OPC 10000-4, 7.43).
func (a *Application) nextVersion() config.VersionTime {
	a.version = max(config.VersionAt(a.d.opt.Clock()), a.version+1, a.state.config.Version+1)
	return a.version
}

// apply puts an update into force when the restart delay is over.
func (a *Application) apply(u *update) {
	a.d.mu.Lock()
	if a.update != u || a.d.closed {
		a.d.unlock()
		return
	}
	var err error
	if a == a.d.server {
		endpoints := endpointsOf(u.next)
		a.d.mu.Unlock() // Prepare listens; the update cannot go away meanwhile
		err = a.d.opt.Prepare(endpoints)
		a.d.mu.Lock()
	}
	defer a.d.unlock()
	before := a.state
	if err == nil {
		a.state, a.previous = u.next, before
		if u.id == noUpdate {
			err = a.settle()
		}
	}
	if err != nil {
		a.state, a.previous, a.update, a.failed = before, nil, nil, u.id
		return
	}
	a.updated = a.d.opt.Clock()
	a.auditConfiguration(u.by, before.config.Version, u.next.config.Version)
	a.closeRemoved()
	a.changed(u.change)
	if u.id != noUpdate {
		u.applied = true
		u.stop = a.d.opt.AfterFunc(u.revert, func() { a.revert(u) })
	}
}

// settle makes the active configuration the one to store.
func (a *Application) settle() error {
	u, previous := a.update, a.previous
	a.update, a.previous = nil, nil
	if err := a.d.save(); err != nil {
		a.update, a.previous = u, previous
		return err
	}
	return nil
}

// revert restores what was before an update that nobody confirmed (7.8.5.2).
func (a *Application) revert(u *update) {
	a.d.mu.Lock()
	defer a.d.unlock()
	if a.update != u || a.d.closed {
		return
	}
	a.state, a.previous, a.update = a.previous, nil, nil
	a.updated = a.d.opt.Clock()
	a.auditConfiguration(nil, u.next.config.Version, a.state.config.Version)
	a.closeRemoved()
	a.changed(u.change)
}

// closeRemoved closes the TrustLists of groups that are gone.
func (a *Application) closeRemoved() {
	for _, h := range a.d.handles {
		if h.app == a && h.group != "" && a.state.groups[h.group] == nil {
			a.d.drop(h)
		}
	}
}

// confirmUpdate makes an update permanent (7.8.5.3). The client shall have
// reconnected: the Session that sent the update cannot confirm it.
func (a *Application) confirmUpdate(acc *space.Access, id string) error {
	a.d.mu.Lock()
	defer a.d.unlock()
	u := a.update
	switch {
	case strings.EqualFold(id, noUpdate):
		return badArgument(1)
	case strings.EqualFold(id, a.failed):
		return statusTransactionFailed
	case u == nil || !strings.EqualFold(id, u.id):
		return badArgument(1)
	case !u.applied || u.session == acc.SessionID:
		return ua.StatusBadInvalidState
	}
	if err := a.settle(); err != nil {
		return err
	}
	u.stop()
	return nil
}

func newUpdateID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	h := strings.ToUpper(hex.EncodeToString(b[:]))
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
