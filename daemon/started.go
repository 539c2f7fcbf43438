package daemon

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// lockWithin is more than a daemon takes to end.
const lockWithin = 45 * time.Second

// takeLock waits for the daemon before this one, if somebody waits in a socket
// meanwhile: it may have been started by a helper, and told to end.
func takeLock(ctx context.Context, state string, starter Starter) (release func() error, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(lockWithin); ; {
		release, err = api.Lock(state)
		e, refused := errors.AsType[*api.Error](err)
		if !refused || e.Exit != helper.ExitHeld || starter.Socket == nil || time.Now().After(late) {
			return release, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// listenAt takes the socket that a service manager has opened, if its folder is
// closed to others, or opens one.
func listenAt(env helper.Env, starter Starter) (net.Listener, error) {
	if starter.Socket == nil {
		return api.ListenFirst(helper.SocketCandidates(env))
	}
	if err := helper.CheckFolder(filepath.Dir(starter.Socket.Addr().String())); err != nil {
		return nil, errors.Join(err, starter.Socket.Close())
	}
	return starter.Socket, nil
}

// feed lets the service manager know that the daemon is well: somebody who comes
// to the socket is answered. It says nothing where that is not so, and is
// killed for it.
func (d *Daemon) feed(ctx context.Context, starter Starter) {
	if starter.Watchdog == 0 {
		return
	}
	every := starter.Watchdog / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if d.answers(ctx, every) {
			starter.tell("WATCHDOG=1")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// answers asks through the socket, as any program would. Also a refusal is an
// answer.
func (d *Daemon) answers(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client := api.Dial(d.env)
	defer client.Close()
	_, err := client.Status(ctx)
	e, refused := errors.AsType[*api.Error](err)
	if err == nil || !refused {
		return err == nil
	}
	switch e.Code {
	case "socket", "timeout", "stopped", "bad-answer", "no-daemon":
		return false
	}
	return true
}
