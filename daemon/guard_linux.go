package daemon

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/godbus/dbus/v5"
)

// notify shows a notification on the desktop (Desktop Notifications Specification,
// Notify). The address of the session's bus is asked for as the bus's own libraries
// do it, except that none is ever started, nor who shows notifications.
func notify(ctx context.Context, env func(string) string, title, text string) error {
	address := env("DBUS_SESSION_BUS_ADDRESS")
	if folder := env("XDG_RUNTIME_DIR"); address == "" && filepath.IsAbs(folder) {
		address = "unix:path=" + filepath.Join(folder, "bus")
	}
	if address == "" {
		return nil
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("the session bus cannot be reached: %w", err)
	}
	defer conn.Close()
	const name, path = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
	call := conn.Object(name, path).CallWithContext(ctx, name+".Notify", dbus.FlagNoAutoStart,
		"awskeyd", uint32(0), "dialog-warning", title, text, []string{}, map[string]dbus.Variant{}, int32(-1))
	return call.Err
}
