//go:build !windows && !long

package keychain

// What a run without much time tries.
const (
	lives      = 40  // that end in a crash of the machine
	killWrites = 200 // of items, by processes that are killed
)
