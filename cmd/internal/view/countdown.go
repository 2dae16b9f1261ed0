package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/uapush/uapush/workflow"
)

// Countdown is Progress on a terminal: while a run waits, the last line says how
// much longer. The line makes room for the next event; stop ends it where none
// comes any more.
func Countdown(t *Text, verbose bool, now func() time.Time) (observe workflow.Observer, stop func()) {
	progress := Progress(t, verbose)
	var c countdown
	stop = func() { c.stop(t.w) }
	return func(e workflow.Event) error {
		stop()
		if e.Type == workflow.Waiting && !e.Until.IsZero() {
			c.start(t.w, Clean(e.Message), e.Until, now)
			return nil
		}
		return progress(e)
	}, stop
}

// countdown is the line that counts; one at a time.
type countdown struct {
	end  chan struct{}
	done sync.WaitGroup
}

func (c *countdown) start(w io.Writer, what string, until time.Time, now func() time.Time) {
	end := make(chan struct{})
	c.end = end
	c.done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			left := max(until.Sub(now()), 0).Round(time.Second)
			fmt.Fprintf(w, "\r\x1b[K  waiting for %s, %v left", what, left)
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
}

func (c *countdown) stop(w io.Writer) {
	if c.end == nil {
		return
	}
	close(c.end)
	c.done.Wait()
	c.end = nil
	fmt.Fprint(w, "\r\x1b[K")
}
