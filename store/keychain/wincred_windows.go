package keychain

import (
	"context"
	"errors"
	"syscall"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

// What the Credential Manager answers where nobody has logged on, and to an item
// that is too large (System Error Codes, 1000-1299 and 1700-3999).
const (
	noSuchLogonSession = syscall.Errno(1312)
	badStubData        = syscall.Errno(1783)
)

const remedyLogon = "start awskeyd in a session that you have logged on to, not as a service of the machine"

// credentials is the backend wincred: it belongs to the logon session, is open
// as long as that is, and is asked without a prompt.
type credentials struct{}

func (k *Keychain) openWinCred(Config) error {
	_, _, err := k.worker.run(context.Background(), nil, func(_ context.Context, begin func() error, _ []byte) ([]byte, error) {
		err := begin()
		if err == nil {
			k.ring, err = openCredentials()
		}
		k.back = credentials{}
		return nil, err
	})
	return explain(err)
}

func openCredentials() (keyring.Keyring, error) {
	ring, err := keyring.Open(keyring.Config{AllowedBackends: []keyring.BackendType{keyring.WinCredBackend}, ServiceName: "awskeyd"})
	return explained{ring}, err
}

// explained tells what the numbers of Windows mean: nothing was sent.
type explained struct{ keyring.Keyring }

func (e explained) Get(key string) (keyring.Item, error) {
	item, err := e.Keyring.Get(key)
	return item, meaning(err)
}

func (e explained) Set(item keyring.Item) error { return meaning(e.Keyring.Set(item)) }

func (e explained) Remove(key string) error { return meaning(e.Keyring.Remove(key)) }

func meaning(err error) error {
	switch {
	case errors.Is(err, noSuchLogonSession):
		return refused{withRemedy(store.ErrUnavailable, "Windows keeps no credentials in this session", remedyLogon)}
	case errors.Is(err, badStubData):
		return refused{store.ErrTooLarge}
	}
	return err
}

func (credentials) ready(context.Context) error { return nil }

func (credentials) read(err error) error { return err }

func (credentials) wrote(string) {}

// sync has nothing to do: the Credential Manager writes by itself, and tells
// nobody where.
func (credentials) sync() error { return nil }

func (credentials) close() {}

func probeWinCred(context.Context) (string, error) {
	ring, err := openCredentials()
	if err == nil {
		_, err = ring.Get(prefix + "_probe")
	}
	if err != nil && !absent(err) {
		return "", err
	}
	return "the Credential Manager keeps items for you", nil
}
