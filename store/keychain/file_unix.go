//go:build !windows

package keychain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/99designs/keyring"
	"github.com/gofrs/flock"

	"github.com/awskeyd/awskeyd/store"
)

// A sentinel proves the passphrase before anything else is read or written: the
// library keeps a wrong one and encrypts the next item with it.
const (
	sentinel     = prefix + "_sentinel"
	sentinelText = "the passphrase of awskeyd is right"
	// enough items are tried when the sentinel itself is broken
	enough = 16
)

// folder is the backend file: the library encrypts, this takes care of the
// folder, of a second process, and of the disk.
type folder struct {
	path  string
	lock  *flock.Flock
	dirty map[string]bool // items to be forced to disk; nil: all of them
}

func (k *Keychain) openFile(c Config) error {
	if !filepath.IsAbs(c.Folder) {
		return fmt.Errorf("%w: the folder of the backend file must be an absolute path, not %q", store.ErrUnavailable, c.Folder)
	}
	if err := ownFolder(c.Folder); err != nil {
		return err
	}
	f := &folder{path: c.Folder, lock: flock.New(filepath.Join(c.Folder, ".lock"), flock.SetPermissions(0o600))}
	mine, err := f.lock.TryLock()
	if err != nil {
		return explain(err)
	}
	if !mine {
		f.lock.Close()
		return withRemedy(store.ErrUnavailable, fmt.Sprintf("another process has %s open", c.Folder), "stop the other awskeyd first")
	}
	k.back = f // from here on Close gives the lock back
	if c.Passphrase == nil {
		return withRemedy(store.ErrLocked, "the backend file needs a passphrase and there is no way to ask for it", "set store.passphrase_file")
	}
	passphrase, err := c.Passphrase()
	if err != nil {
		return fmt.Errorf("%w: asking for the passphrase: %w", store.ErrLocked, err)
	}
	if passphrase.IsZero() { // the library would ask again at every call
		return fmt.Errorf("%w: the passphrase is empty", store.ErrLocked)
	}
	_, _, err = k.worker.run(context.Background(), nil, func(_ context.Context, begin func() error, _ []byte) ([]byte, error) {
		k.ring, err = keyring.Open(keyring.Config{
			AllowedBackends:  []keyring.BackendType{keyring.FileBackend},
			FileDir:          c.Folder,
			FilePasswordFunc: func(string) (string, error) { return passphrase.Reveal(), nil },
		})
		if err == nil {
			err = begin()
		}
		if err == nil {
			err = k.prove(f)
		}
		return nil, err
	})
	return explain(err)
}

// prove makes sure that the passphrase is the one of this folder: it opens the
// sentinel, or in its place some item. Only a folder without any takes a new one.
func (k *Keychain) prove(f *folder) error {
	item, err := k.ring.Get(sentinel)
	switch {
	case err == nil && string(item.Data) == sentinelText:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return err
	}
	names, err := f.items()
	if err != nil {
		return err
	}
	if len(names) > 0 && !k.opensOne(names) {
		return withRemedy(store.ErrDenied, "the passphrase does not open "+f.path, "give the one it was made with")
	}
	f.wrote(sentinel)
	if err := k.ring.Set(keyring.Item{Key: sentinel, Data: []byte(sentinelText), Label: "awskeyd: proof of the passphrase"}); err != nil {
		return err
	}
	return f.sync()
}

func (k *Keychain) opensOne(names []string) bool {
	for _, name := range names[:min(len(names), enough)] {
		if item, err := k.ring.Get(name); err == nil {
			clear(item.Data)
			return true
		}
	}
	return false
}

// items returns the names of all items but the sentinel.
func (f *folder) items() ([]string, error) {
	entries, err := os.ReadDir(f.path)
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && e.Name() != sentinel {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// ownFolder makes the folder, or refuses one that others could look into.
func ownFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return explain(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return explain(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder", store.ErrUnavailable, path)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to somebody else; name a folder of your own", store.ErrDenied, path)
	case info.Mode().Perm()&0o077 != 0:
		return withRemedy(store.ErrDenied, fmt.Sprintf("others may look into %s (mode %#o)", path, info.Mode().Perm()), "chmod 700 "+path)
	}
	return nil
}

// ready refuses a folder that was emptied, replaced or unmounted: the library
// would call every item of it not found.
func (f *folder) ready(context.Context) error {
	if _, err := os.Lstat(filepath.Join(f.path, sentinel)); errors.Is(err, fs.ErrNotExist) {
		return withRemedy(store.ErrUnavailable, f.path+" is not what it was: "+sentinel+" is gone", "bring the folder back, then restart awskeyd")
	} else if err != nil {
		return err
	}
	return nil
}

// read takes whatever the system did not say for a failed decryption, since the
// passphrase has proven right.
func (f *folder) read(err error) error {
	if err == nil || absent(err) || system(err) {
		return err
	}
	return fmt.Errorf("%w: the item cannot be decrypted", store.ErrDamaged)
}

func (f *folder) wrote(item string) {
	if f.dirty != nil {
		f.dirty[item] = true
	}
}

// sync forces to disk what was written since the last time, the first time
// everything, since a process before this one may have died before it could.
func (f *folder) sync() error {
	if f.dirty == nil {
		names, err := f.items()
		if err != nil {
			return err
		}
		f.dirty = map[string]bool{sentinel: true}
		for _, name := range names {
			f.dirty[name] = true
		}
	}
	for name := range f.dirty {
		if err := syncPath(filepath.Join(f.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		delete(f.dirty, name)
	}
	return syncPath(f.path)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (f *folder) close() { f.lock.Close() }

// system reports whether an error is one of the operating system.
func system(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return errors.As(err, &path) || errors.As(err, &number)
}
