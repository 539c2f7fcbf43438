//go:build !windows

package keychain

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store/secret"
)

// makeItems puts a store in force: an empty one, or the items of an old one,
// which were encrypted with the passphrase itself, under a key of their own. Up
// to the rename nothing has happened, from there on all has.
func (k *Keychain) makeItems(f *folder, passphrase secret.Value, old []string) error {
	var from keyring.Keyring
	if len(old) > 0 {
		var err error
		if from, err = openRing(f.base, passphrase); err != nil {
			return err
		}
		if !opensOne(from, append([]string{sentinel}, old...)) {
			return f.wrongPassphrase()
		}
	}
	path, key := filepath.Join(f.base, newName), newKey()
	if err := cmp.Or(os.RemoveAll(path), os.Mkdir(path, 0o700)); err != nil {
		return err
	}
	to, err := openRing(path, key)
	if err != nil {
		return err
	}
	if err := to.Set(keyring.Item{Key: sentinel, Data: []byte(sentinelText), Label: "awskeyd: proof of the key"}); err != nil {
		return err
	}
	for _, name := range old {
		if err := carry(from, to, f.base, path, name); err != nil {
			return err
		}
		if err := syncPath(filepath.Join(path, name)); err != nil {
			return err
		}
	}
	err = cmp.Or(
		syncPath(filepath.Join(path, sentinel)),
		writeSynced(filepath.Join(path, keyName), wrapKey(key, passphrase, keyCost)),
		syncFolder(path),
	)
	if err != nil {
		return err
	}
	if err := os.Rename(path, f.path); err != nil {
		return err
	}
	if err := syncFolder(f.base); err != nil {
		return err
	}
	f.dropOld(old)
	k.ring, err = openRing(f.path, key)
	return err
}

// carry encrypts one item anew. What the right passphrase does not open stays
// as broken as it was: "damaged" must not become "absent".
func carry(from, to keyring.Keyring, base, path, name string) error {
	item, err := from.Get(name)
	defer clear(item.Data)
	switch {
	case err == nil:
		return to.Set(item)
	case system(err):
		return err
	}
	data, err := os.ReadFile(filepath.Join(base, name))
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(path, name), data)
}

// dropOld removes the items of an old store once they are in force under a key
// of their own. What an old awskeyd wrote there since is not ours to remove.
func (f *folder) dropOld(old []string) {
	key, err := os.Lstat(filepath.Join(f.path, keyName))
	if err != nil {
		return
	}
	for _, name := range append(old, sentinel) {
		path := filepath.Join(f.base, name)
		if was, err := os.Lstat(path); err == nil && !was.ModTime().After(key.ModTime()) {
			_ = os.Remove(path) // the next start tries again
		}
	}
}

// sync forces to disk what was written since the last time, the first time
// everything, since a process before this one may have died before it could.
//
// An fsync that failed is not tried again: the system drops what it could not
// write and calls the next one a success (fsync(2); lwn.net/Articles/752063).
// The bytes are written once more instead.
func (f *folder) sync() error {
	if f.dirty == nil {
		names, err := itemsIn(f.path)
		if err != nil {
			return err
		}
		f.dirty = map[string]bool{sentinel: false}
		for _, name := range names {
			f.dirty[name] = false
		}
	}
	for name, failed := range f.dirty {
		path, force := filepath.Join(f.path, name), syncPath
		if failed {
			force = f.again
		}
		if err := force(path); err != nil && !absent(err) {
			f.dirty[name] = true
			return err
		}
		delete(f.dirty, name)
	}
	return syncFolder(f.path)
}

func (f *folder) again(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	beside := filepath.Join(f.path, againName)
	if err := writeSynced(beside, data); err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return os.Rename(beside, path)
}

// writeSynced writes a file that nothing depends on yet.
func writeSynced(path string, data []byte) error {
	return cmp.Or(os.WriteFile(path, data, 0o600), syncPath(path))
}

// testOnlySync stands before every fsync: tests of crashes look on, and let one
// fail.
var testOnlySync = func(string) error { return nil }

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := testOnlySync(path); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder makes names durable. Some file systems cannot and say EINVAL.
func syncFolder(path string) error {
	if err := syncPath(path); !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// syncWay makes a new folder durable with those above it, up to one that was
// there before; that one may be somebody else's to open.
func syncWay(path, above string) error {
	if path == above {
		return nil
	}
	for ; path != above; path = filepath.Dir(path) {
		if err := syncFolder(path); err != nil {
			return err
		}
	}
	if err := syncFolder(above); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
