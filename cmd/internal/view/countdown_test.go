package view

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uapush/uapush/workflow"
)

func TestCountdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		observe, stop := Countdown(NewText(&b, 80, false), false, time.Now)
		defer stop()
		until := time.Now().Add(3 * time.Second)
		if err := observe(workflow.Event{Type: workflow.Waiting, Message: "the server\x1b[2J to answer", Until: until}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2500 * time.Millisecond) // of the bubble's clock
		if err := observe(workflow.Event{Type: workflow.StepDone, Step: "reconnect"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		want := "\r\x1b[K  waiting for the server[2J to answer, 3s left" +
			"\r\x1b[K  waiting for the server[2J to answer, 2s left" +
			"\r\x1b[K  waiting for the server[2J to answer, 1s left" +
			"\r\x1b[K✓ reconnect\n"
		if b.String() != want {
			t.Errorf("printed %q, want %q", b.String(), want)
		}
	})
}
