//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// testOnlyStep is called between the steps of a replacement; a test may end the
// process there.
var testOnlyStep = func(string) {}

func replace(path string, data []byte, perm fs.FileMode, was fs.FileInfo) error {
	f, err := temporary(path)
	if err != nil {
		return err
	}
	testOnlyStep("made")
	err = fill(f, data, perm, was)
	if err == nil {
		testOnlyStep("synced")
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	testOnlyStep("renamed")
	return syncFolder(filepath.Dir(path))
}

// fill writes the file and closes it, with all of it on the disk.
func fill(f *os.File, data []byte, perm fs.FileMode, was fs.FileInfo) error {
	err := keepOwner(f, was)
	if err == nil {
		err = f.Chmod(perm) // after the owner, whose change may clear bits of it
	}
	if err == nil {
		_, err = f.Write(data)
	}
	testOnlyStep("written")
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// keepOwner hands the new file to the old one's owner. Only root can, and only
// for root does it matter: `sudo awskey` must not take a person's file away.
func keepOwner(f *os.File, was fs.FileInfo) error {
	if was == nil || os.Geteuid() != 0 {
		return nil
	}
	old, ok := was.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return f.Chown(int(old.Uid), int(old.Gid))
}

// syncFolder makes the rename itself durable. Some file systems cannot sync a
// folder and say EINVAL.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
