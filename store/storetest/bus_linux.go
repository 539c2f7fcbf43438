package storetest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bus is a private session bus with a home for the programs on it.
type Bus struct {
	// Home holds everything that the programs write. It is gone after the test.
	Home string
	// Address of the bus, for DBUS_SESSION_BUS_ADDRESS.
	Address string

	t       testing.TB
	pid     int // of dbus-daemon
	program int // of what a test put onto the bus
	inside  bool
}

// The variables that make Bus.Environ complete, and by which a test that was run
// again finds the bus of its first run.
const (
	homeVar = "AWSKEYD_TEST_KEYRING_HOME"
	pidVar  = "AWSKEYD_TEST_KEYRING_PIDS"
)

const startTime = 30 * time.Second // generous: machines that run tests are busy

// PrivateBus starts a bus without any program on it, or returns the one that
// this test was run again with.
func PrivateBus(t testing.TB) *Bus {
	t.Helper()
	if home := os.Getenv(homeVar); home != "" {
		b := &Bus{Home: home, Address: os.Getenv("DBUS_SESSION_BUS_ADDRESS"), t: t, inside: true}
		if _, err := fmt.Sscan(os.Getenv(pidVar), &b.program, &b.pid); err != nil {
			t.Fatalf("%s: %v", pidVar, err)
		}
		return b
	}
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Fatal("dbus-daemon is missing; sudo apt-get install -y dbus-daemon")
	}
	// Not t.TempDir: a socket's path has 107 bytes at most, a test's name may be long.
	home, err := os.MkdirTemp("", "keyring")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	b := &Bus{Home: home, t: t}
	for _, dir := range []string{".local/share", "run"} {
		if err := os.MkdirAll(filepath.Join(b.Home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.startBus()
	return b
}

// Environ is the environment of a program that is to use this keyring: the
// present one with its own home and bus and without a display, so that a prompt
// fails at once.
func (b *Bus) Environ() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "HOME", name == "DISPLAY", name == "WAYLAND_DISPLAY", name == "GNOME_KEYRING_CONTROL",
			strings.HasPrefix(name, "DBUS_"), strings.HasPrefix(name, "XDG_"), name == homeVar, name == pidVar:
		default:
			env = append(env, v)
		}
	}
	env = append(env, "HOME="+b.Home, "XDG_RUNTIME_DIR="+filepath.Join(b.Home, "run"))
	if b.Address != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+b.Address)
	}
	return env
}

// Rerun runs the calling test once more, in a process of its own whose
// environment has the bus from the beginning, and returns true when that is
// done: the test then returns. In that process it returns false. The keyring
// library chooses its bus before main, so there is no other way.
func (b *Bus) Rerun(t *testing.T) bool {
	t.Helper()
	if b.inside {
		return false
	}
	parts := strings.Split(t.Name(), "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	args := []string{"-test.run=" + strings.Join(parts, "/"), "-test.v", "-test.timeout=5m"}
	cmd := exec.Command(os.Args[0], args...)
	// go test keeps its cache and modules under the real home.
	cmd.Env = append(b.Environ(), homeVar+"="+b.Home, fmt.Sprintf("%s=%d %d", pidVar, b.program, b.pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its own process: %v\n%s", err, out)
	}
	return true
}

// spawn starts a program that ends with the test, or with this process.
func (b *Bus) spawn(cmd *exec.Cmd, environ ...string) int {
	b.t.Helper()
	cmd.Env = append(b.Environ(), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func (b *Bus) startBus() {
	b.t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address",
		"--address=unix:path="+filepath.Join(b.Home, "run", "bus")) // else a killed bus leaves its socket in /tmp
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.pid = b.spawn(cmd)
	address := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		address <- strings.TrimSpace(line)
	}()
	select {
	case b.Address = <-address:
	case <-time.After(startTime):
	}
	if b.Address == "" {
		b.t.Fatal("dbus-daemon does not tell its address")
	}
}

// await asks the bus until the answer is yes.
func (b *Bus) await(what string, yes func(context.Context, *dbus.Conn) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	conn, err := dbus.Connect(b.Address, dbus.WithContext(ctx))
	if err != nil {
		b.t.Fatalf("connecting to the bus of the test: %v", err)
	}
	defer conn.Close()
	for !yes(ctx, conn) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatal(what)
		}
	}
}

// KillBus ends the bus for good; the provider ends with it.
func (b *Bus) KillBus() { b.signal(b.pid, syscall.SIGKILL) }

// RestartBus starts another bus under the address of the one that was killed.
func (b *Bus) RestartBus() {
	b.t.Helper()
	for range 1000 {
		if syscall.Kill(b.pid, 0) != nil || b.zombie() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.Remove(filepath.Join(b.Home, "run", "bus"))
	b.startBus()
}

// zombie: ended, and not waited for yet.
func (b *Bus) zombie() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func (b *Bus) signal(pid int, s syscall.Signal) {
	b.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		b.t.Fatalf("signal %v to process %s: %v", s, strconv.Itoa(pid), err)
	}
}
