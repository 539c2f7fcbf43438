package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
	"github.com/awskeyd/awskeyd/store/secret"
)

// keychains are those that the keyring library brings.
var keychains = daemon.Keychains{
	Open: func(_ context.Context, backend string, o daemon.KeychainOptions) (daemon.Keychain, error) {
		k, err := keychain.Open(keychain.Config{
			Backend: backend, Folder: o.Folder, Home: os.Getenv("HOME"), Volatile: o.Volatile,
			Passphrase: func() (secret.Value, error) { return passphrase(o.PassphraseFile) },
		})
		if err != nil {
			return nil, err
		}
		return k, nil
	},
	Probe: probe,
	Stale: busguard.Recovered,
}

// probe asks all at once: each has its own deadline, and one may be hung.
func probe(ctx context.Context) []api.Backend {
	names := keychain.Backends()
	list := make([]api.Backend, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			text, err := keychain.Probe(ctx, name)
			list[i] = found(name, text, err)
		})
	}
	all.Wait()
	return list
}

// found takes the remedy, with which the keychain's errors end, out of the text.
func found(name, text string, err error) api.Backend {
	b := api.Backend{Name: name, Available: err == nil, Text: strings.TrimPrefix(text, name+": ")}
	if err != nil {
		if i := strings.LastIndex(err.Error(), "; "); i > 0 {
			b.Remedy = err.Error()[i+2:]
			b.Text = strings.TrimSuffix(b.Text, "; "+b.Remedy)
		}
	}
	return b
}

// passphrase reads the file that [store] passphrase_file names: its first line,
// if nobody else can read it.
func passphrase(path string) (secret.Value, error) {
	var none secret.Value
	if path == "" {
		return none, fmt.Errorf("%w: the store file needs a passphrase; write one into a file that only you can read, and into the configuration: [store] passphrase_file = \"/path/to/it\"", store.ErrLocked)
	}
	f, err := os.Open(path)
	if err != nil {
		return none, fmt.Errorf("%w: cannot read the passphrase: %w", store.ErrLocked, err)
	}
	defer f.Close()
	if err := onlyOurs(f); err != nil {
		return none, fmt.Errorf("%w: %w", store.ErrDenied, err)
	}
	b := make([]byte, 4096)
	n, err := f.Read(b)
	defer clear(b)
	line, _, _ := strings.Cut(string(b[:n]), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return none, errors.Join(fmt.Errorf("%w: the passphrase file %s is empty", store.ErrLocked, path), err)
	}
	return secret.New(line), nil
}
