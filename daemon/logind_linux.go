package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
)

// logind tells of sleep and of locked screens (org.freedesktop.login1(5)).
const (
	logind        = "org.freedesktop.login1"
	logindPath    = "/org/freedesktop/login1"
	logindManager = "org.freedesktop.login1.Manager"
	logindSession = "org.freedesktop.login1.Session"
	properties    = "org.freedesktop.DBus.Properties"

	systemBus    = "unix:path=/var/run/dbus/system_bus_socket" // D-Bus specification, well-known instances
	askLogind    = 5 * time.Second                             // for one question
	logindAgain  = 10 * time.Second                            // between two tries to reach it
	logindWaits  = 16                                          // signals that may wait while a lock takes its time
	sleepSignal  = logindManager + ".PrepareForSleep"
	lockSignal   = logindSession + ".Lock"
	unlockSignal = logindSession + ".Unlock"
	hintSignal   = properties + ".PropertiesChanged"
)

// listen tells of occasions until ctx ends, one after the other, and of why it
// cannot. It never starts a logind.
func listen(ctx context.Context, env helper.Env, on config.LockOn, tell func(occasion), deaf func(error)) {
	address := env("DBUS_SYSTEM_BUS_ADDRESS")
	if address == "" {
		address = systemBus
	}
	for ctx.Err() == nil {
		err := listenOnce(ctx, address, on, tell, deaf)
		if ctx.Err() != nil {
			return
		}
		deaf(err)
		t := time.NewTimer(logindAgain)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
}

// ears is one connection to logind.
type ears struct {
	conn  *dbus.Conn
	on    config.LockOn
	tell  func(occasion)
	delay int // the descriptor that holds a sleep up until the secrets are forgotten; -1 for none
}

func listenOnce(ctx context.Context, address string, on config.LockOn, tell func(occasion), deaf func(error)) error {
	life, end := context.WithCancel(ctx)
	defer end()
	asking, cancel := context.WithTimeout(ctx, askLogind)
	defer cancel()
	tooLate := context.AfterFunc(asking, end) // connecting knows no deadline
	conn, err := dbus.Connect(address, dbus.WithContext(life))
	if err != nil {
		return fmt.Errorf("the system bus cannot be reached: %w", err)
	}
	defer conn.Close()
	if !tooLate() {
		return errors.New("the system bus does not answer")
	}
	e := &ears{conn: conn, on: on, tell: tell, delay: -1}
	defer e.letSleep()
	signals := make(chan *dbus.Signal, logindWaits)
	conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(logind), dbus.WithMatchInterface(logindManager), dbus.WithMatchMember("PrepareForSleep")},
		{dbus.WithMatchSender(logind), dbus.WithMatchInterface(logindSession)},
		{dbus.WithMatchSender(logind), dbus.WithMatchInterface(properties), dbus.WithMatchPathNamespace(logindPath + "/session")},
	} {
		if err := conn.AddMatchSignalContext(asking, match...); err != nil {
			return fmt.Errorf("the system bus refuses: %w", err)
		}
	}
	if err := e.begin(asking); err != nil {
		return fmt.Errorf("logind does not answer: %w", err)
	}
	deaf(nil)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s, ok := <-signals:
			if !ok {
				return errors.New("the system bus went away")
			}
			e.hear(ctx, s)
		}
	}
}

// begin holds sleep up from now on, and takes in how things stand.
func (e *ears) begin(ctx context.Context) error {
	if e.on.Sleep {
		if err := e.holdSleep(ctx); err != nil {
			return err
		}
	}
	if !e.on.ScreenLock {
		return nil
	}
	var sessions []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	if err := e.manager(ctx, "ListSessions").Store(&sessions); err != nil {
		return err
	}
	locked := false
	for _, s := range sessions {
		var hint bool
		if int(s.UID) == os.Getuid() && e.property(ctx, s.Path, "LockedHint", &hint) == nil {
			locked = locked || hint
		}
	}
	e.tell(occasion{by: byScreen, over: !locked})
	return nil
}

func (e *ears) hear(ctx context.Context, s *dbus.Signal) {
	ctx, cancel := context.WithTimeout(ctx, askLogind)
	defer cancel()
	switch {
	case s.Name == sleepSignal && e.on.Sleep:
		var begins bool
		if dbus.Store(s.Body, &begins) != nil {
			return
		}
		if !begins { // before the store is opened, which may take longer than a question may
			_ = e.holdSleep(ctx) // refused, the next sleep comes a moment before the lock
		}
		e.tell(occasion{by: bySleep, over: !begins})
		if begins {
			e.letSleep()
		}
	case !e.on.ScreenLock || !e.ours(ctx, s.Path):
	case s.Name == lockSignal:
		e.tell(occasion{by: byScreen})
	case s.Name == unlockSignal:
		e.tell(occasion{by: byScreen, over: true})
	case s.Name == hintSignal:
		// Desktops lock by themselves and leave only this hint.
		var face string
		var changed map[string]dbus.Variant
		var gone []string
		var locked bool
		if dbus.Store(s.Body, &face, &changed, &gone) == nil && face == logindSession {
			if hint, ok := changed["LockedHint"]; ok && hint.Store(&locked) == nil {
				e.tell(occasion{by: byScreen, over: !locked})
			}
		}
	}
}

// ours reports whether a session is this user's. In doubt it is not: the bus
// hands every user's signals to all.
func (e *ears) ours(ctx context.Context, session dbus.ObjectPath) bool {
	var user struct {
		UID  uint32
		Path dbus.ObjectPath
	}
	return e.property(ctx, session, "User", &user) == nil && int(user.UID) == os.Getuid()
}

// holdSleep has logind wait for us, up to its InhibitDelayMaxSec (5 s).
func (e *ears) holdSleep(ctx context.Context) error {
	var fd dbus.UnixFD
	err := e.manager(ctx, "Inhibit", "sleep", "awskeyd", "forgets secrets before the machine sleeps", "delay").Store(&fd)
	if err != nil {
		return err
	}
	e.letSleep()
	e.delay = int(fd)
	return nil
}

func (e *ears) letSleep() {
	if e.delay >= 0 {
		_ = syscall.Close(e.delay) // nothing was written to it
		e.delay = -1
	}
}

func (e *ears) manager(ctx context.Context, method string, args ...any) *dbus.Call {
	return e.conn.Object(logind, logindPath).CallWithContext(ctx, logindManager+"."+method, dbus.FlagNoAutoStart, args...)
}

func (e *ears) property(ctx context.Context, session dbus.ObjectPath, name string, into any) error {
	var v dbus.Variant
	err := e.conn.Object(logind, session).CallWithContext(ctx, properties+".Get", dbus.FlagNoAutoStart, logindSession, name).Store(&v)
	if err != nil {
		return err
	}
	return v.Store(into)
}
