// Package keychain is the system's keychain as the store sees it: named items,
// deadlines and errors of few kinds.
//
// It alone imports the keyring library (99designs/keyring), through which it
// reads and writes; what the library cannot tell or would ask a person for (is
// the collection locked, does anybody answer) it asks the bus itself first. It
// must never let the library choose a backend, create a collection, raise a
// prompt or wait for ever, and must never put an item's bytes into an error.
package keychain

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
	"github.com/awskeyd/awskeyd/store/secret"
)

// The library has looked at the environment by now and never does again.
func init() { busguard.Restore() }

// The backends of the library. Which of them are here is for Backends to say.
const (
	SecretService = "secret-service" // GNOME Keyring, KeePassXC and others over D-Bus; Linux
	KWallet       = "kwallet"        // KDE's wallet over D-Bus; Linux
	Login         = "keychain"       // macOS
	WinCred       = "wincred"        // the Credential Manager; Windows
	Pass          = "pass"           // the password store of passwordstore.org: gpg; Unix
	Keyctl        = "keyctl"         // the kernel's memory, gone at reboot; Linux
	File          = "file"           // encrypted files under a passphrase; not on Windows yet
)

// DefaultDeadline is how long one call may take.
const DefaultDeadline = 10 * time.Second

// prefix makes our items unique among those of other programs.
const prefix = "awskeyd."

// Config says which keychain to open.
type Config struct {
	Backend string
	// Folder holds the items of the backend file. It is made if it is missing
	// and refused unless it is ours alone (0700).
	Folder string
	// Passphrase is asked for once, by Open, for the backend file. It may wait
	// for a person.
	Passphrase func() (secret.Value, error)
	// NewPassphrase is asked in its place for a folder that has none yet, so that
	// a person can be asked twice; nil: Passphrase.
	NewPassphrase func() (secret.Value, error)
	// Home is a folder on the file system where the keychain keeps its data, to
	// be forced to disk after a write; empty: the user's home. The backend file
	// knows its own.
	Home string
	// Volatile insists on a keychain that forgets everything when the machine
	// restarts: without it the backend keyctl is refused.
	Volatile bool
	// Deadline of one call; 0: DefaultDeadline. A call that has to wait for
	// another one may take twice as long.
	Deadline time.Duration
}

// backend is what the library's backends do not do by themselves. Its methods
// are called by the worker alone.
type backend interface {
	// ready asks, without a prompt, whether a call can succeed.
	ready(ctx context.Context) error
	// read gives the library's error for a Get its kind where only the backend
	// can know it.
	read(err error) error
	// wrote notes that an item was changed.
	wrote(item string)
	// sync forces what was written to disk.
	sync() error
	close()
}

// Keychain implements store.Items. It is safe for concurrent use.
type Keychain struct {
	ring   keyring.Keyring
	back   backend
	worker *worker
	once   sync.Once
	prompt chan struct{} // held by the one Unlock that may prompt
}

// Open opens one keychain. A locked one opens too: its calls then fail with
// store.ErrLocked until a person has unlocked it. ErrUnavailable: there is no
// such keychain here now, with what to do about it; trying again later is
// right. ErrDenied: the passphrase is wrong, or a folder is not safe.
func Open(c Config) (*Keychain, error) {
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	backend, err := find(c.Backend)
	if err != nil {
		return nil, err
	}
	k := &Keychain{worker: newWorker(c.Deadline), prompt: make(chan struct{}, 1)}
	if err := backend.open(k, c); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// Get implements store.Items.
func (k *Keychain) Get(ctx context.Context, name string) ([]byte, error) {
	data, _, err := k.worker.run(ctx, nil, func(ctx context.Context, begin func() error, _ []byte) ([]byte, error) {
		if err := cmp.Or(k.enter(ctx, begin), failpoint.Err("keychain.getting")); err != nil {
			return nil, err
		}
		item, err := k.ring.Get(prefix + name)
		return item.Data, k.back.read(err)
	})
	return data, explain(err)
}

// enter makes sure that a call can succeed and that somebody waits for it still.
func (k *Keychain) enter(ctx context.Context, begin func() error) error {
	if err := k.back.ready(ctx); err != nil {
		return err
	}
	return begin()
}

// Set implements store.Items.
func (k *Keychain) Set(ctx context.Context, name string, data []byte) error {
	if len(data) > store.MaxRecord {
		return fmt.Errorf("%w: %d bytes, at most %d fit", store.ErrTooLarge, len(data), store.MaxRecord)
	}
	_, begun, err := k.worker.run(ctx, data, func(ctx context.Context, begin func() error, own []byte) ([]byte, error) {
		if err := cmp.Or(k.enter(ctx, begin), failpoint.Err("keychain.setting")); err != nil {
			return nil, err
		}
		k.back.wrote(prefix + name)
		err := k.ring.Set(keyring.Item{Key: prefix + name, Data: own, Label: label(name), Description: "access keys kept by awskeyd"})
		return nil, cmp.Or(err, failpoint.Err("keychain.set"))
	})
	return changed(err, begun)
}

// Remove implements store.Items.
func (k *Keychain) Remove(ctx context.Context, name string) error {
	_, begun, err := k.worker.run(ctx, nil, func(ctx context.Context, begin func() error, _ []byte) ([]byte, error) {
		if err := cmp.Or(k.enter(ctx, begin), failpoint.Err("keychain.removing")); err != nil {
			return nil, err
		}
		// Some backends call it done when there was nothing to remove.
		item, err := k.ring.Get(prefix + name)
		clear(item.Data)
		if absent(err) {
			return nil, store.ErrAbsent
		}
		k.back.wrote(prefix + name)
		return nil, cmp.Or(k.ring.Remove(prefix+name), failpoint.Err("keychain.removed"))
	})
	return changed(err, begun)
}

// Sync implements store.Items.
func (k *Keychain) Sync(ctx context.Context) error {
	_, _, err := k.worker.run(ctx, nil, func(context.Context, func() error, []byte) ([]byte, error) {
		return nil, cmp.Or(failpoint.Err("keychain.syncing"), k.back.sync())
	})
	return explain(err)
}

// State asks, without a prompt, whether a call could succeed now: nil, or the
// error that it would meet. A keychain that does not even say so by ctx's end is
// hung; one that is only busy with another call is not.
func (k *Keychain) State(ctx context.Context) error {
	var asked atomic.Bool
	_, _, err := k.worker.run(ctx, nil, func(ctx context.Context, _ func() error, _ []byte) ([]byte, error) {
		asked.Store(true)
		return nil, k.back.ready(ctx)
	})
	if ctx.Err() != nil {
		if !asked.Load() && k.worker.overdue() > 0 {
			return nil
		}
		return fmt.Errorf("%w: it does not say whether it is open", store.ErrHung)
	}
	return explain(err)
}

// Close ends the worker. When a call has hung, Close gives up on it after the
// deadline, says so, and leaves open what the call may still use.
func (k *Keychain) Close() error {
	if err := k.worker.close(); err != nil {
		return err
	}
	if k.back != nil {
		k.once.Do(k.back.close)
	}
	return nil
}

// label is what a person reads in a keychain program that shows labels. Secret
// Service programs show the item's name instead: the library gives no other.
func label(name string) string {
	if strings.HasPrefix(name, "_") {
		return "awskeyd: list of keys (" + name + ")"
	}
	return "awskeyd: access keys of " + name
}
