// Package atomicfile replaces a whole file so that a reader, a crash or a full
// disk meets either the old bytes or the new ones, and so that the new ones
// are on the disk when the call returns.
//
// It must never leave a half-written file under the name it was given, and
// never touch anything that is not a plain file.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts data into the file path with the mode perm, whatever stood there
// before; a symbolic link is replaced, not followed. For files of our own. The
// folder must exist. Safe for concurrent use: one of the writers wins whole.
func Write(path string, data []byte, perm fs.FileMode) error {
	switch was, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case was.Mode().Type() != 0 && was.Mode().Type() != fs.ModeSymlink:
		return notPlain(path)
	}
	return replace(path, data, perm, nil)
}

// Edit puts data into a file that belongs to a person: it follows symbolic
// links (people keep such files in a repository of dotfiles) and keeps the
// file's mode, and its owner where the system allows. A file that does not
// exist yet gets the mode perm. Hard links and extended attributes are not
// carried over.
func Edit(path string, data []byte, perm fs.FileMode) error {
	target, err := Resolve(path)
	if err != nil {
		return err
	}
	was, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replace(target, data, perm, nil)
	case err != nil:
		return err
	case !was.Mode().IsRegular():
		return notPlain(target)
	}
	return replace(target, data, was.Mode().Perm(), was)
}

// Resolve follows the symbolic links of path to the end, which need not exist:
// a link may be made before its file. The folder of the end must exist.
func Resolve(path string) (string, error) {
	// The kernel's own limit on Linux is 40 links (path_resolution(7)).
	for range 40 {
		// Folders first: joining "../x" to a linked folder by text alone would
		// lead elsewhere.
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(folder, filepath.Base(path))
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(to) {
			to = folder + string(filepath.Separator) + to
		}
		path = to
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

func notPlain(path string) error {
	return fmt.Errorf("%s is not a plain file; move it away", path)
}
