package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// clockSet says so each time that somebody has set the wall clock, or that the
// machine has slept, until ctx ends: a timer that never goes off, and is called off
// then (TFD_TIMER_CANCEL_ON_SET of timerfd_create(2)). So nobody has to look at the
// clock once a minute. It returns at once where the system has no such timer.
func clockSet(ctx context.Context, told chan<- struct{}) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot be told of a change of the clock: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd")
	defer timer.Close()
	defer context.AfterFunc(ctx, func() { timer.Close() })()
	never := unix.ItimerSpec{Value: unix.NsecToTimespec(math.MaxInt64)}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil); err != nil {
		return fmt.Errorf("cannot be told of a change of the clock: %w", err)
	}
	var count [8]byte
	for {
		switch _, err := timer.Read(count[:]); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.ECANCELED):
			select {
			case told <- struct{}{}:
			default: // it has been said, and nobody has looked yet
			}
		case err != nil:
			return err
		}
	}
}
