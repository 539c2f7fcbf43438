package main

import (
	"context"
	"os"
	"strings"
	"sync"

	"github.com/awskeyd/awskeyd/cmd/awskeyd/passphrase"
	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
	"github.com/awskeyd/awskeyd/store/secret"
)

// keychains are those that the keyring library brings.
var keychains = daemon.Keychains{
	Open: func(ctx context.Context, backend string, o daemon.KeychainOptions) (daemon.Keychain, error) {
		home := os.Getenv("HOME")
		p := passphrase.Sources{File: o.PassphraseFile, Credentials: os.Getenv("CREDENTIALS_DIRECTORY"), Home: home, Ask: o.Ask}
		k, err := keychain.Open(keychain.Config{
			Backend: backend, Folder: o.Folder, Home: home, Volatile: o.Volatile,
			Passphrase:    func() (secret.Value, error) { return p.Get(ctx) },
			NewPassphrase: func() (secret.Value, error) { return p.New(ctx) },
		})
		if err != nil {
			return nil, err
		}
		return k, nil
	},
	Probe: probe,
	Stale: busguard.Recovered,
	Away:  func() bool { return busguard.Reason() != "" },
	Lost:  busguard.Losses(),
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
