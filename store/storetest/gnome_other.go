//go:build !linux

package storetest

import (
	"os"
	"runtime"
	"testing"
)

// Keyring is a real gnome-keyring; not on this system yet.
type Keyring struct{ Home, Address string }

// GnomeKeyring fails the test: there is no gnome-keyring on this system.
func GnomeKeyring(t testing.TB) *Keyring {
	t.Fatalf("gnome-keyring is not on %s yet", runtime.GOOS)
	return nil
}

// What follows is never reached.

func (k *Keyring) Environ() []string             { return os.Environ() }
func (k *Keyring) Rerun(*testing.T) bool         { return true }
func (k *Keyring) Lock()                         {}
func (k *Keyring) Unlock()                       {}
func (k *Keyring) Stop()                         {}
func (k *Keyring) Continue()                     {}
func (k *Keyring) Kill()                         {}
func (k *Keyring) KillBus()                      {}
func (k *Keyring) RestartBus()                   {}
func (k *Keyring) Restart()                      {}
func (k *Keyring) PID() int                      { return 0 }
func (k *Keyring) Put(map[string]string, string) {}
