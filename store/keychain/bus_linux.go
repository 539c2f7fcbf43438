package keychain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
)

// bus is a connection of our own to the session bus, to ask what the library
// would find out by hanging. Nothing asked over it ever starts a program.
type bus struct{ conn *dbus.Conn }

// connect makes a private connection to the bus that busguard found.
func connect(ctx context.Context) (bus, error) {
	address := busguard.Address()
	if address == "" || busguard.Reason() != "" {
		return bus{}, noBus()
	}
	life, end := context.WithCancel(context.Background())
	tooLate := context.AfterFunc(ctx, end)
	conn, err := dbus.Connect(address, dbus.WithContext(life))
	if !tooLate() && err == nil {
		conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		end()
		busguard.Lost("the session bus went away")
		return bus{}, noBus()
	}
	return bus{conn}, nil
}

func (b bus) call(ctx context.Context, object dbus.BusObject, method string, args ...any) *dbus.Call {
	return object.CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

func (b bus) property(ctx context.Context, dest string, path dbus.ObjectPath, face, name string, into any) error {
	var v dbus.Variant
	if err := b.call(ctx, b.conn.Object(dest, path), "org.freedesktop.DBus.Properties.Get", face, name).Store(&v); err != nil {
		return err
	}
	return v.Store(into)
}

// owned reports whether a program has taken a name on the bus.
func (b bus) owned(ctx context.Context, name string) (owned bool, err error) {
	err = b.call(ctx, b.conn.BusObject(), "org.freedesktop.DBus.NameHasOwner", name).Store(&owned)
	if !b.conn.Connected() {
		busguard.Lost("the session bus went away")
		return false, noBus()
	}
	return owned, err
}

// who is the program that has taken a name.
func (b bus) who(ctx context.Context, name string) string {
	var pid uint32
	if err := b.call(ctx, b.conn.BusObject(), "org.freedesktop.DBus.GetConnectionUnixProcessID", name).Store(&pid); err == nil {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
			return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(exe), " (deleted)"), "-daemon")
		}
	}
	return "a program"
}

// whole takes an item that the library cannot decode for another program's:
// providers on the bus replace an item as a whole.
func whole(err error) error {
	if undecoded(err) {
		return store.ErrStranger
	}
	return err
}

func (b bus) close() { b.conn.Close() }
