//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

func replace(path string, data []byte, perm fs.FileMode, was fs.FileInfo) error {
	folder := filepath.Dir(path)
	// Without WithTempDir the library probes $TMPDIR, and a file from there
	// may carry another security label.
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(folder), renameio.WithStaticPermissions(perm))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := keepOwner(f.File, was, perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(folder)
}

// keepOwner hands the new file to the old one's owner. Only root can, and only
// for root does it matter: `sudo awskey` must not take a person's file away.
func keepOwner(f *os.File, was fs.FileInfo, perm fs.FileMode) error {
	if was == nil || os.Geteuid() != 0 {
		return nil
	}
	old, ok := was.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := f.Chown(int(old.Uid), int(old.Gid)); err != nil {
		return err
	}
	return f.Chmod(perm) // a change of owner may clear bits of the mode
}

// syncFolder makes the rename itself durable, which renameio leaves out. Some
// file systems cannot sync a folder and say EINVAL.
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
