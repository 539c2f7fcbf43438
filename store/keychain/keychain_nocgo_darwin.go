//go:build !cgo

package keychain

func keychainLocked() (bool, error) { return false, errNoC }

func unlockKeychain() error { return errNoC }
