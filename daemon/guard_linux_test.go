package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/daemon/guard"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/storetest"
)

func onBus(address string) helper.Env {
	return func(name string) string {
		if name == "DBUS_SESSION_BUS_ADDRESS" {
			return address
		}
		return ""
	}
}

// notifyFor shows a notification with a short limit and returns how it went. It must
// be back well before a bus or a desktop would give up by itself (25 s).
func notifyFor(t *testing.T, env helper.Env) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- notify(ctx, env, "title", "text") }()
	select {
	case err := <-ended:
		return err
	case <-time.After(15 * time.Second):
		t.Fatal("a notification knows no limit")
		return nil
	}
}

// screen is a desktop that shows, or never answers.
type screen struct {
	shown chan string
	hangs chan struct{}
}

func (s *screen) Notify(_ string, _ uint32, _, title, text string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.shown <- title + ": " + text
	if s.hangs != nil {
		<-s.hangs
	}
	return 1, nil
}

func showOn(t *testing.T, address string, s *screen) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
		err = conn.Export(s, "/org/freedesktop/Notifications", "org.freedesktop.Notifications")
	}
	if err == nil {
		_, err = conn.RequestName("org.freedesktop.Notifications", dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNotify(t *testing.T) {
	bus := storetest.PrivateBus(t)
	s := &screen{shown: make(chan string, 1)}
	showOn(t, bus.Address, s)
	if err := notifyFor(t, onBus(bus.Address)); err != nil {
		t.Fatal(err)
	}
	if text := <-s.shown; text != "title: text" {
		t.Errorf("it shows %q", text)
	}
}

func TestADesktopThatNeverAnswers(t *testing.T) {
	bus := storetest.PrivateBus(t)
	s := &screen{shown: make(chan string, 1), hangs: make(chan struct{})}
	t.Cleanup(func() { close(s.hangs) })
	showOn(t, bus.Address, s)
	if err := notifyFor(t, onBus(bus.Address)); err == nil {
		t.Error("it says that something was shown")
	}
}

// A bus that takes the connection and stays silent, as a frozen one does.
func TestABusThatNeverAnswers(t *testing.T) {
	folder, err := os.MkdirTemp("", "bus") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	l, err := net.Listen("unix", filepath.Join(folder, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := notifyFor(t, onBus("unix:path="+l.Addr().String())); err == nil {
		t.Error("it says that something was shown")
	}
}

// Where there is neither a bus nor a desktop none is started.
func TestNoDesktop(t *testing.T) {
	if err := notifyFor(t, onBus("")); err != nil {
		t.Errorf("no bus: %v", err)
	}
	bus := storetest.PrivateBus(t)
	started := filepath.Join(bus.Home, "started")
	services := filepath.Join(bus.Home, "run", "dbus-1", "services") // dbus-daemon(1), standard_session_servicedirs; the file must have the name
	if err := os.MkdirAll(services, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "[D-BUS Service]\nName=org.freedesktop.Notifications\nExec=/bin/sh -c \"touch " + started + "; exit 1\"\n"
	if err := os.WriteFile(filepath.Join(services, "org.freedesktop.Notifications.service"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := dbus.Connect(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err; err != nil {
		t.Fatal(err)
	}
	if err := notifyFor(t, onBus(bus.Address)); err == nil || !strings.Contains(err.Error(), "org.freedesktop.Notifications") {
		t.Errorf("nobody shows notifications: %v", err)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("a desktop was started")
	}
	// The test would see one: whoever asks for it to be started gets it.
	conn.BusObject().Call("org.freedesktop.DBus.StartServiceByName", 0, "org.freedesktop.Notifications", uint32(0))
	if _, err := os.Stat(started); err != nil {
		t.Errorf("the test's service cannot be started: %v", err)
	}
}

// A home that hangs, as one on a network may, does not keep the daemon from ending.
func TestAHomeThatHangs(t *testing.T) {
	hangs, ended := make(chan struct{}), make(chan struct{})
	home := t.TempDir()
	looking := make(chan struct{}, 100)
	d := &Daemon{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	d.guard = guard.New(guard.Options{
		Files: awsfiles.Locate(func(string) string { return "" }, home), Daemon: guarded{d},
		Settings: func() guard.Settings { // is asked for in each look
			looking <- struct{}{}
			<-hangs
			return guard.Settings{}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		d.mindFiles(ctx)
	}()
	<-looking
	cancel()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("a stop waits for the home")
	}
	close(hangs)
}
