package daemon_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// logind is a double of systemd's on a bus of its own, as far as the daemon asks
// it: a real one needs to be the machine's. One session is ours, one is not.
type logind struct {
	t    *testing.T
	conn *dbus.Conn

	mu     sync.Mutex
	hint   bool       // LockedHint of our session
	delays []*os.File // what holds a sleep up, as logind sees it
	given  []*os.File // and the other end, as it was handed out
}

const (
	loginPath  = "/org/freedesktop/login1"
	ourSession = dbus.ObjectPath(loginPath + "/session/_31")
	another    = dbus.ObjectPath(loginPath + "/session/_32")
)

type loginSession struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func (l *logind) ListSessions() ([]loginSession, *dbus.Error) {
	uid := uint32(os.Getuid())
	return []loginSession{{"1", uid, "me", "seat0", ourSession}, {"2", uid + 1, "her", "seat0", another}}, nil
}

func (l *logind) Inhibit(what, _, _, mode string) (dbus.UnixFD, *dbus.Error) {
	r, w, err := os.Pipe()
	if err != nil || what != "sleep" || mode != "delay" {
		return 0, dbus.MakeFailedError(os.ErrInvalid)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delays, l.given = append(l.delays, r), append(l.given, w)
	return dbus.UnixFD(w.Fd()), nil
}

// property answers for both sessions.
type property struct {
	l    *logind
	user uint32
}

func (p property) Get(_, name string) (dbus.Variant, *dbus.Error) {
	p.l.mu.Lock()
	defer p.l.mu.Unlock()
	if name == "User" {
		return dbus.MakeVariant(struct {
			UID  uint32
			Path dbus.ObjectPath
		}{p.user, "/user"}), nil
	}
	return dbus.MakeVariant(p.l.hint), nil
}

// systemBus starts a bus for a logind and returns its address.
func systemBus(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:path="+filepath.Join(dir, "bus"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%v; sudo apt-get install -y dbus-daemon", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func newLogind(t *testing.T, address string) *logind {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &logind{t: t, conn: conn}
	uid := uint32(os.Getuid())
	for _, export := range []struct {
		object any
		path   dbus.ObjectPath
		face   string
	}{
		{l, loginPath, "org.freedesktop.login1.Manager"},
		{property{l, uid}, ourSession, "org.freedesktop.DBus.Properties"},
		{property{l, uid + 1}, another, "org.freedesktop.DBus.Properties"},
	} {
		if err := conn.Export(export.object, export.path, export.face); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *logind) emit(path dbus.ObjectPath, name string, args ...any) {
	l.t.Helper()
	if err := l.conn.Emit(path, name, args...); err != nil {
		l.t.Fatal(err)
	}
}

// locks says that a session's screen is locked, or not, as a desktop does.
func (l *logind) locks(session dbus.ObjectPath, locked bool) {
	l.t.Helper()
	l.mu.Lock()
	l.hint = locked
	l.mu.Unlock()
	l.emit(session, "org.freedesktop.DBus.Properties.PropertiesChanged", "org.freedesktop.login1.Session",
		map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(locked)}, []string{})
}

func (l *logind) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.delays)
}

// sleeps says that the machine is about to sleep, and waits until nobody holds
// it up any more.
func (l *logind) sleeps() {
	l.t.Helper()
	l.mu.Lock()
	delay, given := l.delays[len(l.delays)-1], l.given[len(l.given)-1]
	l.mu.Unlock()
	given.Close() // ours: the daemon has its own
	l.emit(loginPath, "org.freedesktop.login1.Manager.PrepareForSleep", true)
	if err := delay.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	if n, err := delay.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		l.t.Fatalf("the sleep is held up: %d %v", n, err)
	}
	delay.Close()
}

func (h *home) serves() bool {
	_, err := h.client.Credentials("work")
	return err == nil
}

func TestTheMachineLocksTheStore(t *testing.T) {
	bus := systemBus(t)
	l := newLogind(t, bus)
	settings := strings.Replace(slow, "[store]\n", "[store]\nlock_on = [\"sleep\", \"screen-lock\"]\n", 1)
	h, g, _ := lockableOn(t, settings, bus)
	ctx := context.Background()
	h.until("sleep is held up", func() bool { return l.held() == 1 })

	l.sleeps()
	_, err := h.client.Credentials("work")
	locked(t, "at the moment the machine may sleep", err)
	l.emit(loginPath, "org.freedesktop.login1.Manager.PrepareForSleep", false)
	h.until("the store is open when the machine is awake", h.serves)
	h.until("the next sleep is held up", func() bool { return l.held() == 2 })

	l.locks(ourSession, true)
	h.until("locked with the screen", func() bool { return !h.serves() })
	l.locks(ourSession, false)
	h.until("open with the screen", h.serves)
	l.emit(ourSession, "org.freedesktop.login1.Session.Lock")
	h.until("locked at loginctl's word", func() bool { return !h.serves() })
	l.emit(ourSession, "org.freedesktop.login1.Session.Unlock")
	h.until("open at loginctl's word", h.serves)

	// Her screen is none of ours: what comes after it shows that it was heard.
	l.emit(another, "org.freedesktop.login1.Session.Lock")
	l.sleeps()
	if got := h.status().Warnings; len(got) != 1 || !strings.Contains(got[0].Text, "went to sleep") {
		t.Errorf("after another user's lock and a sleep: %+v", got)
	}
	l.emit(loginPath, "org.freedesktop.login1.Manager.PrepareForSleep", false)
	h.until("open again", h.serves)
	h.until("and held up again", func() bool { return l.held() == 3 })

	// What a person locks, a person unlocks.
	if _, err := h.client.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	l.emit(ourSession, "org.freedesktop.login1.Session.Lock")
	l.emit(ourSession, "org.freedesktop.login1.Session.Unlock")
	l.sleeps()
	l.emit(loginPath, "org.freedesktop.login1.Manager.PrepareForSleep", false)
	h.until("all of it is heard", func() bool { return l.held() == 4 })
	if h.serves() {
		t.Error("the machine has unlocked what a person locked")
	}
	g.answers <- nil
	if _, err := h.client.Unlock(ctx); err != nil {
		t.Fatal(err)
	}

	// A daemon that begins under a locked screen waits for it.
	l.locks(ourSession, true)
	h.until("locked with the screen", func() bool { return !h.serves() })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.run()
	if h.serves() {
		t.Error("a new process has opened the store under a locked screen")
	}
	l.locks(ourSession, false)
	h.until("open with the screen", h.serves)
	if g.prompts.Load() != 1 || g.asked.Load() != 1 {
		t.Errorf("%d prompts, %d openings with a person there", g.prompts.Load(), g.asked.Load())
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutLogindItIsSaid(t *testing.T) {
	settings := strings.Replace(slow, "[store]\n", "[store]\nlock_on = [\"sleep\"]\n", 1)
	deaf := func(h *home) func() bool {
		return func() bool {
			for _, w := range h.status().Warnings {
				if w.Code == "lock-on-deaf" && w.Remedy != "" {
					return true
				}
			}
			return false
		}
	}
	for what, bus := range map[string]string{"no bus": "unix:path=/nonexistent", "a bus without it": systemBus(t)} {
		h, _, _ := lockableOn(t, settings, bus)
		h.until(what+" is said", deaf(h))
		if what != "no bus" {
			l := newLogind(t, bus)
			h.until("it comes later", func() bool { return l.held() == 1 && !deaf(h)() })
		}
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}
}
