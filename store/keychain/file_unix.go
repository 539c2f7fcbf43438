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
	"github.com/awskeyd/awskeyd/store/secret"
)

// The folder of the backend file. What is in force is a folder in it that came
// there whole, by one rename: what is being made, a new store or a stronger one
// of an old store's items, is never in force.
//
//	.lock         held by the one process that has it open
//	items/.key    the data key, wrapped: see file_key.go
//	items/awskeyd.…
//	items.new/    being made
const (
	lockName  = ".lock"
	itemsName = "items"
	newName   = "items.new"
	keyName   = ".key"
	againName = ".again" // an item that is written once more, before it takes its name

	maxKeyFile = 4096
)

// A sentinel proves that items were encrypted with the key at hand before
// anything is written: the library keeps a wrong one and encrypts the next item
// with it.
const (
	sentinel     = prefix + "_sentinel"
	sentinelText = "the passphrase of awskeyd is right"
	// enough items are tried when the sentinel itself is broken
	enough = 16
)

// folder is the backend file: the library encrypts, this takes care of the key,
// of the folder, of a second process, and of the disk.
type folder struct {
	base  string
	path  string // of the items
	lock  *flock.Flock
	dirty map[string]bool // items to be forced to disk, true: a try has failed; nil: all of them
}

func (k *Keychain) openFile(c Config) error {
	if !filepath.IsAbs(c.Folder) {
		return fmt.Errorf("%w: the folder of the backend file must be an absolute path, not %q", store.ErrUnavailable, c.Folder)
	}
	above := existing(c.Folder)
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return explain(err)
	}
	if err := syncWay(c.Folder, above); err != nil {
		return explain(err)
	}
	if err := onlyOurs(c.Folder); err != nil {
		return err
	}
	f := &folder{
		base: c.Folder, path: filepath.Join(c.Folder, itemsName),
		lock: flock.New(filepath.Join(c.Folder, lockName), flock.SetPermissions(0o600)),
	}
	mine, err := f.lock.TryLock()
	if err != nil {
		return explain(err)
	}
	if !mine {
		f.lock.Close()
		return withRemedy(store.ErrUnavailable, fmt.Sprintf("another process has %s open", c.Folder), "stop the other awskeyd first")
	}
	k.back = f // from here on Close gives the lock back
	key, made, err := f.readKey()
	if err != nil {
		return err
	}
	old, err := itemsIn(f.base)
	if err != nil {
		return explain(err)
	}
	passphrase, err := c.ask(!made && len(old) == 0)
	if err != nil {
		return err
	}
	defer passphrase.Wipe()
	_, _, err = k.worker.run(context.Background(), nil, func(_ context.Context, begin func() error, _ []byte) ([]byte, error) {
		if err := begin(); err != nil {
			return nil, err
		}
		if !made {
			return nil, k.makeItems(f, passphrase, old)
		}
		return nil, k.useItems(f, key, passphrase, old)
	})
	return explain(err)
}

// existing is the folder itself or the nearest above it that is there.
func existing(path string) string {
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		if _, err := os.Lstat(path); err == nil {
			break
		}
	}
	return path
}

// ask asks for the passphrase, or for one to be.
func (c Config) ask(fresh bool) (secret.Value, error) {
	ask := c.Passphrase
	if fresh && c.NewPassphrase != nil {
		ask = c.NewPassphrase
	}
	if ask == nil {
		return secret.Value{}, withRemedy(store.ErrLocked, "the backend file needs a passphrase and there is no way to ask for it", "set store.passphrase_file")
	}
	passphrase, err := ask()
	switch {
	case ours(err):
		return secret.Value{}, err
	case err != nil:
		return secret.Value{}, fmt.Errorf("%w: asking for the passphrase: %w", store.ErrLocked, err)
	case passphrase.IsZero():
		return secret.Value{}, fmt.Errorf("%w: the passphrase is empty", store.ErrLocked)
	}
	return passphrase, nil
}

// readKey reads the wrapped key of the items in force, if there are any. That it
// is missing is damage: without it nobody can ever read the items beside it, and
// a new one would only hide that.
func (f *folder) readKey() (key wrappedKey, made bool, err error) {
	if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
		return key, false, nil
	}
	if err := onlyOurs(f.path); err != nil {
		return key, true, err
	}
	path := filepath.Join(f.path, keyName)
	const remedy = "bring it back from a backup: the keys cannot be read without it"
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return key, true, withRemedy(store.ErrDamaged, path+" is gone", remedy)
	case err != nil:
		return key, true, explain(err)
	case !info.Mode().IsRegular() || info.Size() > maxKeyFile:
		return key, true, withRemedy(store.ErrDamaged, path+" is no key of awskeyd", remedy)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return key, true, explain(err)
	}
	key, err = parseKey(data)
	switch {
	case errors.Is(err, errNewerKey):
		return key, true, withRemedy(store.ErrUnavailable, path+" was written by a newer awskeyd", "install that one again")
	case err != nil:
		return key, true, withRemedy(store.ErrDamaged, fmt.Sprintf("%s: %v", path, err), remedy)
	}
	return key, true, nil
}

// useItems opens what is in force, if the passphrase is the one it was made with.
func (k *Keychain) useItems(f *folder, wrapped wrappedKey, passphrase secret.Value, old []string) error {
	key, err := wrapped.open(passphrase)
	if err != nil {
		return f.wrongPassphrase()
	}
	// The process that put it in force may have died before that was on disk.
	if err := syncFolder(f.base); err != nil {
		return err
	}
	if k.ring, err = openRing(f.path, key); err != nil {
		return err
	}
	names, err := itemsIn(f.path)
	if err != nil {
		return err
	}
	if len(names) > 0 && !opensOne(k.ring, append([]string{sentinel}, names...)) {
		return withRemedy(store.ErrDamaged, fmt.Sprintf("the items in %s are not of the key beside them", f.path), "bring the whole folder back from one backup")
	}
	f.dropOld(old)
	return nil
}

func (f *folder) wrongPassphrase() error {
	return withRemedy(store.ErrDenied, "the passphrase does not open "+f.base, "give the one it was made with")
}

// openRing opens the library's file backend over one folder.
func openRing(path string, key secret.Value) (keyring.Keyring, error) {
	return keyring.Open(keyring.Config{
		AllowedBackends:  []keyring.BackendType{keyring.FileBackend},
		FileDir:          path,
		FilePasswordFunc: func(string) (string, error) { return key.Reveal(), nil },
	})
}

func opensOne(ring keyring.Keyring, names []string) bool {
	for _, name := range names[:min(len(names), 1+enough)] {
		if item, err := ring.Get(name); err == nil {
			clear(item.Data)
			return true
		}
	}
	return false
}

// itemsIn returns the names of all items in a folder but the sentinel.
func itemsIn(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && e.Name() != sentinel {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// onlyOurs refuses a folder that others could look into.
func onlyOurs(path string) error {
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
	path := filepath.Join(f.path, keyName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return withRemedy(store.ErrUnavailable, f.base+" is not what it was: "+path+" is gone", "bring the folder back")
	} else if err != nil {
		return err
	}
	return nil
}

// read takes whatever the system did not say for a failed decryption, since the
// key has proven right.
func (f *folder) read(err error) error {
	if err == nil || absent(err) || system(err) {
		return err
	}
	return fmt.Errorf("%w: the item cannot be decrypted", store.ErrDamaged)
}

func (f *folder) wrote(item string) {
	if f.dirty != nil {
		f.dirty[item] = false
	}
}

func (f *folder) close() { f.lock.Close() }

// system reports whether an error is one of the operating system.
func system(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return errors.As(err, &path) || errors.As(err, &number)
}
