package push

import (
	"context"
	"time"

	"github.com/gopcua/opcua/ua"
)

// keepAlive reads ServerStatus.State when the Session was idle for half of its
// timeout, so that an operator may think and an issuer may take its time. It
// ends with Close or with the channel.
func (s *Session) keepAlive(ctx context.Context) {
	if s.revised <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		s.beat(ctx, max(s.revised/2, minimumBeat))
	}()
}

// minimumBeat keeps a server that revises to almost nothing from being flooded.
const minimumBeat = 100 * time.Millisecond

func (s *Session) beat(ctx context.Context, every time.Duration) {
	for {
		idle := time.Since(time.Unix(0, s.used.Load()))
		timer := time.NewTimer(max(every-idle, minimumBeat))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.ch.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if time.Since(time.Unix(0, s.used.Load())) < every {
			continue
		}
		if _, err := s.read(ctx, []*ua.NodeID{numeric(idState)}); err != nil && ctx.Err() == nil {
			s.log.Debug("keep-alive", "endpoint", s.url, "error", err)
		}
	}
}
