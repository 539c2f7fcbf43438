package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// temporaryMark stands in the name of every file that is written to take another's
// place, so that one which a crash left behind is known for ours.
const temporaryMark = ".awskey-"

// temporary makes the file, mode 0600, that will take the place of path.
func temporary(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+temporaryMark+"*.tmp")
}

// Sweep removes what replacements of the file path left behind when they were cut
// off, which may hold what was to stand in it. No replacement of it may be under way,
// so it is for callers that lock.
func Sweep(path string) error {
	target, err := Resolve(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not even the folder
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), "."+filepath.Base(target)+temporaryMark) {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(target), e.Name())))
		}
	}
	return err
}
