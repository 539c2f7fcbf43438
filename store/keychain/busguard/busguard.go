// Package busguard makes the start-up side effects of the keyring library
// harmless. Import it for its init wherever the library is linked.
//
// On Linux the library connects to the session bus before main begins. Without
// a bus address it runs dbus-launch, which leaves a bus daemon behind at every
// start (99designs/keyring#103), and a bus that accepts and stays silent keeps
// the program from ever reaching main. So this package looks first: a bus that
// does not answer within a short time is hidden from the library.
//
// Go initialises the packages that are ready in the order of their import
// paths. This one sorts before github.com/godbus/dbus, on which the library
// waits, and so comes first as long as it imports only what that imports too;
// tests hold both. It must never import more than that, and must never start a
// program or wait longer than a second.
package busguard

import (
	"context"
	"sync"
)

var (
	mu      sync.Mutex
	address string // of the bus that answered, as the library was told it
	reason  string
	lost    = make(chan struct{}, 1)
)

// Address returns the address of the session bus that answered at start, "" if
// none did.
func Address() string {
	mu.Lock()
	defer mu.Unlock()
	return address
}

// Reason says in a person's words why this process has no session bus; "" when
// it has one. The library decides once, at start, so this stays true until the
// process is replaced.
func Reason() string {
	mu.Lock()
	defer mu.Unlock()
	return reason
}

// Lost notes that the bus which answered at start is gone: the library never
// connects again.
func Lost(why string) {
	mu.Lock()
	defer mu.Unlock()
	if reason == "" {
		reason = why
		lost <- struct{}{} // once in a process
	}
}

// Losses says when the bus that answered at start is gone, once.
func Losses() <-chan struct{} { return lost }

// Recovered reports whether a process that was given up on its bus would find
// one if it began anew: then let it execute itself again, with the environment
// it has. It waits for the bus half a second at most.
func Recovered(ctx context.Context) bool {
	if Reason() == "" {
		return false
	}
	found, _ := find(ctx)
	return found != ""
}
