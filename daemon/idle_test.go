package daemon

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/history"
)

// TestIdlenessLocks by the wall clock, from the last request on, and once.
func TestIdlenessLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := &Daemon{log: slog.New(slog.DiscardHandler), history: history.Open(dir), files: files{state: dir}, forgets: make(chan struct{}, 1)}
		d.asked.Store(time.Now().Unix())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { d.mindIdle(ctx, 30*time.Minute); close(done) }()
		for range 3 {
			time.Sleep(29 * time.Minute)
			if d.lockedBy() != "" {
				t.Fatal("locked before its time")
			}
			d.asked.Store(time.Now().Unix())
		}
		d.asked.Store(time.Now().Add(48 * time.Hour).Unix()) // the clock is set back two days
		time.Sleep(32 * time.Minute)
		if d.lockedBy() != byIdle || readMark(dir) != byIdle {
			t.Errorf("after more than half an hour: locked by %q, marked %q", d.lockedBy(), readMark(dir))
		}
		d.unlockedBy(ctx, byScreen)
		d.unlockedBy(ctx, bySleep)
		if d.lockedBy() != byIdle {
			t.Error("the end of something else has ended it")
		}
		cancel()
		<-done
	})
}
