//go:build linux

package e2e

import (
	"testing"

	"github.com/awskeyd/awskeyd/store/storetest"
)

// keyringStore is the configuration of the Secret Service.
const keyringStore = "[store]\nbackend = \"secret-service\"\n"

// gnomeKeyring starts a real gnome-keyring on a bus of its own, for the programs
// of a home.
func gnomeKeyring(t *testing.T, h *home) *storetest.Keyring {
	t.Helper()
	k := storetest.GnomeKeyring(t)
	h.vars["DBUS_SESSION_BUS_ADDRESS"] = k.Address
	return k
}
