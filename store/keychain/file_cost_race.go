//go:build race && !windows

package keychain

// Under the race detector, which no release is built with, Argon2id takes ten
// times as long, and a helper would not wait for a store to open.
func init() { keyCost.memory /= 16 }
