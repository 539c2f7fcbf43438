package keychain

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

const remedyLogin = "unlock the login keychain (log in to the desktop, or open Keychain Access), then try again"

// loginKeychain is the backend keychain: the default keychain of the user, which
// macOS unlocks at log-in.
type loginKeychain struct{}

// errNoC: the library reaches the keychain through C, and a program that was
// built without has no such backend.
var errNoC = withRemedy(store.ErrUnavailable, "this awskeyd was built without cgo and cannot reach the keychain of macOS", "build it on a Mac with CGO_ENABLED=1")

func linked() error {
	if !slices.Contains(keyring.AvailableBackends(), keyring.KeychainBackend) {
		return errNoC
	}
	return nil
}

func (k *Keychain) openLogin(Config) error {
	if err := linked(); err != nil {
		return err
	}
	_, _, err := k.worker.run(context.Background(), nil, func(_ context.Context, begin func() error, _ []byte) ([]byte, error) {
		err := begin()
		if err == nil {
			k.ring, err = keyring.Open(keyring.Config{
				AllowedBackends: []keyring.BackendType{keyring.KeychainBackend},
				ServiceName:     "awskeyd", KeychainTrustApplication: true,
			})
		}
		k.back = loginKeychain{}
		return nil, err
	})
	return explain(err)
}

// ready asks the keychain's state, which raises no prompt; any call to a locked
// one would.
func (loginKeychain) ready(context.Context) error {
	locked, err := keychainLocked()
	if err == nil && locked {
		err = withRemedy(store.ErrLocked, "the login keychain is locked", remedyLogin)
	}
	return err
}

// read doubts a "not found": the library says so of a keychain that was locked in
// the meantime as well. One that was denied the store tells by its index.
func (l loginKeychain) read(err error) error {
	if absent(err) {
		if err := l.ready(context.Background()); err != nil {
			return err
		}
	}
	return err
}

func (loginKeychain) wrote(string) {}

// sync has nothing to do: macOS writes by itself, and tells nobody where.
func (loginKeychain) sync() error { return nil }

func (loginKeychain) close() {}

// unlock raises the system's prompt. It cannot be taken away: when ctx ends it
// stays, and nobody waits for it.
func (l loginKeychain) unlock(ctx context.Context) error {
	if err := l.ready(ctx); !errors.Is(err, store.ErrLocked) {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- unlockKeychain() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func probeLogin(ctx context.Context) (string, error) {
	if err := linked(); err != nil {
		return "", err
	}
	switch err := (loginKeychain{}).ready(ctx); {
	case err == nil:
		return "the login keychain of macOS is unlocked", nil
	case errors.Is(err, store.ErrLocked):
		return "the login keychain of macOS is locked", err
	default:
		return "", err
	}
}
