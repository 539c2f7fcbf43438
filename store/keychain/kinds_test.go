package keychain

import (
	"slices"
	"testing"

	"github.com/99designs/keyring"
)

// A program that was built without C has no keychain on macOS, and whoever
// releases one has to notice. What lives on a session bus, the library knows only
// where it has found one.
func TestTheLibraryHasWhatIsOffered(t *testing.T) {
	if len(Backends()) == 0 {
		t.Fatal("nothing can keep keys on this system")
	}
	for _, name := range Backends() {
		if name == SecretService || name == KWallet {
			continue
		}
		if !slices.Contains(keyring.AvailableBackends(), keyring.BackendType(name)) {
			t.Errorf("this build has no %s", name)
		}
	}
	for _, name := range Backends() {
		if systems[name] == "" {
			t.Errorf("nobody is told where %s is", name)
		}
	}
}
