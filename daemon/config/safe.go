package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// UnsafeError is a file, folder or link through which somebody else could
// change the configuration. Programs exit with 6 for it.
type UnsafeError struct {
	Path    string // what must be mended
	Problem string
	Remedy  string // a command to type
}

func (e *UnsafeError) Error() string {
	return fmt.Sprintf("%s %s, so somebody else could change the configuration; type: %s", e.Path, e.Problem, e.Remedy)
}

// A step is something that is gone through on the way to a file.
type step struct {
	path string // absolute, without links before its last name
	info fs.FileInfo
}

// walk goes to a file as the system does, one name after the other, and
// returns every folder and link on the way, the file last, and where it ended:
// at the file, or in the folder where the next name is missing (the error then
// is fs.ErrNotExist).
func walk(path string) (steps []step, at string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	const slash = string(filepath.Separator)
	root := func(path string) (string, []string) {
		volume := filepath.VolumeName(path)
		return volume + slash, strings.Split(path[len(volume):], slash)
	}
	var rest []string
	at, rest = root(path)
	info, err := os.Lstat(at)
	if err != nil {
		return nil, at, err
	}
	steps = []step{{at, info}}
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." { // of a link's target; at holds no links
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return steps, at, err
		}
		steps = append(steps, step{next, info})
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > 40 { // as path_resolution(7)
			return steps, at, fmt.Errorf("%s: too many symbolic links", path)
		}
		to, err := os.Readlink(next)
		if err != nil {
			return steps, at, err
		}
		var parts []string
		if filepath.IsAbs(to) {
			at, parts = root(to)
		} else {
			parts = strings.Split(filepath.FromSlash(to), slash)
		}
		rest = append(parts, rest...)
	}
	return steps, at, nil
}

// ReadPrivate reads a small file that nobody but the user and root can have
// written, with every folder up to the home and every link on the way, and that
// nobody else can read: an *UnsafeError says what must be mended. It opens
// nothing else than a plain file, so that it cannot hang.
func ReadPrivate(path, home string) ([]byte, error) { return readChecked(path, home, checkPrivate) }

// readSafe is ReadPrivate for a file that everybody may read.
func readSafe(path, home string) ([]byte, error) {
	return readChecked(path, home, func(step) error { return nil })
}

func readChecked(path, home string, check func(file step) error) ([]byte, error) {
	for range 5 {
		steps, _, err := walk(path)
		if err != nil {
			return nil, err
		}
		if err := checkSteps(steps, home); err != nil {
			return nil, err
		}
		last := steps[len(steps)-1]
		if !last.info.Mode().IsRegular() {
			return nil, &Error{File: path, Text: "this is no plain file; move it away"}
		}
		if err := check(last); err != nil {
			return nil, err
		}
		data, same, err := readSame(path, last.info)
		if err != nil || same {
			return data, err
		}
		// Somebody, such as an editor, put another file there meanwhile.
	}
	return nil, &Error{File: path, Text: "the file is replaced again and again; try later"}
}

// readSame reads the file only if it is the one that was looked at.
func readSame(path string, seen fs.FileInfo) (data []byte, same bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !os.SameFile(info, seen) {
		return nil, false, err
	}
	data, err = io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = &Error{File: path, Text: fmt.Sprintf("the file is longer than %d bytes, which no configuration is", maxSize)}
	}
	return data, true, err
}

// checkSteps asks for each step that matters whether somebody else could
// change it. Above the home that would be the end of the whole account.
func checkSteps(steps []step, home string) error {
	real := home
	if home != "" {
		if r, err := filepath.EvalSymlinks(home); err == nil {
			real = r
		}
	}
	for _, s := range steps {
		if home != "" && s.path != real && s.path != home && (above(s.path, real) || above(s.path, home)) {
			continue
		}
		if err := checkOwner(s); err != nil {
			return err
		}
	}
	return nil
}

func above(folder, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(folder, string(filepath.Separator))+string(filepath.Separator))
}
