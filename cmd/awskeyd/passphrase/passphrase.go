// Package passphrase finds the passphrase of the file store: in the file that
// the configuration names, in a credential of systemd, or by asking a person
// through pinentry.
//
// It must never ask unless somebody asked to be asked, never fall back to
// another source from one that is there and not usable, and never put a
// passphrase into an argument, the environment, a log or an error.
package passphrase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"unsafe"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
)

// credential is the name of ours among systemd's (systemd.exec(5),
// LoadCredential= and LoadCredentialEncrypted=).
const credential = "awskeyd-passphrase"

// Sources are where a passphrase may come from, the first that is there.
type Sources struct {
	File        string // [store] passphrase_file; "": none
	Credentials string // the folder of systemd's credentials, $CREDENTIALS_DIRECTORY; "": none
	Home        string // folders above it are not checked, like those of the configuration
	Ask         bool   // a person is there, and may be asked

	pinentry string // in tests: the program in place of the one that is found
}

// Get returns the passphrase of a store that is there, waiting for a person
// until ctx ends, or some minutes. ErrLocked: there is none for now. ErrDenied:
// a file of it is not safe, or the person said no.
func (s Sources) Get(ctx context.Context) (secret.Value, error) {
	return s.find(func() (secret.Value, error) { return s.ask(ctx, false) })
}

// New is Get for a store that is being made: a person chooses, and types it
// twice.
func (s Sources) New(ctx context.Context) (secret.Value, error) {
	return s.find(func() (secret.Value, error) { return s.ask(ctx, true) })
}

func (s Sources) find(ask func() (secret.Value, error)) (secret.Value, error) {
	if s.File != "" {
		return s.read(s.File)
	}
	if s.Credentials != "" {
		v, err := s.read(filepath.Join(s.Credentials, credential))
		if !errors.Is(err, fs.ErrNotExist) {
			return v, err
		}
	}
	if !s.Ask {
		return secret.Value{}, fmt.Errorf("%w: its passphrase is asked for when you say so; type: awskey unlock", store.ErrLocked)
	}
	return ask()
}

// read returns the first line of a file that is nobody else's.
func (s Sources) read(path string) (secret.Value, error) {
	data, err := config.ReadPrivate(path, s.Home)
	defer clear(data)
	var unsafe *config.UnsafeError
	switch {
	case errors.As(err, &unsafe):
		return secret.Value{}, fmt.Errorf("%w: %s %s, and the passphrase is in %s; type: %s", store.ErrDenied, unsafe.Path, unsafe.Problem, path, unsafe.Remedy)
	case err != nil:
		return secret.Value{}, fmt.Errorf("%w: cannot read the passphrase: %w", store.ErrLocked, err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return secret.Value{}, fmt.Errorf("%w: the first line of %s, the passphrase, is empty", store.ErrLocked, path)
	}
	return keep(line), nil
}

// keep takes a secret out of a buffer that the caller wipes, without a copy that
// nobody could.
func keep(b []byte) secret.Value { return secret.New(unsafe.String(unsafe.SliceData(b), len(b))) }
