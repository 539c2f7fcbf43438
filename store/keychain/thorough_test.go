//go:build !windows && long

package keychain

// What a run that takes its time tries.
const (
	lives      = 800
	killWrites = 10_000
)
