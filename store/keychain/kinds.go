package keychain

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/store"
)

// kind is one backend of this system.
type kind struct {
	name string
	// open fills in the keychain's ring and backend. A locked keychain opens.
	open func(*Keychain, Config) error
	// probe says what is here, and the error that open or a call would meet. It
	// starts, unlocks, writes and asks nothing, and may take until ctx ends.
	probe func(context.Context) (text string, err error)
}

// systems tells where the library has each backend.
var systems = map[string]string{
	SecretService: "Linux", KWallet: "Linux", Keyctl: "Linux", Login: "macOS", WinCred: "Windows",
	Pass: "Linux, macOS and FreeBSD", File: "Linux, macOS and FreeBSD",
}

// Backends returns the backends that are built for this system, the best first.
func Backends() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func find(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, built(name)
}

// built says in one line why a backend is not here.
func built(name string) error {
	switch where, known := systems[name]; {
	case slices.Contains(Backends(), name):
		return nil
	case known:
		return withRemedy(store.ErrUnavailable, fmt.Sprintf("backend %s is for %s, not for %s", name, where, runtime.GOOS), "choose one of "+strings.Join(Backends(), ", "))
	}
	return fmt.Errorf("%w: there is no backend %q; there are %s", store.ErrUnavailable, name, strings.Join(Backends(), ", "))
}
