package storetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Keyring is a real gnome-keyring on a private session bus, with its own home,
// its files under Home/.local/share/keyrings, and its collection "login"
// unlocked.
type Keyring struct{ *Bus }

const (
	keyringPassword = "test"
	keyringName     = "org.freedesktop.secrets"
	keyringRoot     = "/org/freedesktop/secrets"
	keyringLogin    = keyringRoot + "/collection/login"
)

// GnomeKeyring starts a gnome-keyring, or returns the one that this test was
// run again with. Programs that are missing fail the test with what to install.
func GnomeKeyring(t testing.TB) *Keyring {
	t.Helper()
	for program, pkg := range map[string]string{"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; sudo apt-get install -y dbus-daemon gnome-keyring (this one: %s)", program, pkg)
		}
	}
	k := &Keyring{PrivateBus(t)}
	if !k.inside {
		k.start()
	}
	return k
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
	k.program = k.spawn(cmd)
	k.await("gnome-keyring-daemon does not come up", func(ctx context.Context, conn *dbus.Conn) bool {
		var owned bool
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", dbus.FlagNoAutoStart, keyringName).Store(&owned)
		if err != nil || !owned {
			return false
		}
		locked, err := isLocked(ctx, conn, keyringLogin)
		return err == nil && !locked
	})
}

func isLocked(ctx context.Context, conn *dbus.Conn, collection dbus.ObjectPath) (locked bool, err error) {
	var v dbus.Variant
	err = conn.Object(keyringName, collection).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
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
		locked, err := isLocked(ctx, conn, keyringLogin)
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
		locked, err := isLocked(ctx, conn, keyringLogin)
		return err == nil && !locked
	})
}

// Restart starts the provider again after Kill or RestartBus, unlocked.
func (k *Keyring) Restart() {
	k.t.Helper()
	k.start()
}

// PID is the provider's process.
func (k *Keyring) PID() int { return k.program }

// Stop halts the provider (SIGSTOP): it keeps its name and answers nothing.
func (k *Keyring) Stop() { k.signal(k.program, syscall.SIGSTOP) }

// Continue ends Stop.
func (k *Keyring) Continue() { k.signal(k.program, syscall.SIGCONT) }

// Kill ends the provider for good and waits until its name is free.
func (k *Keyring) Kill() {
	k.t.Helper()
	k.signal(k.program, syscall.SIGKILL)
	k.await("the name of the killed keyring stays taken", func(ctx context.Context, conn *dbus.Conn) bool {
		var owned bool
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", dbus.FlagNoAutoStart, keyringName).Store(&owned)
		return err == nil && !owned
	})
}

// Put makes an item of plain text, as another program does.
func (k *Keyring) Put(attributes map[string]string, text string) {
	k.t.Helper()
	k.await("the keyring does not take an item", func(ctx context.Context, conn *dbus.Conn) bool {
		var none dbus.Variant
		var session, item, prompt dbus.ObjectPath
		if conn.Object(keyringName, keyringRoot).CallWithContext(ctx, "org.freedesktop.Secret.Service.OpenSession", dbus.FlagNoAutoStart, "plain", dbus.MakeVariant("")).Store(&none, &session) != nil {
			return false
		}
		secret := doubleSecret{session, nil, []byte(text), "text/plain"}
		properties := map[string]dbus.Variant{itemFace + ".Label": dbus.MakeVariant("another tool's"), itemFace + ".Attributes": dbus.MakeVariant(attributes)}
		return conn.Object(keyringName, keyringLogin).CallWithContext(ctx, collectionFace+".CreateItem", dbus.FlagNoAutoStart, properties, secret, false).Store(&item, &prompt) == nil
	})
}
