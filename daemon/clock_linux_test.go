package daemon

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The machine's clock is set, to where it stands but for a nanosecond: nobody else
// sees that, and who waits for it is told.
func TestASetClockIsToldOf(t *testing.T) {
	told, ended := make(chan struct{}, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- clockSet(ctx, told) }()
	for late := time.Now().Add(20 * time.Second); ; {
		step := unix.Timex{Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO, Time: unix.Timeval{Usec: 1}}
		if _, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &step); errors.Is(err, os.ErrPermission) {
			cancel()
			<-ended
			t.Skip("only root sets the clock")
		} else if err != nil {
			t.Fatal(err)
		}
		select {
		case <-told:
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			return
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond): // it may not listen yet
		}
		if time.Now().After(late) {
			t.Fatal("the clock was set, and nobody was told")
		}
	}
}
