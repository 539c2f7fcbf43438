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

// Keyring is a real gnome-keyring on a private session bus, with its own home
// and its collection "login" unlocked.
type Keyring struct {
	// Home holds everything the two programs write, the keyring's files under
	// Home/.local/share/keyrings. It is gone after the test.
	Home string
	// Address of the bus, for DBUS_SESSION_BUS_ADDRESS.
	Address string

	t      testing.TB
	pid    int // of gnome-keyring-daemon
	bus    int // of dbus-daemon
	inside bool
}

// The variables that make Keyring.Environ complete, and by which a test that
// was run again finds the keyring of its first run.
const (
	homeVar = "AWSKEYD_TEST_KEYRING_HOME"
	pidVar  = "AWSKEYD_TEST_KEYRING_PIDS"
)

const (
	keyringPassword = "test"
	keyringName     = "org.freedesktop.secrets"
	keyringRoot     = "/org/freedesktop/secrets"
	keyringLogin    = keyringRoot + "/collection/login"
	startTime       = 30 * time.Second // generous: machines that run tests are busy
)

// GnomeKeyring starts a gnome-keyring, or returns the one that this test was
// run again with. Programs that are missing fail the test with what to install.
func GnomeKeyring(t testing.TB) *Keyring {
	t.Helper()
	if home := os.Getenv(homeVar); home != "" {
		k := &Keyring{Home: home, Address: os.Getenv("DBUS_SESSION_BUS_ADDRESS"), t: t, inside: true}
		if _, err := fmt.Sscan(os.Getenv(pidVar), &k.pid, &k.bus); err != nil {
			t.Fatalf("%s: %v", pidVar, err)
		}
		return k
	}
	for program, pkg := range map[string]string{"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; sudo apt-get install -y dbus-daemon gnome-keyring (this one: %s)", program, pkg)
		}
	}
	// Not t.TempDir: a socket's path has 107 bytes at most, a test's name may be long.
	home, err := os.MkdirTemp("", "keyring")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	k := &Keyring{Home: home, t: t}
	for _, dir := range []string{".local/share", "run"} {
		if err := os.MkdirAll(filepath.Join(k.Home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	k.startBus()
	k.start()
	return k
}

// Environ is the environment of a program that is to use this keyring: the
// present one with its own home and bus and without a display, so that a prompt
// fails at once.
func (k *Keyring) Environ() []string {
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
	env = append(env, "HOME="+k.Home, "XDG_RUNTIME_DIR="+filepath.Join(k.Home, "run"))
	if k.Address != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+k.Address)
	}
	return env
}

// Rerun runs the calling test once more, in a process of its own whose
// environment has the bus from the beginning, and returns true when that is
// done: the test then returns. In that process it returns false. The keyring
// library chooses its bus before main, so there is no other way.
func (k *Keyring) Rerun(t *testing.T) bool {
	t.Helper()
	if k.inside {
		return false
	}
	parts := strings.Split(t.Name(), "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	args := []string{"-test.run=" + strings.Join(parts, "/"), "-test.v", "-test.timeout=5m"}
	cmd := exec.Command(os.Args[0], args...)
	// go test keeps its cache and modules under the real home.
	cmd.Env = append(k.Environ(), homeVar+"="+k.Home, fmt.Sprintf("%s=%d %d", pidVar, k.pid, k.bus))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its own process: %v\n%s", err, out)
	}
	return true
}

// spawn starts a program that ends with the test, or with this process.
func (k *Keyring) spawn(cmd *exec.Cmd) int {
	k.t.Helper()
	cmd.Env = k.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func (k *Keyring) startBus() {
	k.t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address",
		"--address=unix:path="+filepath.Join(k.Home, "run", "bus")) // else a killed bus leaves its socket in /tmp
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	k.bus = k.spawn(cmd)
	address := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		address <- strings.TrimSpace(line)
	}()
	select {
	case k.Address = <-address:
	case <-time.After(startTime):
	}
	if k.Address == "" {
		k.t.Fatal("dbus-daemon does not tell its address")
	}
}

// start starts the provider and waits for its name on the bus. Asking it
// anything sooner would let the bus start a second one.
func (k *Keyring) start() {
	k.t.Helper()
	log, err := os.Create(filepath.Join(k.Home, "run", "keyring.log"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets",
		"--control-directory="+filepath.Join(k.Home, "run", "keyring"))
	cmd.Stdin = strings.NewReader(keyringPassword) // up to the end; a newline would be part of it
	cmd.Stdout, cmd.Stderr = log, log
	k.pid = k.spawn(cmd)
	k.await("gnome-keyring-daemon does not come up", func(ctx context.Context, conn *dbus.Conn) bool {
		var owned bool
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", dbus.FlagNoAutoStart, keyringName).Store(&owned)
		if err != nil || !owned {
			return false
		}
		locked, err := isLocked(ctx, conn)
		return err == nil && !locked
	})
}

// await asks the bus until the answer is yes.
func (k *Keyring) await(what string, yes func(context.Context, *dbus.Conn) bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	conn, err := dbus.Connect(k.Address, dbus.WithContext(ctx))
	if err != nil {
		k.t.Fatalf("connecting to the bus of the test: %v", err)
	}
	defer conn.Close()
	for !yes(ctx, conn) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			k.t.Fatal(what)
		}
	}
}

func isLocked(ctx context.Context, conn *dbus.Conn) (locked bool, err error) {
	var v dbus.Variant
	err = conn.Object(keyringName, keyringLogin).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
		"org.freedesktop.Secret.Collection", "Locked").Store(&v)
	if err == nil {
		err = v.Store(&locked)
	}
	return locked, err
}

// Lock locks the collection, as a screen lock or a person does.
func (k *Keyring) Lock() {
	k.t.Helper()
	k.await("the keyring does not lock", func(ctx context.Context, conn *dbus.Conn) bool {
		conn.Object(keyringName, keyringRoot).CallWithContext(ctx, "org.freedesktop.Secret.Service.Lock", dbus.FlagNoAutoStart,
			[]dbus.ObjectPath{keyringLogin})
		locked, err := isLocked(ctx, conn)
		return err == nil && locked
	})
}

// Unlock unlocks it with the password, as a log-in does.
func (k *Keyring) Unlock() {
	k.t.Helper()
	k.await("the keyring does not unlock", func(ctx context.Context, conn *dbus.Conn) bool {
		service := conn.Object(keyringName, keyringRoot)
		var none dbus.Variant
		var session dbus.ObjectPath
		if service.CallWithContext(ctx, "org.freedesktop.Secret.Service.OpenSession", dbus.FlagNoAutoStart, "plain", dbus.MakeVariant("")).Store(&none, &session) != nil {
			return false
		}
		secret := struct {
			Session           dbus.ObjectPath
			Parameters, Value []byte
			ContentType       string
		}{session, nil, []byte(keyringPassword), "text/plain"}
		// The only way past the prompt; gnome-keyring keeps it for its own tools.
		service.CallWithContext(ctx, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword",
			dbus.FlagNoAutoStart, dbus.ObjectPath(keyringLogin), secret)
		locked, err := isLocked(ctx, conn)
		return err == nil && !locked
	})
}

// Stop halts the provider (SIGSTOP): it keeps its name and answers nothing.
func (k *Keyring) Stop() { k.signal(k.pid, syscall.SIGSTOP) }

// Continue ends Stop.
func (k *Keyring) Continue() { k.signal(k.pid, syscall.SIGCONT) }

// Kill ends the provider for good and waits until its name is free.
func (k *Keyring) Kill() {
	k.t.Helper()
	k.signal(k.pid, syscall.SIGKILL)
	k.await("the name of the killed keyring stays taken", func(ctx context.Context, conn *dbus.Conn) bool {
		var owned bool
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", dbus.FlagNoAutoStart, keyringName).Store(&owned)
		return err == nil && !owned
	})
}

// KillBus ends the bus for good; the provider ends with it.
func (k *Keyring) KillBus() { k.signal(k.bus, syscall.SIGKILL) }

func (k *Keyring) signal(pid int, s syscall.Signal) {
	k.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		k.t.Fatalf("signal %v to process %s: %v", s, strconv.Itoa(pid), err)
	}
}
