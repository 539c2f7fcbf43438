//go:build long

package storetest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Display is an X server that shows to nobody, with a hand that types.
type Display struct {
	// Name is what DISPLAY says.
	Name string

	t testing.TB
}

// NewDisplay starts one.
func NewDisplay(t testing.TB) *Display {
	t.Helper()
	for _, program := range []string{"Xvfb", "xdotool"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; sudo apt-get install -y xvfb xdotool", program)
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	read.SetReadDeadline(time.Now().Add(startTime))
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not tell its display: %v", err)
	}
	return &Display{Name: ":" + strings.TrimSpace(number), t: t}
}

// do runs xdotool and returns what it says, "" when it finds nothing.
func (d *Display) do(args ...string) string {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+d.Name)
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Shows reports whether a window of that name is open.
func (d *Display) Shows(name string) bool {
	return d.do("search", "--onlyvisible", "--name", name) != ""
}

// Until waits for a window of that name to be open, or to be gone.
func (d *Display) Until(name string, open bool) {
	d.t.Helper()
	for end := time.Now().Add(startTime); d.Shows(name) != open; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("the window %q: never %v", name, open)
		}
	}
}

// Type types a text into the window of that name, and a key after it.
func (d *Display) Type(name, text, key string) {
	d.t.Helper()
	d.Until(name, true)
	window, _, _ := strings.Cut(d.do("search", "--onlyvisible", "--name", name), "\n")
	d.do("windowfocus", "--sync", window)
	if text != "" {
		d.do("type", "--delay", "20", text)
	}
	d.do("key", key)
}

// ShowOn lets programs that the bus starts, such as the keyring's prompter, find
// a display.
func (b *Bus) ShowOn(d *Display) {
	b.t.Helper()
	b.await("the bus takes no display", func(ctx context.Context, conn *dbus.Conn) bool {
		return conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.UpdateActivationEnvironment", 0,
			map[string]string{"DISPLAY": d.Name, "HOME": b.Home}).Err == nil
	})
}

// Password is that of the collection of a Keyring.
const Password = keyringPassword
