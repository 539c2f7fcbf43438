//go:build !windows && !long

package keychain

// What a run without much time tries.
const (
	lives      = 20  // that end in a crash of the machine
	killWrites = 100 // of items, by processes that are killed
)
